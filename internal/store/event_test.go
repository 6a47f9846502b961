package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

func head(t testing.TB, s *store.Store) fleet.EventPosition {
	t.Helper()
	at, err := s.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// tail reads all events behind a position, in pieces.
func tail(t testing.TB, s *store.Store, after fleet.EventPosition, limit int) (all []fleet.Event, at fleet.EventPosition) {
	t.Helper()
	for {
		events, next, err := s.Events(context.Background(), after, limit)
		if err != nil {
			t.Fatalf("%s: %v", after, err)
		}
		all = append(all, events...)
		if len(events) == 0 && next.Change == after.Change && next.Device == after.Device {
			return all, next
		}
		after = next
	}
}

// said is an event in a few words.
func said(e fleet.Event) string {
	text := fmt.Sprintf("%s %d r%d %s", e.Kind, e.MAC[5], e.Revision, e.Standing.Sync)
	if e.Message != "" {
		text += " " + e.Message
	}
	return text
}

func saidAll(all []fleet.Event) (texts []string) {
	for _, e := range all {
		texts = append(texts, said(e))
	}
	return texts
}

func TestEventsOfChanges(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		from := head(t, s)
		who := fleet.Actor{Principal: fleet.ByToken, Address: "192.0.2.7", Correlation: "c-1"}
		apply := func(c fleet.Change) fleet.Config {
			c.By, c.Message, c.At = who, "because", minute(1)
			return storetest.Apply(t, s, c)
		}
		c := apply(fleet.Change{Kind: fleet.Create, MAC: storetest.MAC(1), Document: storetest.Raw(`{"v":1}`), Source: fleet.FromCreate, Action: fleet.ActionCreate})
		record(t, s, fetched(c.MAC, `{"v":1}`, 1, minute(0)))
		apply(fleet.Change{Kind: fleet.Save, ID: c.ID, Document: storetest.Raw(`{"v":2}`), Source: fleet.FromEdit, Action: fleet.ActionUpdate})
		apply(fleet.Change{Kind: fleet.Save, ID: c.ID, Document: storetest.Raw(`{"v":2}`), Source: fleet.FromEdit, Action: fleet.ActionUpdate}) // nothing new
		apply(fleet.Change{Kind: fleet.Save, ID: c.ID, Document: storetest.Raw(`{"v":1}`), Source: fleet.FromRestore, Restored: 1, Action: fleet.ActionRestore})
		all, at := tail(t, s, from, 100)
		want := []string{"created 1 r1 fetched because", "sync 1 r3 fetched", "updated 1 r2 fetched because", "sync 1 r3 fetched",
			"restored 1 r3 fetched because", "sync 1 r3 fetched", "check-in 1 r3 fetched", "sync 1 r3 fetched"}
		if diff := cmp.Diff(want, saidAll(all)); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		change := all[2]
		if change.By != who || !change.At.Equal(minute(1)) || change.ConfigID != c.ID || change.Standing.Revision != 3 || all[3].ConfigID != c.ID {
			t.Errorf("a change is told as %+v", change)
		}
		apply(fleet.Change{Kind: fleet.Move, ID: c.ID, MAC: storetest.MAC(2), Source: fleet.FromReplace, Action: fleet.ActionReplace})
		apply(fleet.Change{Kind: fleet.Delete, ID: c.ID, Source: fleet.FromDelete, Action: fleet.ActionDelete})
		all, at = tail(t, s, at, 100)
		want = []string{"replaced 2 r4 unknown because", "sync 2 r5 unknown", "deleted 2 r5 unknown because"}
		if diff := cmp.Diff(want[:1], saidAll(all)[:1]); diff != "" || len(all) != 3 || all[2].Kind != fleet.EventDeleted {
			t.Fatalf("events %v, want %v", saidAll(all), want)
		}
		if other := all[0].Other; other == nil || *other != storetest.MAC(1) || all[2].ConfigID != c.ID {
			t.Errorf("a replacement is told as %+v, a delete as %+v", all[0], all[2])
		}
		apply(fleet.Change{Kind: fleet.Undelete, ID: c.ID, Document: storetest.Raw(`{"v":1}`), Source: fleet.FromRestore, Action: fleet.ActionRestore})
		all, _ = tail(t, s, at, 100)
		if len(all) != 2 || all[0].Kind != fleet.EventRestored || all[0].ConfigID != c.ID {
			t.Errorf("events %v", saidAll(all))
		}
	})
}

