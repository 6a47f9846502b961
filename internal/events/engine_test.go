package events

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// told is a change as a subscriber has it.
type told struct {
	place    int64
	mac      fleet.MAC
	revision int64
}

// hear reads until so many changes were told of, and answers them and where to go on.
func hear(t *testing.T, s fleet.Subscription, n int) (all []told, at fleet.EventPosition) {
	t.Helper()
	at = s.From()
	for len(all) < n {
		events, err := next(t, s)
		if err != nil {
			t.Errorf("after %d changes: %v", len(all), err)
			return all, at
		}
		for _, e := range events {
			if at = e.After; e.Kind == fleet.EventCreated || e.Kind == fleet.EventUpdated {
				all = append(all, told{e.After.Change, e.MAC, e.Revision})
			}
		}
	}
	return all, at
}

// servers are two hubs over one database: of two servers on PostgreSQL.
func servers(t *testing.T, url string) (hubs [2]*bench, stores [2]*store.Store) {
	t.Helper()
	stores[0] = storetest.OpenMigrated(t, url)
	stores[1] = stores[0]
	if stores[0].Engine() == "postgres" {
		stores[1] = storetest.Open(t, url)
	}
	for i, s := range stores {
		hubs[i] = newBench(t, s, func(o *Options) { o.Poll = 50 * time.Millisecond })
		if err := hubs[i].Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { hubs[i].stop(t) })
	}
	return hubs, stores
}

// A subscriber of one server is told of each change that is made through the other, in order and once; and so is one that
// changes servers after every few events.
func TestTwoServersTellTheSame(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		hubs, stores := servers(t, url)
		const writers, each = 6, 40
		first, second := hubs[0].subscribe(t, nil), hubs[1].subscribe(t, nil)
		origin := first.From()
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				made := storetest.Create(t, stores[w%2], storetest.MAC(w), `{}`)
				for n := range each - 1 {
					storetest.Save(t, stores[(w+n)%2], made.ID, fmt.Sprintf(`{"n":%d}`, n))
					hubs[(w+n)%2].Wake()
				}
			})
		}
		const all = writers * each
		var heard [3][]told
		group.Go(func() { heard[0], _ = hear(t, first, all) })
		group.Go(func() { heard[1], _ = hear(t, second, all) })
		group.Go(func() {
			at := origin
			for n := 0; len(heard[2]) < all && !t.Failed(); n++ {
				s, err := hubs[n%2].Subscribe(context.Background(), &at)
				if err != nil {
					t.Errorf("from %s: %v", at, err)
					return
				}
				var some []told
				some, at = hear(t, s, min(13, all-len(heard[2])))
				heard[2] = append(heard[2], some...)
				s.Close()
			}
		})
		group.Wait()
		for i, got := range heard {
			if !slices.Equal(got, heard[0]) {
				t.Errorf("reader %d was told of %d changes, or in another order than the first, who was of %d", i, len(got), len(heard[0]))
			}
		}
		revisions := map[fleet.MAC]int64{}
		for _, one := range heard[0] {
			if revisions[one.mac]++; one.revision != revisions[one.mac] {
				t.Errorf("revision %d of %s after %d", one.revision, one.mac, revisions[one.mac]-1)
			}
		}
		if len(revisions) != writers {
			t.Errorf("changes of %d devices, want %d", len(revisions), writers)
		}
	})
}

// While nobody subscribes, changes get their places all the same: who comes later does not find a backlog.
func TestIdleServersPlaceChanges(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	url := storetest.NewURL(t, testenv.PostgreSQL)
	_, stores := servers(t, url)
	for n := range 5 {
		storetest.Create(t, stores[n%2], storetest.MAC(n), `{}`)
	}
	db := storetest.SQL(t, url)
	testenv.WaitFor(t, patience, func() bool {
		var placed int
		err := db.QueryRowContext(context.Background(), `SELECT count(*) FROM audit WHERE seq IS NOT NULL`).Scan(&placed)
		if err != nil {
			t.Fatal(err)
		}
		return placed == 5
	})
}

// What a device shows to one server is told by the other.
func TestTwoServersTellWhatDevicesShow(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		hubs, stores := servers(t, url)
		c := storetest.Create(t, stores[0], storetest.MAC(1), `{}`)
		s := hubs[1].subscribe(t, nil)
		err := stores[0].Record(context.Background(), []fleet.Evidence{{MAC: c.MAC, Kind: fleet.EvidenceFetched, ETag: c.ETag, Revision: 1,
			At: stores[0].Now(), Address: "10.0.0.1"}})
		if err != nil {
			t.Fatal(err)
		}
		for seen := map[fleet.EventKind]bool{}; !seen[fleet.EventCheckIn] || !seen[fleet.EventSync]; {
			events, err := next(t, s)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				seen[e.Kind] = true
				if e.MAC != c.MAC || e.Standing.Sync != fleet.SyncFetched {
					t.Errorf("told of %+v", e)
				}
			}
		}
	})
}

// Who comes back is told of all that have become overdue since, also where these are more than are read at once, and others
// follow the events already.
func TestWhoComesBackIsToldOfAllThatAreOverdue(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		const devices = 9
		now := s.Now()
		for n := range devices {
			c := storetest.Create(t, s, storetest.MAC(n), `{}`)
			shown := fleet.Evidence{MAC: c.MAC, Kind: fleet.EvidenceFetched, ETag: c.ETag, Revision: 1, At: now}
			if err := s.Record(t.Context(), []fleet.Evidence{shown}); err != nil {
				t.Fatal(err)
			}
			storetest.Exec(t, url, `UPDATE devices SET overdue_at = $1 WHERE mac_address = $2`,
				now.Add(time.Duration(n-2*devices)*time.Second).UTC().Format("2006-01-02 15:04:05.000000"), c.MAC.String())
		}
		hub := newBench(t, s, func(o *Options) { o.Page = 2 })
		if err := hub.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer hub.stop(t)
		hub.subscribe(t, nil)
		left, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, patience, func() bool {
			hub.mu.Lock()
			defer hub.mu.Unlock()
			return hub.live
		})
		left.Overdue = now.Unix() - 3*devices
		back := hub.subscribe(t, &left)
		told := map[fleet.MAC]bool{}
		for len(told) < devices {
			events, err := next(t, back)
			if err != nil {
				t.Fatalf("after %d devices: %v", len(told), err)
			}
			for _, e := range events {
				told[e.MAC] = told[e.MAC] || e.Standing.Overdue
			}
		}
	})
}
