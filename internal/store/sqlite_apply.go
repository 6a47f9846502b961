package store

import (
	"bytes"
	"context"
	"crypto/sha256"

	"espalier.dev/espalier/internal/fleet"
)

// applyIn makes one change in the writer's transaction. Nobody else writes meanwhile, so that what is read here stays.
func (e *sqliteEngine) applyIn(ctx context.Context, t turn, c fleet.Change) (applied fleet.Applied, err error) {
	r := reader{t.session, &sqliteDialect, e.clock}
	var number int64 // of the newest revision afterwards
	switch c.Kind {
	case fleet.Create:
		applied, number, err = r.create(ctx, c)
	case fleet.Save:
		applied, number, err = r.save(ctx, c)
	case fleet.Delete:
		applied, number, err = r.delete(ctx, c)
	case fleet.Undelete:
		return r.undelete(ctx, c, t.touch)
	default:
		return r.move(ctx, c, t.touch)
	}
	if err != nil {
		return fleet.Applied{}, err
	}
	requests := make([]request, 0, 3)
	made := revisionOf(c, applied.Config.MAC, number)
	if !applied.Unchanged {
		t.touch(applied.Config.MAC)
		requests = append(requests, revisionRequest(made))
	}
	if c.Tell != fleet.TellIfChanged || !applied.Unchanged {
		requests = append(requests, tellRequest(made, c.Tell))
	}
	return applied, r.run(ctx, append(requests, auditOf(c, applied.Config.ID, made, applied.Unchanged))...)
}

func (r reader) create(ctx context.Context, c fleet.Change) (applied fleet.Applied, number int64, err error) {
	const insert = `INSERT INTO configs (mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, etag, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7, (SELECT coalesce(max(rev), 0) + 1 FROM revisions WHERE mac_address = CAST($1 AS text)))
		ON CONFLICT (mac_address) DO NOTHING RETURNING id, revision`
	const device = `SELECT d.mac_address` + standingColumns + ` FROM devices d WHERE d.mac_address = $1`
	var id int64
	d := c.Document
	mac := c.MAC.String()
	var known scanned
	err = r.run(ctx, query(insert, func(row row) error { return row.Scan(&id, &number) },
		mac, d.DeviceName, d.DeviceEntityID, d.EnableOTA, string(d.Text), c.At, d.ETag()),
		query(device, func(row row) error { return row.Scan(append([]any{&mac}, known.dest()...)...) }, mac))
	if err == nil && id == 0 {
		err = missing(c)
	}
	if err != nil {
		return applied, 0, err
	}
	applied.Config = after(c, id, c.MAC)
	applied.Config.Revision = number
	applied.Config.Standing = known.standing(applied.Config, r.clock.now())
	return applied, number, r.run(ctx, statement(forget, mac))
}

func (r reader) save(ctx context.Context, c fleet.Change) (applied fleet.Applied, number int64, err error) {
	// The row holds the newest number, unless another program changed the content (it is 0 then). A bare placeholder beside a
	// join would have SQLite prepare the statement anew each time.
	find := `SELECT ` + configColumns + standingColumns + `, c.content, CASE WHEN c.revision > 0 THEN c.revision
			ELSE ` + newestOf(`c.mac_address`) + ` END
		FROM configs c` + joinDevice + ` WHERE c.id = CAST($1 AS bigint)`
	const save = `UPDATE configs SET device_name = $1, device_entity_id = $2, enable_ota = $3, content = $4, updated_at = $5,
		revision = $6, etag = $7 WHERE id = $8`
	d := c.Document
	there := false
	var before fleet.Config
	var known scanned
	var content []byte
	err = r.run(ctx, query(find, func(row row) (err error) {
		there = true
		before, err = scanConfig(row, append(known.dest(), &content, &number)...)
		return err
	}, c.ID))
	switch {
	case err == nil && !there:
		err = missing(c)
	case err == nil && !c.IfMatch.Allows(before.Revision):
		err = fleet.Stale(before.MAC, before.Revision)
	}
	if err != nil {
		return applied, 0, err
	}
	if before.Revision == 0 {
		f := target{Config: before, newest: number}
		f.Content, f.ETag = content, fleet.ETag(sha256.Sum256(content))
		if err := r.adoptFound(ctx, &f, c); err != nil {
			return applied, 0, err
		}
		before, number = f.Config, f.newest
	}
	if bytes.Equal(content, d.Text) {
		before.Content = nil
		before.Standing = known.standing(before, r.clock.now())
		return fleet.Applied{Config: before, Unchanged: true}, number, nil
	}
	number++
	now := after(c, c.ID, before.MAC)
	now.CreatedAt, now.Revision = before.CreatedAt, number
	now.Standing = known.standing(now, r.clock.now())
	return fleet.Applied{Config: now}, number, r.run(ctx,
		statement(save, d.DeviceName, d.DeviceEntityID, d.EnableOTA, string(d.Text), c.At, number, d.ETag(), c.ID))
}

func (r reader) delete(ctx context.Context, c fleet.Change) (applied fleet.Applied, number int64, err error) {
	const keep = `INSERT INTO deleted_configs (` + deletedColumns + `)
		SELECT id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, $1, $2, $3
		FROM configs WHERE id = $4 ON CONFLICT (mac_address) DO UPDATE SET ` + deletedAgain
	f, err := r.find(ctx, c)
	if err != nil {
		return applied, 0, err
	}
	if err := r.adoptFound(ctx, &f, c); err != nil {
		return applied, 0, err
	}
	f.Content = nil
	return fleet.Applied{Config: f.Config}, f.newest + 1, r.run(ctx,
		statement(keep, f.Revision, f.ETag, c.At, c.ID), statement(`DELETE FROM configs WHERE id = $1`, c.ID))
}
