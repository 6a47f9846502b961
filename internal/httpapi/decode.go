package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"espalier.dev/espalier/internal/fleet"
)

// A document as a JSON string may need six bytes for each of its own; the rest of a body is small.
const (
	worstEscape = 6
	bodyRest    = 64 << 10
)

// readBody reads a JSON body, bounded by what the largest document could need.
func (a *API) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind, err := mediaType(r); err != nil || kind != jsonBody {
		return nil, unsupportedMedia("application/json")
	}
	most := int64(a.service.MaxContent())*worstEscape + bodyRest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return nil, readError(err, fmt.Sprintf("%d bytes", most))
	}
	return body, nil
}

// queryParams are the parameters of a request. What cannot be read is refused: net/url would leave it out, and a list would
// be of everything, an import no dry run.
func queryParams(r *http.Request) (url.Values, error) {
	params, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fleet.Invalid("query", "cannot be read; write what is special in a value as %XX (a semicolon is %3B)")
	}
	return params, nil
}

type bodyKind uint8

const (
	unknownBody bodyKind = iota
	jsonBody
	linesBody
)

// mediaType tells what the Content-Type of a request says that its body is. Without one it is JSON: nothing else could
// be meant here.
func mediaType(r *http.Request) (bodyKind, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unknownBody, errors.New("compressed body")
	}
	values := r.Header.Values("Content-Type")
	if len(values) == 0 {
		return jsonBody, nil
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || len(values) > 1 {
		return unknownBody, errors.New("malformed Content-Type")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unknownBody, errors.New("charset is not UTF-8")
	}
	switch {
	case kind == "application/json", strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
		return jsonBody, nil
	case kind == "application/x-ndjson", kind == "application/ndjson", kind == "application/jsonl":
		return linesBody, nil
	}
	return unknownBody, nil
}

// mergePatch tells whether the Content-Type of a request lets its body be a JSON Merge Patch. Other kinds of patch are JSON too,
// and mean something else.
func mergePatch(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Header.Get("Content-Type") == "" || err == nil && (kind == "application/json" || kind == "application/merge-patch+json")
}

func unsupportedMedia(wanted string) error {
	return &fleet.Error{Code: fleet.CodeUnsupportedMedia, Message: "The Content-Type of the request is not supported",
		Detail: "Send " + wanted + " in UTF-8, not compressed"}
}

// fields are the members of a JSON object as they stand in the text, by their names.
type fields map[string]jsontext.Value

// parseFields reads one JSON object and nothing after it. Names count in exact case, and none may come twice. Values are
// checked for syntax only, and alias text. No error quotes the text.
func parseFields(text []byte) (fields, error) {
	if !utf8.Valid(text) {
		return nil, fleet.Invalid("body", "is not valid UTF-8 "+position(text, invalidUTF8(text)))
	}
	// Duplicate names and lone surrogates deep inside are for the document's own check, which tells their position.
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch dec.PeekKind() {
	case '{':
	case jsontext.KindInvalid:
		_, err := dec.ReadToken()
		return nil, syntaxError(text, err)
	default:
		return nil, fleet.Invalid("body", "must be a JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntaxError(text, err)
	}
	found := fields{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, syntaxError(text, err)
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, syntaxError(text, err)
		}
		if _, twice := found[key]; twice {
			return nil, fleet.Invalid("body", fmt.Sprintf("has a key twice (byte %d)", int(dec.InputOffset())-len(value)))
		}
		end := int(dec.InputOffset())
		found[key] = text[end-len(value) : end : end]
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntaxError(text, err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fleet.Invalid("body", fmt.Sprintf("has text after the JSON object (byte %d)", int(dec.InputOffset())))
	}
	return found, nil
}

func syntaxError(text []byte, err error) error {
	if syn, ok := errors.AsType[*jsontext.SyntacticError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fleet.Invalid("body", "is not valid JSON "+position(text, int(syn.ByteOffset)))
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return fleet.Invalid("body", "is empty; a JSON object is required")
	}
	return fleet.Invalid("body", "is not valid JSON: it ends too early")
}

// position is a place in a text for people: line and column from 1, byte from 0.
func position(text []byte, at int) string {
	at = max(0, min(at, len(text)))
	line := 1 + bytes.Count(text[:at], []byte{'\n'})
	column := 1 + utf8.RuneCount(text[bytes.LastIndexByte(text[:at], '\n')+1:at])
	return fmt.Sprintf("(line %d, column %d, byte %d)", line, column, at)
}

// invalidUTF8 is where a text stops being UTF-8.
func invalidUTF8(text []byte) int {
	at := 0
	for at < len(text) {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}

// text is the member as a string, which must be one.
func (f fields) text(name string) (string, *fleet.FieldError) {
	value, ok := f[name]
	if !ok || value.Kind() == 'n' {
		return "", &fleet.FieldError{Field: name, Message: "is required"}
	}
	if value.Kind() != '"' {
		return "", &fleet.FieldError{Field: name, Message: "must be a string"}
	}
	// Half a surrogate pair becomes U+FFFD here; nothing that is read as a string may hold either.
	s, _ := jsontext.AppendUnquote(nil, []byte(value))
	return string(s), nil
}

// revision is the member as the number of a revision, or 0; nil where there is none.
func (f fields) revision(name string) (*int64, *fleet.FieldError) {
	value, ok := f[name]
	if !ok || value.Kind() == 'n' {
		return nil, nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 0 {
		return nil, &fleet.FieldError{Field: name, Message: "must be the number of a revision, or 0"}
	}
	return &n, nil
}

// document is the text of the member content: an object as it stands in the request, or what a string holds.
func (f fields) document() ([]byte, *fleet.FieldError) {
	value, ok := f["content"]
	if !ok || value.Kind() == 'n' {
		return nil, &fleet.FieldError{Field: "content", Message: "is required"}
	}
	switch value.Kind() {
	case '{':
		return value, nil
	case '"':
		text, err := jsontext.AppendUnquote(nil, []byte(value))
		if err != nil {
			return nil, &fleet.FieldError{Field: "content",
				Message: "holds half of a surrogate pair as an escape, which cannot be kept as UTF-8"}
		}
		return text, nil
	}
	return nil, &fleet.FieldError{Field: "content", Message: "must be a JSON object, or a string that holds one"}
}

// mostWrongFields bounds the names of a request that an answer says are wrong.
const mostWrongFields = 10

// patch is the member content as a merge patch of the document; nothing else may be there.
func (f fields) patch() ([]byte, []*fleet.FieldError) {
	var wrong []*fleet.FieldError
	value, ok := f["content"]
	switch {
	case !ok:
		wrong = append(wrong, &fleet.FieldError{Field: "content", Message: "is required"})
	case value.Kind() != '{':
		wrong = append(wrong, &fleet.FieldError{Field: "content", Message: "must be a JSON object: a merge patch of the document"})
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "content" && len(wrong) < mostWrongFields {
			wrong = append(wrong, &fleet.FieldError{Field: clip(strings.ToValidUTF8(name, "\uFFFD"), 64),
				Message: "cannot be patched; only content can"})
		}
	}
	return value, wrong
}

// invalid is one VALIDATION_FAILED of all fields that are wrong, and nil where none is.
func invalid(wrong ...*fleet.FieldError) error {
	var e *fleet.Error
	for _, f := range wrong {
		switch {
		case f == nil:
		case e == nil:
			e = fleet.Invalid(f.Field, f.Message)
		default:
			e.Fields = append(e.Fields, *f)
		}
	}
	if e == nil {
		return nil
	}
	return e
}
