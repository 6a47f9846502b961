package store

import (
	"context"
	"errors"

	"espalier.dev/espalier/internal/fleet"
)

// change applies changes, those of one statement each that follow each other in one round trip. Those behind one that fails
// may have been made, and are undone with it.
func (e *postgresEngine) change(ctx context.Context, s pgSession, changes []fleet.Change) ([]fleet.Applied, error) {
	r := reader{s, &postgresDialect, e.clock}
	foreign, err := r.foreign(ctx, changes)
	if err != nil {
		return nil, err
	}
	applied := make([]fleet.Applied, 0, len(changes))
	for len(changes) > 0 {
		n := 0
		for n < len(changes) && oneStatement(changes[n].Kind) && !foreign[changes[n].ID] {
			n++
		}
		if n == 0 {
			one, err := e.changeRarely(ctx, r, changes[0])
			if err != nil {
				return nil, err
			}
			applied, changes = append(applied, one), changes[1:]
			continue
		}
		some, err := e.changeTogether(ctx, r, changes[:n])
		if err != nil {
			return nil, err
		}
		applied, changes = append(applied, some...), changes[n:]
	}
	return applied, nil
}

func (e *postgresEngine) changeTogether(ctx context.Context, r reader, changes []fleet.Change) ([]fleet.Applied, error) {
	outcomes := make([]outcome, len(changes))
	requests := make([]request, len(changes))
	for i, c := range changes {
		requests[i] = e.changeRequest(c, &outcomes[i])
	}
	if err := r.run(ctx, requests...); err != nil {
		return nil, err
	}
	applied := make([]fleet.Applied, len(changes))
	for i, o := range outcomes {
		if o.err != nil {
			return nil, o.err
		}
		applied[i] = o.applied
	}
	return applied, nil
}

// oneStatement tells whether a change is made by one statement, which is a transaction of its own.
func oneStatement(k fleet.Kind) bool {
	return k == fleet.Create || k == fleet.Save || k == fleet.Delete
}

// errForeign says that another program wrote what is to be changed: it becomes a revision first, which takes a transaction.
var errForeign = errors.New("the content is no revision yet")

// foreign are the ids among those of changes of configurations that another program wrote.
func (r reader) foreign(ctx context.Context, changes []fleet.Change) (map[int64]bool, error) {
	found := map[int64]bool{}
	var ids []int64
	for _, c := range changes {
		if c.Kind == fleet.Save || c.Kind == fleet.Delete {
			ids = append(ids, c.ID)
		}
	}
	if ids == nil {
		return found, nil
	}
	return found, r.run(ctx, query(`SELECT id FROM configs WHERE revision = 0 AND id = ANY($1::bigint[])`, func(row row) error {
		var id int64
		err := row.Scan(&id)
		found[id] = true
		return err
	}, ids))
}

// changeRarely makes a change with more than one statement.
func (e *postgresEngine) changeRarely(ctx context.Context, r reader, c fleet.Change) (fleet.Applied, error) {
	switch c.Kind {
	case fleet.Undelete:
		return r.undelete(ctx, c, func(fleet.MAC) {})
	case fleet.Move:
		return r.move(ctx, c, func(fleet.MAC) {})
	}
	f, err := r.find(ctx, c)
	if err == nil {
		err = r.adoptFound(ctx, &f, c)
	}
	if err != nil {
		return fleet.Applied{}, err
	}
	c.IfMatch = fleet.Match{}
	all, err := e.changeTogether(ctx, r, []fleet.Change{c})
	if err != nil {
		return fleet.Applied{}, err
	}
	return all[0], nil
}

// outcome is what became of a change: err says why nothing was changed.
type outcome struct {
	applied fleet.Applied
	err     error
}

// changeRequest is a change as one statement: the configuration, its revision, its outbox row and its entry of the audit. Its
// one row says what became of it; it has none where there was nothing to change, or something where nothing may be.
func (e *postgresEngine) changeRequest(c fleet.Change, o *outcome) request {
	*o = outcome{err: missing(c)}
	switch c.Kind {
	case fleet.Create:
		return e.createRequest(c, o)
	case fleet.Save:
		return e.saveRequest(c, o)
	}
	return e.deleteRequest(c, o)
}

