package httpapi

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"espalier.dev/espalier/internal/fleet"
)

// The bounds of imports, which are held in memory whole. Each item and each refusal costs some hundred bytes beside its
// text, so that many small ones would need far more memory than the body's size tells.
const (
	maxImportBytes = 256 << 20
	maxImportItems = 500_000
	maxUnreadable  = 10_000 // items that are refused before any is imported
	maxImports     = 2      // at a time
)

// importConfigs makes or changes many configurations at once. What was refused stands in the report; a 200 says only that
// the import was read.
func (a *API) importConfigs(w http.ResponseWriter, r *http.Request) error {
	at, err := attempt(w, r)
	if err != nil {
		return err
	}
	params, err := queryParams(r)
	if err != nil {
		return err
	}
	options, err := importOptions(params)
	if err != nil {
		return err
	}
	kind, err := mediaType(r)
	if err != nil || kind == unknownBody {
		return unsupportedMedia("application/x-ndjson or application/json")
	}
	select {
	case a.imports <- struct{}{}:
		defer func() { <-a.imports }()
	default:
		w.Header().Set("Retry-After", "5")
		return &fleet.Error{Code: fleet.CodeTooManyRequests, Message: "Other imports are running",
			Detail: "Try again when they have ended"}
	}
	control := http.NewResponseController(w)
	extendRead(control, importTimeout)
	extendWrite(control, 2*importTimeout)
	read := readArray
	if kind == linesBody {
		read = readLines
	}
	hash := sha256.New()
	body := io.TeeReader(http.MaxBytesReader(w, r.Body, maxImportBytes), hash)
	batch, err := read(body, a.service.MaxContent()*worstEscape+bodyRest)
	if err != nil {
		return importError(err)
	}
	render := func(done fleet.Report) answered {
		return answered{status: http.StatusOK, body: appendReport(nil, batch.whole(done, options.DryRun))}
	}
	if at.Once, err = repeatable(r, [sha256.Size]byte(hash.Sum(nil)), render); err != nil {
		return err
	}
	report, err := a.importBatch(r, batch, options, at)
	if err != nil {
		return err
	}
	if at.Once == nil || at.Once.Replayed == nil {
		a.noteImport(w.(*exchange), r, batch.whole(report, options.DryRun))
	}
	return sendAnswer(w, at.Once, func() answered { return render(report) })
}

// importBatch imports what could be read. What could not is refused like anything else: with it, nothing is kept unless
// the import is to keep going.
func (a *API) importBatch(r *http.Request, b batch, o fleet.ImportOptions, at fleet.Attempt) (fleet.Report, error) {
	if len(b.refused) > 0 && !o.KeepGoing {
		o.DryRun = true
	}
	return a.service.Import(r.Context(), b.items, o, at)
}

// whole is the report of an import with what could not be read of it; dryRun is what was asked for.
func (b batch) whole(done fleet.Report, dryRun bool) fleet.Report {
	done.DryRun = dryRun
	done.Refused = append(slices.Clip(b.refused), done.Refused...)
	return done
}

// importOptions refuses what it does not know: an import whose dry_run is misspelled would not be one.
func importOptions(params url.Values) (o fleet.ImportOptions, err error) {
	for name, values := range params {
		switch name {
		case "on_conflict", "keep_going", "dry_run":
			if len(values) > 1 {
				return o, fleet.Invalid(name, "must be given once")
			}
		default:
			return o, fleet.Invalid("query", "has a parameter that an import does not know; there are on_conflict, keep_going and dry_run")
		}
	}
	o.OnConflict = fleet.Conflict(params.Get("on_conflict"))
	if o.KeepGoing, err = yes(params, "keep_going"); err != nil {
		return o, err
	}
	o.DryRun, err = yes(params, "dry_run")
	return o, err
}

