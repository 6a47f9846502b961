package store

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// A page of the fleet is read from configs and from devices by itself, each in its order: to look up the device of each
// configuration costs more than to read those that follow each other. $1 is where it begins, $2 where it ends. On SQLite
// the first statement reads nothing but the index that is made for it, since rows have documents.
const (
	glanceConfigs = `SELECT c.mac_address, c.id, c.device_name, c.device_entity_id, c.enable_ota, c.revision, c.updated_at, c.etag
		FROM configs c WHERE {which} ORDER BY c.mac_address{collate}`
	glanceDevices = `SELECT d.mac_address, d.last_seen_at, d.has_etag, d.has_rev, d.level, d.online, d.overdue_at FROM devices d`

	behindMAC      = `c.mac_address{collate} > CAST($1 AS varchar(17))`
	someIDs        = `c.id IN (SELECT CAST(j.value AS bigint) FROM {each}($1) j)`
	devicesBetween = glanceDevices + ` WHERE d.mac_address > CAST($1 AS varchar(17)) AND d.mac_address <= CAST($2 AS varchar(17)) ORDER BY d.mac_address`
	devicesOfPage  = glanceDevices + ` WHERE d.mac_address IN (SELECT j.value FROM {each}($1) j) ORDER BY d.mac_address`
)

// Glance implements fleet.ReadTx.
func (r reader) Glance(ctx context.Context, g fleet.Glance) ([]fleet.Config, error) {
	after := ""
	if g.After != nil {
		after = g.After.String()
	}
	which, key := behindMAC, after
	if len(g.IDs) > 0 {
		which, key = someIDs, jsonList(g.IDs)
	}
	words := strings.NewReplacer(`{collate}`, r.dialect.collate, `{each}`, r.dialect.each)
	sql := words.Replace(strings.Replace(glanceConfigs, `{which}`, which, 1)) + ` LIMIT ` + strconv.Itoa(g.Limit)
	page := glancing{now: r.now(), configs: make([]fleet.Config, 0, g.Limit)}
	err := r.run(ctx, query(sql, page.configsOf(), key))
	found := page.configs
	if err != nil || len(found) == 0 {
		return found, err
	}
	devices := query(devicesBetween, nil, after, found[len(found)-1].MAC.String())
	if len(g.IDs) > 0 {
		macs := make([]fleet.MAC, len(found))
		for i, c := range found {
			macs[i] = c.MAC
		}
		devices = query(words.Replace(devicesOfPage), nil, jsonList(macs))
	}
	devices.scan = page.devicesOf()
	return found, r.run(ctx, devices)
}

// glancing is one page of the fleet while it is read, first configurations and then the devices. What rows are scanned to is
// the same for all of them: a hundred thousand of each are read at once.
type glancing struct {
	now     time.Time
	configs []fleet.Config
	next    int // the first configuration whose device may be to come
}

// configsOf takes configurations.
func (p *glancing) configsOf() func(row) error {
	var c fleet.Config
	var mac string
	var etag *string
	dest := []any{&mac, &c.ID, &c.DeviceName, &c.DeviceEntityID, &c.EnableOTA, &c.Revision, &c.UpdatedAt, &etag}
	c.Standing.Sync = fleet.SyncUnknown
	return func(row row) (err error) {
		if err = row.Scan(dest...); err != nil {
			return err
		}
		c.ETag = orZero(etag)
		c.MAC, err = parseMAC(mac)
		p.configs = append(p.configs, c)
		return err
	}
}

// devicesOf takes devices, which may have no configuration.
func (p *glancing) devicesOf() func(row) error {
	// FirstSeen is not read: that a device was seen at all is what counts.
	d := fleet.Device{FirstSeen: p.now}
	var text, level string
	var last, overdue *time.Time
	dest := []any{&text, &last, &d.Has.ETag, &d.Has.Revision, &level, &d.Online, &overdue}
	return func(row row) error {
		if err := row.Scan(dest...); err != nil {
			return err
		}
		mac, err := parseMAC(text)
		if err != nil {
			return err
		}
		for p.next < len(p.configs) && bytes.Compare(p.configs[p.next].MAC[:], mac[:]) < 0 {
			p.next++
		}
		if p.next < len(p.configs) && p.configs[p.next].MAC == mac {
			c := &p.configs[p.next]
			d.LastSeen, d.Level = orZero(last), fleet.Sync(level)
			c.Standing = d.StandingAt(c.ETag, c.Revision, orZero(overdue), p.now)
		}
		return nil
	}
}
