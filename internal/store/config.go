package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// reader reads configurations and revisions in a session's transaction, with the same statements on both engines.
type reader struct {
	session
	dialect *dialect
	clock   *clock
}

var _ fleet.ReadTx = reader{}

// now is the time as both databases keep it, so that they compare with it as Go does.
func (r reader) now() time.Time { return r.clock.now().UTC().Truncate(time.Microsecond) }

const configColumns = `c.id, c.mac_address, c.device_name, c.device_entity_id, c.enable_ota, c.revision, c.created_at, c.updated_at, c.etag`

// scanConfig reads configColumns, and what the statement selects behind them.
func scanConfig(r row, more ...any) (fleet.Config, error) {
	var c fleet.Config
	var mac string
	var etag *string
	dest := []any{&c.ID, &mac, &c.DeviceName, &c.DeviceEntityID, &c.EnableOTA, &c.Revision, &c.CreatedAt, &c.UpdatedAt, &etag}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return c, err
	}
	if etag != nil {
		c.ETag = *etag
	}
	var err error
	c.MAC, err = parseMAC(mac)
	return c, err
}

// What a statement selects of the device of a configuration c, by joining it, behind configColumns.
const (
	standingColumns = `, d.first_seen_at, d.last_seen_at, d.has_etag, d.has_rev, d.level, d.online, d.overdue_at`
	joinDevice      = ` LEFT JOIN devices d ON d.mac_address = c.mac_address`
)

// scanned is where standingColumns are read to.
type scanned struct {
	first, last, overdue *time.Time
	etag, level          *string
	rev                  *int64
	online               *bool
}

func (s *scanned) dest() []any {
	return []any{&s.first, &s.last, &s.etag, &s.rev, &s.level, &s.online, &s.overdue}
}

// standing holds what was read against a configuration.
func (s *scanned) standing(c fleet.Config, now time.Time) fleet.Standing {
	d := fleet.Device{FirstSeen: orZero(s.first), LastSeen: orZero(s.last), Level: fleet.Sync(orZero(s.level)), Online: s.online,
		Has: fleet.Shown{ETag: orZero(s.etag), Revision: orZero(s.rev)}}
	return d.StandingAt(c.ETag, c.Revision, orZero(s.overdue), now)
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// scanStanding reads configColumns and standingColumns, and what the statement selects behind them.
func (r reader) scanStanding(row row, more ...any) (fleet.Config, error) {
	var s scanned
	c, err := scanConfig(row, append(s.dest(), more...)...)
	c.Standing = s.standing(c, r.now())
	return c, err
}

// scanWhole reads configColumns, standingColumns and the content. The hash is of what is there now, whoever wrote it; how the
// device stands is held against the one that the row has, as lists have it.
func (r reader) scanWhole(row row, more ...any) (fleet.Config, error) {
	var content []byte
	c, err := r.scanStanding(row, append([]any{&content}, more...)...)
	c.Content, c.ETag = content, fleet.ETag(sha256.Sum256(content))
	return c, err
}

func parseMAC(text string) (fleet.MAC, error) {
	mac, err := fleet.ParseMAC(text)
	if err != nil {
		return mac, fmt.Errorf("a row has the key %.40q: %w", text, err)
	}
	return mac, nil
}

// Config implements fleet.ReadTx.
func (r reader) Config(ctx context.Context, id int64) (fleet.Config, error) {
	const sql = `SELECT ` + configColumns + standingColumns + `, c.content FROM configs c` + joinDevice + ` WHERE c.id = CAST($1 AS bigint)`
	return r.one(ctx, id, sql, id)
}

// A bare placeholder beside a join would have SQLite prepare the statement anew each time.
const configByMAC = `SELECT ` + configColumns + standingColumns + `, c.content FROM configs c` + joinDevice +
	` WHERE c.mac_address = CAST($1 AS varchar(17))`

// ConfigByMAC implements fleet.ReadTx.
func (r reader) ConfigByMAC(ctx context.Context, mac fleet.MAC) (fleet.Config, error) {
	return r.one(ctx, mac, configByMAC, mac.String())
}

func (r reader) one(ctx context.Context, key any, sql string, args ...any) (fleet.Config, error) {
	var c fleet.Config
	found := false
	err := r.run(ctx, query(sql, func(row row) (err error) {
		found = true
		c, err = r.scanWhole(row)
		return err
	}, args...))
	if err == nil && !found {
		return fleet.Config{}, fleet.NotFound(key)
	}
	return c, err
}

// lookups is how many configurations are looked up in one round trip.
const lookups = 1000

// ConfigsByMAC implements fleet.ReadTx.
func (r reader) ConfigsByMAC(ctx context.Context, macs []fleet.MAC) (map[fleet.MAC]fleet.Config, error) {
	found := make(map[fleet.MAC]fleet.Config, len(macs))
	keep := func(row row) error {
		c, err := r.scanWhole(row)
		found[c.MAC] = c
		return err
	}
	for start := 0; start < len(macs); start += lookups {
		some := macs[start:min(start+lookups, len(macs))]
		requests := make([]request, len(some))
		for i, mac := range some {
			requests[i] = query(configByMAC, keep, mac.String())
		}
		if err := r.run(ctx, requests...); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Count implements fleet.ReadTx.
func (r reader) Count(ctx context.Context) (int64, error) {
	var n int64
	err := r.run(ctx, query(`SELECT count(*) FROM configs`, func(row row) error { return row.Scan(&n) }))
	return n, err
}