func (e *postgresEngine) createRequest(c fleet.Change, o *outcome) request {
	d := c.Document
	return query(createPostgres, func(r row) error {
		o.err = nil
		o.applied.Config = after(c, 0, c.MAC)
		f := &o.applied.Config
		var known scanned
		err := r.Scan(append([]any{&f.ID, &f.Revision}, known.dest()...)...)
		f.Standing = known.standing(*f, e.clock.now())
		return err
	}, c.MAC.String(), d.DeviceName, d.DeviceEntityID, d.EnableOTA, string(d.Text), c.At.UTC(), d.SHA256[:], d.ETag(), string(c.Source),
		principalOf(c.By), addressOf(c.By), messageOf(c.Message), restoredOf(c), c.Tell != fleet.TellNobody,
		correlationOf(c.By), string(c.Action), string(eventOf(c)))
}

func (e *postgresEngine) saveRequest(c fleet.Change, o *outcome) request {
	d := c.Document
	return query(savePostgres, func(r row) error {
		o.err = nil
		f := after(c, c.ID, c.MAC)
		var mac string
		var allowed bool
		var known scanned
		dest := []any{&mac, &f.CreatedAt, &f.UpdatedAt, &f.Revision, &o.applied.Unchanged, &allowed}
		err := r.Scan(append(dest, known.dest()...)...)
		if err == nil {
			f.MAC, err = parseMAC(mac)
		}
		f.Standing = known.standing(f, e.clock.now())
		o.applied.Config, o.err = f, judge(f, allowed)
		return err
	}, c.ID, string(d.Text), c.At.UTC(), match(c.IfMatch), d.DeviceName, d.DeviceEntityID, d.EnableOTA, d.ETag(), d.SHA256[:], string(c.Source),
		principalOf(c.By), addressOf(c.By), messageOf(c.Message), restoredOf(c), c.Tell == fleet.TellIfChanged, c.Tell != fleet.TellNobody,
		correlationOf(c.By), string(c.Action), string(eventOf(c)))
}

func (e *postgresEngine) deleteRequest(c fleet.Change, o *outcome) request {
	return query(deletePostgres, func(r row) error {
		o.err = nil
		var known scanned
		var allowed bool
		f, err := scanConfig(r, append(known.dest(), &allowed)...)
		f.Standing = known.standing(f, e.clock.now())
		o.applied.Config, o.err = f, judge(f, allowed)
		return err
	}, c.ID, match(c.IfMatch), c.At.UTC(), string(c.Source), principalOf(c.By), addressOf(c.By), messageOf(c.Message), c.Tell != fleet.TellNobody,
		correlationOf(c.By), string(c.Action))
}

// judge says why a configuration that is there was not changed, where it was not.
func judge(f fleet.Config, allowed bool) error {
	switch {
	case allowed:
		return nil
	case f.Revision == 0:
		return errForeign
	}
	return fleet.Stale(f.MAC, f.Revision)
}

func restoredOf(c fleet.Change) any {
	if c.Restored == 0 {
		return nil
	}
	return c.Restored
}

func correlationOf(by fleet.Actor) string { return clean(by.Correlation, mostCorrelation) }

// known is what a statement answers of the device of its row.
func known(of string) string { return standingColumns + ` FROM ` + of + ` c` + joinDevice }

// A create may see the numbers of revisions as they were before a delete that it waits for; the revision is then
// refused as a duplicate, and the statement runs again.
var createPostgres = `WITH made AS (
	INSERT INTO configs (mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, etag, revision)
	VALUES ($1::varchar, $2::varchar, $3::varchar, $4::boolean, $5::text, $6::timestamp, $6::timestamp, $8::varchar, ` + newestOf(`$1::varchar`) + ` + 1)
	ON CONFLICT (mac_address) DO NOTHING
	RETURNING id, mac_address, revision
), forgotten AS (
	DELETE FROM deleted_configs USING made WHERE deleted_configs.mac_address = made.mac_address
), kept AS (
	INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at, principal, address, message, restored)
	SELECT mac_address, revision, $5::text, $7::bytea, octet_length($5::text), $9::varchar, $6::timestamp, $10::varchar, $11::varchar, $12::text, $13::bigint FROM made
), told AS (
	INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT mac_address, revision, $7::bytea, octet_length($5::text), false, $14::boolean, nextval('outbox_generation'), 0, $6::timestamp, $6::timestamp FROM made
	WHERE $14::boolean OR EXISTS (SELECT 1 FROM outbox o WHERE o.mac_address = made.mac_address)
	ON CONFLICT (mac_address) DO UPDATE SET ` + retell + `
), audited AS (
	INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev, message, times, event)
	SELECT $6::timestamp, coalesce($10::varchar, ''), coalesce($11::varchar, ''), $15::varchar, $16::varchar, 'applied', '', '', id, mac_address, revision,
		coalesce($12::text, ''), 1, $17::varchar FROM made
)
SELECT c.id, c.revision` + known(`made`)

