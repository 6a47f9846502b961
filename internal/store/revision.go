package store

import (
	"context"
	"math"
	"strconv"

	"espalier.dev/espalier/internal/fleet"
)

// Revisions implements fleet.ReadTx.
func (r reader) Revisions(ctx context.Context, mac fleet.MAC, below int64, limit int) ([]fleet.Revision, error) {
	const sql = `SELECT rev, sha256, source, created_at FROM revisions
		WHERE mac_address = $1 AND rev < $2 ORDER BY rev DESC LIMIT $3`
	if below <= 0 {
		below = math.MaxInt64
	}
	var found []fleet.Revision
	err := r.run(ctx, query(sql, func(row row) error {
		rev, err := scanRevision(row, mac)
		found = append(found, rev)
		return err
	}, mac.String(), below, int64(limit)))
	return found, err
}

// Revision implements fleet.ReadTx.
func (r reader) Revision(ctx context.Context, mac fleet.MAC, number int64) (fleet.Revision, error) {
	const sql = `SELECT rev, sha256, source, created_at, content FROM revisions WHERE mac_address = $1 AND rev = $2`
	var rev fleet.Revision
	var content []byte
	found := false
	err := r.run(ctx, query(sql, func(row row) (err error) {
		found = true
		rev, err = scanRevision(row, mac, &content)
		rev.Content = content
		return err
	}, mac.String(), number))
	if err == nil && !found {
		return fleet.Revision{}, noRevision(mac, number)
	}
	return rev, err
}

func noRevision(mac fleet.MAC, number int64) error {
	err := fleet.NotFound(mac)
	err.Message = "Revision " + strconv.FormatInt(number, 10) + " of " + mac.String() + " was not found"
	return err
}

func scanRevision(r row, mac fleet.MAC, more ...any) (fleet.Revision, error) {
	rev := fleet.Revision{MAC: mac}
	var sum []byte
	var source string
	dest := []any{&rev.Number, &sum, &source, &rev.CreatedAt}
	err := r.Scan(append(dest, more...)...)
	rev.Source = fleet.Source(source)
	copy(rev.SHA256[:], sum)
	return rev, err
}
