package store

import (
	"context"
	"crypto/sha256"

	"espalier.dev/espalier/internal/fleet"
)

// readDocument is the read behind the device endpoint.
func readDocument(ctx context.Context, s session, mac fleet.MAC) (fleet.Served, error) {
	const sql = `SELECT content, revision, updated_at FROM configs WHERE mac_address = $1`
	var d fleet.Served
	found := false
	err := s.run(ctx, query(sql, func(r row) error {
		found = true
		if err := r.Scan(&d.Content, &d.Revision, &d.UpdatedAt); err != nil {
			return err
		}
		d.ETag = fleet.ETag(sha256.Sum256(d.Content))
		return nil
	}, mac.String()))
	if err == nil && !found {
		return fleet.Served{}, fleet.NotFound(mac)
	}
	return d, err
}
