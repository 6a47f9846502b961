package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Preview is what a patch would change.
type Preview struct {
	MAC string `json:"mac_address"`
	// Revision is the one that there is, which the patch would change; nil where another program wrote the content.
	Revision *int64 `json:"revision"`
	// Changed says whether the patch would make a revision.
	Changed bool `json:"changed"`
	// Patch makes the document that there would be of the one that there is: a JSON Patch (RFC 6902).
	Patch json.RawMessage `json:"patch"`
	// Unified is the difference as text, with three lines around each part.
	Unified string `json:"unified"`
	// UnifiedOf says of what: stored, or indented, where the documents have hardly any lines.
	UnifiedOf string `json:"unified_of"`
}

// Preview tells what Patch would change now, and changes nothing. Errors: as Patch.
func (c *Client) Preview(ctx context.Context, id int64, patch []byte, options ...WriteOption) (Preview, error) {
	body, err := patchBody(patch)
	if err != nil {
		return Preview{}, err
	}
	a, err := c.fetch(ctx, written(request{method: http.MethodPost, path: configPath(id) + "/preview", body: body}, options))
	if err != nil {
		return Preview{}, err
	}
	var p Preview
	return p, a.decode(&p)
}
