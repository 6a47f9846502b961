package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

func etag(text string) string { return storetest.Raw(text).ETag() }

func record(t testing.TB, s *store.Store, evidence ...fleet.Evidence) {
	t.Helper()
	if err := s.Record(context.Background(), evidence); err != nil {
		t.Fatal(err)
	}
}

func device(t testing.TB, s *store.Store, mac fleet.MAC) fleet.Device {
	t.Helper()
	d, err := view(s, func(ctx context.Context, tx fleet.ReadTx) (fleet.Device, error) { return tx.Device(ctx, mac) })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func factsOf(t testing.TB, s *store.Store, mac fleet.MAC, below int64, until time.Time, limit int) []fleet.Fact {
	t.Helper()
	found, err := view(s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.Fact, error) {
		return tx.Facts(ctx, mac, below, until, limit)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// minute is a time so many minutes after storetest.Epoch.
func minute(n int) time.Time { return storetest.Epoch().Add(time.Duration(n) * time.Minute) }

func fetched(mac fleet.MAC, text string, revision int64, at time.Time) fleet.Evidence {
	return fleet.Evidence{MAC: mac, Kind: fleet.EvidenceFetched, ETag: etag(text), Revision: revision, At: at, Address: "10.0.0.1"}
}

func held(mac fleet.MAC, text string, current int64, at time.Time) fleet.Evidence {
	return fleet.Evidence{MAC: mac, Kind: fleet.EvidenceHeld, ETag: etag(text), Revision: current, At: at, Address: "10.0.0.1"}
}

func reported(mac fleet.MAC, text string, revision int64, at time.Time, applied bool) fleet.Evidence {
	return fleet.Evidence{MAC: mac, Kind: fleet.EvidenceReported, ETag: etag(text), Revision: revision, At: at,
		Report: &fleet.DeviceReport{Applied: applied, Code: "E7", Path: "/mqtt", Message: "Zeile 1\nZeile 2 – \"'", Firmware: "2.4.1"}}
}

func TestRecordIsReadBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := storetest.Create(t, s, storetest.MAC(1), `{"a":1}`)
		if diff := cmp.Diff(fleet.Device{}, device(t, s, c.MAC)); diff != "" {
			t.Errorf("a device that was never seen (-want +got):\n%s", diff)
		}
		evidence := []fleet.Evidence{fetched(c.MAC, `{"a":1}`, 1, minute(0)), held(c.MAC, `{"a":1}`, 1, minute(1)),
			{MAC: c.MAC, Kind: fleet.EvidenceOnline, At: minute(2)}, reported(c.MAC, `{"a":1}`, 1, minute(3), false),
			{MAC: c.MAC, Kind: fleet.EvidenceSeen, At: minute(5), Address: "fe80::1"}, {MAC: c.MAC, Kind: fleet.EvidenceOffline, At: minute(6)},
			held(c.MAC, `{"a":1}`, 1, minute(7))}
		var want fleet.Device
		var wantFacts []fleet.Fact
		for _, e := range evidence {
			if e.Kind == fleet.EvidenceHeld || e.Kind == fleet.EvidenceReported {
				e.Current = e.Revision
			}
			if fact, news := want.Take(e); news {
				wantFacts = append([]fleet.Fact{fact}, wantFacts...)
			}
		}
		record(t, s, evidence[:4]...)
		record(t, s, evidence[4:]...)
		if diff := cmp.Diff(want, device(t, s, c.MAC)); diff != "" {
			t.Errorf("device (-want +got):\n%s", diff)
		}
		got := factsOf(t, s, c.MAC, 0, time.Time{}, 100)
		if len(wantFacts) < 4 {
			t.Errorf("only %d facts", len(wantFacts))
		}
		for i := range got {
			if i > 0 && got[i].ID >= got[i-1].ID {
				t.Errorf("fact %d follows %d", got[i].ID, got[i-1].ID)
			}
			wantFacts[i].ID = got[i].ID
		}
		if diff := cmp.Diff(wantFacts, got); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(got[1:3], factsOf(t, s, c.MAC, got[0].ID, time.Time{}, 2)); diff != "" {
			t.Errorf("a page of facts (-want +got):\n%s", diff)
		}
		if at := factsOf(t, s, c.MAC, 0, minute(1), 1); len(at) != 1 || at[0].Kind != fleet.FactHeld || at[0].Level != fleet.SyncHeld {
			t.Errorf("at the second minute: %+v", at)
		}
		if before := factsOf(t, s, c.MAC, 0, minute(-1), 1); len(before) != 0 {
			t.Errorf("before it was seen: %+v", before)
		}
		if other := factsOf(t, s, storetest.MAC(2), 0, time.Time{}, 100); len(other) != 0 {
			t.Errorf("facts of another device: %+v", other)
		}
		record(t, s)
	})
}

