package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// deviceRow is a row of devices: what is known of a device, and the batches of evidence (witness.go) by which it was
// changed at all, seen, reported, and changed how it stands.
type deviceRow struct {
	fleet.Device
	overdueAt                         time.Time
	seq, seenSeq, reportSeq, syncSeq  int64
	hasAt, fetchedAt, heldAt          *time.Time
	reportedAt, onlineAt, confirmedAt *time.Time
	lastSeen, beat, overdue           *time.Time
	intervals, level                  string
}

// deviceColumns are the columns of devices behind mac_address, in the order of dest and args. No table that devices is joined
// with has one of the same name.
const deviceColumns = `first_seen_at, last_seen_at, has_etag, has_rev, level, online, overdue_at,
	seq, seen_seq, report_seq, sync_seq, has_at, has_address, since_rev, d.address,
	fetched_etag, fetched_rev, fetched_at, fetched_address, held_etag, held_rev, held_at, held_address,
	reported_etag, reported_rev, reported_at, reported_address,
	report_applied, report_code, report_path, report_message, report_firmware, online_at, confirmed_at, beat_at, intervals`

// dest is where mac and deviceColumns are scanned to; scanned then makes the device of them.
func (d *deviceRow) dest(mac *string) []any {
	return []any{
		mac, &d.FirstSeen, &d.lastSeen, &d.Has.ETag, &d.Has.Revision, &d.level, &d.Online, &d.overdue,
		&d.seq, &d.seenSeq, &d.reportSeq, &d.syncSeq, &d.hasAt, &d.Has.Address, &d.Since, &d.Address,
		&d.Fetched.ETag, &d.Fetched.Revision, &d.fetchedAt, &d.Fetched.Address, &d.Held.ETag, &d.Held.Revision, &d.heldAt, &d.Held.Address,
		&d.Reported.ETag, &d.Reported.Revision, &d.reportedAt, &d.Reported.Address,
		&d.Report.Applied, &d.Report.Code, &d.Report.Path, &d.Report.Message, &d.Report.Firmware, &d.onlineAt, &d.confirmedAt, &d.beat, &d.intervals,
	}
}

// scanDevice reads mac_address and deviceColumns, and what the statement selects behind them.
func scanDevice(r row, more ...any) (*deviceRow, error) {
	d := &deviceRow{}
	var mac string
	if err := r.Scan(append(d.dest(&mac), more...)...); err != nil {
		return d, err
	}
	d.LastSeen, d.overdueAt, d.Beat = orZero(d.lastSeen), orZero(d.overdue), orZero(d.beat)
	d.Has.At, d.Fetched.At, d.Held.At, d.Reported.At = orZero(d.hasAt), orZero(d.fetchedAt), orZero(d.heldAt), orZero(d.reportedAt)
	d.OnlineAt, d.ConfirmedAt, d.Level = orZero(d.onlineAt), orZero(d.confirmedAt), fleet.Sync(d.level)
	for text := range strings.SplitSeq(d.intervals, ",") {
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
			d.Intervals = append(d.Intervals, seconds)
		}
	}
	var err error
	d.MAC, err = parseMAC(mac)
	return d, err
}

// args are the arguments of keepDevice.
func (d *deviceRow) args() []any {
	return []any{
		d.MAC.String(), d.FirstSeen.UTC(), timeOrNull(d.LastSeen), d.Has.ETag, d.Has.Revision, string(d.Level), d.Online, timeOrNull(d.OverdueAt()),
		d.seq, d.seenSeq, d.reportSeq, d.syncSeq, timeOrNull(d.Has.At), d.Has.Address, d.Since, d.Address,
		d.Fetched.ETag, d.Fetched.Revision, timeOrNull(d.Fetched.At), d.Fetched.Address, d.Held.ETag, d.Held.Revision, timeOrNull(d.Held.At), d.Held.Address,
		d.Reported.ETag, d.Reported.Revision, timeOrNull(d.Reported.At), d.Reported.Address,
		d.Report.Applied, d.Report.Code, d.Report.Path, d.Report.Message, d.Report.Firmware, timeOrNull(d.OnlineAt), timeOrNull(d.ConfirmedAt), timeOrNull(d.Beat), joinIntervals(d.Intervals),
	}
}

func joinIntervals(seconds []int64) string {
	var text []byte
	for i, one := range seconds {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, one, 10)
	}
	return string(text)
}

// timeOrNull is a time as an argument: null where it is zero.
func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// keepDevice writes a row of devices over the one that is there.
var keepDevice = func() string {
	columns := strings.Split(strings.Join(strings.Fields(strings.ReplaceAll(deviceColumns, "d.address", "address")), ""), ",")
	places, sets := make([]string, len(columns)), make([]string, len(columns))
	for i, column := range columns {
		places[i], sets[i] = "$"+strconv.Itoa(i+2), column+" = excluded."+column
	}
	return `INSERT INTO devices (mac_address, ` + strings.Join(columns, ", ") + `) VALUES ($1, ` + strings.Join(places, ", ") +
		`) ON CONFLICT (mac_address) DO UPDATE SET ` + strings.Join(sets, ", ")
}()

// touchDevice is keepDevice for a device that showed nothing new: that is most of what a fleet does.
const touchDevice = `UPDATE devices SET last_seen_at = $1, overdue_at = $2, seq = $3, seen_seq = $4, has_at = $5, has_address = $6, address = $7,
	fetched_at = $8, fetched_address = $9, held_at = $10, held_address = $11, beat_at = $12, intervals = $13 WHERE mac_address = $14`

// request writes a device that evidence has changed since before.
func (d *deviceRow) request(before fleet.Device) request {
	same := func(a, b fleet.Shown) bool { return a.ETag == b.ETag && a.Revision == b.Revision }
	if d.syncSeq == d.seq || d.reportSeq == d.seq || !same(d.Fetched, before.Fetched) || !same(d.Held, before.Held) ||
		!d.FirstSeen.Equal(before.FirstSeen) || !d.OnlineAt.Equal(before.OnlineAt) || !d.ConfirmedAt.Equal(before.ConfirmedAt) ||
		d.Since != before.Since {
		return statement(keepDevice, d.args()...)
	}
	return statement(touchDevice, timeOrNull(d.LastSeen), timeOrNull(d.OverdueAt()), d.seq, d.seenSeq, timeOrNull(d.Has.At), d.Has.Address,
		d.Address, timeOrNull(d.Fetched.At), d.Fetched.Address, timeOrNull(d.Held.At), d.Held.Address, timeOrNull(d.Beat),
		joinIntervals(d.Intervals), d.MAC.String())
}

const selectDevices = `SELECT d.mac_address, ` + deviceColumns + ` FROM devices d`

// Device implements fleet.ReadTx.
func (r reader) Device(ctx context.Context, mac fleet.MAC) (fleet.Device, error) {
	found := &deviceRow{}
	err := r.run(ctx, query(selectDevices+` WHERE d.mac_address = $1`, func(row row) (err error) {
		found, err = scanDevice(row)
		return err
	}, mac.String()))
	return found.Device, err
}
