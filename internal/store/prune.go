package store

import (
	"context"
	"sync"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// The bounds of one piece of pruning: what is looked at, and what goes in a transaction.
const (
	prunedDevices = 200
	prunedRows    = 1000
	lookedAtFacts = 2000
)

const (
	// keptAnswers is how long the answer of a write that may be repeated is kept.
	keptAnswers = 24 * time.Hour
	// settled is how old a revision is before it goes, whatever was set. A create that waits for another's change may have looked
	// at the numbers before it: they must still be there for its own to be refused.
	settled = time.Minute
)

// pruning is how far the present round has come. It is of one server: another looks for itself.
type pruning struct {
	mu     sync.Mutex
	device string // the revisions of MAC addresses up to this one have been looked at
	factAt time.Time
	fact   int64 // the facts up to this one, of that time, have been looked at
}

// Prune implements fleet.Pruner. What must stay is met again in each round, so that a piece goes on where the last one ended.
func (s *Store) Prune(ctx context.Context, r fleet.Retention, now time.Time) (n int64, more bool, err error) {
	s.pruning.mu.Lock()
	defer s.pruning.mu.Unlock()
	now = now.UTC()
	steps := []func() (int64, bool, error){
		func() (int64, bool, error) { return s.pruneOld(ctx, oldAnswers, now.Add(-keptAnswers)) },
		func() (int64, bool, error) { more, err := s.thinSamples(ctx, now); return 0, more, err },
	}
	if r.Audit > 0 {
		steps = append(steps, func() (int64, bool, error) { return s.pruneOld(ctx, oldAudit, now.Add(-r.Audit)) })
	}
	if r.Facts > 0 {
		steps = append(steps, func() (int64, bool, error) { return s.pruneFacts(ctx, now.Add(-r.Facts)) })
	}
	if r.Revisions > 0 || r.Age > 0 {
		before := now.Add(-max(r.Age, settled))
		steps = append(steps, func() (int64, bool, error) { return s.pruneRevisions(ctx, max(1, r.Revisions), before) })
	}
	for _, step := range steps {
		gone, others, err := step()
		if n += gone; err != nil {
			return n, true, err
		}
		more = more || others
	}
	return n, more, nil
}

const (
	oldAnswers = `DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE at < $1 ORDER BY at LIMIT $2) RETURNING key`
	// The newest entry stays: events go on behind it.
	oldAudit = `DELETE FROM audit WHERE id IN (SELECT a.id FROM audit a WHERE a.at < $1 AND a.id < (SELECT max(n.id) FROM audit n)
		ORDER BY a.at LIMIT $2) RETURNING id`
)

func (s *Store) pruneOld(ctx context.Context, sql string, before time.Time) (n int64, more bool, err error) {
	err = s.engine.update(ctx, func(ctx context.Context, t *tx) error {
		n = 0
		return t.run(ctx, query(sql, func(row) error { n++; return nil }, before, int64(prunedRows)))
	})
	return n, n == prunedRows, err
}

// pruneFacts looks at some facts from before a time, and lets all go but the newest of each device: what the device had from then
// on until the next.
func (s *Store) pruneFacts(ctx context.Context, before time.Time) (n int64, more bool, err error) {
	const find = `SELECT f.id, f.at, EXISTS (SELECT 1 FROM facts n WHERE n.mac_address = f.mac_address AND n.id > f.id AND n.at < $1)
		FROM facts f WHERE (f.at > $2 OR f.at = $2 AND f.id > $3) AND f.at >= $2 AND f.at < $1 ORDER BY f.at, f.id LIMIT $4`
	const remove = `DELETE FROM facts WHERE id = $1`
	var requests []request
	seen := 0
	lastAt, last := s.pruning.factAt, s.pruning.fact
	err = s.engine.view(ctx, func(ctx context.Context, tx reader) error {
		requests, seen = nil, 0
		return tx.run(ctx, query(find, func(r row) error {
			var goes bool
			seen++
			err := r.Scan(&last, &lastAt, &goes)
			if goes {
				requests = append(requests, statement(remove, last))
			}
			return err
		}, before, s.pruning.factAt.UTC(), s.pruning.fact, int64(lookedAtFacts)))
	})
	if err == nil && len(requests) > 0 {
		err = s.engine.update(ctx, func(ctx context.Context, t *tx) error { return t.run(ctx, requests...) })
	}
	if err != nil {
		return 0, true, err
	}
	more = seen == lookedAtFacts
	if s.pruning.factAt, s.pruning.fact = lastAt, last; !more {
		s.pruning.factAt, s.pruning.fact = time.Time{}, 0
	}
	return int64(len(requests)), more, nil
}

// Of some devices behind a MAC address: the revisions from before a time, and from before the newest few, that no device has
// and no configuration that was deleted is brought back with. Ahead of them are the devices that were looked at.
const oldRevisions = `WITH looked_at AS (
		SELECT DISTINCT r.mac_address FROM revisions r WHERE r.mac_address > $1 ORDER BY r.mac_address LIMIT $2
	), least AS (
		SELECT s.mac_address, (SELECT k.rev FROM revisions k WHERE k.mac_address = s.mac_address ORDER BY k.rev DESC LIMIT 1 OFFSET $3) AS rev FROM looked_at s
	)
	SELECT l.mac_address, r.rev FROM least l
		LEFT JOIN revisions r ON r.mac_address = l.mac_address AND r.rev < l.rev AND r.created_at < $4
			AND NOT EXISTS (` + hasRevision + `)
	ORDER BY l.mac_address, r.rev LIMIT $5`

const hasRevision = `SELECT 1 FROM devices d WHERE d.mac_address = r.mac_address AND r.rev IN (d.has_rev, d.fetched_rev, d.held_rev, d.reported_rev)
	UNION ALL SELECT 1 FROM deleted_configs g WHERE g.mac_address = r.mac_address AND g.revision = r.rev`

// A device may have shown meanwhile that it has one of them.
const removeRevision = `DELETE FROM revisions AS r WHERE r.mac_address = $1 AND r.rev = $2 AND NOT EXISTS (` + hasRevision + `) RETURNING rev`

func (s *Store) pruneRevisions(ctx context.Context, keep int, before time.Time) (n int64, more bool, err error) {
	var requests []request
	macs, rows := 0, 0
	last, previous := s.pruning.device, s.pruning.device
	count := func(row) error { n++; return nil }
	err = s.engine.view(ctx, func(ctx context.Context, tx reader) error {
		requests, macs, rows = nil, 0, 0
		return tx.run(ctx, query(oldRevisions, func(r row) error {
			var mac string
			var rev *int64
			err := r.Scan(&mac, &rev)
			if rows++; macs == 0 || mac != last {
				macs++
				previous, last = last, mac
			}
			if rev != nil {
				requests = append(requests, query(removeRevision, count, mac, *rev))
			}
			return err
		}, s.pruning.device, int64(prunedDevices), int64(keep-1), before, int64(prunedRows)))
	})
	if err == nil && len(requests) > 0 {
		err = s.engine.update(ctx, func(ctx context.Context, t *tx) error {
			n = 0
			return t.run(ctx, requests...)
		})
	}
	switch {
	case err != nil:
		return 0, true, err
	case rows == prunedRows: // the last device may have more
		s.pruning.device = previous
		return n, true, nil
	case macs == prunedDevices:
		s.pruning.device = last
		return n, true, nil
	}
	s.pruning.device = ""
	return n, false, nil
}
