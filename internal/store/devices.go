package store

import (
	"context"
	"strconv"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// glanceColumns are of a configuration c and its device d; $1 is the time.
var glanceColumns = `c.id, c.mac_address, c.device_name, c.device_entity_id, c.enable_ota, c.revision, c.updated_at` + listedStanding

// Glance implements fleet.ReadTx.
func (r reader) Glance(ctx context.Context, g fleet.Glance) ([]fleet.Config, error) {
	args := []any{r.now()}
	var where []string
	if g.After != nil {
		args = append(args, g.After.String())
		where = append(where, `c.mac_address > CAST($2 AS varchar(17))`+r.dialect.collate)
	}
	if len(g.IDs) > 0 {
		ids := make([]string, len(g.IDs))
		for i, id := range g.IDs {
			ids[i] = strconv.FormatInt(id, 10)
		}
		where = append(where, `c.id IN (`+strings.Join(ids, `, `)+`)`)
	}
	sql := `SELECT ` + glanceColumns + ` FROM configs c` + joinDevice
	if len(where) > 0 {
		sql += ` WHERE ` + strings.Join(where, ` AND `)
	}
	sql += ` ORDER BY c.mac_address` + r.dialect.collate + ` LIMIT ` + strconv.Itoa(g.Limit)
	var found []fleet.Config
	l := newListed(false, false)
	c := &l.c
	l.dest = []any{&c.ID, &l.mac, &c.DeviceName, &c.DeviceEntityID, &c.EnableOTA, &c.Revision, &c.UpdatedAt,
		&l.sync, &l.lastSeen, &c.Standing.Revision, &c.Standing.Online, &c.Standing.Overdue}
	err := r.run(ctx, request{sql: sql, args: args, scan: func(row row) error {
		c, err := l.scan(row)
		found = append(found, c)
		return err
	}})
	return found, err
}
