package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Device is what a device has, as far as it showed. Fields that are nil are not known.
type Device struct {
	ConfigID int64  `json:"config_id"`
	MAC      string `json:"mac_address"`
	// Sync, Overdue, Online and DeviceRevision are those of Config.
	Sync           string     `json:"sync"`
	Overdue        bool       `json:"overdue"`
	Online         *bool      `json:"online"`
	OnlineSince    *time.Time `json:"online_since"` // or offline since
	FirstSeen      *time.Time `json:"first_seen"`
	LastSeen       *time.Time `json:"last_seen"`
	Address        *string    `json:"address"` // of its last request
	DeviceRevision *int64     `json:"device_revision"`
	// RhythmSeconds is what it lets pass between two signs of life, and OverdueAt when it will have been silent too long.
	RhythmSeconds *int64     `json:"rhythm_seconds"`
	OverdueAt     *time.Time `json:"overdue_at"`
	// Fetched, Held and Reported are separate facts: what was served to it last, what it proved to have, and what it said.
	Fetched  *Shown       `json:"fetched"`
	Held     *Shown       `json:"held"`
	Reported *ShownReport `json:"reported"`
	// Has is what follows of these.
	Has *ShownHas `json:"has"`
}

// Shown is one thing that a device showed of a document.
type Shown struct {
	ETag     string    `json:"etag"`
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"`
	Address  *string   `json:"address"`
}

// ShownReport is what a device reported last.
type ShownReport struct {
	Shown
	Status   string  `json:"status"` // applied or error
	Code     *string `json:"code"`
	Path     *string `json:"path"`
	Message  *string `json:"message"`
	Firmware *string `json:"firmware"`
}

// ShownHas is the document that a device is known to have.
type ShownHas struct {
	ETag     string    `json:"etag"`
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"`
	Level    string    `json:"level"` // fetched, held, applied or error
	// SinceRevision is the revision with which it came to have these bytes.
	SinceRevision int64 `json:"since_revision"`
}

// Device is what the device of a configuration has. Errors: ErrNotFound.
func (c *Client) Device(ctx context.Context, id int64) (Device, error) {
	var d Device
	return d, c.read(ctx, configPath(id)+"/device", nil, &d)
}

// DeviceAt is what was known at a time of what a device had.
type DeviceAt struct {
	ConfigID int64     `json:"config_id"`
	MAC      string    `json:"mac_address"`
	At       time.Time `json:"at"`
	Known    bool      `json:"known"` // false: nothing is kept of that time
	Revision *int64    `json:"revision"`
	ETag     *string   `json:"etag"`
	Level    *string   `json:"level"` // fetched, held, applied or error
	// FactAt is when that became known.
	FactAt *time.Time `json:"fact_at"`
}

// DeviceAt is what was known at a time of what the device of a configuration had. Errors: ErrNotFound.
func (c *Client) DeviceAt(ctx context.Context, id int64, at time.Time) (DeviceAt, error) {
	var d DeviceAt
	return d, c.read(ctx, configPath(id)+"/device", url.Values{"at": {wireTime(at)}}, &d)
}

// wireTime is a time as the API writes it.
func wireTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }

// Fact is one thing that changed of what is known of a device.
type Fact struct {
	ID   int64     `json:"id"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // fetched, held, applied, error, online, offline or lost
	// ETag and Revision are of the document that it is about; nil where it is about none.
	ETag     *string `json:"etag"`
	Revision *int64  `json:"revision"`
	Address  *string `json:"address"`
	Code     *string `json:"code"`
	Path     *string `json:"path"`
	Message  *string `json:"message"`
	Firmware *string `json:"firmware"`
	// DeviceRevision, DeviceETag and Level are what the device was known to have afterwards.
	DeviceRevision *int64  `json:"device_revision"`
	DeviceETag     *string `json:"device_etag"`
	Level          *string `json:"level"`
}

// FactPage is a part of the facts of a device, newest first.
type FactPage struct {
	Facts []Fact `json:"facts"`
	// Next continues behind this page; "" is the end.
	Next string `json:"next_cursor"`
}

// Facts is one page of what was learnt of the device of a configuration, newest first. Errors: ErrNotFound, ErrInvalid.
func (c *Client) Facts(ctx context.Context, id int64, o PageOptions) (FactPage, error) {
	var page FactPage
	return page, c.read(ctx, configPath(id)+"/facts", o.query(), &page)
}

// AllFacts yields everything that was learnt of a device and is kept, newest first and page by page. An error is yielded
// once, as the last.
func (c *Client) AllFacts(ctx context.Context, id int64) iter.Seq2[Fact, error] {
	return follow(func(cursor string) ([]Fact, string, error) {
		page, err := c.Facts(ctx, id, PageOptions{Cursor: cursor})
		return page.Facts, page.Next, err
	})
}

// The values of DeviceReport.Status.
const (
	ReportApplied = "applied"
	ReportError   = "error"
)

// DeviceReport is what a device says of a document that it was given, named by its revision or its ETag.
type DeviceReport struct {
	Revision int64  `json:"rev,omitempty"`
	ETag     string `json:"etag,omitempty"`
	Status   string `json:"status"` // ReportApplied or ReportError
	Code     string `json:"code,omitempty"`
	Path     string `json:"path,omitempty"` // a JSON Pointer into the document
	Message  string `json:"message,omitempty"`
	Firmware string `json:"firmware,omitempty"`
}

// Report reports in the place of a device. To repeat a report changes nothing. Errors: ErrNotFound (no such
// configuration, or a revision that never was), ErrInvalid, ErrTooLarge, ErrTooManyRequests.
func (c *Client) Report(ctx context.Context, mac string, report DeviceReport) error {
	body, err := encode(report)
	if err != nil {
		return err
	}
	_, err = c.fetch(ctx, request{method: http.MethodPost, path: "/api/configs/" + url.PathEscape(mac) + "/report", body: body})
	return err
}

// Summary counts the configurations by how their devices stand to them.
type Summary struct {
	Total int64 `json:"total"`
	// Sync has every state; the counts add up to Total.
	Sync map[string]int64 `json:"sync"`
	// Overdue, Online and Offline count besides.
	Overdue int64     `json:"overdue"`
	Online  int64     `json:"online"`
	Offline int64     `json:"offline"`
	Deleted int64     `json:"deleted"` // those that can be brought back
	At      time.Time `json:"at"`
}

// Summary is the state of the fleet.
func (c *Client) Summary(ctx context.Context) (Summary, error) {
	var s Summary
	return s, c.read(ctx, "/api/fleet/summary", nil, &s)
}
