package store_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// watched is a fleet whose devices are followed beside the store, by fleet.Device alone.
type watched struct {
	s       *store.Store
	base    time.Time // the present; nothing is overdue within a quarter of a minute of it
	run     int
	devices map[fleet.MAC]fleet.Device
	facts   map[fleet.MAC][]fleet.Fact // newest first
	states  map[fleet.Standing]bool    // that were met
}

func (w *watched) mac(t *rapid.T) fleet.MAC {
	return fleet.MAC{0x02, 0xdd, byte(w.run >> 8), byte(w.run), 0, byte(rapid.IntRange(1, 6).Draw(t, "device"))}
}

func (w *watched) change(t *rapid.T) {
	c := fleet.Change{At: storetest.Epoch(), Tell: fleet.TellNobody, Action: fleet.ActionUpdate, Source: fleet.FromEdit}
	c.Document = storetest.Raw(fmt.Sprintf(`{"v":%d}`, rapid.IntRange(1, 3).Draw(t, "v")))
	c.Kind = rapid.SampledFrom([]fleet.Kind{fleet.Create, fleet.Create, fleet.Save, fleet.Save, fleet.Save, fleet.Delete, fleet.Undelete, fleet.Move}).Draw(t, "kind")
	c.MAC = w.mac(t)
	there := w.all(t, c.Kind == fleet.Undelete)
	if c.Kind != fleet.Create {
		if len(there) == 0 {
			return
		}
		c.ID = rapid.SampledFrom(there).Draw(t, "config").ID
	}
	applied, err := w.s.Apply(context.Background(), c)
	switch {
	case err == nil && c.Kind == fleet.Move:
		w.renumber(t, c.MAC, applied.Config.Revision-1)
	case err != nil && fleet.CodeOf(err) != fleet.CodeExists:
		t.Fatal(err)
	}
}

// renumber has a device to which a history has come, up to a number, bear the numbers of that where its own are not there.
func (w *watched) renumber(t *rapid.T, mac fleet.MAC, newest int64) {
	d, known := w.devices[mac]
	had := d.Has.Revision
	for _, shown := range []*fleet.Shown{&d.Has, &d.Fetched, &d.Held, &d.Reported} {
		if shown.Revision > 0 && w.revisionOf(t, mac, shown.ETag, min(shown.Revision, newest)) != shown.Revision {
			shown.Revision = max(w.revisionOf(t, mac, shown.ETag, newest), shown.Revision)
		}
	}
	if d.Has.Revision != had {
		d.Since = d.Has.Revision
	}
	if known {
		w.devices[mac] = d
	}
}

