package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

var _ fleet.Witness = (*Store)(nil)

// The numbers of batches of evidence, and when they are taken: first thing in the transaction, so that the batches of
// several servers come one after another, and their numbers are in the order of their commits.
const (
	deviceSeqKey = "device_seq"
	nextBatch    = `UPDATE meta SET value = CAST(CAST(value AS bigint) + 1 AS text) WHERE key = $1 RETURNING CAST(value AS bigint)`
)

// batch is a transaction in which evidence is taken.
type batch struct {
	t       *tx
	seq     int64
	now     time.Time
	current map[fleet.MAC]current // of the devices that have a configuration
	before  map[fleet.MAC]fleet.Device
	devices map[fleet.MAC]*deviceRow
	changed map[fleet.MAC]bool
	facts   []fleet.Fact
}

// current is what a device should have.
type current struct {
	revision int64
	etag     string
}

// Record implements fleet.Witness.
func (s *Store) Record(ctx context.Context, evidence []fleet.Evidence) error {
	if len(evidence) == 0 {
		return nil
	}
	return s.engine.update(ctx, func(ctx context.Context, t *tx) error {
		b := newBatch(t)
		if err := b.read(ctx, evidence); err != nil {
			return err
		}
		known := slices.DeleteFunc(slices.Clone(evidence), func(e fleet.Evidence) bool {
			return !b.takes(e)
		})
		if err := b.locate(ctx, known); err != nil {
			return err
		}
		for _, e := range known {
			b.take(e)
		}
		return b.keep(ctx)
	})
}

// takes tells whether evidence is kept: of devices with a configuration all; of those that had one, whether they are connected,
// or it would come back with a device that has long gone.
func (b *batch) takes(e fleet.Evidence) bool {
	if _, there := b.current[e.MAC]; there {
		return true
	}
	switch e.Kind {
	case fleet.EvidenceOnline, fleet.EvidenceOffline, fleet.EvidenceLost:
		return b.devices[e.MAC] != nil
	}
	return false
}

// futureTolerance is how far the clocks of two servers may be apart.
const futureTolerance = time.Minute

// Lose implements fleet.Witness. What was confirmed later than now was confirmed before the clock was set back.
func (s *Store) Lose(ctx context.Context, before, at time.Time) error {
	return s.engine.update(ctx, func(ctx context.Context, t *tx) error {
		b := newBatch(t)
		err := t.run(ctx, b.number(), query(selectDevices+` WHERE d.online AND (d.confirmed_at < $1 OR d.confirmed_at > $2)`,
			b.device, before.UTC(), at.Add(futureTolerance).UTC()))
		if err != nil {
			return err
		}
		for mac := range b.devices {
			b.take(fleet.Evidence{MAC: mac, Kind: fleet.EvidenceLost, At: at})
		}
		return b.keep(ctx)
	})
}

func newBatch(t *tx) *batch {
	return &batch{t: t, now: t.now(), current: map[fleet.MAC]current{}, before: map[fleet.MAC]fleet.Device{},
		devices: map[fleet.MAC]*deviceRow{}, changed: map[fleet.MAC]bool{}}
}

// number takes the number of the batch.
func (b *batch) number() request {
	return query(nextBatch, func(r row) error { return r.Scan(&b.seq) }, deviceSeqKey)
}

// read takes the number, and reads the devices and what they should have.
func (b *batch) read(ctx context.Context, evidence []fleet.Evidence) error {
	const configs = `SELECT c.mac_address, c.revision, coalesce(c.etag, '') FROM {each}($1) j JOIN configs c ON c.mac_address{collate} = j.value`
	const devices = `SELECT d.mac_address, ` + deviceColumns + ` FROM {each}($1) j JOIN devices d ON d.mac_address = j.value`
	each := strings.NewReplacer(`{each}`, b.t.dialect.each, `{collate}`, b.t.dialect.collate).Replace
	macs := macsOf(evidence)
	return b.t.run(ctx, b.number(),
		query(each(configs), func(r row) error {
			var mac string
			var c current
			if err := r.Scan(&mac, &c.revision, &c.etag); err != nil {
				return err
			}
			key, err := parseMAC(mac)
			b.current[key] = c
			return err
		}, macs),
		query(each(devices), b.device, macs))
}

func (b *batch) device(r row) error {
	d, err := scanDevice(r)
	b.devices[d.MAC], b.before[d.MAC] = d, d.Device
	return err
}

// macsOf are the MAC addresses of evidence, each once.
func macsOf(evidence []fleet.Evidence) string {
	macs := make([]fleet.MAC, len(evidence))
	for i, e := range evidence {
		macs[i] = e.MAC
	}
	slices.SortFunc(macs, compareMACs)
	return jsonList(slices.Compact(macs))
}

func compareMACs(a, b fleet.MAC) int { return bytes.Compare(a[:], b[:]) }

