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
	// Progress hears how many bytes of all were sent; it may be nil.
	Progress func(sent, total int64)
}

// Refusal is one item that was not imported, and why.
type Refusal struct {
	Source string `json:"source"`
	MAC    string `json:"mac_address,omitempty"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
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
// that cannot be sent refuses the rest as one that the server refuses does. An error that items yields ends it before
// anything is sent.
func (c *Client) Import(ctx context.Context, items iter.Seq2[Item, error], o ImportOptions) (Report, error) {
	body, sources, refused, err := pack(items, c.mostImport)
	if err != nil {
		return Report{}, err
	}
	query := url.Values{}
	if o.OnConflict != "" {
		query.Set("on_conflict", o.OnConflict)
	}
	if o.KeepGoing {
		query.Set("keep_going", "true")
	}
	if o.DryRun || (len(refused) > 0 && !o.KeepGoing) {
		query.Set("dry_run", "true")
	}
	r := request{method: http.MethodPost, path: "/api/import", query: query, body: body, progress: o.Progress,
		// Who may not import hears it before 256 MiB are on their way.
		header: http.Header{"Content-Type": {"application/x-ndjson"}, "Expect": {"100-continue"}}}
	var report Report
	err = c.repeat(ctx, r.method, func(ctx context.Context) error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(io.LimitReader(resp.Body, largestImport)).Decode(&report); err != nil {
			return fmt.Errorf("%w: the import was sent, and may have been done: %w", ErrUnreadable, err)
		}
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	report.DryRun = o.DryRun
	for i := range report.Refused {
		report.Refused[i].Source = sourceOf(report.Refused[i].Source, sources)
	}
	report.Refused = append(refused, report.Refused...)
	return report, nil
}

// pack writes items as lines, and sets aside those that JSON cannot carry.
func pack(items iter.Seq2[Item, error], most int) (body []byte, sources []string, refused []Refusal, err error) {
	var b bytes.Buffer
	refused = []Refusal{}
	for item, err := range items {
		if err != nil {
			return nil, nil, nil, err
		}
		text, err := contentText(item.Content)
		if err != nil {
			refused = append(refused, Refusal{Source: item.Source, MAC: item.MAC, Code: codeValidationFailed,
				Reason: strings.TrimPrefix(err.Error(), "Validation failed: ")})
			continue
		}
		line, err := encode(struct {
			Item
			Content string `json:"content"`
		}{item, text})
		if err != nil {
			return nil, nil, nil, err
		}
		if b.Len()+len(line) > most {
			return nil, nil, nil, &Error{Code: codeTooLarge, Message: "the import is larger than 256 MiB",
				Detail: "Split it and import the parts one after the other"}
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
	var resp *http.Response
	err := c.repeat(ctx, r.method, func(ctx context.Context) (err error) {
		resp, err = c.send(ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
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
