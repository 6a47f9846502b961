package store

import (
	"context"

	"espalier.dev/espalier/internal/fleet"
)

// applyIn makes one change in the writer's transaction. Nobody else writes meanwhile, so that what is read here stays.
func (e *sqliteEngine) applyIn(ctx context.Context, t turn, c fleet.Change) (applied fleet.Applied, err error) {
	var number int64 // of the newest revision afterwards
	switch c.Kind {
	case fleet.Create:
		applied, number, err = createIn(ctx, t.session, c)
	case fleet.Save:
		applied, number, err = saveIn(ctx, t.session, c)
	default:
		applied, number, err = deleteIn(ctx, t.session, c)
	}
	if err != nil {
		return fleet.Applied{}, err
	}
	requests := make([]request, 0, 2)
	mac := applied.Config.MAC.String()
	text, sum, size := contentOf(c)
	if !applied.Unchanged {
		t.touch(applied.Config.MAC)
		const insert = `INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`
		requests = append(requests, statement(insert, mac, number, text, sum, size, string(c.Source), c.At))
	}
	if c.Tell != fleet.TellIfChanged || !applied.Unchanged {
		tell := c.Tell != fleet.TellNobody
		deleted := c.Kind == fleet.Delete
		requests = append(requests, statement(tellDevice, mac, number, sum, size, deleted, tell && !deleted, c.At, tell))
	}
	return applied, t.session.run(ctx, requests...)
}

// contentOf is what a change leaves as content: the text, its hash and its bytes; nulls and 0 for Delete.
func contentOf(c fleet.Change) (text *string, sum []byte, size int64) {
	if c.Kind == fleet.Delete {
		return nil, nil, 0
	}
	content := string(c.Document.Text)
	return &content, c.Document.SHA256[:], int64(len(content))
}

func createIn(ctx context.Context, s session, c fleet.Change) (applied fleet.Applied, number int64, err error) {
	const sql = `INSERT INTO configs (mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, etag, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7, (SELECT coalesce(max(rev), 0) + 1 FROM revisions WHERE mac_address = $1))
		ON CONFLICT (mac_address) DO NOTHING RETURNING id, revision`
	var id int64
	d := c.Document
	err = s.run(ctx, query(sql, func(r row) error { return r.Scan(&id, &number) },
		c.MAC.String(), d.DeviceName, d.DeviceEntityID, d.EnableOTA, string(d.Text), c.At, d.ETag()))
	if err == nil && id == 0 {
		err = missing(c)
	}
	applied.Config = after(c, id, c.MAC)
	applied.Config.Revision = number
	return applied, number, err
}

func saveIn(ctx context.Context, s session, c fleet.Change) (applied fleet.Applied, number int64, err error) {
	// The row holds the newest number, unless another program changed the content (it is 0 then).
	const find = `SELECT mac_address, created_at, updated_at, revision, content = $1 AND revision > 0,
		CASE WHEN revision > 0 THEN revision
			ELSE (SELECT coalesce(max(rev), 0) FROM revisions r WHERE r.mac_address = c.mac_address) END + 1
		FROM configs c WHERE id = $2`
	const save = `UPDATE configs SET device_name = $1, device_entity_id = $2, enable_ota = $3, content = $4, updated_at = $5,
		revision = $6, etag = $7 WHERE id = $8`
	d := c.Document
	text := string(d.Text)
	var mac string
	before := after(c, c.ID, c.MAC)
	err = s.run(ctx, query(find, func(r row) error {
		return r.Scan(&mac, &before.CreatedAt, &before.UpdatedAt, &before.Revision, &applied.Unchanged, &number)
	}, text, c.ID))
	if err == nil && mac == "" {
		err = missing(c)
	}
	if err == nil {
		before.MAC, err = parseMAC(mac)
	}
	applied.Config = before
	if err != nil || applied.Unchanged {
		return applied, before.Revision, err
	}
	applied.Config.Revision, applied.Config.UpdatedAt = number, c.At.UTC()
	return applied, number, s.run(ctx, statement(save,
		d.DeviceName, d.DeviceEntityID, d.EnableOTA, text, c.At, number, d.ETag(), c.ID))
}

func deleteIn(ctx context.Context, s session, c fleet.Change) (applied fleet.Applied, number int64, err error) {
	const find = `SELECT ` + configColumns + `, c.content,
		(SELECT coalesce(max(rev), 0) + 1 FROM revisions r WHERE r.mac_address = c.mac_address)
		FROM configs c WHERE c.id = $1`
	found := false
	err = s.run(ctx, query(find, func(r row) (err error) {
		found = true
		applied.Config, err = scanDeleted(r, &number)
		return err
	}, c.ID), statement(`DELETE FROM configs WHERE id = $1`, c.ID))
	if err == nil && !found {
		err = missing(c)
	}
	return applied, number, err
}