// locate finds the revisions of bytes that evidence names: what a device holds or reports is the newest revision with these
// bytes until the one that was current. Evidence of which there was no such revision is left without number.
func (b *batch) locate(ctx context.Context, evidence []fleet.Evidence) error {
	// The sign keeps the engines from walking the history by its numbers: a tag may be none of ours, and a history long.
	const byBytes = `SELECT rev FROM revisions WHERE mac_address = $1 AND sha256 >= $2 AND sha256 <= $3 AND +rev > $4 AND +rev <= $5
		ORDER BY +rev DESC LIMIT 1`
	const byNumber = `SELECT substr(sha256, 1, 16) FROM revisions WHERE mac_address = $1 AND rev = $2 AND sha256 IS NOT NULL`
	var lookups []request
	for i := range evidence {
		e := &evidence[i]
		switch {
		case e.ETag != "" && (e.Kind != fleet.EvidenceFetched || e.Revision <= 0):
			least, most, sure := b.between(*e)
			e.Revision, e.Current = least, e.Revision
			first, last, ok := hashesOf(e.ETag)
			if sure || !ok {
				continue
			}
			scan := func(r row) error { return r.Scan(&e.Revision) }
			lookups = append(lookups, query(byBytes, scan, e.MAC.String(), first, last, least, most))
		case e.ETag == "" && e.Kind == fleet.EvidenceReported:
			scan := func(r row) error {
				var prefix []byte
				err := r.Scan(&prefix)
				e.ETag = hex.EncodeToString(prefix)
				return err
			}
			lookups = append(lookups, query(byNumber, scan, e.MAC.String(), e.Revision))
		}
	}
	return b.t.run(ctx, lookups...)
}

// hashesOf are the least and the greatest hash that an entity tag of ours may be of, and false for any other tag.
func hashesOf(etag string) (first, last []byte, ok bool) {
	prefix, err := hex.DecodeString(etag)
	if err != nil || len(prefix) != sha256.Size/2 || hex.EncodeToString(prefix) != etag {
		return nil, nil, false
	}
	return append(slices.Clone(prefix), make([]byte, sha256.Size/2)...), append(prefix, bytes.Repeat([]byte{0xff}, sha256.Size/2)...), true
}

// between is the newest revision that is known to have the bytes that evidence names, and that up to which a newer one may have
// them too; sure is said where none can.
func (b *batch) between(e fleet.Evidence) (least, most int64, sure bool) {
	now := b.current[e.MAC]
	most = e.Revision
	if most <= 0 {
		most = math.MaxInt64
	}
	switch {
	case now.revision > 0 && now.revision <= most && now.etag == e.ETag:
		return now.revision, most, true
	case now.revision == most && now.etag != "":
		most--
	}
	if d, ok := b.before[e.MAC]; ok {
		for _, shown := range []fleet.Shown{d.Has, d.Held, d.Fetched, d.Reported} {
			if shown.ETag == e.ETag && shown.Revision <= most {
				least = max(least, shown.Revision)
			}
		}
	}
	return least, most, least >= most
}

// take adds evidence to its device.
func (b *batch) take(e fleet.Evidence) {
	d := b.devices[e.MAC]
	if d == nil {
		d = &deviceRow{}
		b.devices[e.MAC] = d
	}
	b.changed[e.MAC] = true
	if fact, news := d.Take(e); news {
		b.facts = append(b.facts, fact)
	}
}

// soonOverdue is how near the time at which a device will be overdue may be, to say with the evidence that it may be: those
// who follow the events look who has become overdue since they last looked, and may have passed that time already.
const soonOverdue = 10 * time.Second

// mark says by this batch what has changed of a device since before.
func (b *batch) mark(d *deviceRow, before fleet.Device) {
	d.seq = b.seq
	if !d.LastSeen.Equal(before.LastSeen) {
		d.seenSeq = b.seq
	}
	if d.Reported != before.Reported || d.Report != before.Report {
		d.reportSeq = b.seq
	}
	is := d.OverdueAt()
	overdue := overdueBy(is, b.now) != overdueBy(d.overdueAt, b.now) || overdueBy(is, b.now.Add(soonOverdue))
	has := d.Has.ETag != before.Has.ETag || d.Has.Revision != before.Has.Revision || d.Level != before.Level
	if before.FirstSeen.IsZero() || has || orNil(d.Online) != orNil(before.Online) || overdue {
		d.syncSeq = b.seq
	}
}

func overdueBy(at, now time.Time) bool { return !at.IsZero() && at.Before(now) }

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// keep writes the devices, in the order in which every server locks rows, and the facts.
func (b *batch) keep(ctx context.Context) error {
	macs := slices.SortedFunc(maps.Keys(b.changed), compareMACs)
	requests := make([]request, 0, len(macs)+len(b.facts))
	for _, mac := range macs {
		d := b.devices[mac]
		b.mark(d, b.before[mac])
		requests = append(requests, d.request(b.before[mac]))
	}
	for _, f := range b.facts {
		requests = append(requests, factRequest(f))
	}
	return b.t.run(ctx, requests...)
}
