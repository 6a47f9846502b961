package store

import (
	"context"
	"crypto/sha256"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// adopted is how many configurations become revisions in one transaction.
const adopted = 500

// adopt makes a revision of each content that is none yet, a piece at a time: an interrupted adoption goes on with the
// next start.
func (s *Store) adopt(ctx context.Context) error {
	for {
		var n int
		err := s.engine.update(ctx, func(ctx context.Context, t *tx) (err error) {
			n, err = adoptPiece(ctx, t, s.Now())
			return err
		})
		if err != nil {
			return err
		}
		if n < adopted {
			return s.readDeleted(ctx)
		}
	}
}

// readDeleted reads what a migration could not: what is derived from the contents of configurations that were deleted before.
func (s *Store) readDeleted(ctx context.Context) error {
	const find = `SELECT id, content FROM deleted_configs WHERE etag IS NULL LIMIT $1`
	const keep = `UPDATE deleted_configs SET device_name = $1, device_entity_id = $2, enable_ota = $3, etag = $4 WHERE id = $5`
	for n := adopted; n == adopted; {
		err := s.engine.update(ctx, func(ctx context.Context, t *tx) error {
			n = 0
			var requests []request
			err := t.run(ctx, query(find, func(r row) error {
				n++
				var id int64
				var content []byte
				err := r.Scan(&id, &content)
				doc, bad := fleet.ParseDocument(content, max(1, len(content)))
				if bad != nil { // nobody judged what an older program let in
					doc = fleet.Document{SHA256: sha256.Sum256(content)}
				}
				requests = append(requests, statement(keep, doc.DeviceName, doc.DeviceEntityID, doc.EnableOTA, doc.ETag(), id))
				return err
			}, int64(adopted)))
			if err != nil {
				return err
			}
			return t.run(ctx, requests...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// foreign is a configuration whose content is no revision.
type foreign struct {
	id, newest int64
	mac        string
	content    []byte
	updatedAt  time.Time
}

func adoptPiece(ctx context.Context, t *tx, now time.Time) (int, error) {
	find := `SELECT c.id, c.mac_address, c.content, c.updated_at,
			(SELECT coalesce(max(r.rev), 0) FROM revisions r WHERE r.mac_address = c.mac_address)
		FROM configs c WHERE c.revision = 0 ORDER BY c.id LIMIT $1` + t.dialect.lock
	var found []foreign
	err := t.run(ctx, query(find, func(r row) error {
		var f foreign
		err := r.Scan(&f.id, &f.mac, &f.content, &f.updatedAt, &f.newest)
		found = append(found, f)
		return err
	}, int64(adopted)))
	if err != nil {
		return 0, err
	}
	requests := make([]request, 0, 2*len(found))
	for _, f := range found {
		at := f.updatedAt
		if f.newest > 0 { // written beside us: the time of writing is anybody's guess, and devices are told by it
			at = now.UTC().Truncate(time.Microsecond)
		}
		mac, err := parseMAC(f.mac)
		if err != nil {
			return 0, err
		}
		made := adoptedRevision(mac, f.newest+1, f.content, at)
		requests = append(requests,
			revisionRequest(made), statement(numberConfig, made.Number, fleet.ETag(made.SHA256), f.id))
	}
	return len(found), t.run(ctx, requests...)
}