// Whoever asks with a MAC address that has no configuration leaves nothing, not even where it has had one.
func TestRecordDropsStrangers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		known, gone := storetest.Create(t, s, storetest.MAC(1), `{}`), storetest.Create(t, s, storetest.MAC(2), `{}`)
		record(t, s, fetched(gone.MAC, `{}`, 1, minute(0)))
		storetest.Delete(t, s, gone.ID)
		before, at := device(t, s, gone.MAC), head(t, s)
		record(t, s, fetched(storetest.MAC(3), `{}`, 1, minute(1)), held(gone.MAC, `{}`, 1, minute(2)), fetched(known.MAC, `{}`, 1, minute(1)))
		if d := device(t, s, storetest.MAC(3)); !d.FirstSeen.IsZero() {
			t.Errorf("a stranger was kept: %+v", d)
		}
		if diff := cmp.Diff(before, device(t, s, gone.MAC)); diff != "" {
			t.Errorf("a device without configuration has changed:\n%s", diff)
		}
		all, _ := tail(t, s, at, 100)
		for _, e := range all {
			if e.MAC != known.MAC {
				t.Errorf("an event of %s: %+v", e.MAC, e)
			}
		}
		if len(all) == 0 || len(factsOf(t, s, known.MAC, 0, time.Time{}, 10)) != 1 {
			t.Error("the known one beside them left no trace")
		}
	})
}

// A device that left while it had no configuration is not connected when it has one again, and nobody is told of it meanwhile.
func TestRecordKeepsWhoIsConnected(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := storetest.Create(t, s, storetest.MAC(1), `{}`)
		record(t, s, fleet.Evidence{MAC: c.MAC, Kind: fleet.EvidenceOnline, At: minute(0)})
		storetest.Delete(t, s, c.ID)
		_, at := tail(t, s, head(t, s), 100)
		record(t, s, fleet.Evidence{MAC: c.MAC, Kind: fleet.EvidenceOffline, At: minute(1)},
			fleet.Evidence{MAC: storetest.MAC(2), Kind: fleet.EvidenceOnline, At: minute(1)})
		if said, _ := tail(t, s, at, 100); len(said) != 0 {
			t.Errorf("of a configuration that was deleted: %v", saidAll(said))
		}
		storetest.Apply(t, s, fleet.Change{Kind: fleet.Undelete, ID: c.ID, At: minute(2)})
		if now := device(t, s, c.MAC); now.Online == nil || *now.Online || !now.OnlineAt.Equal(minute(1)) {
			t.Errorf("it left while it had no configuration: %+v", now)
		}
		if d := device(t, s, storetest.MAC(2)); !d.FirstSeen.IsZero() {
			t.Errorf("a stranger was kept: %+v", d)
		}
	})
}

