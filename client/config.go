package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Config is the configuration of one device.
type Config struct {
	ID  int64  `json:"id"`
	MAC string `json:"mac_address"` // aa:bb:cc:dd:ee:ff
	// DeviceName, DeviceEntityID and EnableOTA are what the content says, or nil.
	DeviceName     *string `json:"device_name"`
	DeviceEntityID *string `json:"device_entity_id"`
	EnableOTA      *bool   `json:"enable_ota"`
	// Content is the document from its first brace to its last, byte for byte; nil in lists. Document has the space
	// around it too.
	Content   json.RawMessage `json:"content,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	// Revision rises by one with each change of the content.
	Revision int64 `json:"revision"`
	// ETag names the bytes that the device reads.
	ETag string `json:"etag"`
	// Sync is how the device stands to the document: one of the Sync… constants.
	Sync string `json:"sync"`
	// LastSeen is the device's last sign of life; nil is none yet.
	LastSeen *time.Time `json:"last_seen"`
	// DeviceRevision is the newest revision whose bytes the device is known to have had, or nil.
	DeviceRevision *int64 `json:"device_revision"`
	// Overdue says that there was no sign of life for three times the device's own rhythm.
	Overdue bool `json:"overdue"`
	// Online is what the device's connection to the broker says; nil says nothing.
	Online *bool `json:"online"`
	// DeletedAt is nil for a configuration that is there.
	DeletedAt *time.Time `json:"deleted_at,omitempty"`
}

// The states of Config.Sync, from knowing nothing to knowing that the device runs the document.
const (
	SyncUnknown = "unknown" // never seen
	SyncPending = "pending" // seen, but not with the current document
	SyncFetched = "fetched" // the current document was served to it
	SyncHeld    = "held"    // it proved that it has the current document
	SyncApplied = "applied" // it reported that it runs the current document
	SyncError   = "error"   // it reported that it cannot
)

// ListOptions choose and order a list.
type ListOptions struct {
	// Search keeps those whose MAC address, name or entity id contains it.
	Search string
	// Syncs keeps those of which the device is in one of these states; none keeps all.
	Syncs []string
	// Overdue and Online keep those of which it is so, or is not so; nil keeps all.
	Overdue, Online *bool
	// Deleted asks for the configurations that were deleted, and not made again, instead of those that are there.
	Deleted bool
	// Sort is a field of Config by its JSON name; "" is mac_address.
	Sort       string
	Descending bool
	// Limit is the most configurations of a page, up to 1000; 0 is 100. All does not use it.
	Limit int
	// Cursor is the Next of the page before.
	Cursor string
}

// Page is a part of a list. Its configurations have no content.
type Page struct {
	Configs []Config `json:"configs"`
	// Next continues behind this page; "" is the end.
	Next string `json:"next_cursor"`
}

const (
	defaultPage = 100
	largestPage = 1000
)

// Configs is one page of the list. Errors: ErrInvalid names the option.
func (c *Client) Configs(ctx context.Context, o ListOptions) (Page, error) {
	if o.Limit == 0 {
		o.Limit = defaultPage
	}
	query := url.Values{"limit": {strconv.Itoa(o.Limit)}}
	for name, value := range map[string]string{"q": o.Search, "sort": o.Sort, "cursor": o.Cursor} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.Descending {
		query.Set("order", "desc")
	}
	if len(o.Syncs) > 0 {
		query.Set("sync", strings.Join(o.Syncs, ","))
	}
	if o.Deleted {
		query.Set("deleted", "true")
	}
	for name, value := range map[string]*bool{"overdue": o.Overdue, "online": o.Online} {
		if value != nil {
			query.Set(name, strconv.FormatBool(*value))
		}
	}
	var page Page
	a, err := c.fetch(ctx, request{method: http.MethodGet, path: "/api/configs", query: query})
	if err != nil {
		return Page{}, err
	}
	return page, a.decode(&page)
}

// All yields the whole list, page by page. An error is yielded once, as the last.
func (c *Client) All(ctx context.Context, o ListOptions) iter.Seq2[Config, error] {
	return func(yield func(Config, error) bool) {
		o.Limit = largestPage
		for {
			page, err := c.Configs(ctx, o)
			if err != nil {
				yield(Config{}, err)
				return
			}
			for _, config := range page.Configs {
				if !yield(config, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			o.Cursor = page.Next
		}
	}
}

// Config is a configuration by its id, with its content. Errors: ErrNotFound.
func (c *Client) Config(ctx context.Context, id int64) (Config, error) {
	return c.one(ctx, request{method: http.MethodGet, path: configPath(id)})
}

// Create makes the configuration of a device that has none. The bytes of content are kept as they are.
// Errors: ErrExists, ErrInvalid, ErrTooLarge, ErrPrecondition (with IfAbsent).
func (c *Client) Create(ctx context.Context, mac string, content []byte, options ...WriteOption) (Config, error) {
	text, err := contentText(content)
	if err != nil {
		return Config{}, err
	}
	body, err := encode(map[string]string{"mac_address": mac, "content": text})
	if err != nil {
		return Config{}, err
	}
	return c.one(ctx, written(request{method: http.MethodPost, path: "/api/configs", body: body}, options))
}

// Update replaces the content of a configuration, byte for byte. Errors: ErrNotFound, ErrInvalid, ErrTooLarge,
// ErrPrecondition.
func (c *Client) Update(ctx context.Context, id int64, content []byte, options ...WriteOption) (Config, error) {
	text, err := contentText(content)
	if err != nil {
		return Config{}, err
	}
	body, err := encode(map[string]string{"content": text})
	if err != nil {
		return Config{}, err
	}
	return c.one(ctx, written(request{method: http.MethodPut, path: configPath(id), body: body}, options))
}

// Patch applies a JSON Merge Patch (RFC 7396), which is a JSON object, to the content: what it names is changed, what it
// has as null is removed, and the text of everything else is kept. Errors: ErrNotFound, ErrInvalid, ErrTooLarge,
// ErrPrecondition.
func (c *Client) Patch(ctx context.Context, id int64, patch []byte, options ...WriteOption) (Config, error) {
	body, err := patchBody(patch)
	if err != nil {
		return Config{}, err
	}
	return c.one(ctx, written(request{method: http.MethodPatch, path: configPath(id), body: body,
		header: http.Header{"Content-Type": {"application/merge-patch+json"}}}, options))
}

func patchBody(patch []byte) ([]byte, error) {
	if !json.Valid(patch) {
		return nil, invalidContent("is not valid JSON")
	}
	return slices.Concat([]byte(`{"content":`), patch, []byte("}")), nil
}

// Delete removes a configuration, but not its history. Errors: ErrNotFound, ErrPrecondition.
func (c *Client) Delete(ctx context.Context, id int64, options ...WriteOption) error {
	_, err := c.fetch(ctx, written(request{method: http.MethodDelete, path: configPath(id)}, options))
	return err
}

func (c *Client) one(ctx context.Context, r request) (Config, error) {
	var config Config
	a, err := c.fetch(ctx, r)
	if err != nil {
		return Config{}, err
	}
	return config, a.decode(&config)
}

func configPath(id int64) string { return "/api/configs/" + strconv.FormatInt(id, 10) }

// contentText is content as the string that carries every byte of it.
func contentText(content []byte) (string, error) {
	if at := invalidUTF8(content); at >= 0 {
		return "", invalidContent(fmt.Sprintf("is not valid UTF-8 (byte %d)", at))
	}
	return string(content), nil
}

// invalidUTF8 is where the first byte stands that is no UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// encode writes JSON without the escapes that only pages in HTML need.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	return b.Bytes(), nil
}

// Document is what a device reads.
type Document struct {
	// Content is the document byte for byte; nil where NotModified.
	Content []byte
	// ETag names these bytes, without quotes.
	ETag        string
	NotModified bool
}

// Document fetches what the device of a MAC address reads, and leaves no trace: the server does not take who looks with
// it for the device. With the ETag of an earlier answer, a document that is still the same is NotModified.
// Errors: ErrNotFound, ErrInvalid.
func (c *Client) Document(ctx context.Context, mac, etag string) (Document, error) {
	r := request{method: http.MethodGet, path: "/api/configs/" + url.PathEscape(mac) + ".json",
		header: http.Header{"X-No-Check-In": {"1"}}}
	if etag != "" {
		r.header.Set("If-None-Match", `"`+etag+`"`)
	}
	a, err := c.fetch(ctx, r)
	if err != nil {
		return Document{}, err
	}
	d := Document{ETag: bareTag(a.header.Get("ETag"))}
	if a.status == http.StatusNotModified {
		d.NotModified = true
		return d, nil
	}
	d.Content = a.body
	return d, nil
}

// bareTag is an entity tag without what a header has around it.
func bareTag(header string) string { return strings.Trim(strings.TrimPrefix(header, "W/"), `"`) }
