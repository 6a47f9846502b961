package store

import (
	"context"
	"slices"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// devicesOf selects devices and their configurations. Of one that was deleted nothing more is told: to a reader it is gone.
const devicesOf = `SELECT d.mac_address, ` + deviceColumns + `, coalesce(c.id, 0), coalesce(c.revision, 0), coalesce(c.etag, '')
	FROM devices d LEFT JOIN configs c ON c.mac_address = d.mac_address`

// clockBack is how much the clock may have been set back for a position to be waited for.
const clockBack = 60

// shown reads the devices that showed something, as they are now, in whole batches.
func (j *journal) shown(ctx context.Context, limit int) error {
	if j.at.Device == j.head.Device {
		return nil
	}
	const edge = `SELECT seq FROM devices WHERE seq > $1 ORDER BY seq LIMIT 1 OFFSET $2`
	end := j.head.Device
	if err := j.r.run(ctx, query(edge, func(r row) error { return r.Scan(&end) }, j.at.Device, int64(limit-1))); err != nil {
		return err
	}
	begin, first := j.at.Device, len(j.events)
	var batches []int64
	sql := devicesOf + ` WHERE d.seq > $1 AND d.seq <= $2 ORDER BY d.seq, d.mac_address`
	err := j.r.run(ctx, query(sql, func(r row) error {
		d, now, err := scanWithConfig(r)
		if err != nil || now.ID == 0 { // its configuration was deleted, or went to another device
			return err
		}
		for _, e := range d.events(begin, now, j.now) {
			j.events, batches = append(j.events, e), append(batches, d.seq)
		}
		return nil
	}, begin, end))
	j.after(first, batches, &j.at.Device)
	j.at.Device = end
	return err
}

// overdue reads the devices that have become overdue since it was last looked, in whole seconds.
func (j *journal) overdue(ctx context.Context, limit int) error {
	begin, end := j.at.Overdue, j.head.Overdue
	if begin > end+clockBack {
		j.at.Overdue = end
		return nil
	}
	if begin >= end {
		return nil
	}
	const edge = `SELECT overdue_at FROM devices WHERE overdue_at >= $1 AND overdue_at < $2 ORDER BY overdue_at LIMIT 1 OFFSET $3`
	from, to := time.Unix(begin, 0).UTC(), time.Unix(end, 0).UTC()
	err := j.r.run(ctx, query(edge, func(r row) error {
		var at time.Time
		err := r.Scan(&at)
		end = at.Unix() + 1
		to = time.Unix(end, 0).UTC()
		return err
	}, from, to, int64(limit-1)))
	if err != nil {
		return err
	}
	first := len(j.events)
	var seconds []int64
	sql := devicesOf + ` WHERE d.overdue_at >= $1 AND d.overdue_at < $2 ORDER BY d.overdue_at, d.mac_address`
	err = j.r.run(ctx, query(sql, func(r row) error {
		d, now, err := scanWithConfig(r)
		if err != nil || now.ID == 0 {
			return err
		}
		j.events = append(j.events, d.event(fleet.EventSync, d.overdueAt, now, j.now))
		seconds = append(seconds, d.overdueAt.Unix()+1)
		return nil
	}, from, to))
	j.after(first, seconds, &j.at.Overdue)
	j.at.Overdue = end
	return err
}

// after gives the events from the first on their positions: each is behind what came before its moment, and the last of a moment
// is behind the moment, so that who stops within one is told all of it again.
func (j *journal) after(first int, moments []int64, at *int64) {
	for i, moment := range moments {
		if i+1 == len(moments) || moments[i+1] != moment {
			*at = moment
		}
		j.events[first+i].After = j.at
	}
}

func scanWithConfig(r row) (*deviceRow, fleet.Config, error) {
	var now fleet.Config
	d, err := scanDevice(r, &now.ID, &now.Revision, &now.ETag)
	return d, now, err
}

// events are what changed of a device since a batch.
func (d *deviceRow) events(since int64, c fleet.Config, now time.Time) []fleet.Event {
	var found []fleet.Event
	if d.seenSeq > since {
		e := d.event(fleet.EventCheckIn, d.LastSeen, c, now)
		e.Address = d.Address
		found = append(found, e)
	}
	if d.reportSeq > since {
		e := d.event(fleet.EventReport, d.Reported.At, c, now)
		report := d.Report
		e.Report, e.Reported = &report, d.Reported
		found = append(found, e)
	}
	if d.syncSeq > since {
		latest := slices.MaxFunc([]time.Time{d.LastSeen, d.OnlineAt, d.FirstSeen}, time.Time.Compare)
		found = append(found, d.event(fleet.EventSync, latest, c, now))
	}
	return found
}

func (d *deviceRow) event(kind fleet.EventKind, at time.Time, c fleet.Config, now time.Time) fleet.Event {
	return fleet.Event{Kind: kind, At: at, MAC: d.MAC, ConfigID: c.ID, Revision: c.Revision,
		Standing: d.StandingAt(c.ETag, c.Revision, d.overdueAt, now)}
}
