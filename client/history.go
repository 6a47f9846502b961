package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Revision is one state of the document of one device. Fields that are nil say nothing, or that there was nothing.
type Revision struct {
	// Revision is the number: from 1 for a MAC address, rising by one with each change.
	Revision int64  `json:"revision"`
	MAC      string `json:"mac_address"`
	// ETag and SHA256 are of the document; nil where the revision says that there is none.
	ETag   *string `json:"etag"`
	SHA256 *string `json:"sha256"`
	Size   int     `json:"size"` // bytes
	// Source says what it came from: create, edit, import, restore, replace, delete or adopt.
	Source    string    `json:"source"`
	CreatedAt time.Time `json:"created_at"`
	Principal *string   `json:"principal"` // as whom it was written: token, local, network, console or system
	Address   *string   `json:"address"`   // from where: an IP address
	Message   *string   `json:"message"`   // why
	// RestoredFrom is the revision whose bytes a restore brought back.
	RestoredFrom *int64 `json:"restored_from"`
	// OtherMAC is the MAC address that the history came from or went to, of a replace.
	OtherMAC *string `json:"other_mac_address"`
	// Content is the document from its first brace to its last; nil in lists, and where there is none.
	Content json.RawMessage `json:"content,omitempty"`
}

// RevisionPage is a part of a history, newest first.
type RevisionPage struct {
	Revisions []Revision `json:"revisions"`
	// Next continues behind this page; "" is the end.
	Next string `json:"next_cursor"`
}

// Revisions is one page of the history of a configuration, or of one that was deleted, newest first. Errors: ErrNotFound,
// ErrInvalid.
func (c *Client) Revisions(ctx context.Context, id int64, o PageOptions) (RevisionPage, error) {
	var page RevisionPage
	return page, c.read(ctx, configPath(id)+"/revisions", o.query(), &page)
}

// AllRevisions yields the whole history of a configuration, newest first and page by page. An error is yielded once, as
// the last.
func (c *Client) AllRevisions(ctx context.Context, id int64) iter.Seq2[Revision, error] {
	return follow(func(cursor string) ([]Revision, string, error) {
		page, err := c.Revisions(ctx, id, PageOptions{Cursor: cursor})
		return page.Revisions, page.Next, err
	})
}

// Revision is one revision, with its content. Errors: ErrNotFound.
func (c *Client) Revision(ctx context.Context, id, revision int64) (Revision, error) {
	var r Revision
	return r, c.read(ctx, revisionPath(id, revision), nil, &r)
}

// RevisionDocument is the document of a revision, byte for byte. Errors: ErrNotFound, also where the revision says that
// there is none.
func (c *Client) RevisionDocument(ctx context.Context, id, revision int64) (Document, error) {
	a, err := c.fetch(ctx, request{method: http.MethodGet, path: revisionPath(id, revision) + "/document"})
	if err != nil {
		return Document{}, err
	}
	return Document{Content: a.body, ETag: bareTag(a.header.Get("ETag"))}, nil
}

// Diff is what differs between two revisions.
type Diff struct {
	MAC string `json:"mac_address"`
	// From is nil where To is the first revision.
	From *int64 `json:"from"`
	To   int64  `json:"to"`
	// Patch makes the later document of the earlier one: a JSON Patch (RFC 6902).
	Patch json.RawMessage `json:"patch"`
	// Unified is the difference as text, with three lines around each part.
	Unified string `json:"unified"`
	// UnifiedOf says of what: stored, or indented, where the documents have hardly any lines.
	UnifiedOf string `json:"unified_of"`
}

// Diff compares two revisions. to may be 0 for the newest, and from 0 for the one before to. Errors: ErrNotFound,
// ErrInvalid.
func (c *Client) Diff(ctx context.Context, id, from, to int64) (Diff, error) {
	query := url.Values{}
	if from != 0 {
		query.Set("from", strconv.FormatInt(from, 10))
	}
	if to != 0 {
		query.Set("to", strconv.FormatInt(to, 10))
	}
	var d Diff
	return d, c.read(ctx, configPath(id)+"/diff", query, &d)
}

// Restore makes a new revision with the bytes of an older one, and brings the configuration back where it was deleted.
// Errors: ErrNotFound (also for a revision without a document), ErrPrecondition.
func (c *Client) Restore(ctx context.Context, id, revision int64, options ...WriteOption) (Config, error) {
	return c.one(ctx, written(request{method: http.MethodPost, path: revisionPath(id, revision) + "/restore"}, options))
}

// Undelete brings back a configuration that was deleted, with its content, its id and its history. Errors: ErrNotFound;
// ErrExists where it is there.
func (c *Client) Undelete(ctx context.Context, id int64, options ...WriteOption) (Config, error) {
	return c.one(ctx, written(request{method: http.MethodPost, path: configPath(id) + "/undelete"}, options))
}

// ReplaceDevice moves a configuration and its history to a MAC address that has none: the hardware was replaced. Errors:
// ErrNotFound, ErrInvalid, ErrExists, ErrPrecondition.
func (c *Client) ReplaceDevice(ctx context.Context, id int64, mac string, options ...WriteOption) (Config, error) {
	body, err := encode(map[string]string{"mac_address": mac})
	if err != nil {
		return Config{}, err
	}
	return c.one(ctx, written(request{method: http.MethodPost, path: configPath(id) + "/replace-device", body: body}, options))
}

func revisionPath(id, revision int64) string {
	return configPath(id) + "/revisions/" + strconv.FormatInt(revision, 10)
}
