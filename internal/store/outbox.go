package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// tellDevice puts a device's row in the outbox. A change that is to be told to nobody only keeps a row true that is
// there already.
const tellDevice = `INSERT INTO outbox
		(mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT CAST($1 AS varchar(17)), $2, $3, $4, $5, $6, nextval('outbox_generation'), 0, $7, $7
	WHERE $8 OR EXISTS (SELECT 1 FROM outbox o WHERE o.mac_address = CAST($1 AS varchar(17)))
	ON CONFLICT (mac_address) DO UPDATE SET ` + retell

// retell is what becomes of an outbox row that is there when a change comes: it is due at once.
const retell = restate + `, attempts = 0,
	due_at = CASE WHEN outbox.due_at < excluded.due_at THEN outbox.due_at ELSE excluded.due_at END`

// restate is what becomes of a row that is there when its device is announced again: a message that was put off stays
// so. A claim on it stays until its holder is through, so that two servers do not tell the device in the wrong order. A
// generation is never given twice, not even to rows that follow each other.
const restate = `rev = excluded.rev, sha256 = excluded.sha256, size = excluded.size, deleted = excluded.deleted,
	broadcast = NOT excluded.deleted AND (outbox.broadcast OR excluded.broadcast),
	generation = nextval('outbox_generation'),
	changed_at = CASE WHEN outbox.changed_at < excluded.changed_at THEN outbox.changed_at ELSE excluded.changed_at END`

// farAhead is further than any message is put off or claimed. A row that is so by more was written by a clock that has
// been set back since, or by a server whose clock is wrong, and would wait for as long as that.
const farAhead = 5 * time.Minute

const dueAgain = `UPDATE outbox SET due_at = $1 WHERE mac_address IN (
	SELECT mac_address FROM outbox WHERE due_at > $2 ORDER BY due_at LIMIT $3{claim})`

const claimDue = `UPDATE outbox SET attempts = attempts + 1, claimed_until = $1
	WHERE mac_address IN (
		SELECT mac_address FROM outbox
		WHERE due_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $2 OR claimed_until > $3)
		ORDER BY due_at, mac_address LIMIT $4{claim})
	RETURNING mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at`

// Claim implements fleet.Outbox.
func (s *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]fleet.Message, error) {
	var claimed []fleet.Message
	far := now.Add(max(farAhead, 2*lease))
	err := s.engine.update(ctx, func(ctx context.Context, t *tx) error {
		claimed = nil
		var due []time.Time
		err := t.run(ctx,
			statement(strings.Replace(dueAgain, `{claim}`, t.dialect.claim, 1), now, far, int64(limit)),
			query(strings.Replace(claimDue, `{claim}`, t.dialect.claim, 1), func(r row) error {
				m, at, err := scanMessage(r)
				claimed, due = append(claimed, m), append(due, at)
				return err
			}, now.Add(lease), now, far, int64(limit)))
		claimed = oldestFirst(claimed, due)
		return err
	})
	return claimed, err
}

func scanMessage(r row) (m fleet.Message, due time.Time, err error) {
	var mac string
	var sum []byte
	err = r.Scan(&mac, &m.Revision, &sum, &m.Size, &m.Deleted, &m.Broadcast, &m.Generation, &m.Attempts, &m.ChangedAt, &due)
	if err != nil {
		return m, due, err
	}
	copy(m.SHA256[:], sum)
	m.MAC, err = parseMAC(mac)
	return m, due, err
}

// oldestFirst sorts as the claim chose; RETURNING has no order.
func oldestFirst(messages []fleet.Message, due []time.Time) []fleet.Message {
	order := make([]int, len(messages))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(due[a].Compare(due[b]), bytes.Compare(messages[a].MAC[:], messages[b].MAC[:]))
	})
	sorted := make([]fleet.Message, len(messages))
	for i, at := range order {
		sorted[i] = messages[at]
	}
	return sorted
}

// releaseChanged ends the claim on a row that a change, or an announcement, came to meanwhile. One that was claimed again
// is left alone.
const releaseChanged = `UPDATE outbox SET claimed_until = NULL
	WHERE mac_address = $1 AND (attempts = 0 OR attempts = $2 AND generation <> $3)`

func release(m fleet.Message) request {
	return statement(releaseChanged, m.MAC.String(), int64(m.Attempts), m.Generation)
}

// Clear implements fleet.Outbox.
func (s *Store) Clear(ctx context.Context, sent []fleet.Message) error {
	const remove = `DELETE FROM outbox WHERE mac_address = $1 AND generation = $2`
	return s.each(ctx, sent, func(m fleet.Message) []request {
		mac := m.MAC.String()
		return []request{statement(remove, mac, m.Generation), release(m)}
	})
}

// Postpone implements fleet.Outbox. A row that was changed since is not put off; one that somebody else has claimed
// since, because the lease ran out, stays theirs.
func (s *Store) Postpone(ctx context.Context, failed []fleet.Message, until time.Time) error {
	const postpone = `UPDATE outbox SET claimed_until = NULL, due_at = $1
		WHERE mac_address = $2 AND generation = $3 AND attempts = $4`
	return s.each(ctx, failed, func(m fleet.Message) []request {
		mac := m.MAC.String()
		return []request{
			statement(postpone, until, mac, m.Generation, int64(m.Attempts)),
			release(m),
		}
	})
}

// each runs what is to be done for each message, in the order in which every server locks rows.
func (s *Store) each(ctx context.Context, messages []fleet.Message, do func(fleet.Message) []request) error {
	if len(messages) == 0 {
		return nil
	}
	messages = slices.Clone(messages)
	slices.SortFunc(messages, func(a, b fleet.Message) int { return bytes.Compare(a.MAC[:], b.MAC[:]) })
	requests := make([]request, 0, 2*len(messages))
	for _, m := range messages {
		requests = append(requests, do(m)...)
	}
	return s.engine.update(ctx, func(ctx context.Context, t *tx) error { return t.run(ctx, requests...) })
}

// Backlog implements fleet.Outbox.
func (s *Store) Backlog(ctx context.Context) (n int64, oldest time.Time, err error) {
	err = s.engine.view(ctx, func(ctx context.Context, tx reader) error {
		var first *time.Time
		err := tx.run(ctx, query(`SELECT count(*), min(changed_at) FROM outbox`, func(r row) error {
			return r.Scan(&n, &first)
		}))
		if first != nil {
			oldest = *first
		}
		return err
	})
	return n, oldest, err
}

const watermarkKey = "watermark"

// Watermark implements fleet.Outbox.
func (s *Store) Watermark(ctx context.Context) (at time.Time, err error) {
	err = s.engine.view(ctx, func(ctx context.Context, tx reader) error {
		var text string
		err := tx.run(ctx, query(`SELECT value FROM meta WHERE key = $1`, func(r row) error {
			return r.Scan(&text)
		}, watermarkKey))
		if err != nil || text == "" {
			return err
		}
		at, err = time.Parse(time.RFC3339Nano, text)
		return err
	})
	return at, err
}

// SetWatermark implements fleet.Outbox.
func (s *Store) SetWatermark(ctx context.Context, at time.Time) error {
	const sql = `INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`
	return s.engine.update(ctx, func(ctx context.Context, t *tx) error {
		return t.run(ctx, statement(sql, watermarkKey, at.UTC().Format(time.RFC3339Nano)))
	})
}
