package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// AuditEntry is one attempt to write. Fields that are nil say nothing.
type AuditEntry struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Principal string    `json:"principal"` // token, local, network, anonymous, console or system
	Address   *string   `json:"address"`
	// Action is create, update, patch, delete, restore, replace_device or import; of a refused attempt also another.
	Action string `json:"action"`
	Result string `json:"result"` // applied, unchanged or refused
	// Code says why it was refused, and Target is the path of the request.
	Code   *string `json:"code"`
	Target *string `json:"target"`
	// ConfigID, MAC and Revision are of the configuration afterwards; OtherMAC is the former address of a replaced device.
	ConfigID      *int64  `json:"config_id"`
	MAC           *string `json:"mac_address"`
	Revision      *int64  `json:"revision"`
	OtherMAC      *string `json:"other_mac_address"`
	Message       *string `json:"message"`
	CorrelationID *string `json:"correlation_id"`
	// Times is how many attempts the entry stands for.
	Times int `json:"times"`
}

// AuditFilter chooses entries of the audit. Zero fields keep every entry.
type AuditFilter struct {
	MAC           string
	ConfigID      int64
	Action        string
	Result        string // applied, unchanged or refused
	Principal     string
	Address       string
	CorrelationID string
	Since         time.Time // at or after
	Until         time.Time // before
}

func (f AuditFilter) into(query url.Values) {
	for name, value := range map[string]string{"mac_address": f.MAC, "action": f.Action, "result": f.Result,
		"principal": f.Principal, "address": f.Address, "correlation_id": f.CorrelationID} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.ConfigID != 0 {
		query.Set("config_id", strconv.FormatInt(f.ConfigID, 10))
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			query.Set(name, wireTime(at))
		}
	}
}

// AuditPage is a part of the audit, newest first.
type AuditPage struct {
	Entries []AuditEntry `json:"audit"`
	// Next continues behind this page; "" is the end.
	Next string `json:"next_cursor"`
}

// Audit is one page of the audit, newest first. Errors: ErrInvalid names the filter.
func (c *Client) Audit(ctx context.Context, f AuditFilter, o PageOptions) (AuditPage, error) {
	query := o.query()
	f.into(query)
	var page AuditPage
	return page, c.read(ctx, "/api/audit", query, &page)
}

// AllAudit yields the audit, newest first and page by page. An error is yielded once, as the last.
func (c *Client) AllAudit(ctx context.Context, f AuditFilter) iter.Seq2[AuditEntry, error] {
	return follow(func(cursor string) ([]AuditEntry, string, error) {
		page, err := c.Audit(ctx, f, PageOptions{Cursor: cursor})
		return page.Entries, page.Next, err
	})
}

// ExportAudit hands over the audit, newest first, as one answer. An error of each ends it and is returned. It is never
// begun again: an error after the first entry means that some were not handed over.
func (c *Client) ExportAudit(ctx context.Context, f AuditFilter, each func(AuditEntry) error) error {
	query := url.Values{}
	f.into(query)
	var cut error
	err := c.repeat(ctx, http.MethodGet, func(ctx context.Context) error {
		resp, err := c.send(ctx, request{method: http.MethodGet, path: "/api/audit/export", query: query})
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		cut = c.eachEntry(ctx, resp.Body, each)
		return nil
	})
	if err != nil {
		return err
	}
	return cut
}

func (c *Client) eachEntry(ctx context.Context, body io.Reader, each func(AuditEntry) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry AuditEntry
		if json.Unmarshal(lines.Bytes(), &entry) != nil || entry.ID == 0 {
			return fmt.Errorf("%w: a line of the audit is no entry", ErrUnreadable)
		}
		if err := each(entry); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return c.unreachable(ctx, err)
	}
	return nil
}