func TestEventsOfDevices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		one, two := storetest.Create(t, s, storetest.MAC(1), `{}`), storetest.Create(t, s, storetest.MAC(2), `{}`)
		at := head(t, s)
		steps := []struct {
			name     string
			evidence []fleet.Evidence
			want     []string
		}{
			{"first seen", []fleet.Evidence{{MAC: one.MAC, Kind: fleet.EvidenceSeen, At: minute(0), Address: "10.0.0.9"}},
				[]string{"check-in 1 r1 pending", "sync 1 r1 pending"}},
			{"seen again", []fleet.Evidence{{MAC: one.MAC, Kind: fleet.EvidenceSeen, At: minute(1)}}, []string{"check-in 1 r1 pending"}},
			{"served", []fleet.Evidence{fetched(one.MAC, `{}`, 1, minute(2))}, []string{"check-in 1 r1 fetched", "sync 1 r1 fetched"}},
			{"served again", []fleet.Evidence{fetched(one.MAC, `{}`, 1, minute(3))}, []string{"check-in 1 r1 fetched"}},
			{"reported", []fleet.Evidence{reported(one.MAC, `{}`, 1, minute(4), true)},
				[]string{"check-in 1 r1 applied", "report 1 r1 applied", "sync 1 r1 applied"}},
			{"two in a moment", []fleet.Evidence{fetched(two.MAC, `{}`, 1, minute(4)), fetched(one.MAC, `{}`, 1, minute(5)), fetched(two.MAC, `{}`, 1, minute(6))},
				[]string{"check-in 1 r1 applied", "check-in 2 r1 fetched", "sync 2 r1 fetched"}},
			{"connected", []fleet.Evidence{{MAC: two.MAC, Kind: fleet.EvidenceOnline, At: minute(7)}},
				[]string{"check-in 2 r1 fetched", "sync 2 r1 fetched"}},
			{"gone", []fleet.Evidence{{MAC: two.MAC, Kind: fleet.EvidenceOffline, At: minute(8)}}, []string{"sync 2 r1 fetched"}},
		}
		from := at
		for _, step := range steps {
			record(t, s, step.evidence...)
			var all []fleet.Event
			all, at = tail(t, s, at, 100)
			if diff := cmp.Diff(step.want, saidAll(all)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.name, diff)
			}
			if step.name == "first seen" && all[0].Address != "10.0.0.9" {
				t.Errorf("checks in from %q", all[0].Address)
			}
			if step.name == "reported" {
				r := all[1]
				want := fleet.Event{Kind: fleet.EventReport, After: r.After, At: minute(4), MAC: one.MAC, ConfigID: one.ID, Revision: 1, Standing: r.Standing,
					Report:   step.evidence[0].Report,
					Reported: fleet.Shown{ETag: etag(`{}`), Revision: 1, At: minute(4)}}
				if diff := cmp.Diff(want, r); diff != "" {
					t.Errorf("a report (-want +got):\n%s", diff)
				}
			}
		}
		all, _ := tail(t, s, from, 100) // each device by its newest
		want := []string{"check-in 1 r1 applied", "report 1 r1 applied", "sync 1 r1 applied", "check-in 2 r1 fetched", "sync 2 r1 fetched"}
		if diff := cmp.Diff(want, saidAll(all)); diff != "" {
			t.Errorf("all at once (-want +got):\n%s", diff)
		}
		storetest.Delete(t, s, two.ID)
		all, _ = tail(t, s, from, 100)
		want = []string{"deleted 2 r2 fetched", "check-in 1 r1 applied", "report 1 r1 applied", "sync 1 r1 applied"} // and nothing behind it
		if diff := cmp.Diff(want, saidAll(all)); diff != "" {
			t.Errorf("with a configuration that was deleted (-want +got):\n%s", diff)
		}
	})
}

