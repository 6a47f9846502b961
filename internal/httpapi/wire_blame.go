package httpapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"espalier.dev/espalier/internal/fleet"
)

type preview struct {
	MACAddress string      `json:"mac_address"`
	Revision   *int64      `json:"revision" nullable:"true" minimum:"1" doc:"The one that there is; null where another program wrote the content"`
	Changed    bool        `json:"changed" doc:"Whether the patch makes a revision"`
	Patch      []patchStep `json:"patch" nullable:"true" doc:"A JSON Patch (RFC 6902) from the document that there is to what it would be"`
	Unified    string      `json:"unified" doc:"The same for people; empty where nothing differs"`
	UnifiedOf  string      `json:"unified_of" enum:"stored,indented" doc:"Of which texts: as they are kept, or both indented"`
}

type blame struct {
	ConfigID   int64    `json:"config_id" minimum:"1"`
	MACAddress string   `json:"mac_address" pattern:"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"`
	Revision   *int64   `json:"revision" nullable:"true" minimum:"1" doc:"Of the document; null where another program wrote it"`
	Complete   bool     `json:"complete" doc:"Whether it was looked back as far as revisions are kept, or until each value was known"`
	Values     []blamed `json:"values" nullable:"false"`
}

type blamed struct {
	Path      string     `json:"path" doc:"A JSON Pointer (RFC 6901)"`
	Revision  *int64     `json:"revision" nullable:"true" minimum:"1" doc:"The one that gave the value; null where it is not kept any more, or was not found"`
	CreatedAt *time.Time `json:"created_at" nullable:"true"`
	Principal *string    `json:"principal" nullable:"true" doc:"As whom it was written"`
	Message   *string    `json:"message" nullable:"true" doc:"X-Change-Message of the write"`
	Source    givenBy    `json:"source"`
}

// givenBy is the source of a revision, or null.
type givenBy struct{}

// Schema implements huma.SchemaProvider.
func (givenBy) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Nullable: true, Description: "What the revision came from",
		Enum: []any{string(fleet.FromCreate), string(fleet.FromEdit), string(fleet.FromImport), string(fleet.FromRestore),
			string(fleet.FromReplace), string(fleet.FromDelete), string(fleet.FromAdopt), nil}}
}
