package httpapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"espalier.dev/espalier/internal/fleet"
)

// The types of this file are the shapes of bodies, for the OpenAPI document only: what is sent is written by encode.go,
// and the tests hold both against each other.

// anyObject is a JSON object of any members.
type anyObject struct{}

// Schema implements huma.SchemaProvider.
func (anyObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// content is a document in a request.
type content struct{}

// Schema implements huma.SchemaProvider.
func (content) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "The document: a JSON object, or a string that holds one. It is kept byte for byte.",
		OneOf: []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: huma.TypeString}}}
}

type syncState string

// Schema implements huma.SchemaProvider.
func (syncState) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: "unknown: never seen; pending: seen, but not with this document; fetched: " +
		"served to it; held: it proved that it has it; applied: it reported that it runs it; error: it reported that it cannot"}
	for _, state := range fleet.Syncs {
		s.Enum = append(s.Enum, string(state))
	}
	return s
}

type listed struct {
	ID             int64      `json:"id" doc:"Assigned by the server, and never used again" minimum:"1"`
	MACAddress     string     `json:"mac_address" pattern:"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$" example:"aa:bb:cc:dd:ee:ff"`
	DeviceName     *string    `json:"device_name" nullable:"true" maxLength:"255" doc:"deviceName of the content"`
	DeviceEntityID *string    `json:"device_entity_id" nullable:"true" maxLength:"255" doc:"deviceEntityId of the content"`
	EnableOTA      *bool      `json:"enable_ota" nullable:"true" doc:"enableOTA of the content"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	Revision       int64      `json:"revision" minimum:"1" doc:"Rises by one with each change, and never starts again"`
	ETag           *string    `json:"etag" nullable:"true" doc:"Names the bytes of the document, as the device gets it"`
	Sync           syncState  `json:"sync"`
	LastSeen       *time.Time `json:"last_seen" nullable:"true" doc:"The last sign of life"`
	DeviceRevision *int64     `json:"device_revision" nullable:"true" minimum:"1" doc:"The newest revision whose bytes the device is known to have had"`
	Overdue        bool       `json:"overdue" doc:"There was no sign of life for three times the device's own rhythm"`
	Online         *bool      `json:"online" nullable:"true" doc:"Whether it is connected to the broker; null: nothing says so"`
	DeletedAt      *time.Time `json:"deleted_at,omitempty" doc:"Of a configuration that was deleted"`
}

type config struct {
	ID             int64      `json:"id" doc:"Assigned by the server, and never used again" minimum:"1"`
	MACAddress     string     `json:"mac_address" pattern:"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$" example:"aa:bb:cc:dd:ee:ff"`
	DeviceName     *string    `json:"device_name" nullable:"true" maxLength:"255" doc:"deviceName of the content"`
	DeviceEntityID *string    `json:"device_entity_id" nullable:"true" maxLength:"255" doc:"deviceEntityId of the content"`
	EnableOTA      *bool      `json:"enable_ota" nullable:"true" doc:"enableOTA of the content"`
	Content        anyObject  `json:"content" doc:"The document, exactly as it was written"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	Revision       int64      `json:"revision" minimum:"1" doc:"Rises by one with each change, and never starts again"`
	ETag           *string    `json:"etag" nullable:"true" doc:"Names the bytes of the document, as the device gets it"`
	Sync           syncState  `json:"sync"`
	LastSeen       *time.Time `json:"last_seen" nullable:"true" doc:"The last sign of life"`
	DeviceRevision *int64     `json:"device_revision" nullable:"true" minimum:"1" doc:"The newest revision whose bytes the device is known to have had"`
	Overdue        bool       `json:"overdue" doc:"There was no sign of life for three times the device's own rhythm"`
	Online         *bool      `json:"online" nullable:"true" doc:"Whether it is connected to the broker; null: nothing says so"`
}

type configList struct {
	Configs    []listed `json:"configs" nullable:"false"`
	Count      int64    `json:"count" doc:"How many this answer has"`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Where the next page begins; missing on the last"`
}

type newConfig struct {
	MACAddress string  `json:"mac_address" example:"aa:bb:cc:dd:ee:ff"`
	Content    content `json:"content"`
}

type newContent struct {
	Content content `json:"content"`
}

type contentPatch struct {
	Content anyObject `json:"content" doc:"A JSON Merge Patch (RFC 7396) of the document: null removes a member"`
}

