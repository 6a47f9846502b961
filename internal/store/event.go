package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

var _ fleet.Journal = (*Store)(nil)

// mostBehind is how many changes may follow a position for them to be told one by one.
const mostBehind = 10_000

// Head implements fleet.Journal.
func (s *Store) Head(ctx context.Context) (fleet.EventPosition, error) {
	var j journal
	err := s.journal(ctx, func(ctx context.Context, r reader) (err error) {
		j, err = readJournal(ctx, r)
		return err
	}, &j)
	return j.head, err
}

// Events implements fleet.Journal.
func (s *Store) Events(ctx context.Context, after fleet.EventPosition, limit int) ([]fleet.Event, fleet.EventPosition, error) {
	var j journal
	err := s.journal(ctx, func(ctx context.Context, r reader) (err error) {
		if j, err = readJournal(ctx, r); err != nil || j.unplaced {
			return err
		}
		return j.read(ctx, after, max(1, limit))
	}, &j)
	switch {
	case errors.Is(err, fleet.ErrGap):
		return nil, after, fleet.ErrGap
	case err != nil:
		return nil, after, err
	}
	return j.events, j.at, nil
}

// journal reads the events, again where it turns out that there are changes that have no place among them yet.
func (s *Store) journal(ctx context.Context, read func(context.Context, reader) error, j *journal) error {
	err := s.engine.view(ctx, read)
	if err != nil || !j.unplaced {
		return err
	}
	if err := s.place(ctx); err != nil {
		return err
	}
	return s.engine.view(ctx, func(ctx context.Context, r reader) error {
		// What came meanwhile, or is being placed by another server, is for the next time.
		r.dialect = placedDialect(r.dialect)
		return read(ctx, r)
	})
}

// placedDialect is one that does not look for changes without a place.
func placedDialect(d *dialect) *dialect {
	placed := *d
	placed.unplaced = ``
	return &placed
}

// On PostgreSQL the ids of the audit are given before a commit, so that they say nothing of the order of commits: who has
// read 7 may find 6 later. Changes are therefore given their places by whoever reads them: behind those that have one, in
// the order of their ids, which is right for changes of one configuration because each holds its row until the commit. A lock
// has one reader do so at a time.
const (
	placeLock          = `SELECT pg_try_advisory_xact_lock($1)`
	placeKey     int64 = 0x657370616576656e
	placePiece         = 1000
	placeChanges       = `WITH waiting AS (
		SELECT p.id, row_number() OVER (ORDER BY p.id) AS n
		FROM (SELECT id FROM audit WHERE seq IS NULL AND event IS NOT NULL ORDER BY id LIMIT $1) p
	), last AS (
		UPDATE meta SET value = CAST(CAST(value AS bigint) + (SELECT count(*) FROM waiting) AS text)
		WHERE key = 'event_seq' RETURNING CAST(value AS bigint) - (SELECT count(*) FROM waiting) AS value
	), placed AS (
		UPDATE audit SET seq = last.value + waiting.n FROM waiting, last WHERE audit.id = waiting.id RETURNING audit.id
	)
	SELECT count(*) FROM placed`
)

// place gives changes that were committed their place among the events, unless another server is doing so.
func (s *Store) place(ctx context.Context) error {
	for {
		var placed int64
		err := s.engine.update(ctx, func(ctx context.Context, t *tx) error {
			placed = 0
			own := false
			err := t.run(ctx, query(placeLock, func(r row) error { return r.Scan(&own) }, placeKey))
			if err != nil || !own {
				return err
			}
			return t.run(ctx, query(placeChanges, func(r row) error { return r.Scan(&placed) }, int64(placePiece)))
		})
		if err != nil || placed < placePiece {
			return err
		}
	}
}

// journal reads events in one state of the database.
type journal struct {
	r        reader
	now      time.Time
	head     fleet.EventPosition
	unplaced bool // there are changes that have no place yet
	at       fleet.EventPosition
	events   []fleet.Event
}

func readJournal(ctx context.Context, r reader) (journal, error) {
	j := journal{r: r, now: r.now()}
	j.head.Overdue = j.now.Unix()
	number := func(into *int64) func(row) error { return func(r row) error { return r.Scan(into) } }
	requests := []request{
		query(`SELECT value FROM meta WHERE key = $1`, func(r row) error { return r.Scan(&j.head.Epoch) }, "event_epoch"),
		query(`SELECT CAST(value AS bigint) FROM meta WHERE key = $1`, number(&j.head.Device), deviceSeqKey),
		query(r.dialect.lastPlace, number(&j.head.Change)),
	}
	if r.dialect.unplaced != "" {
		requests = append(requests, query(r.dialect.unplaced, func(r row) error { return r.Scan(&j.unplaced) }))
	}
	return j, r.run(ctx, requests...)
}

