package store

import (
	"context"
	"strconv"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// syncOf is the place in fleet.Syncs of how a device d stands to a configuration c, as fleet.Device.StandingAt has it.
var syncOf = func() string {
	level := func(s fleet.Sync) string { return `WHEN '` + string(s) + `' THEN ` + strconv.Itoa(placeOf(s)) + ` ` }
	return `CASE WHEN d.mac_address IS NULL THEN ` + strconv.Itoa(placeOf(fleet.SyncUnknown)) +
		` WHEN d.has_etag = c.etag THEN CASE d.level ` + level(fleet.SyncFetched) + level(fleet.SyncHeld) + level(fleet.SyncApplied) +
		level(fleet.SyncError) + `ELSE ` + strconv.Itoa(placeOf(fleet.SyncPending)) + ` END ELSE ` + strconv.Itoa(placeOf(fleet.SyncPending)) + ` END`
}()

// placeOf is the place of a state in fleet.Syncs.
func placeOf(s fleet.Sync) int {
	for i, one := range fleet.Syncs {
		if one == s {
			return i
		}
	}
	panic("no such state: " + s)
}

// countFleet counts by sync state; the row of -1 has the deleted configurations.
var countFleet = strings.Replace(`SELECT s.sync, count(*), coalesce(sum(s.overdue), 0), coalesce(sum(s.online), 0), coalesce(sum(s.offline), 0)
	FROM (SELECT {sync} AS sync, CASE WHEN d.overdue_at < $1 THEN 1 ELSE 0 END AS overdue,
			CASE WHEN d.online THEN 1 ELSE 0 END AS online, CASE WHEN NOT d.online THEN 1 ELSE 0 END AS offline
		FROM configs c`+joinDevice+`) s
	GROUP BY s.sync
	UNION ALL SELECT -1, count(*), 0, 0, 0 FROM deleted_configs`, `{sync}`, syncOf, 1)

// Summary implements fleet.ReadTx.
func (r reader) Summary(ctx context.Context) (fleet.Summary, error) {
	sum := fleet.Summary{At: r.now(), Sync: map[fleet.Sync]int64{}}
	for _, state := range fleet.Syncs {
		sum.Sync[state] = 0
	}
	err := r.run(ctx, query(countFleet, func(row row) error {
		var sync, n, overdue, online, offline int64
		if err := row.Scan(&sync, &n, &overdue, &online, &offline); err != nil {
			return err
		}
		if sync < 0 {
			sum.Deleted = n
			return nil
		}
		sum.Sync[fleet.Syncs[sync]] = n
		sum.Total += n
		sum.Overdue, sum.Online, sum.Offline = sum.Overdue+overdue, sum.Online+online, sum.Offline+offline
		return nil
	}, sum.At))
	return sum, err
}
