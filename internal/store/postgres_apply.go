package store

import (
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// changeRequest is a change as one statement: the configuration, its revision and its outbox row. applied is filled
// from its one row; found stays false where there is none, because there was nothing to change, or something.
func changeRequest(c fleet.Change, applied *fleet.Applied) (r request, found *bool) {
	found = new(bool)
	d := c.Document
	text, sum, _ := contentOf(c)
	tell := c.Tell != fleet.TellNobody
	switch c.Kind {
	case fleet.Create:
		return query(createPostgres, func(r row) error {
			*found = true
			applied.Config = after(c, 0, c.MAC)
			return r.Scan(&applied.Config.ID, &applied.Config.Revision)
		}, c.MAC.String(), d.DeviceName, d.DeviceEntityID, d.EnableOTA, text, c.At.UTC(), sum, string(c.Source), tell), found
	case fleet.Save:
		return query(savePostgres, func(r row) (err error) {
			*found = true
			var mac string
			applied.Config = after(c, c.ID, c.MAC)
			f := &applied.Config
			if err = r.Scan(&mac, &f.CreatedAt, &f.UpdatedAt, &f.Revision, &applied.Unchanged); err == nil {
				f.MAC, err = parseMAC(mac)
			}
			return err
		}, c.ID, text, d.DeviceName, d.DeviceEntityID, d.EnableOTA, c.At.UTC(), sum, string(c.Source), tell,
			c.Tell == fleet.TellIfChanged), found
	}
	return query(deletePostgres, func(r row) (err error) {
		*found = true
		var number int64
		applied.Config, err = scanDeleted(r, &number)
		return err
	}, c.ID, c.At.UTC(), string(c.Source), tell), found
}

// newest is the number of a device's newest revision, and 0 where it has none.
const newest = `(SELECT coalesce(max(n.rev), 0) FROM revisions n WHERE n.mac_address = {mac})`

func newestOf(mac string) string { return strings.Replace(newest, `{mac}`, mac, 1) }

// A create may see the numbers of revisions as they were before a delete that it waits for; the revision is then
// refused as a duplicate, and the statement runs again.
var createPostgres = `WITH made AS (
	INSERT INTO configs (mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, etag, revision)
	VALUES ($1::varchar, $2::varchar, $3::varchar, $4::boolean, $5::text, $6::timestamp, $6::timestamp, left(encode($7::bytea, 'hex'), 32), ` + newestOf(`$1::varchar`) + ` + 1)
	ON CONFLICT (mac_address) DO NOTHING
	RETURNING id, mac_address, revision
), kept AS (
	INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at)
	SELECT mac_address, revision, $5::text, $7::bytea, octet_length($5::text), $8::varchar, $6::timestamp FROM made
), told AS (
	INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT mac_address, revision, $7::bytea, octet_length($5::text), false, $9::boolean, nextval('outbox_generation'), 0, $6::timestamp, $6::timestamp FROM made
	WHERE $9::boolean OR EXISTS (SELECT 1 FROM outbox o WHERE o.mac_address = made.mac_address)
	ON CONFLICT (mac_address) DO UPDATE SET ` + retell + `
)
SELECT id, revision FROM made`

// The row is locked as it newly is, whoever changed it while the statement waited, and holds the newest number, unless
// another program changed the content (it is 0 then).
var savePostgres = `WITH old AS (
	SELECT id, mac_address, created_at, updated_at, revision, content = $2::text AND revision > 0 AS same
	FROM configs WHERE id = $1::bigint FOR UPDATE
), saved AS (
	UPDATE configs SET content = $2::text, device_name = $3::varchar, device_entity_id = $4::varchar, enable_ota = $5::boolean, updated_at = $6::timestamp, etag = left(encode($7::bytea, 'hex'), 32),
		revision = CASE WHEN old.revision > 0 THEN old.revision ELSE ` + newestOf(`old.mac_address`) + ` END + 1
	FROM old WHERE configs.id = old.id AND NOT old.same
	RETURNING configs.mac_address, configs.updated_at, configs.revision
), kept AS (
	INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at)
	SELECT mac_address, revision, $2::text, $7::bytea, octet_length($2::text), $8::varchar, $6::timestamp FROM saved
), now AS (
	SELECT old.mac_address, old.created_at, coalesce(saved.updated_at, old.updated_at) AS updated_at,
		coalesce(saved.revision, old.revision) AS revision, old.same
	FROM old LEFT JOIN saved ON true
), told AS (
	INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT mac_address, revision, $7::bytea, octet_length($2::text), false, $9::boolean, nextval('outbox_generation'), 0, $6::timestamp, $6::timestamp FROM now
	WHERE NOT ($10::boolean AND same) AND ($9::boolean OR EXISTS (SELECT 1 FROM outbox o WHERE o.mac_address = now.mac_address))
	ON CONFLICT (mac_address) DO UPDATE SET ` + retell + `
)
SELECT mac_address, created_at, updated_at, revision, same FROM now`

var deletePostgres = `WITH c AS (
	DELETE FROM configs WHERE id = $1::bigint
	RETURNING *, greatest(revision, ` + newestOf(`configs.mac_address`) + `) + 1 AS rev
), kept AS (
	INSERT INTO revisions (mac_address, rev, size, source, created_at)
	SELECT mac_address, rev, 0, $3::varchar, $2::timestamp FROM c
), told AS (
	INSERT INTO outbox (mac_address, rev, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT mac_address, rev, 0, true, false, nextval('outbox_generation'), 0, $2::timestamp, $2::timestamp FROM c
	WHERE $4::boolean OR EXISTS (SELECT 1 FROM outbox o WHERE o.mac_address = c.mac_address)
	ON CONFLICT (mac_address) DO UPDATE SET ` + retell + `
)
SELECT ` + configColumns + `, c.content, c.rev FROM c`