func TestRecordFindsRevisionsByBytes(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		mac := storetest.MAC(1)
		c := storetest.Create(t, s, mac, `{"v":"a"}`)                                                    // 1
		for _, text := range []string{`{"v":"b"}`, `{"v":"a"}`, `{"v":"c"}`, `{"v":"b"}`, `{"v":"d"}`} { // 2 to 6
			storetest.Save(t, s, c.ID, text)
		}
		other := storetest.Create(t, s, storetest.MAC(2), `{"v":"x"}`)
		at := 0
		for _, one := range []struct {
			name string
			e    fleet.Evidence
			want int64 // of what it shows; 0: it was only seen
		}{
			{"the current one", held(mac, `{"v":"d"}`, 6, minute(0)), 6},
			{"an older one", held(mac, `{"v":"c"}`, 6, minute(0)), 4},
			{"the newer of two", held(mac, `{"v":"b"}`, 6, minute(0)), 5},
			{"the older of two, for it asked before the newer", held(mac, `{"v":"b"}`, 4, minute(0)), 2},
			{"the newer of two that is not the newest of all", held(mac, `{"v":"a"}`, 5, minute(0)), 3},
			{"without number", held(mac, `{"v":"b"}`, 0, minute(0)), 5},
			{"the current one without number", held(mac, `{"v":"d"}`, 0, minute(0)), 6},
			{"served without number", fetched(mac, `{"v":"c"}`, 0, minute(0)), 4},
			{"served", fetched(mac, `{"v":"c"}`, 4, minute(0)), 4},
			{"reported", reported(mac, `{"v":"b"}`, 2, minute(0), true), 2},
			{"another device's", held(mac, `{"v":"x"}`, 6, minute(0)), 0},
			{"nobody's", held(mac, `{"v":"y"}`, 6, minute(0)), 0},
			{"made after it asked", held(mac, `{"v":"d"}`, 5, minute(0)), 0},
			{"reported of nobody's", reported(mac, `{"v":"y"}`, 6, minute(0), true), 0},
		} {
			at++
			storetest.Exec(t, url, `DELETE FROM devices`)
			one.e.At = minute(at)
			record(t, s, one.e)
			d := device(t, s, mac)
			if !d.LastSeen.Equal(minute(at)) {
				t.Errorf("%s: it was not seen: %+v", one.name, d)
			}
			if d.Has.Revision != one.want || (d.Has.ETag == one.e.ETag) != (one.want > 0) {
				t.Errorf("%s: it has revision %d, want %d", one.name, d.Has.Revision, one.want)
			}
		}
		for _, tag := range []string{"", "*", "abc", strings.ToUpper(etag(`{"v":"d"}`)), strings.Repeat("z", 32), etag(`{"v":"d"}`) + "00"} {
			storetest.Exec(t, url, `DELETE FROM devices`)
			record(t, s, fleet.Evidence{MAC: mac, Kind: fleet.EvidenceHeld, ETag: tag, Revision: 6, At: minute(1)})
			if d := device(t, s, mac); d.Has.Revision != 0 || d.LastSeen.IsZero() {
				t.Errorf("the tag %q is taken for revision %d", tag, d.Has.Revision)
			}
		}
		numbered := reported(mac, `{}`, 3, minute(99), true)
		numbered.ETag, numbered.Numbered = "", true
		record(t, s, numbered)
		if d := device(t, s, mac); d.Has.ETag != etag(`{"v":"a"}`) || d.Level != fleet.SyncApplied {
			t.Errorf("a report by its number alone: %+v", d)
		}
		record(t, s, held(other.MAC, `{"v":"x"}`, 1, minute(0)))
	})
}

// What the row says of a device spares looking it up, and must not hide a newer revision with the same bytes.
func TestRecordTrustsTheRowNoFurtherThanItReaches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		mac := storetest.MAC(1)
		c := storetest.Create(t, s, mac, `{"v":"a"}`)
		record(t, s, held(mac, `{"v":"a"}`, 1, minute(0)))
		storetest.Save(t, s, c.ID, `{"v":"b"}`) // 2
		record(t, s, held(mac, `{"v":"a"}`, 2, minute(1)))
		if d := device(t, s, mac); d.Held.Revision != 1 || !d.Held.At.Equal(minute(1)) {
			t.Errorf("held %+v, want revision 1 still", d.Held)
		}
		storetest.Save(t, s, c.ID, `{"v":"a"}`) // 3
		storetest.Save(t, s, c.ID, `{"v":"c"}`) // 4
		record(t, s, held(mac, `{"v":"a"}`, 4, minute(2)))
		if d := device(t, s, mac); d.Held.Revision != 3 {
			t.Errorf("held %+v, want revision 3", d.Held)
		}
	})
}