// all are the configurations, there or deleted, by id.
func (w *watched) all(t *rapid.T, deleted bool) []fleet.Config {
	found, err := view(w.s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.Config, error) {
		return tx.Configs(ctx, fleet.Query{Sort: fleet.ByID, Limit: 1000, Deleted: deleted}, false)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// revisionOf is the newest revision of a device, up to a number, that has these bytes.
func (w *watched) revisionOf(t *rapid.T, mac fleet.MAC, etag string, most int64) int64 {
	found, err := view(w.s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.Revision, error) {
		return tx.Revisions(ctx, mac, 0, 1000)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		if (most == 0 || r.Number <= most) && !r.Gone() && fleet.ETag(r.SHA256) == etag {
			return r.Number
		}
	}
	return 0
}

func (w *watched) record(t *rapid.T) {
	there := map[fleet.MAC]fleet.Config{}
	for _, c := range w.all(t, false) {
		there[c.MAC] = c
	}
	var evidence []fleet.Evidence
	for range rapid.IntRange(1, 6).Draw(t, "pieces") {
		e := fleet.Evidence{MAC: w.mac(t), At: w.base.Add(-30*time.Second - time.Duration(rapid.IntRange(0, 12).Draw(t, "minutes"))*time.Minute)}
		e.Kind = rapid.SampledFrom([]fleet.EvidenceKind{fleet.EvidenceSeen, fleet.EvidenceFetched, fleet.EvidenceFetched, fleet.EvidenceHeld,
			fleet.EvidenceHeld, fleet.EvidenceReported, fleet.EvidenceOnline, fleet.EvidenceOffline, fleet.EvidenceLost}).Draw(t, "kind")
		c, ok := there[e.MAC]
		switch e.Kind {
		case fleet.EvidenceFetched:
			e.ETag, e.Revision = c.ETag, c.Revision
			if !ok {
				e.ETag, e.Revision = etag(`{"v":1}`), 1
			}
		case fleet.EvidenceHeld:
			e.ETag, e.Revision = etag(fmt.Sprintf(`{"v":%d}`, rapid.IntRange(1, 4).Draw(t, "v"))), c.Revision
		case fleet.EvidenceReported:
			e.Report = &fleet.DeviceReport{Applied: rapid.Bool().Draw(t, "applied"), Firmware: "1"}
			e.ETag = etag(fmt.Sprintf(`{"v":%d}`, rapid.IntRange(1, 3).Draw(t, "v")))
			if e.Revision = w.revisionOf(t, e.MAC, e.ETag, 0); e.Revision == 0 {
				continue
			}
		}
		evidence = append(evidence, e)
	}
	w.show(t, evidence)
}

// regular is a device that asks every so many minutes, until some time ago.
func (w *watched) regular(t *rapid.T) {
	mac, every, last := w.mac(t), rapid.IntRange(1, 2).Draw(t, "every"), rapid.IntRange(0, 9).Draw(t, "last")
	var evidence []fleet.Evidence
	for i := range 6 {
		evidence = append(evidence, fleet.Evidence{MAC: mac, Kind: fleet.EvidenceSeen, Address: "10.0.0.1",
			At: w.base.Add(-30*time.Second - time.Duration(last+(5-i)*every)*time.Minute)})
	}
	w.show(t, evidence)
}

// show records evidence, and takes beside the store what is of devices that have a configuration, and of
// those that had one whether they are connected.
func (w *watched) show(t *rapid.T, evidence []fleet.Evidence) {
	if err := w.s.Record(context.Background(), evidence); err != nil {
		t.Fatal(err)
	}
	there := map[fleet.MAC]bool{}
	for _, c := range w.all(t, false) {
		there[c.MAC] = true
	}
	before := maps.Clone(w.devices)
	for _, e := range evidence {
		_, known := before[e.MAC]
		connection := e.Kind == fleet.EvidenceOnline || e.Kind == fleet.EvidenceOffline || e.Kind == fleet.EvidenceLost
		if !there[e.MAC] && (!known || !connection) {
			continue
		}
		if e.Kind == fleet.EvidenceHeld || e.Kind == fleet.EvidenceReported {
			e.Current = e.Revision
			e.Revision = max(w.revisionOf(t, e.MAC, e.ETag, e.Current), knownOf(before[e.MAC], e))
		}
		w.take(e)
	}
}

// knownOf is the revision by which a device is known to have had bytes, also where its history has gone to another since.
func knownOf(d fleet.Device, e fleet.Evidence) (revision int64) {
	for _, shown := range []fleet.Shown{d.Has, d.Held, d.Fetched, d.Reported} {
		if shown.ETag == e.ETag && (e.Current == 0 || shown.Revision <= e.Current) {
			revision = max(revision, shown.Revision)
		}
	}
	return revision
}

func (w *watched) take(e fleet.Evidence) {
	d := w.devices[e.MAC]
	if fact, news := d.Take(e); news {
		w.facts[e.MAC] = append([]fleet.Fact{fact}, w.facts[e.MAC]...)
	}
	w.devices[e.MAC] = d
}

func (w *watched) lose(t *rapid.T) {
	before := w.base.Add(-time.Duration(rapid.IntRange(0, 12).Draw(t, "minutes")) * time.Minute)
	if err := w.s.Lose(context.Background(), before, w.base.Add(-30*time.Second)); err != nil {
		t.Fatal(err)
	}
	for mac, d := range w.devices {
		if d.Online != nil && *d.Online && d.ConfirmedAt.Before(before) {
			w.take(fleet.Evidence{MAC: mac, Kind: fleet.EvidenceLost, At: w.base.Add(-30 * time.Second)})
		}
	}
}

// standing is how the device of a configuration stands, by what is known beside the store.
func (w *watched) standing(c fleet.Config) fleet.Standing {
	return w.devices[c.MAC].Standing(c.ETag, c.Revision, w.base)
}

func (w *watched) check(t *rapid.T) {
	mac := w.mac(t)
	d, err := view(w.s, func(ctx context.Context, tx fleet.ReadTx) (fleet.Device, error) { return tx.Device(ctx, mac) })
	if diff := gocmp.Diff(w.devices[mac], d); err != nil || diff != "" {
		t.Fatalf("%s, %v (-want +got):\n%s", mac, err, diff)
	}
	facts, err := view(w.s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.Fact, error) {
		return tx.Facts(ctx, mac, 0, time.Time{}, 1000)
	})
	for i := range facts {
		facts[i].ID = 0
	}
	if diff := gocmp.Diff(w.facts[mac], facts); err != nil || diff != "" {
		t.Fatalf("facts of %s, %v (-want +got):\n%s", mac, err, diff)
	}
	for _, c := range slices.Concat(w.all(t, false), w.all(t, true)) {
		if diff := gocmp.Diff(w.standing(c), c.Standing); diff != "" {
			t.Fatalf("%s stands otherwise (-want +got):\n%s", c.MAC, diff)
		}
		w.states[fleet.Standing{Sync: c.Standing.Sync, Overdue: c.Standing.Overdue}] = true
	}
}

func (w *watched) summary(t *rapid.T) {
	got, err := view(w.s, func(ctx context.Context, tx fleet.ReadTx) (fleet.Summary, error) { return tx.Summary(ctx) })
	if err != nil {
		t.Fatal(err)
	}
	want := fleet.Summary{Sync: map[fleet.Sync]int64{}, At: got.At, Deleted: int64(len(w.all(t, true)))}
	for _, state := range fleet.Syncs {
		want.Sync[state] = 0
	}
	for _, c := range w.all(t, false) {
		standing := w.standing(c)
		want.Total++
		want.Sync[standing.Sync]++
		if standing.Overdue {
			want.Overdue++
		}
		switch {
		case standing.Online == nil:
		case *standing.Online:
			want.Online++
		default:
			want.Offline++
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("summary (-want +got):\n%s", diff)
	}
	if time.Since(got.At).Abs() > time.Minute {
		t.Fatalf("the summary is of %v", got.At)
	}
}

func drawMaybe(t *rapid.T, name string) *bool {
	return rapid.SampledFrom([]*bool{nil, nil, ptr(true), ptr(false)}).Draw(t, name)
}

// pages compares a list that the database filters and sorts, read in pages, with one that is filtered and sorted here.
func (w *watched) pages(t *rapid.T) {
	q := fleet.Query{Sort: rapid.SampledFrom([]fleet.Column{fleet.BySync, fleet.ByLastSeen, fleet.ByDeletedAt, fleet.ByMAC}).Draw(t, "sort"),
		Descending: rapid.Bool().Draw(t, "descending"), Deleted: rapid.IntRange(0, 3).Draw(t, "deleted") == 0,
		Syncs:   rapid.SliceOfNDistinct(rapid.SampledFrom(fleet.Syncs), 0, 3, rapid.ID).Draw(t, "syncs"),
		Overdue: drawMaybe(t, "overdue"), Online: drawMaybe(t, "online"), Limit: rapid.IntRange(1, 4).Draw(t, "limit")}
	withContent := rapid.Bool().Draw(t, "content")
	var want []fleet.Config
	for _, c := range w.all(t, q.Deleted) {
		c.Standing = w.standing(c)
		online := q.Online == nil || c.Standing.Online != nil && *c.Standing.Online == *q.Online
		if online && (q.Overdue == nil || c.Standing.Overdue == *q.Overdue) && (len(q.Syncs) == 0 || slices.Contains(q.Syncs, c.Standing.Sync)) {
			want = append(want, c)
		}
	}
	slices.SortFunc(want, func(a, b fleet.Config) int {
		order := cmp.Or(compare(a.Position(q.Sort).Value, b.Position(q.Sort).Value), cmp.Compare(a.ID, b.ID))
		if q.Descending {
			return -order
		}
		return order
	})
	var got []fleet.Config
	service := fleet.NewService(w.s, fleet.Options{})
	if withContent {
		err := service.EachConfig(context.Background(), q, true, func(c fleet.Config) error {
			if etag(string(c.Content)) != c.ETag {
				return fmt.Errorf("the content of %s is not that of %s", c.MAC, c.ETag)
			}
			c.Content = nil
			got = append(got, c)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for cursor := ""; !withContent; {
		page, err := service.Configs(context.Background(), q, cursor)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.Configs...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%+v (-want +got):\n%s", q, diff)
	}
}

// What the database says of how devices stand, which it filters, sorts and counts by, is what fleet.Device says.
func TestStandingIsThatOfTheDomain(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s, db := storetest.OpenMigrated(t, url), storetest.SQL(t, url)
		run, states := 0, map[fleet.Standing]bool{}
		rapid.Check(t, func(t *rapid.T) {
			for _, table := range []string{"configs", "deleted_configs", "devices", "facts", "audit"} {
				if _, err := db.ExecContext(context.Background(), `DELETE FROM `+table); err != nil {
					t.Fatal(err)
				}
			}
			run++
			w := &watched{s: s, base: s.Now().UTC().Truncate(time.Second), run: run, states: states,
				devices: map[fleet.MAC]fleet.Device{}, facts: map[fleet.MAC][]fleet.Fact{}}
			t.Repeat(map[string]func(*rapid.T){
				"change": w.change, "record": w.record, "record again": w.record, "regular": w.regular, "regular again": w.regular, "lose": w.lose,
				"pages": w.pages, "summary": w.summary, "": w.check,
			})
		})
		seen, overdue := 0, 0
		for _, state := range fleet.Syncs { // what comes about is chance; half of them show that it was not one case
			if states[fleet.Standing{Sync: state}] {
				seen++
			}
			if states[fleet.Standing{Sync: state, Overdue: true}] {
				overdue++
			}
		}
		if seen < len(fleet.Syncs)/2 || overdue == 0 {
			t.Errorf("devices were in %d states only, and overdue in %d", seen, overdue)
		}
	})
}