// The last event of a batch says the position behind it; whoever stops before that is told the batch again.
func TestPositionsWithinABatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const devices = 7
		for n := range devices {
			storetest.Create(t, s, storetest.MAC(n), `{}`)
		}
		from := head(t, s)
		var first, second []fleet.Evidence
		for n := range devices {
			first, second = append(first, fetched(storetest.MAC(n), `{}`, 1, minute(0))), append(second, held(storetest.MAC(n), `{}`, 1, minute(1)))
		}
		record(t, s, first...)
		record(t, s, second[:4]...)
		for _, limit := range []int{1, 2, 3, 5, 100} {
			all, at := tail(t, s, from, limit)
			for stop, e := range all { // a reader that is cut off after each event, and goes on from it
				rest, end := tail(t, s, e.After, limit)
				if end.Device != at.Device {
					t.Fatalf("ends at %s, want %s", end, at)
				}
				seen := map[string]bool{}
				for _, e := range slices.Concat(all[:stop+1], rest) {
					seen[said(e)] = true
				}
				for _, e := range all {
					if !seen[said(e)] {
						t.Errorf("who stops after %d events never hears %q", stop+1, said(e))
					}
				}
			}
			if rest, _ := tail(t, s, all[len(all)-1].After, limit); len(rest) != 0 {
				t.Errorf("behind the last event: %v", saidAll(rest))
			}
		}
	})
}

func TestEventsOfDevicesThatAreOverdue(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := s.Now().UTC().Truncate(time.Second)
		regular := func(n int, every time.Duration, last time.Time) {
			storetest.Create(t, s, storetest.MAC(n), `{}`)
			for i := range 4 {
				record(t, s, fleet.Evidence{MAC: storetest.MAC(n), Kind: fleet.EvidenceSeen, At: last.Add(time.Duration(i-3) * every)})
			}
		}
		regular(1, time.Minute, now.Add(-10*time.Minute))  // since 7 minutes
		regular(2, time.Minute, now.Add(-5*time.Minute))   // since 2 minutes
		regular(3, time.Minute, now.Add(-time.Minute))     // not yet
		regular(4, time.Hour, now.Add(-10*time.Minute))    // not yet
		regular(5, time.Minute, now.Add(-301*time.Second)) // a second before 2
		storetest.Create(t, s, storetest.MAC(6), `{}`)
		at := head(t, s)
		if d := at.Overdue - now.Unix(); d < 0 || d > 60 {
			t.Errorf("the head looks until %d, and it is %d", at.Overdue, now.Unix())
		}
		for ago, want := range map[time.Duration][]byte{0: nil, time.Minute: nil, 3 * time.Minute: {5, 2}, time.Hour: {1, 5, 2}} {
			for _, limit := range []int{1, 100} {
				at.Overdue = now.Add(-ago).Unix()
				var got []byte
				for range 10 {
					all, next, err := s.Events(context.Background(), at, limit)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range all {
						if got = append(got, e.MAC[5]); e.Kind != fleet.EventSync || !e.Standing.Overdue || e.After.Overdue > next.Overdue {
							t.Errorf("an overdue device is told of as %+v", e)
						}
					}
					at = next
				}
				if !slices.Equal(got, want) {
					t.Errorf("since %v, by %d: %v, want %v", ago, limit, got, want)
				}
			}
		}
		at.Overdue = now.Add(time.Hour).Unix() // the clock was set back
		if _, next, err := s.Events(context.Background(), at, 10); err != nil || next.Overdue > now.Add(time.Minute).Unix() {
			t.Errorf("goes on from %s, %v", next, err)
		}
		at = head(t, s)
		record(t, s, fleet.Evidence{MAC: storetest.MAC(1), Kind: fleet.EvidenceSeen, At: now})
		all, _ := tail(t, s, at, 10)
		if len(all) != 2 || all[1].Kind != fleet.EventSync || all[1].Standing.Overdue {
			t.Errorf("a device that is back is told of as %v", saidAll(all))
		}
	})
}