// The row is locked as it newly is, whoever changed it while the statement waited, and holds the newest number. Where that is 0
// another program has changed the content, and nothing is done.
var savePostgres = `WITH row AS (
	SELECT id, mac_address, created_at, updated_at, revision, content = $2::text AS same,
		revision > 0 AND ($4::bigint[] IS NULL OR revision = ANY($4::bigint[])) AS allowed
	FROM configs WHERE id = $1::bigint FOR UPDATE
), saved AS (
	UPDATE configs SET content = $2::text, device_name = $5::varchar, device_entity_id = $6::varchar, enable_ota = $7::boolean, updated_at = $3::timestamp,
		etag = $8::varchar, revision = row.revision + 1
	FROM row WHERE configs.id = row.id AND row.allowed AND NOT row.same
	RETURNING configs.mac_address, configs.updated_at, configs.revision
), kept AS (
	INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at, principal, address, message, restored)
	SELECT mac_address, revision, $2::text, $9::bytea, octet_length($2::text), $10::varchar, $3::timestamp, $11::varchar, $12::varchar, $13::text, $14::bigint FROM saved
), now AS (
	SELECT row.id, row.mac_address, row.created_at, coalesce(saved.updated_at, row.updated_at) AS updated_at,
		coalesce(saved.revision, row.revision) AS revision, row.same, row.allowed
	FROM row LEFT JOIN saved ON true
), told AS (
	INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT mac_address, revision, $9::bytea, octet_length($2::text), false, $16::boolean, nextval('outbox_generation'), 0, $3::timestamp, $3::timestamp FROM now
	WHERE allowed AND NOT ($15::boolean AND same) AND ($16::boolean OR EXISTS (SELECT 1 FROM outbox o WHERE o.mac_address = now.mac_address))
	ON CONFLICT (mac_address) DO UPDATE SET ` + retell + `
), audited AS (
	INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev, message, times, event)
	SELECT $3::timestamp, coalesce($11::varchar, ''), coalesce($12::varchar, ''), $17::varchar, $18::varchar, CASE WHEN same THEN 'unchanged' ELSE 'applied' END,
		'', '', id, mac_address, revision, coalesce($13::text, ''), 1, CASE WHEN NOT same THEN $19::varchar END FROM now WHERE allowed
)
SELECT c.mac_address, c.created_at, c.updated_at, c.revision, c.same, c.allowed` + known(`now`)

// As with a save, what another program wrote is left alone.
var deletePostgres = `WITH row AS (
	SELECT *, revision > 0 AND ($2::bigint[] IS NULL OR revision = ANY($2::bigint[])) AS allowed
	FROM configs WHERE id = $1::bigint FOR UPDATE
), old AS (
	SELECT *, revision + 1 AS rev FROM row WHERE allowed
), gone AS (
	DELETE FROM configs USING old WHERE configs.id = old.id
), remembered AS (
	INSERT INTO deleted_configs (` + deletedColumns + `)
	SELECT id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, revision, etag, $3::timestamp FROM old
	ON CONFLICT (mac_address) DO UPDATE SET ` + deletedAgain + `
), kept AS (
	INSERT INTO revisions (mac_address, rev, size, source, created_at, principal, address, message)
	SELECT mac_address, rev, 0, $4::varchar, $3::timestamp, $5::varchar, $6::varchar, $7::text FROM old
), told AS (
	INSERT INTO outbox (mac_address, rev, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT mac_address, rev, 0, true, false, nextval('outbox_generation'), 0, $3::timestamp, $3::timestamp FROM old
	WHERE $8::boolean OR EXISTS (SELECT 1 FROM outbox o WHERE o.mac_address = old.mac_address)
	ON CONFLICT (mac_address) DO UPDATE SET ` + retell + `
), audited AS (
	INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev, message, times, event)
	SELECT $3::timestamp, coalesce($5::varchar, ''), coalesce($6::varchar, ''), $9::varchar, $10::varchar, 'applied', '', '', id, mac_address, rev,
		coalesce($7::text, ''), 1, 'deleted' FROM old
)
SELECT ` + configColumns + standingColumns + `, c.allowed FROM row c` + joinDevice