type newDevice struct {
	MACAddress string `json:"mac_address" example:"aa:bb:cc:dd:ee:ff" doc:"Of the new hardware; it must have no configuration"`
}

type revision struct {
	Revision        int64     `json:"revision" minimum:"1"`
	MACAddress      string    `json:"mac_address" pattern:"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"`
	ETag            *string   `json:"etag" nullable:"true" pattern:"^[0-9a-f]{32}$" doc:"Names the bytes; null where there is no document, as after a delete"`
	SHA256          *string   `json:"sha256" nullable:"true" pattern:"^[0-9a-f]{64}$" doc:"Of the bytes"`
	Size            int       `json:"size" minimum:"0" doc:"Bytes of the document"`
	Source          string    `json:"source" enum:"create,edit,import,restore,replace,delete,adopt" doc:"What it came from; adopt: found at a takeover, or written by another program"`
	CreatedAt       time.Time `json:"created_at"`
	Principal       *string   `json:"principal" nullable:"true" doc:"As whom it was written"`
	Address         *string   `json:"address" nullable:"true" doc:"The IP address that it was written from"`
	Message         *string   `json:"message" nullable:"true" doc:"X-Change-Message of the write"`
	RestoredFrom    *int64    `json:"restored_from" nullable:"true" minimum:"1" doc:"The revision whose bytes these are, of a restore"`
	OtherMACAddress *string   `json:"other_mac_address" nullable:"true" doc:"Where the history came from or went to, when hardware was replaced"`
}

type wholeRevision struct {
	Revision        int64     `json:"revision" minimum:"1"`
	MACAddress      string    `json:"mac_address" pattern:"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"`
	ETag            *string   `json:"etag" nullable:"true" pattern:"^[0-9a-f]{32}$" doc:"Names the bytes; null where there is no document, as after a delete"`
	SHA256          *string   `json:"sha256" nullable:"true" pattern:"^[0-9a-f]{64}$" doc:"Of the bytes"`
	Size            int       `json:"size" minimum:"0" doc:"Bytes of the document"`
	Source          string    `json:"source" enum:"create,edit,import,restore,replace,delete,adopt" doc:"What it came from; adopt: found at a takeover, or written by another program"`
	CreatedAt       time.Time `json:"created_at"`
	Principal       *string   `json:"principal" nullable:"true" doc:"As whom it was written"`
	Address         *string   `json:"address" nullable:"true" doc:"The IP address that it was written from"`
	Message         *string   `json:"message" nullable:"true" doc:"X-Change-Message of the write"`
	RestoredFrom    *int64    `json:"restored_from" nullable:"true" minimum:"1" doc:"The revision whose bytes these are, of a restore"`
	OtherMACAddress *string   `json:"other_mac_address" nullable:"true" doc:"Where the history came from or went to, when hardware was replaced"`
	Content         document  `json:"content"`
}

// document is a document in an answer, or null.
type document struct{}

// Schema implements huma.SchemaProvider.
func (document) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "The document, exactly as it was written; null where there is none",
		OneOf: []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}}}
}

type revisionList struct {
	Revisions  []revision `json:"revisions" nullable:"false"`
	Count      int64      `json:"count" doc:"How many this answer has"`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Where the next page begins; missing on the last"`
}

type difference struct {
	MACAddress string      `json:"mac_address"`
	From       *int64      `json:"from" nullable:"true" minimum:"1" doc:"null: there was none before"`
	To         int64       `json:"to" minimum:"1"`
	Patch      []patchStep `json:"patch" nullable:"true" doc:"A JSON Patch (RFC 6902) that makes the one document of the other; null where one of them is no JSON"`
	Unified    string      `json:"unified" doc:"The same for people; empty where nothing differs"`
	UnifiedOf  string      `json:"unified_of" enum:"stored,indented" doc:"Of which texts: as they are kept, or both indented"`
}

// patchStep is one operation of a JSON Patch.
type patchStep struct{}

// Schema implements huma.SchemaProvider.
func (patchStep) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Required: []string{"op", "path"}, AdditionalProperties: true,
		Properties: map[string]*huma.Schema{"op": {Type: huma.TypeString, Enum: []any{"add", "remove", "replace"}},
			"path": {Type: huma.TypeString, Description: "A JSON Pointer (RFC 6901)"}}}
}

