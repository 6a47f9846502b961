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

type listed struct {
	ID             int64     `json:"id" doc:"Assigned by the server, and never used again" minimum:"1"`
	MACAddress     string    `json:"mac_address" pattern:"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$" example:"aa:bb:cc:dd:ee:ff"`
	DeviceName     *string   `json:"device_name" nullable:"true" maxLength:"255" doc:"deviceName of the content"`
	DeviceEntityID *string   `json:"device_entity_id" nullable:"true" maxLength:"255" doc:"deviceEntityId of the content"`
	EnableOTA      *bool     `json:"enable_ota" nullable:"true" doc:"enableOTA of the content"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	Revision       int64     `json:"revision" minimum:"1" doc:"Rises by one with each change, and never starts again"`
}

type config struct {
	ID             int64     `json:"id" doc:"Assigned by the server, and never used again" minimum:"1"`
	MACAddress     string    `json:"mac_address" pattern:"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$" example:"aa:bb:cc:dd:ee:ff"`
	DeviceName     *string   `json:"device_name" nullable:"true" maxLength:"255" doc:"deviceName of the content"`
	DeviceEntityID *string   `json:"device_entity_id" nullable:"true" maxLength:"255" doc:"deviceEntityId of the content"`
	EnableOTA      *bool     `json:"enable_ota" nullable:"true" doc:"enableOTA of the content"`
	Content        anyObject `json:"content" doc:"The document, exactly as it was written"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
	Revision       int64     `json:"revision" minimum:"1" doc:"Rises by one with each change, and never starts again"`
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

type importItem struct {
	MACAddress string  `json:"mac_address"`
	Content    content `json:"content"`
	Source     string  `json:"source,omitempty" doc:"Where it stands, for the report; otherwise the line or the place in the array"`
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
	Source     string     `json:"source"`
	MACAddress string     `json:"mac_address,omitempty"`
	Code       fleet.Code `json:"code"`
	Reason     string     `json:"reason"`
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
	Message string         `json:"message"`
	Errors  []fieldFailure `json:"errors,omitempty" nullable:"false"`
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
