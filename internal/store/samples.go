package store

import (
	"context"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// A minute of fleet_samples, counted since 1970, belongs to whoever has put its row there, and has no numbers until they
// have been counted: nobody waits for another's count, and a server that ends meanwhile leaves a row that is passed over.
const (
	claimMinute = `INSERT INTO fleet_samples (minute) VALUES ($1) ON CONFLICT (minute) DO NOTHING RETURNING minute`
	keepSample  = `UPDATE fleet_samples SET total = $1, sync_unknown = $2, sync_pending = $3, sync_fetched = $4, sync_held = $5,
		sync_applied = $6, sync_error = $7, overdue = $8, online = $9, offline = $10, deleted = $11 WHERE minute = $12`
	samples = `SELECT s.minute, s.total, s.sync_unknown, s.sync_pending, s.sync_fetched, s.sync_held, s.sync_applied, s.sync_error,
			s.overdue, s.online, s.offline, s.deleted
		FROM fleet_samples s WHERE s.minute IN (
			SELECT min(m.minute) FROM fleet_samples m WHERE m.minute >= $1 AND m.minute < $2 AND m.total IS NOT NULL
			GROUP BY m.minute / CAST($3 AS bigint))
		ORDER BY s.minute`
)

// minuteOf counts minutes since 1970.
func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// Sample implements fleet.Sampler.
func (s *Store) Sample(ctx context.Context, now time.Time) (taken bool, err error) {
	minute := minuteOf(now)
	err = s.engine.update(ctx, func(ctx context.Context, t *tx) error {
		taken = false
		return t.run(ctx, query(claimMinute, func(row) error { taken = true; return nil }, minute))
	})
	if err != nil || !taken {
		return false, err
	}
	// Counting takes a while where there are many: it holds nobody's writes up.
	var sum fleet.Summary
	err = s.engine.view(ctx, func(ctx context.Context, r reader) (err error) {
		sum, err = r.Summary(ctx)
		return err
	})
	if err != nil {
		return false, err
	}
	args := []any{sum.Total}
	for _, state := range fleet.Syncs {
		args = append(args, sum.Sync[state])
	}
	args = append(args, sum.Overdue, sum.Online, sum.Offline, sum.Deleted, minute)
	err = s.engine.update(ctx, func(ctx context.Context, t *tx) error { return t.run(ctx, statement(keepSample, args...)) })
	return err == nil, err
}

// Samples implements fleet.ReadTx.
func (r reader) Samples(ctx context.Context, since, until time.Time, step time.Duration) ([]fleet.Summary, error) {
	var found []fleet.Summary
	scan := func(row row) error {
		var minute int64
		sum := fleet.Summary{Sync: make(map[fleet.Sync]int64, len(fleet.Syncs))}
		counts := make([]int64, len(fleet.Syncs))
		dest := []any{&minute, &sum.Total}
		for i := range counts {
			dest = append(dest, &counts[i])
		}
		if err := row.Scan(append(dest, &sum.Overdue, &sum.Online, &sum.Offline, &sum.Deleted)...); err != nil {
			return err
		}
		for i, state := range fleet.Syncs {
			sum.Sync[state] = counts[i]
		}
		sum.At = time.Unix(minute*60, 0).UTC()
		found = append(found, sum)
		return nil
	}
	first, end := minuteOf(since.Add(time.Minute-1)), minuteOf(until.Add(time.Minute-1)) // those that begin in that time
	return found, r.run(ctx, query(samples, scan, first, end, max(1, int64(step/time.Minute))))
}

// Of the minutes that are too old to be kept each, the first with numbers stays of every hour, until that is too old too.
const oldSamples = `DELETE FROM fleet_samples WHERE minute IN (
		SELECT s.minute FROM fleet_samples s WHERE s.minute < $1 OR s.minute < $2 AND (s.total IS NULL OR EXISTS (
			SELECT 1 FROM fleet_samples e WHERE e.minute >= s.minute / 60 * 60 AND e.minute < s.minute AND e.total IS NOT NULL))
		ORDER BY s.minute LIMIT $3) RETURNING minute`

// thinSamples lets go of some samples, and answers whether there may be more.
func (s *Store) thinSamples(ctx context.Context, now time.Time) (more bool, err error) {
	n := 0
	err = s.engine.update(ctx, func(ctx context.Context, t *tx) error {
		n = 0
		return t.run(ctx, query(oldSamples, func(row) error { n++; return nil },
			minuteOf(now.Add(-fleet.KeptHours).Truncate(time.Hour)), minuteOf(now.Add(-fleet.KeptMinutes)), int64(prunedRows)))
	})
	return n == prunedRows, err
}