func yes(params url.Values, name string) (bool, error) {
	switch params.Get(name) {
	case "":
		return params.Has(name), nil // ?dry_run
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fleet.Invalid(name, "must be true or false")
}

func importError(err error) error {
	if _, ok := errors.AsType[*fleet.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &fleet.Error{Code: fleet.CodeTooLarge, Message: "The import is larger than 256 MiB",
			Detail: "Split it and import the parts one after the other"}
	}
	return readError(err, "256 MiB")
}

// batch is what was read of an import.
type batch struct {
	items   []fleet.Item
	refused []fleet.Refusal
}

// readLines reads one configuration from each line that is not blank. A line longer than most bytes is refused.
func readLines(body io.Reader, most int) (batch, error) {
	var b batch
	lines := bufio.NewReaderSize(body, 64<<10)
	for number := 1; ; number++ {
		line, tooLong, err := readLine(lines, most)
		if err != nil && !errors.Is(err, io.EOF) {
			return batch{}, err
		}
		where := "line " + strconv.Itoa(number)
		switch {
		case tooLong:
			b.refuse(where, &fleet.Error{Code: fleet.CodeTooLarge, Message: "The line is too long"})
		case len(bytes.TrimSpace(line)) > 0:
			b.add(where, line)
		}
		if full := b.full(); full != nil {
			return batch{}, full
		}
		if err != nil {
			return b, nil
		}
	}
}

// readLine reads up to the end of a line. Of one that is longer than most it keeps nothing.
func readLine(r *bufio.Reader, most int) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > most {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// readArray reads a JSON array of configurations. What is wrong with the array itself refuses the whole of it.
func readArray(body io.Reader, most int) (batch, error) {
	var b batch
	dec := jsontext.NewDecoder(body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() != '[' {
		if _, err := dec.ReadToken(); err != nil {
			return batch{}, arrayError(err)
		}
		return batch{}, fleet.Invalid("body", "must be a JSON array, or be sent as application/x-ndjson")
	}
	if _, err := dec.ReadToken(); err != nil {
		return batch{}, arrayError(err)
	}
	for number := 1; dec.PeekKind() != ']'; number++ {
		value, err := dec.ReadValue()
		if err != nil {
			return batch{}, arrayError(err)
		}
		where := "item " + strconv.Itoa(number)
		if len(value) > most {
			b.refuse(where, &fleet.Error{Code: fleet.CodeTooLarge, Message: "The item is too long"})
		} else {
			b.add(where, slices.Clone(value))
		}
		if full := b.full(); full != nil {
			return batch{}, full
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return batch{}, arrayError(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return batch{}, fleet.Invalid("body", "has text after the JSON array")
	}
	return b, nil
}

func arrayError(err error) error {
	if syn, ok := errors.AsType[*jsontext.SyntacticError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fleet.Invalid("body", "is not valid JSON (byte "+strconv.FormatInt(syn.ByteOffset, 10)+")")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fleet.Invalid("body", "is not valid JSON: it ends too early")
	}
	return err
}

// add reads one configuration; text must not be changed any more.
func (b *batch) add(where string, text []byte) {
	given, err := parseFields(text)
	if err != nil {
		b.refuse(where, err)
		return
	}
	mac, wrongMAC := given.text("mac_address")
	content, wrongContent := given.document()
	var wrongSource *fleet.FieldError
	if value, ok := given["source"]; ok && value.Kind() != 'n' {
		var source string
		if source, wrongSource = given.text("source"); source != "" {
			where = source
		}
	}
	ifRevision, wrongRevision := given.revision("if_revision")
	if err := invalid(wrongMAC, wrongContent, wrongSource, wrongRevision); err != nil {
		b.refuse(where, err)
		return
	}
	b.items = append(b.items, fleet.Item{Source: where, MAC: mac, Content: content, IfRevision: ifRevision})
}

// full tells why nothing more is read, and nil where more may be.
func (b *batch) full() error {
	switch {
	case len(b.refused) > maxUnreadable:
		first := b.refused[0]
		return fleet.Invalid("body", fmt.Sprintf("has more than %d configurations that cannot be read, the first of them %s (%s); "+
			"is it what an import reads?", maxUnreadable, clip(first.Source, 64), first.Reason))
	case len(b.items) > maxImportItems:
		return &fleet.Error{Code: fleet.CodeTooLarge, Message: fmt.Sprintf("The import has more than %d configurations", maxImportItems),
			Detail: "Split it and import the parts one after the other"}
	}
	return nil
}

func (b *batch) refuse(where string, err error) {
	e := asFleetError(err)
	reason := e.Message
	for i, f := range e.Fields {
		if i == 0 {
			reason = f.Field + " " + f.Message
		} else {
			reason += "; " + f.Field + " " + f.Message
		}
	}
	b.refused = append(b.refused, fleet.Refusal{Source: where, Code: e.Code, Reason: reason})
}

func appendReport(b []byte, report fleet.Report) []byte {
	b = append(b, `{"applied":`...)
	b = strconv.AppendBool(b, report.Applied)
	b = append(b, `,"dry_run":`...)
	b = strconv.AppendBool(b, report.DryRun)
	for _, n := range []struct {
		name  string
		count int
	}{{"created", report.Created}, {"updated", report.Updated}, {"unchanged", report.Unchanged}, {"skipped", report.Skipped}} {
		b = append(b, `,"`+n.name+`":`...)
		b = strconv.AppendInt(b, int64(n.count), 10)
	}
	b = append(b, `,"refused":[`...)
	for i, r := range report.Refused {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"source":`...)
		b = appendString(b, r.Source)
		if r.MAC != "" {
			b = append(b, `,"mac_address":`...)
			b = appendString(b, r.MAC)
		}
		b = append(b, `,"code":`...)
		b = appendString(b, string(r.Code))
		b = append(b, `,"reason":`...)
		b = appendString(b, r.Reason)
		if r.Current > 0 {
			b = append(b, `,"current_revision":`...)
			b = strconv.AppendInt(b, r.Current, 10)
		}
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// exportConfigs streams all configurations as lines that importConfigs reads. A content is a string there, which keeps
// every byte of it.
func (a *API) exportConfigs(w http.ResponseWriter, r *http.Request) error {
	s := a.newStream(w, "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="configs.ndjson"`)
	if r.Method == http.MethodHead {
		return s.flush()
	}
	err := a.service.EachConfig(r.Context(), fleet.Query{}, true, func(c fleet.Config) error {
		s.buf = append(s.buf, `{"mac_address":"`...)
		s.buf = append(s.buf, c.MAC.String()...)
		s.buf = append(s.buf, `","content":`...)
		s.buf = appendString(s.buf, string(c.Content))
		s.buf = append(s.buf, "}\n"...)
		return s.flushIfFull()
	})
	if err != nil {
		return err
	}
	return s.flush()
}