func TestGaps(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		ctx := context.Background()
		from := head(t, s)
		c := storetest.Create(t, s, storetest.MAC(1), `{}`)
		for n := range 9 {
			storetest.Save(t, s, c.ID, fmt.Sprintf(`{"n":%d}`, n))
		}
		record(t, s, fetched(c.MAC, `{}`, 1, minute(0)))
		at := head(t, s)
		gap := func(name string, want bool, p fleet.EventPosition) {
			t.Helper()
			_, next, err := s.Events(ctx, p, 100)
			if want && (err != fleet.ErrGap || next != p) { //nolint:errorlint // it is answered as it is
				t.Errorf("%s: %v and %s, want ErrGap", name, err, next)
			} else if !want && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		with := func(p fleet.EventPosition, change, device int64) fleet.EventPosition {
			p.Change, p.Device = p.Change+change, p.Device+device
			return p
		}
		gap("the head", false, at)
		gap("the beginning", false, from)
		gap("a change ahead", true, with(at, 1, 0))
		gap("a batch ahead", true, with(at, 0, 1))
		other := at
		other.Epoch = "00000000"
		gap("another database", true, other)
		storetest.Exec(t, url, `DELETE FROM audit WHERE rev = 5`)
		gap("a hole behind", true, with(from, 3, 0))
		gap("a hole before", false, with(from, 5, 0))
		storetest.Exec(t, url, `DELETE FROM audit`)
		gap("everything is pruned", true, with(at, -1, 0))
		gap("everything is pruned, and was read", false, at)
		storetest.Save(t, s, c.ID, `{"n":"last"}`)
		all, end := tail(t, s, at, 1)
		if len(all) != 2 || end.Change != at.Change+1 {
			t.Errorf("behind what was pruned: %v until %s", saidAll(all), end)
		}
		if err := s.Recreate(ctx); err != nil {
			t.Fatal(err)
		}
		if again := head(t, s); again.Epoch == at.Epoch {
			t.Errorf("a new database has the epoch %s too", at.Epoch)
		}
		gap("the database was made anew", true, at)
	})
}

// Nobody reads more than ten thousand changes one by one. On SQLite refused attempts are between them, and are none.
func TestTooFarBehind(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		from := head(t, s)
		fill := func(n int, event string) {
			storetest.Exec(t, url, `INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev, message, times, event)
				WITH RECURSIVE some (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < $1)
				SELECT '2026-03-01 12:00:00.000000', '', '', '', '', '', '', '', 1, '02:00:00:00:00:01', 1, '', 1, NULLIF($2, '') FROM some`, n, event)
		}
		if s.Engine() == "postgres" {
			fill = func(n int, event string) {
				storetest.Exec(t, url, `INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev, message, times, event)
					SELECT now(), '', '', '', '', '', '', '', 1, '02:00:00:00:00:01', 1, '', 1, NULLIF(CAST($2 AS text), '') FROM generate_series(1, CAST($1 AS int))`, n, event)
			}
		}
		fill(12_000, "")
		fill(10_000, "updated")
		all, at := tail(t, s, from, 1000)
		if len(all) != 20_000 {
			t.Fatalf("%d events of 10,000 changes and those that stand beside them, want 20,000", len(all))
		}
		fill(10_001, "updated")
		if _, _, err := s.Events(context.Background(), at, 10); !errors.Is(err, fleet.ErrGap) {
			t.Errorf("10,001 changes behind: %v, want ErrGap", err)
		}
	})
}
