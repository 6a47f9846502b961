package store

import (
	"context"
	"strings"
	"time"
)

// announced is how many devices are announced in one transaction: short enough that no change waits long for it.
const announced = 1000

// Announce implements fleet.Outbox. It goes through the MAC addresses in pieces, each a transaction of its own.
func (s *Store) Announce(ctx context.Context, since, broadcastSince time.Time) (int64, error) {
	var total int64
	for last := ""; ; {
		var n int64
		var next string
		err := s.engine.update(ctx, func(ctx context.Context, t *tx) (err error) {
			next, n, err = announcePiece(ctx, t, last, since, broadcastSince)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if next == "" {
			return total, nil
		}
		last = next
	}
}

// The last MAC address of a piece: of configurations, or of what was changed since a time.
const (
	pieceOfAll = `SELECT max(p.mac_address) FROM (
		SELECT mac_address FROM configs WHERE mac_address > $1 ORDER BY mac_address LIMIT $2) p`
	pieceOfChanged = `SELECT max(p.mac_address) FROM (SELECT DISTINCT mac_address FROM revisions
		WHERE mac_address > $1 AND created_at >= $2 ORDER BY mac_address LIMIT $3) p`
)

// tellAgain puts a row in the outbox for each device of a piece whose newest revision is from since on.
const tellAgain = `INSERT INTO outbox
		(mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT r.mac_address, r.rev, r.sha256, r.size, r.sha256 IS NULL, r.sha256 IS NOT NULL AND r.created_at >= $1,
		nextval('outbox_generation'), 0, r.created_at, r.created_at
	FROM revisions r
	WHERE r.mac_address > $2 AND r.mac_address <= $3 AND r.created_at >= $4
		AND r.rev = (SELECT max(n.rev) FROM revisions n WHERE n.mac_address = r.mac_address) {which}
	ORDER BY r.mac_address
	ON CONFLICT (mac_address) DO UPDATE SET ` + restate + `
	RETURNING mac_address`

// trueAgain lets rows of the outbox say what is newest. Since tellAgain looked, a change may have been made and even
// told; a change that is made from now on waits for the row. Where tellAgain saw a delete, and took the broadcast from
// the row, there is a create behind it that is owed one.
const trueAgain = `UPDATE outbox SET rev = r.rev, sha256 = r.sha256, size = r.size, deleted = r.sha256 IS NULL,
		broadcast = r.sha256 IS NOT NULL AND (outbox.broadcast OR outbox.deleted)
	FROM revisions r
	WHERE outbox.mac_address > $1 AND outbox.mac_address <= $2 AND r.mac_address = outbox.mac_address
		AND r.rev > outbox.rev AND r.rev = (SELECT max(n.rev) FROM revisions n WHERE n.mac_address = r.mac_address)`

func announcePiece(ctx context.Context, t *tx, last string, since, broadcastSince time.Time) (string, int64, error) {
	var end *string
	which := ``
	piece := query(pieceOfChanged, func(r row) error { return r.Scan(&end) }, last, since, int64(announced))
	if since.IsZero() {
		since = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
		which = `AND r.sha256 IS NOT NULL`
		piece = query(pieceOfAll, piece.scan, last, int64(announced))
	}
	if broadcastSince.IsZero() {
		broadcastSince = since
	}
	if err := t.run(ctx, piece); err != nil || end == nil {
		return "", 0, err
	}
	var n int64
	sql := strings.Replace(tellAgain, `{which}`, which, 1)
	args := []any{broadcastSince, last, *end, since}
	count := func(row) error { n++; return nil }
	err := t.run(ctx, request{sql: sql, args: args, scan: count}, statement(trueAgain, last, *end))
	return *end, n, err
}