// read reads what follows a position: first changes, then devices, each as far as limit reaches.
func (j *journal) read(ctx context.Context, after fleet.EventPosition, limit int) error {
	if after.Epoch != j.head.Epoch || after.Change > j.head.Change || after.Device > j.head.Device {
		return fleet.ErrGap
	}
	j.at = after
	for _, part := range []func(context.Context, int) error{j.changes, j.shown, j.overdue} {
		if left := limit - len(j.events); left > 0 {
			if err := part(ctx, left); err != nil {
				return err
			}
		}
	}
	return nil
}

// place names the column that has the place of a change.
func (j *journal) place(sql string) string {
	return strings.ReplaceAll(sql, `{place}`, j.r.dialect.place)
}

// Whatever is there of the configuration of a MAC address m: as it is, or as it was deleted.
const (
	whicheverColumns = `, coalesce(c.id, x.id, 0), coalesce(c.revision, x.revision, 0), coalesce(c.etag, x.etag, '')`
	joinWhichever    = ` LEFT JOIN configs c ON c.mac_address = {m} LEFT JOIN deleted_configs x ON x.mac_address = {m}`
)

const changesAfter = `SELECT a.{place}, a.at, a.principal, a.address, a.correlation, coalesce(a.event, ''), coalesce(a.config_id, 0),
		coalesce(a.mac_address, ''), coalesce(a.rev, 0), coalesce(a.other_mac, ''), a.message` + whicheverColumns + standingColumns + `
	FROM audit a` + joinWhichever + ` LEFT JOIN devices d ON d.mac_address = a.mac_address
	WHERE a.{place} > $1 ORDER BY a.{place} LIMIT $2`

// changes reads changes. Their places follow each other: one that is missing is not kept any more.
func (j *journal) changes(ctx context.Context, limit int) error {
	behind := j.head.Change - j.at.Change
	if behind == 0 {
		return nil
	}
	if behind > mostBehind {
		const count = `SELECT count(*) FROM (SELECT 1 FROM audit WHERE {place} > $1 AND event IS NOT NULL LIMIT $2) r`
		var n int64
		scan := func(r row) error { return r.Scan(&n) }
		if err := j.r.run(ctx, query(j.place(count), scan, j.at.Change, int64(mostBehind+1))); err != nil {
			return err
		}
		if n > mostBehind {
			return fleet.ErrGap
		}
	}
	rows := int64(0)
	sql := j.place(strings.ReplaceAll(changesAfter, `{m}`, `a.mac_address`))
	err := j.r.run(ctx, query(sql, func(r row) error { rows++; return j.change(r) }, j.at.Change, int64(limit)))
	if err == nil && rows < min(behind, int64(limit)) {
		err = fleet.ErrGap
	}
	return err
}

func (j *journal) change(r row) error {
	var e fleet.Event
	var kind, principal, mac, other string
	var place int64
	var now fleet.Config
	var s scanned
	err := r.Scan(append([]any{&place, &e.At, &principal, &e.By.Address, &e.By.Correlation, &kind, &e.ConfigID, &mac, &e.Revision, &other,
		&e.Message, &now.ID, &now.Revision, &now.ETag}, s.dest()...)...)
	if err != nil {
		return err
	}
	if place != j.at.Change+1 {
		return fleet.ErrGap
	}
	j.at.Change = place
	if kind == "" {
		return nil
	}
	if e.MAC, err = parseMAC(mac); err != nil {
		return err
	}
	if other != "" {
		former, err := parseMAC(other)
		if err != nil {
			return err
		}
		e.Other = &former
	}
	e.Kind, e.By.Principal, e.After, e.Standing = fleet.EventKind(kind), fleet.Principal(principal), j.at, s.standing(now, j.now)
	j.events = append(j.events, e)
	if e.Kind != fleet.EventDeleted {
		j.events = append(j.events, fleet.Event{Kind: fleet.EventSync, After: j.at, At: e.At, MAC: e.MAC, ConfigID: e.ConfigID,
			Revision: max(e.Revision, now.Revision), Standing: e.Standing})
	}
	return nil
}
