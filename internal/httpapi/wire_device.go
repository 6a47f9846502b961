package httpapi

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// The types of this file are shapes, as those of wire.go are: of what is known of devices, and of events.

// maybe is a T, or null.
type maybe[T any] struct{}

// Schema implements huma.SchemaProvider.
func (maybe[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[T](), true, ""), {Type: "null"}}}
}

type newReport struct {
	Rev      *int64       `json:"rev,omitempty" nullable:"true" minimum:"1" doc:"The revision that it is about"`
	ETag     *string      `json:"etag,omitempty" nullable:"true" doc:"Or the entity tag that it was served with"`
	Status   reportStatus `json:"status"`
	Code     *string      `json:"code,omitempty" nullable:"true" maxLength:"64" doc:"What went wrong, for programs"`
	Path     *string      `json:"path,omitempty" nullable:"true" maxLength:"512" doc:"Where in the document: a JSON Pointer (RFC 6901)"`
	Message  *string      `json:"message,omitempty" nullable:"true" maxLength:"1000" doc:"For people; never a secret of the document"`
	Firmware *string      `json:"firmware,omitempty" nullable:"true" maxLength:"64" doc:"The version that it runs"`
}

type reportStatus string

// Schema implements huma.SchemaProvider.
func (reportStatus) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: []any{"applied", "error"}}
}

type device struct {
	ConfigID       int64                `json:"config_id" minimum:"1"`
	MACAddress     string               `json:"mac_address"`
	Sync           syncState            `json:"sync"`
	Overdue        bool                 `json:"overdue"`
	Online         *bool                `json:"online" nullable:"true" doc:"What the broker said last; null: nothing"`
	OnlineSince    *time.Time           `json:"online_since" nullable:"true" doc:"Since when it is, or is not"`
	FirstSeen      *time.Time           `json:"first_seen" nullable:"true"`
	LastSeen       *time.Time           `json:"last_seen" nullable:"true" doc:"The last sign of life"`
	Address        *string              `json:"address" nullable:"true" doc:"Of its last request over HTTP"`
	DeviceRevision *int64               `json:"device_revision" nullable:"true" minimum:"1"`
	RhythmSeconds  *int64               `json:"rhythm_seconds" nullable:"true" doc:"What it lets pass from one sign of life to the next; null: it has shown no rhythm"`
	OverdueAt      *time.Time           `json:"overdue_at" nullable:"true" doc:"When it will have been silent for too long"`
	Fetched        maybe[shown]         `json:"fetched" doc:"What was last served to it"`
	Held           maybe[shown]         `json:"held" doc:"What it proved to have, by If-None-Match"`
	Reported       maybe[reportedShown] `json:"reported" doc:"What it said"`
	Has            maybe[possession]    `json:"has" doc:"What follows of what it has"`
}

type shown struct {
	ETag     string    `json:"etag"`
	Revision int64     `json:"revision" minimum:"1"`
	At       time.Time `json:"at"`
	Address  *string   `json:"address" nullable:"true"`
}

type reportedShown struct {
	Status   reportStatus `json:"status"`
	ETag     string       `json:"etag"`
	Revision int64        `json:"revision" minimum:"1"`
	At       time.Time    `json:"at"`
	Address  *string      `json:"address" nullable:"true"`
	Code     *string      `json:"code" nullable:"true"`
	Path     *string      `json:"path" nullable:"true"`
	Message  *string      `json:"message" nullable:"true"`
	Firmware *string      `json:"firmware" nullable:"true"`
}

type possession struct {
	ETag          string    `json:"etag"`
	Revision      int64     `json:"revision" minimum:"1"`
	At            time.Time `json:"at"`
	Level         level     `json:"level"`
	SinceRevision int64     `json:"since_revision" minimum:"1" doc:"The revision with which it came to have these bytes"`
}

// level is the strongest that is known of bytes that a device has.
type level string

// Schema implements huma.SchemaProvider.
func (level) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: []any{"fetched", "held", "applied", "error"}}
}

type deviceThen struct {
	ConfigID   int64        `json:"config_id" minimum:"1"`
	MACAddress string       `json:"mac_address"`
	At         time.Time    `json:"at"`
	Known      bool         `json:"known" doc:"Whether it was known what it had"`
	Revision   *int64       `json:"revision" nullable:"true" minimum:"1"`
	ETag       *string      `json:"etag" nullable:"true"`
	Level      maybe[level] `json:"level"`
	FactAt     *time.Time   `json:"fact_at" nullable:"true" doc:"When the last thing until then became known"`
}

// deviceNowOrThen is what the path of a device answers, without at and with it.
type deviceNowOrThen struct{}

// Schema implements huma.SchemaProvider.
func (deviceNowOrThen) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[device](), true, ""), r.Schema(reflect.TypeFor[deviceThen](), true, "")}}
}