func TestLose(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		var macs []fleet.MAC
		for n := range 4 {
			macs = append(macs, storetest.Create(t, s, storetest.MAC(n), `{}`).MAC)
		}
		record(t, s, fleet.Evidence{MAC: macs[0], Kind: fleet.EvidenceOnline, At: minute(0)}, fleet.Evidence{MAC: macs[1], Kind: fleet.EvidenceOnline, At: minute(0)},
			fleet.Evidence{MAC: macs[2], Kind: fleet.EvidenceOffline, At: minute(0)}, fetched(macs[3], `{}`, 1, minute(0)))
		record(t, s, fleet.Evidence{MAC: macs[1], Kind: fleet.EvidenceOnline, At: minute(5)})
		seen, at := device(t, s, macs[0]).LastSeen, head(t, s)
		must(t, s.Lose(ctx, minute(3), minute(9)))
		online := func(mac fleet.MAC) any {
			if d := device(t, s, mac); d.Online != nil {
				return *d.Online
			}
			return nil
		}
		for n, want := range []any{nil, true, false, nil} {
			if got := online(macs[n]); got != want {
				t.Errorf("device %d online: %v, want %v", n, got, want)
			}
		}
		if d := device(t, s, macs[0]); !d.LastSeen.Equal(seen) || !d.OnlineAt.Equal(minute(9)) {
			t.Errorf("seen %v, connection known until %v", d.LastSeen, d.OnlineAt)
		}
		if facts := factsOf(t, s, macs[0], 0, time.Time{}, 1); len(facts) != 1 || facts[0].Kind != fleet.FactLost {
			t.Errorf("facts %+v", facts)
		}
		all, at := tail(t, s, at, 10)
		if len(all) != 1 || all[0].Kind != fleet.EventSync || all[0].MAC != macs[0] || all[0].Standing.Online != nil {
			t.Errorf("events %+v", all)
		}
		must(t, s.Lose(ctx, minute(3), minute(10)))
		if all, _ := tail(t, s, at, 10); len(all) != 0 {
			t.Errorf("taking it back again gives events: %+v", all)
		}
	})
}

// Batches of several servers come one after another: whatever they say of the same devices at once, all of it is kept.
func TestRecordsAtOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		first := storetest.OpenMigrated(t, url)
		stores := []*store.Store{first, first}
		if first.Engine() == "postgres" {
			stores[1] = storetest.Open(t, url)
		}
		const devices, writers, rounds = 20, 8, 10
		for n := range devices {
			storetest.Create(t, first, storetest.MAC(n), `{}`)
		}
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for r := range rounds {
					var evidence []fleet.Evidence
					for n := range devices { // each in an order of its own
						e := fetched(storetest.MAC((n+w)%devices), `{}`, 1, minute(0))
						if e.MAC == storetest.MAC(w) { // which only this writer has reports of
							e = reported(e.MAC, `{}`, 1, minute(r), r%2 == 0)
						}
						evidence = append(evidence, e)
					}
					if err := stores[w%2].Record(context.Background(), evidence); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if at := head(t, first); at.Device != writers*rounds {
			t.Errorf("%d batches were numbered, want %d", at.Device, writers*rounds)
		}
		for w := range writers {
			d := device(t, first, storetest.MAC(w))
			if !d.Reported.At.Equal(minute(rounds-1)) || d.Level != fleet.SyncError {
				t.Errorf("the last report of device %d is lost: %+v", w, d)
			}
			if got := len(factsOf(t, first, d.MAC, 0, time.Time{}, 1000)); got < rounds {
				t.Errorf("device %d has %d facts, want at least the %d reports", w, got, rounds)
			}
		}
	})
}
