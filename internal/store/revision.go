package store

import (
	"context"
	"math"

	"espalier.dev/espalier/internal/fleet"
)

const revisionColumns = `r.rev, r.sha256, r.size, r.source, r.created_at, r.principal, r.address, r.message, r.restored, r.other_mac`

// Revisions implements fleet.ReadTx.
func (r reader) Revisions(ctx context.Context, mac fleet.MAC, below int64, limit int) ([]fleet.Revision, error) {
	const sql = `SELECT ` + revisionColumns + ` FROM revisions r WHERE r.mac_address = $1 AND r.rev < $2 ORDER BY r.rev DESC LIMIT $3`
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
	const sql = `SELECT ` + revisionColumns + `, r.content FROM revisions r WHERE r.mac_address = $1 AND r.rev = $2`
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
		return fleet.Revision{}, fleet.NoRevision(mac, number)
	}
	return rev, err
}

// scanRevision reads revisionColumns, and what the statement selects behind them.
func scanRevision(r row, mac fleet.MAC, more ...any) (fleet.Revision, error) {
	rev := fleet.Revision{MAC: mac}
	var sum []byte
	var source string
	var principal, address, message, other *string
	var restored *int64
	dest := []any{&rev.Number, &sum, &rev.Size, &source, &rev.CreatedAt, &principal, &address, &message, &restored, &other}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return rev, err
	}
	copy(rev.SHA256[:], sum)
	rev.Source, rev.Message, rev.Restored = fleet.Source(source), orZero(message), orZero(restored)
	rev.By = fleet.Actor{Principal: fleet.Principal(orZero(principal)), Address: orZero(address)}
	var err error
	rev.Other, err = macOrNil(other)
	return rev, err
}

// Contents implements fleet.ReadTx.
func (r reader) Contents(ctx context.Context, mac fleet.MAC, first, last int64) (map[int64][]byte, error) {
	const sql = `SELECT r.rev, r.content FROM revisions r WHERE r.mac_address = $1 AND r.rev >= $2 AND r.rev <= $3`
	found := map[int64][]byte{}
	err := r.run(ctx, query(sql, func(row row) error {
		var number int64
		var content []byte
		err := row.Scan(&number, &content)
		found[number] = content
		return err
	}, mac.String(), first, last))
	return found, err
}
