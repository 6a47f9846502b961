package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// told is a change as a reader of the events has it.
type told struct {
	place    int64
	kind     fleet.EventKind
	mac      fleet.MAC
	revision int64
}

func changesOf(events []fleet.Event) (all []told) {
	for _, e := range events {
		if e.Kind != fleet.EventSync && e.Kind != fleet.EventCheckIn && e.Kind != fleet.EventReport {
			all = append(all, told{e.After.Change, e.Kind, e.MAC, e.Revision})
		}
	}
	return all
}

// watch reads the events as they come, in pieces, until nothing follows after done is closed.
func watch(t *testing.T, s *store.Store, at fleet.EventPosition, done <-chan struct{}) (all []fleet.Event) {
	for last := false; ; {
		events, next, err := s.Events(context.Background(), at, 1+rand.IntN(20))
		if err != nil {
			t.Error(err)
			return all
		}
		all = append(all, events...)
		if len(events) == 0 && next.Change == at.Change && last {
			return all
		}
		at = next
		select {
		case <-done:
			last = len(events) == 0
		default:
		}
	}
}

// Many writers on two servers: every reader, on whichever server, has each change once, in the same order, and the changes of a
// device in theirs.
func TestEventsHaveOneOrder(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		first := storetest.OpenMigrated(t, url)
		stores := []*store.Store{first, first}
		if first.Engine() == "postgres" {
			stores[1] = storetest.Open(t, url)
		}
		const writers, rounds, devices = 12, 25, 5
		from := head(t, first)
		ids := make([]int64, devices)
		for n := range ids {
			ids[n] = storetest.Create(t, first, storetest.MAC(n), `{}`).ID
		}
		done := make(chan struct{})
		var readers, group sync.WaitGroup
		seen := make([][]fleet.Event, 4)
		for r := range seen {
			readers.Go(func() { seen[r] = watch(t, stores[r%2], from, done) })
		}
		for w := range writers {
			group.Go(func() {
				for i := range rounds {
					if err := writeSome(stores[w%2], ids, w, i); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		allPlaced(t, first, url)
		close(done)
		readers.Wait()
		want := changesOf(seen[0])
		for r, events := range seen {
			if got := changesOf(events); !slices.Equal(got, want) {
				t.Errorf("reader %d has %d changes, the first one %d, or others, or in another order", r, len(got), len(want))
			}
		}
		wantEachOnce(t, first, want)
		late, _ := tail(t, stores[1], from, 7) // a reader that comes when all is done
		if !slices.Equal(changesOf(late), want) {
			t.Error("a reader that comes later has another order")
		}
	})
}

// allPlaced waits until every change has its place. Whoever reads while another gives them sees those only that have one.
func allPlaced(t *testing.T, s *store.Store, url string) {
	t.Helper()
	if s.Engine() != testenv.PostgreSQL {
		return
	}
	db := storetest.SQL(t, url)
	testenv.WaitFor(t, time.Minute, func() bool {
		head(t, s)
		var waiting int
		must(t, db.QueryRow(`SELECT count(*) FROM audit WHERE seq IS NULL AND event IS NOT NULL`).Scan(&waiting))
		return waiting == 0
	})
}

// writeSome makes changes of one or of several devices in a transaction, and creates and deletes one.
func writeSome(s *store.Store, ids []int64, w, i int) error {
	ctx := context.Background()
	save := func(n int) fleet.Change {
		return fleet.Change{Kind: fleet.Save, ID: ids[n], Source: fleet.FromEdit, At: storetest.Epoch(), Action: fleet.ActionUpdate,
			Document: storetest.Raw(fmt.Sprintf(`{"w":%d,"i":%d,"n":%d}`, w, i, n))}
	}
	switch i % 3 {
	case 0:
		_, err := s.Apply(ctx, save((w+i)%len(ids)))
		return err
	case 1:
		return s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
			for n := range ids {
				if _, err := tx.Apply(ctx, save(n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	made, err := s.Apply(ctx, create(1000+w, fmt.Sprintf(`{"w":%d,"i":%d}`, w, i)))
	if err == nil {
		_, err = s.Apply(ctx, fleet.Change{Kind: fleet.Delete, ID: made.Config.ID, Source: fleet.FromDelete, At: storetest.Epoch(), Action: fleet.ActionDelete})
	}
	return err
}

// wantEachOnce compares what was told with the revisions that there are, each of which one change has made.
func wantEachOnce(t *testing.T, s *store.Store, got []told) {
	t.Helper()
	byDevice := map[fleet.MAC][]int64{}
	for i, one := range got {
		byDevice[one.mac] = append(byDevice[one.mac], one.revision)
		if i > 0 && one.place <= got[i-1].place {
			t.Errorf("place %d follows %d", one.place, got[i-1].place)
		}
	}
	if len(byDevice) < 10 {
		t.Errorf("changes of %d devices only", len(byDevice))
	}
	for mac, revisions := range byDevice {
		var want []int64
		for n := range int64(len(history(t, s, mac))) {
			want = append(want, n+1)
		}
		if !slices.Equal(revisions, want) {
			t.Errorf("of %s the revisions %v were told, want %v", mac, revisions, want)
		}
	}
}

// A change that begins before another and is committed after it has the lower id. A reader that goes by ids has passed it by
// then, and never sees it: the control. One that goes by places does.
func TestEventOfAChangeThatIsCommittedLate(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	url := storetest.NewURL(t, testenv.PostgreSQL)
	s, other := storetest.OpenMigrated(t, url), storetest.Open(t, url)
	at := head(t, s)
	db := storetest.SQL(t, url)
	lastID := int64(0)
	byID := func() (macs []string) {
		rows, err := db.QueryContext(context.Background(), `SELECT id, mac_address FROM audit WHERE id > $1 AND event IS NOT NULL ORDER BY id`, lastID)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var mac string
			must(t, rows.Scan(&lastID, &mac))
			macs = append(macs, mac)
		}
		must(t, rows.Err())
		return macs
	}
	began, release, committed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		once := sync.OnceFunc(func() { close(began) })
		committed <- s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
			_, err := tx.Apply(ctx, create(1, `{}`))
			once()
			<-release
			return err
		})
	}()
	<-began
	storetest.Create(t, other, storetest.MAC(2), `{}`)
	ids, all := byID(), []fleet.Event{}
	some, at := tail(t, other, at, 10)
	all = append(all, some...)
	close(release)
	must(t, <-committed)
	ids = append(ids, byID()...)
	some, _ = tail(t, s, at, 10)
	all = append(all, some...)
	if len(ids) != 1 || ids[0] != storetest.MAC(2).String() {
		t.Errorf("a reader by ids saw %v: the change that this test is about does not have the lower id", ids)
	}
	if got := changesOf(all); len(got) != 2 || got[0].mac != storetest.MAC(2) || got[1].mac != storetest.MAC(1) {
		t.Errorf("a reader of the events saw %v, want both", got)
	}
}

// While one server gives changes their places the others go on with those that have one, and do not wait.
func TestReadersDoNotWaitForEachOther(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	url := storetest.NewURL(t, testenv.PostgreSQL)
	s := storetest.OpenMigrated(t, url)
	storetest.Create(t, s, storetest.MAC(1), `{}`)
	from := head(t, s)
	conn, err := storetest.SQL(t, url).Conn(context.Background())
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(context.Background(), `SELECT pg_advisory_lock($1)`, int64(0x657370616576656e))
	must(t, err)
	storetest.Create(t, s, storetest.MAC(2), `{}`)
	if all, _ := tail(t, s, from, 10); len(all) != 0 {
		t.Errorf("%v got a place without the lock", saidAll(all))
	}
	_, err = conn.ExecContext(context.Background(), `SELECT pg_advisory_unlock_all()`)
	must(t, err)
	if all, _ := tail(t, s, from, 10); len(all) != 2 {
		t.Errorf("events %v, want the create", saidAll(all))
	}
}

// Readers that ask only now and then find a backlog: all of it gets its places at once.
func TestBacklogOfPlaces(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const n = 2500
		for start := 0; start < n; start += 500 {
			changes := make([]fleet.Change, 500)
			for i := range changes {
				changes[i] = create(start+i, `{}`)
			}
			must(t, s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
				_, err := tx.Apply(ctx, changes...)
				return err
			}))
		}
		if at := head(t, s); at.Change != n {
			t.Errorf("the head is at %d of %d changes", at.Change, n)
		}
	})
}

func TestEpochIsMadeOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		stores := []*store.Store{storetest.Open(t, url)} // a SQLite file has one server
		if stores[0].Engine() == "postgres" {
			stores = append(stores, storetest.Open(t, url))
		}
		var group sync.WaitGroup
		for _, s := range stores { // two servers that start at once
			group.Go(func() {
				if _, err := s.Migrate(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		_, err := stores[0].Migrate(context.Background()) // and one that starts again
		must(t, err)
		one, two := head(t, stores[0]), head(t, stores[len(stores)-1])
		if one.Epoch != two.Epoch {
			t.Errorf("epochs %s and %s", one.Epoch, two.Epoch)
		}
		if p, ok := fleet.ParseEventPosition(one.String()); !ok || p != one {
			t.Errorf("%s is read as %s", one, p)
		}
		if d := time.Since(time.Unix(one.Overdue, 0)); d.Abs() > time.Minute {
			t.Errorf("looked until %v ago", d)
		}
	})
}