type fact struct {
	ID             int64        `json:"id" minimum:"1"`
	At             time.Time    `json:"at"`
	Kind           string       `json:"kind" enum:"fetched,held,applied,error,online,offline,lost" doc:"lost: nobody knows any more whether it is connected"`
	ETag           *string      `json:"etag" nullable:"true"`
	Revision       *int64       `json:"revision" nullable:"true" minimum:"1"`
	Address        *string      `json:"address" nullable:"true"`
	Code           *string      `json:"code" nullable:"true"`
	Path           *string      `json:"path" nullable:"true"`
	Message        *string      `json:"message" nullable:"true"`
	Firmware       *string      `json:"firmware" nullable:"true"`
	DeviceRevision *int64       `json:"device_revision" nullable:"true" minimum:"1" doc:"What it was known to have afterwards"`
	DeviceETag     *string      `json:"device_etag" nullable:"true"`
	Level          maybe[level] `json:"level"`
}

type factList struct {
	Facts      []fact `json:"facts" nullable:"false"`
	Count      int64  `json:"count" doc:"How many this answer has"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Where the next page begins; missing on the last"`
}

type fleetCounts struct {
	Total   int64      `json:"total" doc:"Configurations that there are"`
	Sync    syncCounts `json:"sync"`
	Overdue int64      `json:"overdue"`
	Online  int64      `json:"online"`
	Offline int64      `json:"offline"`
	Deleted int64      `json:"deleted" doc:"Configurations that were deleted and can be brought back"`
	At      time.Time  `json:"at"`
}

type fleetSamples struct {
	Samples     []fleetCounts `json:"samples" nullable:"false" doc:"Each of the minute that at is the beginning of"`
	StepSeconds int64         `json:"step_seconds" minimum:"60" doc:"Each span of so many seconds, counted from 1970 in UTC, has at most one sample: the first that there is of it"`
}

// syncCounts adds up to the total.
type syncCounts struct {
	Unknown int64 `json:"unknown"`
	Pending int64 `json:"pending"`
	Fetched int64 `json:"fetched"`
	Held    int64 `json:"held"`
	Applied int64 `json:"applied"`
	Error   int64 `json:"error"`
}

// event is the data of an event but ready and reset.
type event struct {
	MACAddress      string                `json:"mac_address"`
	ConfigID        *int64                `json:"config_id" nullable:"true" minimum:"1"`
	Revision        *int64                `json:"revision" nullable:"true" minimum:"1" doc:"The one that a change made, and the current one otherwise"`
	At              time.Time             `json:"at"`
	Sync            syncState             `json:"sync" doc:"As of now, which may be later than the event; so are the four behind it"`
	LastSeen        *time.Time            `json:"last_seen" nullable:"true"`
	DeviceRevision  *int64                `json:"device_revision" nullable:"true" minimum:"1"`
	Overdue         bool                  `json:"overdue"`
	Online          *bool                 `json:"online" nullable:"true"`
	Principal       *string               `json:"principal,omitempty" nullable:"true" doc:"Of changes"`
	Address         *string               `json:"address,omitempty" nullable:"true" doc:"Of changes and of check-in"`
	Message         *string               `json:"message,omitempty" nullable:"true" doc:"Of changes"`
	OtherMACAddress *string               `json:"other_mac_address,omitempty" nullable:"true" doc:"Of replaced: the former one"`
	Report          *maybe[reportedShown] `json:"report,omitempty" doc:"Of report"`
}

func deviceParams() []*huma.Param {
	return []*huma.Param{query("at", "A time, for what was known then of what the device had", &huma.Schema{Type: huma.TypeString, Format: "date-time"})}
}

func devicesParams() []*huma.Param {
	return []*huma.Param{query("ids", "Only the configurations with these ids that there are: 1 to 500 numbers, with commas", &huma.Schema{Type: huma.TypeString})}
}

func historyParams() []*huma.Param {
	at := &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	least, most := 10.0, 1000.0
	return []*huma.Param{
		query("since", "Only of this time or after it; without it, of the last 24 hours", at),
		query("until", "Only of before this time", at),
		query("points", "The most samples to answer", &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: 300}),
	}
}

func eventParams() []*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	return []*huma.Param{
		query("kinds", "Only events of these kinds: a list with commas of "+eventNames(), text),
		query("mac_address", "Only events of this device, in any form of a MAC address; several with commas", text),
		query("last_event_id", "As the header Last-Event-ID, for readers that cannot set one; the header counts where both are there", text),
	}
}

func eventHeaders() []*huma.Param {
	return []*huma.Param{{Name: "Last-Event-ID", In: "header", Description: "The id of the last event that the reader has",
		Schema: &huma.Schema{Type: huma.TypeString}}}
}
