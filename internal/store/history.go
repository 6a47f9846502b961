package store

import (
	"context"
	"math"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// Deleted implements fleet.ReadTx.
func (r reader) Deleted(ctx context.Context, id int64) (fleet.Config, error) {
	const sql = `SELECT ` + configColumns + standingColumns + `, c.content, c.deleted_at FROM deleted_configs c` + joinDevice +
		` WHERE c.id = CAST($1 AS bigint)`
	var c fleet.Config
	found := false
	err := r.run(ctx, query(sql, func(row row) (err error) {
		found = true
		var content []byte
		var deletedAt time.Time
		c, err = r.scanStanding(row, &content, &deletedAt)
		c.Content, c.DeletedAt = content, deletedAt
		return err
	}, id))
	if err == nil && !found {
		return fleet.Config{}, fleet.NotFound(id)
	}
	return c, err
}

// RevisionByETag implements fleet.ReadTx.
func (r reader) RevisionByETag(ctx context.Context, mac fleet.MAC, etag string, most int64) (int64, error) {
	const sql = `SELECT coalesce(max(rev), 0) FROM revisions WHERE mac_address = $1 AND sha256 >= $2 AND sha256 <= $3 AND +rev <= $4`
	if most <= 0 {
		most = math.MaxInt64
	}
	var number int64
	if first, last, ok := hashesOf(etag); ok {
		err := r.run(ctx, query(sql, func(row row) error { return row.Scan(&number) }, mac.String(), first, last, most))
		if err != nil {
			return 0, err
		}
	}
	if number == 0 {
		err := fleet.NoRevision(mac, 0)
		err.Message = "A revision of " + mac.String() + " with this ETag was not found"
		return 0, err
	}
	return number, nil
}
