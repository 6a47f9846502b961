package client

import (
	"context"
	"time"
)

// Blame says which revisions gave a document its values.
type Blame struct {
	ConfigID int64  `json:"config_id"`
	MAC      string `json:"mac_address"`
	// Revision is that of the document; nil where another program wrote it.
	Revision *int64 `json:"revision"`
	// Complete is false where the server's bounds ended the search before each value was known.
	Complete bool `json:"complete"`
	// Values are in the order of the document.
	Values []Blamed `json:"values"`
}

// Blamed is a value of a document that holds no others, and the revision that gave it. All but the path is nil where that
// revision is not kept any more, or lies further back than the server looks; Principal and Message also where nothing is known.
type Blamed struct {
	Path      string     `json:"path"` // JSON Pointer (RFC 6901)
	Revision  *int64     `json:"revision"`
	CreatedAt *time.Time `json:"created_at"`
	Principal *string    `json:"principal"`
	Message   *string    `json:"message"`
	Source    *string    `json:"source"`
}

// Blame tells of each value of a document which revision gave it the value that it has had since, without a break. Errors:
// ErrNotFound, also for a configuration that was deleted.
func (c *Client) Blame(ctx context.Context, id int64) (Blame, error) {
	var b Blame
	return b, c.read(ctx, configPath(id)+"/blame", nil, &b)
}
