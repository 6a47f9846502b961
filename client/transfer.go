package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// largestImport is the largest import that a server takes.
const largestImport = 256 << 20

// Item is one configuration to import.
type Item struct {
	// Source names where it stands, for the report: a file's name, or a line. The report may shorten it.
	Source string `json:"source,omitempty"`
	MAC    string `json:"mac_address"`
	// Content is kept byte for byte.
	Content []byte `json:"-"`
	// IfRevision, where set, is the revision that the configuration must have, or 0 for a device that must have none; else
	// the item is refused with PRECONDITION_FAILED. A device that has this very document is left as it is in any case.
	IfRevision *int64 `json:"if_revision,omitempty"`
}

// The choices of ImportOptions.OnConflict: what becomes of a device that has another configuration already.
const (
	ConflictFail   = "fail"
	ConflictSkip   = "skip"
	ConflictUpdate = "update"
)

// ImportOptions are the choices of an import.
type ImportOptions struct {
	OnConflict string // "" is ConflictFail
	// KeepGoing imports what can be imported; without it one refusal refuses all.
	KeepGoing bool
	// DryRun does everything but keep it.
	DryRun bool
	// Message says why, for the history of each configuration that is changed.
	Message string
	// Progress hears how many bytes of all were sent; it may be nil.
	Progress func(sent, total int64)
}

// Refusal is one item that was not imported, and why.
type Refusal struct {
	Source string `json:"source"`
	MAC    string `json:"mac_address,omitempty"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
	// CurrentRevision is the one that is there, of RECORD_EXISTS and PRECONDITION_FAILED; 0 where none is.
	CurrentRevision int64 `json:"current_revision,omitempty"`
}

// Report is what an import did. Where Applied is false nothing was changed, and the counts say what would have been.
type Report struct {
	Applied   bool      `json:"applied"`
	DryRun    bool      `json:"dry_run"`
	Created   int       `json:"created"`
	Updated   int       `json:"updated"`
	Unchanged int       `json:"unchanged"`
	Skipped   int       `json:"skipped"`
	Refused   []Refusal `json:"refused"`
}

// Import makes or changes many configurations, all in one transaction, through the validation of Create and Update.
// What was refused is in the report and not an error. All items are held in memory until they are sent, so that an item
// that cannot be sent refuses the rest as one that the server refuses does. An *Error that items yields refuses its
// item; any other ends the import before anything is sent.
func (c *Client) Import(ctx context.Context, items iter.Seq2[Item, error], o ImportOptions) (Report, error) {
	body, sources, refused, err := pack(items, c.mostImport)
	if err != nil {
		return Report{}, err
	}
	report, err := c.sendImport(ctx, body, "application/x-ndjson", o, len(refused) > 0 && !o.KeepGoing)
	if err != nil {
		return Report{}, err
	}
	for i := range report.Refused {
		report.Refused[i].Source = sourceOf(report.Refused[i].Source, sources)
	}
	report.Refused = append(refused, report.Refused...)
	return report, nil
}

// ImportText is Import of a text that is a JSON array, or lines, of {"mac_address", "content"}; a content is an object, or a
// string that holds one. The report names items by their number or line.
func (c *Client) ImportText(ctx context.Context, text []byte, o ImportOptions) (Report, error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if len(text) > c.mostImport {
		return Report{}, importTooLarge()
	}
	kind := "application/x-ndjson"
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("[")) {
		kind = "application/json"
	}
	if len(text) == 0 {
		text = []byte("\n")
	}
	return c.sendImport(ctx, text, kind, o, false)
}

// sendImport sends an import; hold keeps the server from doing it, because something was refused here.
func (c *Client) sendImport(ctx context.Context, body []byte, kind string, o ImportOptions, hold bool) (Report, error) {
	query := url.Values{}
	if o.OnConflict != "" {
		query.Set("on_conflict", o.OnConflict)
	}
	if o.KeepGoing {
		query.Set("keep_going", "true")
	}
	if o.DryRun || hold {
		query.Set("dry_run", "true")
	}
	r := written(request{method: http.MethodPost, path: "/api/import", query: query, body: body, progress: o.Progress,
		// Who may not import hears it before 256 MiB are on their way.
		header: http.Header{"Content-Type": {kind}, "Expect": {"100-continue"}}}, []WriteOption{Message(o.Message)})
	var report Report
	err := c.repeat(ctx, r.method, func(ctx context.Context) error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, largestImport))
		if err != nil {
			return c.unreachable(ctx, err)
		}
		if err := json.Unmarshal(answer, &report); err != nil {
			return fmt.Errorf("%w: the import was sent, and may have been done: %w", ErrUnreadable, err)
		}
		return nil
	})
	report.DryRun = o.DryRun
	return report, err
}

func importTooLarge() *Error {
	return &Error{Code: codeTooLarge, Message: "the import is larger than 256 MiB",
		Detail: "Split it and import the parts one after the other"}
}

// pack writes items as lines, and sets aside those that JSON cannot carry.
func pack(items iter.Seq2[Item, error], most int) (body []byte, sources []string, refused []Refusal, err error) {
	var b bytes.Buffer
	refused = []Refusal{}
	for item, err := range items {
		text := ""
		if err == nil {
			text, err = contentText(item.Content)
		}
		if e, ok := errors.AsType[*Error](err); ok {
			refused = append(refused, Refusal{Source: item.Source, MAC: item.MAC, Code: e.Code,
				Reason: strings.TrimPrefix(e.Error(), "Validation failed: ")})
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		line, err := encode(struct {
			Item
			Content string `json:"content"`
		}{item, text})
		if err != nil {
			return nil, nil, nil, err
		}
		if b.Len()+len(line) > most {
			return nil, nil, nil, importTooLarge()
		}
		b.Write(line)
		sources = append(sources, item.Source)
	}
	if b.Len() == 0 {
		return []byte("\n"), nil, refused, nil
	}
	return b.Bytes(), sources, refused, nil
}

// sourceOf names a line that the server could not read as the item was named here.
func sourceOf(source string, sources []string) string {
	number, ok := strings.CutPrefix(source, "line ")
	if n, err := strconv.Atoi(number); ok && err == nil && n >= 1 && n <= len(sources) && sources[n-1] != "" {
		return sources[n-1]
	}
	return source
}

// Export hands over every configuration by MAC address, each content byte for byte. An error of each ends it and is
// returned. What is changed meanwhile is seen before or after the change. It is never begun again: an error after the
// first means that some were not handed over.
func (c *Client) Export(ctx context.Context, each func(mac string, content []byte) error) error {
	r := request{method: http.MethodGet, path: "/api/export"}
	var cut error
	err := c.repeat(ctx, r.method, func(ctx context.Context) error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		cut = c.eachLine(ctx, resp.Body, each)
		return nil
	})
	if err != nil {
		return err
	}
	return cut
}

// eachLine reads an export.
func (c *Client) eachLine(ctx context.Context, body io.Reader, each func(mac string, content []byte) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 64<<10), mostLine)
	for lines.Scan() {
		var line struct {
			MAC     string  `json:"mac_address"`
			Content *string `json:"content"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Content == nil {
			return fmt.Errorf("%w: a line of the export is no configuration", ErrUnreadable)
		}
		if err := each(line.MAC, []byte(*line.Content)); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: a line of the export has more than %d bytes", ErrUnreadable, mostLine)
	}
	if err := lines.Err(); err != nil {
		return c.unreachable(ctx, err)
	}
	return nil
}