type auditEntry struct {
	ID              int64     `json:"id" minimum:"1"`
	At              time.Time `json:"at"`
	Principal       *string   `json:"principal" nullable:"true" doc:"As whom: token, local, network, anonymous (let in by nobody), console or system"`
	Address         *string   `json:"address" nullable:"true" doc:"The IP address that it came from"`
	Action          string    `json:"action" doc:"create, update, patch, delete, restore, replace_device or import; of a request that was for none of these, its method"`
	Result          string    `json:"result" enum:"applied,unchanged,refused"`
	Code            *string   `json:"code" nullable:"true" doc:"Why it was refused"`
	Target          *string   `json:"target" nullable:"true" doc:"The path of a refused request"`
	ConfigID        *int64    `json:"config_id" nullable:"true" minimum:"1"`
	MACAddress      *string   `json:"mac_address" nullable:"true"`
	Revision        *int64    `json:"revision" nullable:"true" minimum:"1" doc:"The one that there was afterwards"`
	OtherMACAddress *string   `json:"other_mac_address" nullable:"true" doc:"The former one, where hardware was replaced"`
	Message         *string   `json:"message" nullable:"true" doc:"X-Change-Message of the write"`
	CorrelationID   *string   `json:"correlation_id" nullable:"true"`
	Times           int       `json:"times" minimum:"1" doc:"How many attempts the entry stands for"`
}

type auditList struct {
	Audit      []auditEntry `json:"audit" nullable:"false"`
	Count      int64        `json:"count" doc:"How many this answer has"`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Where the next page begins; missing on the last"`
}

type importItem struct {
	MACAddress string  `json:"mac_address"`
	Content    content `json:"content"`
	Source     string  `json:"source,omitempty" doc:"Where it stands, for the report; otherwise the line or the place in the array"`
	IfRevision *int64  `json:"if_revision,omitempty" minimum:"0" doc:"Only if the configuration has this revision, or with 0 only if there is none; else it is refused. Who has this document already is unchanged"`
}

type exported struct {
	MACAddress string `json:"mac_address"`
	Content    string `json:"content"`
}

type report struct {
	Applied   bool      `json:"applied" doc:"Whether anything was kept"`
	DryRun    bool      `json:"dry_run"`
	Created   int       `json:"created"`
	Updated   int       `json:"updated"`
	Unchanged int       `json:"unchanged"`
	Skipped   int       `json:"skipped"`
	Refused   []refused `json:"refused" nullable:"false"`
}

type refused struct {
	Source          string     `json:"source"`
	MACAddress      string     `json:"mac_address,omitempty"`
	Code            fleet.Code `json:"code"`
	Reason          string     `json:"reason"`
	CurrentRevision int64      `json:"current_revision,omitempty" minimum:"1" doc:"The revision that is there, of RECORD_EXISTS and PRECONDITION_FAILED"`
}

type health struct {
	Status   string `json:"status" enum:"healthy,unhealthy"`
	Database string `json:"database" enum:"connected,disconnected"`
	Error    string `json:"error,omitempty"`
	MQTT     string `json:"mqtt" enum:"connected,disconnected,disabled"`
	Version  string `json:"version"`
}

type alive struct {
	Status string `json:"status" enum:"alive"`
}

type ready struct {
	Status        string `json:"status" enum:"ready,not ready"`
	Database      string `json:"database" enum:"ok,unavailable"`
	Migrations    string `json:"migrations" enum:"ok,unknown,not as this version needs them"`
	Broker        string `json:"broker" enum:"connected,disconnected,disabled"`
	BrokerProblem string `json:"broker_problem,omitempty"`
}

// failure is the one shape of errors.
type failure struct {
	Error         string         `json:"error" doc:"For people"`
	Code          errorCode      `json:"code"`
	Details       failureDetails `json:"details"`
	CorrelationID string         `json:"correlationId" doc:"Also in X-Correlation-ID, and in the server's log"`
}

type failureDetails struct {
	Message         string         `json:"message"`
	CurrentRevision int64          `json:"current_revision,omitempty" minimum:"1" doc:"The revision that is there, of PRECONDITION_FAILED"`
	Errors          []fieldFailure `json:"errors,omitempty" nullable:"false"`
}

type fieldFailure struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

type errorCode string

// Schema implements huma.SchemaProvider.
func (errorCode) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: "For programs"}
	for _, code := range fleet.Codes {
		s.Enum = append(s.Enum, string(code))
	}
	return s
}
