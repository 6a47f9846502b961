package store

import (
	"context"
	"crypto/sha256"
	"fmt"

	"espalier.dev/espalier/internal/fleet"
)

// reader reads configurations and revisions in a session's transaction, with the same statements on both engines.
type reader struct {
	session
	dialect *dialect
}

var _ fleet.ReadTx = reader{}

const configColumns = `c.id, c.mac_address, c.device_name, c.device_entity_id, c.enable_ota, c.revision, c.created_at, c.updated_at`

// scanConfig reads configColumns, and what the statement selects behind them.
func scanConfig(r row, more ...any) (fleet.Config, error) {
	var c fleet.Config
	var mac string
	dest := []any{&c.ID, &mac, &c.DeviceName, &c.DeviceEntityID, &c.EnableOTA, &c.Revision, &c.CreatedAt, &c.UpdatedAt}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return c, err
	}
	var err error
	c.MAC, err = parseMAC(mac)
	return c, err
}

// scanWhole reads configColumns and the content. The hash is of what is there now, whoever wrote it.
func scanWhole(r row) (fleet.Config, error) {
	var content []byte
	c, err := scanConfig(r, &content)
	c.Content, c.SHA256 = content, sha256.Sum256(content)
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
	const sql = `SELECT ` + configColumns + `, c.content FROM configs c WHERE c.id = CAST($1 AS bigint)`
	return r.one(ctx, id, sql, id)
}

const configByMAC = `SELECT ` + configColumns + `, c.content FROM configs c WHERE c.mac_address = $1`

// ConfigByMAC implements fleet.ReadTx.
func (r reader) ConfigByMAC(ctx context.Context, mac fleet.MAC) (fleet.Config, error) {
	return r.one(ctx, mac, configByMAC, mac.String())
}

func (r reader) one(ctx context.Context, key any, sql string, args ...any) (fleet.Config, error) {
	var c fleet.Config
	found := false
	err := r.run(ctx, query(sql, func(row row) (err error) {
		found = true
		c, err = scanWhole(row)
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
		c, err := scanWhole(row)
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
