package store

import (
	"bytes"
	"context"
	"crypto/sha256"

	"espalier.dev/espalier/internal/fleet"
)

// The changes that are made with the same statements on both engines: they are rare, and may take some round trips. Each
// takes the MAC address in configs first, which has whoever wants it too wait or fail, and looks at its history then.

// target is a configuration that is to be changed.
type target struct {
	fleet.Config
	newest int64 // the number of the newest revision
}

// find reads and locks a configuration with its content, and wants it to have a revision that the change is for.
func (r reader) find(ctx context.Context, c fleet.Change) (f target, err error) {
	sql := `SELECT ` + configColumns + standingColumns + `, c.content, ` + newestOf(`c.mac_address`) +
		` FROM configs c` + joinDevice + ` WHERE c.id = CAST($1 AS bigint)`
	if r.dialect.lock != "" {
		sql += r.dialect.lock + ` OF c`
	}
	there := false
	err = r.run(ctx, query(sql, func(row row) (err error) {
		there = true
		var known scanned
		var content []byte
		f.Config, err = scanConfig(row, append(known.dest(), &content, &f.newest)...)
		f.Content = content
		if f.ETag == "" {
			f.ETag = fleet.ETag(sha256.Sum256(content))
		}
		f.Standing = known.standing(f.Config, r.clock.now())
		return err
	}, c.ID))
	switch {
	case err == nil && !there:
		err = missing(c)
	case err == nil && !c.IfMatch.Allows(f.Revision):
		err = fleet.Stale(f.MAC, f.Revision)
	}
	f.newest = max(f.newest, f.Revision)
	return f, err
}

// adoptFound makes a revision of what another program wrote, before it is gone.
func (r reader) adoptFound(ctx context.Context, f *target, c fleet.Change) error {
	if f.Revision > 0 {
		return nil
	}
	f.newest++
	f.Revision = f.newest
	return r.run(ctx, revisionRequest(adoptedRevision(f.MAC, f.newest, f.Content, c.At)),
		statement(numberConfig, f.Revision, f.ETag, f.ID))
}

// numberConfig says which revision the content of a configuration is.
const numberConfig = `UPDATE configs SET revision = $1, etag = $2 WHERE id = $3`

// undelete brings a configuration back with the id that it had. What a precondition means is the revision that it had.
func (r reader) undelete(ctx context.Context, c fleet.Change, touch func(fleet.MAC)) (fleet.Applied, error) {
	insert := `INSERT INTO configs (id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, etag, revision)
		VALUES ($1, CAST($2 AS varchar(17)), $3, $4, $5, $6, $7, $8, $9, ` + newestOf(`CAST($2 AS varchar(17))`) + ` + 1)
		ON CONFLICT DO NOTHING RETURNING revision`
	gone, err := r.Deleted(ctx, c.ID)
	if fleet.CodeOf(err) == fleet.CodeNotFound {
		if there, failed := r.Config(ctx, c.ID); failed == nil {
			err = fleet.Exists(there.MAC)
		}
	}
	there := fleet.Match{Given: c.IfMatch.Given, Revisions: c.IfMatch.Revisions} // "*" is for what is there
	if err == nil && !there.Allows(gone.Revision) {
		err = fleet.Stale(gone.MAC, gone.Revision)
	}
	if err != nil {
		return fleet.Applied{}, err
	}
	mac, d := gone.MAC.String(), c.Document
	var number int64
	err = r.run(ctx, query(insert, func(row row) error { return row.Scan(&number) },
		c.ID, mac, d.DeviceName, d.DeviceEntityID, d.EnableOTA, string(d.Text), gone.CreatedAt, c.At.UTC(), d.ETag()))
	if err == nil && number == 0 {
		err = fleet.Exists(gone.MAC)
	}
	if err != nil {
		return fleet.Applied{}, err
	}
	touch(gone.MAC)
	made := revisionOf(c, gone.MAC, number)
	return r.changed(ctx, c, made, statement(forget, mac), revisionRequest(made), tellRequest(made, c.Tell))
}

// move takes a configuration and its history to a MAC address that has no configuration.
func (r reader) move(ctx context.Context, c fleet.Change, touch func(fleet.MAC)) (fleet.Applied, error) {
	const take = `UPDATE configs SET mac_address = CAST($1 AS varchar(17)), updated_at = $2 WHERE id = CAST($3 AS bigint)
		AND NOT EXISTS (SELECT 1 FROM configs o WHERE o.mac_address = CAST($1 AS varchar(17))) RETURNING id`
	f, err := r.find(ctx, c)
	if err != nil {
		return fleet.Applied{}, err
	}
	taken := false
	var before, first int64 // the newest number that the new address has had, and the oldest that comes
	err = r.run(ctx,
		query(take, func(row) error { taken = true; return nil }, c.MAC.String(), c.At.UTC(), c.ID),
		query(`SELECT `+newestOf(`$1`)+`, `+newestOf(`$2`)+`, (SELECT coalesce(min(o.rev), 1) FROM revisions o WHERE o.mac_address = $2)`,
			func(row row) error { return row.Scan(&before, &f.newest, &first) }, c.MAC.String(), f.MAC.String()))
	if err == nil && !taken {
		err = fleet.Exists(c.MAC)
	}
	if err != nil {
		return fleet.Applied{}, err
	}
	touch(f.MAC)
	touch(c.MAC)
	if before == 0 {
		return r.moved(ctx, c, f, first, 0)
	}
	return r.moved(ctx, c, f, first, before+1-first)
}

// moved has the history follow, its numbers shifted so that they come behind those that the new address has had. The old address
// keeps a revision that says where it went, so that its own numbers go on.
func (r reader) moved(ctx context.Context, c fleet.Change, f target, first, shift int64) (fleet.Applied, error) {
	const follow = `UPDATE revisions SET mac_address = $1, rev = rev + $2, restored = CASE WHEN restored >= $3 THEN restored + $2 END
		WHERE mac_address = $4`
	last := max(f.newest, f.Revision)
	came, went := revisionOf(c, c.MAC, shift+last+1), revisionOf(c, f.MAC, last+1)
	came.Content, came.SHA256, came.Other = f.Content, sha256.Sum256(f.Content), &f.MAC
	went.Content, went.Other = nil, &c.MAC
	tellFirst, tellSecond := tellRequest(came, c.Tell), tellRequest(went, c.Tell)
	if bytes.Compare(f.MAC[:], c.MAC[:]) < 0 { // the order in which all lock rows
		tellFirst, tellSecond = tellSecond, tellFirst
	}
	err := r.run(ctx, statement(follow, c.MAC.String(), shift, first, f.MAC.String()))
	if err == nil {
		err = r.renumber(ctx, c.MAC)
	}
	if err != nil {
		return fleet.Applied{}, err
	}
	return r.changed(ctx, c, came,
		statement(numberConfig, came.Number, fleet.ETag(came.SHA256), c.ID),
		statement(forget, c.MAC.String()),
		revisionRequest(came), revisionRequest(went), tellFirst, tellSecond)
}

// changed leaves the rows of a change that was made, and answers it.
func (r reader) changed(ctx context.Context, c fleet.Change, made fleet.Revision, requests ...request) (applied fleet.Applied, err error) {
	if err = r.run(ctx, append(requests, auditOf(c, c.ID, made, false))...); err != nil {
		return applied, err
	}
	applied.Config, err = r.Config(ctx, c.ID)
	if c.Kind != fleet.Move {
		applied.Config.Content = nil
	}
	return applied, err
}
