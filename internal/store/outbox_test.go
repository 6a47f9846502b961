package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const lease = time.Minute

func claim(t testing.TB, s *store.Store, now time.Time, limit int) []fleet.Message {
	t.Helper()
	found, err := s.Claim(context.Background(), now, lease, limit)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantMessages(t *testing.T, got []fleet.Message, want ...fleet.Message) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(fleet.Message{}, "Generation"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// message is what a device is told of a configuration with that content.
func message(c fleet.Config, text string, changedAt time.Time) fleet.Message {
	return fleet.Message{MAC: c.MAC, Revision: c.Revision, SHA256: sha256.Sum256([]byte(text)), Size: len(text), Broadcast: true,
		Attempts: 1, ChangedAt: changedAt}
}

func TestAMessageIsOfTheNewestChangeSinceTheOldest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t0 := storetest.Epoch()
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		saved := storetest.Save(t, s, made.ID, `{"a":1}`)
		wantMessages(t, claim(t, s, t0, 10), message(saved, `{"a":1}`, t0))

		deleted := storetest.Delete(t, s, made.ID)
		gone := fleet.Message{MAC: made.MAC, Revision: 3, Deleted: true, ChangedAt: t0}
		wantMessages(t, claim(t, s, t0, 10)) // the claim is on
		gone.Attempts = 1
		wantMessages(t, claim(t, s, t0.Add(lease), 10), gone)
		if deleted.Revision != 2 {
			t.Errorf("deleted revision %d, want 2", deleted.Revision)
		}
		gone.Attempts = 2
		wantMessages(t, claim(t, s, t0.Add(2*lease), 10), gone)
	})
}

func TestTell(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, t0 := context.Background(), storetest.Epoch()
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		must(t, s.Clear(ctx, claim(t, s, t0, 10)))
		same := fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{}`), At: t0.Add(time.Second)}
		for _, c := range []struct {
			tell fleet.Tell
			text string
			want int
		}{
			{fleet.TellIfChanged, `{}`, 0}, {fleet.TellNobody, `{}`, 0}, {fleet.TellAlways, `{}`, 1},
			{fleet.TellNobody, `{"a":1}`, 0}, {fleet.TellIfChanged, `{"a":2}`, 1},
		} {
			same.Tell, same.Document = c.tell, storetest.Raw(c.text)
			storetest.Apply(t, s, same)
			got := claim(t, s, t0.Add(time.Hour), 10)
			if len(got) != c.want {
				t.Errorf("Tell %d with %s: %d messages, want %d", c.tell, c.text, len(got), c.want)
			}
			must(t, s.Clear(ctx, got))
		}
		// A row that is there stays true.
		storetest.Save(t, s, made.ID, `{"a":3}`)
		same.Tell, same.Document = fleet.TellNobody, storetest.Raw(`{"a":10}`)
		silent := storetest.Apply(t, s, same)
		wantMessages(t, claim(t, s, t0.Add(time.Hour), 10), message(silent, `{"a":10}`, t0.Add(time.Second)))
	})
}

func TestAnOldClaimCannotClearANewRow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, t0 := context.Background(), storetest.Epoch()
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		slow := claim(t, s, t0, 10)
		fast := claim(t, s, t0.Add(lease), 10) // the lease of the slow one is over
		must(t, s.Clear(ctx, fast))
		storetest.Save(t, s, made.ID, `{"a":1}`) // a row of its own
		must(t, s.Clear(ctx, slow))
		if got := claim(t, s, t0.Add(lease), 10); len(got) != 1 || got[0].Revision != 2 {
			t.Errorf("claimed %+v; the late acknowledgement cleared what it did not tell", got)
		}
	})
}

func TestPostpone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, t0 := context.Background(), storetest.Epoch()
		first := storetest.Create(t, s, storetest.MAC(1), `{}`)
		second := storetest.Create(t, s, storetest.MAC(2), `{}`)
		failed := claim(t, s, t0, 10)
		storetest.Save(t, s, second.ID, `{"a":1}`)
		must(t, s.Postpone(ctx, failed, t0.Add(2*time.Minute)))
		changed := claim(t, s, t0.Add(time.Second), 10)
		if len(changed) != 1 || changed[0].MAC != second.MAC {
			t.Errorf("claimed %+v; want only what was changed meanwhile", changed)
		}
		retried := claim(t, s, t0.Add(2*time.Minute), 1)
		if len(retried) != 1 || retried[0].Attempts < 1 {
			t.Fatalf("claimed %+v", retried)
		}
		// A change makes a message that was put off due at once.
		must(t, s.Postpone(ctx, claim(t, s, t0.Add(3*time.Minute), 10), t0.Add(4*time.Minute)))
		storetest.Save(t, s, first.ID, `{"a":2}`)
		got := claim(t, s, t0.Add(time.Second), 10)
		if len(got) != 1 || got[0].MAC != first.MAC || got[0].Attempts != 1 {
			t.Errorf("claimed %+v; want the changed one, tried for the first time", got)
		}
	})
}

func TestALateGiveBackLeavesTheClaimOfAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t0 := storetest.Epoch()
		storetest.Create(t, s, storetest.MAC(1), `{}`)
		late := claim(t, s, t0, 10)
		claim(t, s, t0.Add(lease), 10)
		must(t, s.Postpone(context.Background(), late, t0))
		wantMessages(t, claim(t, s, t0.Add(lease), 10))
	})
}

// A clock that ran ahead when a change was made, or a message was claimed or put off, and was set right since, keeps
// nobody waiting for as long as it was ahead.
func TestAClockThatWasSetBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, ahead, now := context.Background(), storetest.Epoch().AddDate(1, 0, 0), storetest.Epoch()
		must(t, s.Clear(ctx, nil))
		for n := range 3 {
			storetest.Apply(t, s, fleet.Change{Kind: fleet.Create, MAC: storetest.MAC(n), Document: storetest.Raw(`{}`), At: ahead})
		}
		claimed := claim(t, s, ahead, 2)
		must(t, s.Postpone(ctx, claimed[:1], ahead.Add(time.Minute)))
		if got := claim(t, s, ahead, 10); len(got) != 1 {
			t.Errorf("claimed %d, want the one that is not claimed or put off: a claim does not reach far", len(got))
		}
		if got := claim(t, s, now, 10); len(got) != 3 {
			t.Errorf("claimed %d of 3 after the clock was set back by a year", len(got))
		}
		if got := claim(t, s, now, 10); len(got) != 0 {
			t.Errorf("claimed %d that are claimed already", len(got))
		}
	})
}

func TestClaimTakesTheOldestFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t0 := storetest.Epoch()
		for _, n := range []int{3, 1, 2} {
			c := create(n, `{}`)
			c.At = t0.Add(time.Duration(n) * time.Second)
			storetest.Apply(t, s, c)
		}
		n, oldest, err := s.Backlog(context.Background())
		if err != nil || n != 3 || !oldest.Equal(t0.Add(time.Second)) {
			t.Errorf("backlog %d since %v, %v", n, oldest, err)
		}
		var order []string
		for _, m := range append(claim(t, s, t0.Add(2*time.Second), 2), claim(t, s, t0.Add(3*time.Second), 2)...) {
			order = append(order, m.MAC.String())
		}
		want := []string{storetest.MAC(1).String(), storetest.MAC(2).String(), storetest.MAC(3).String()}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnnounce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, t0 := context.Background(), storetest.Epoch()
		at := func(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }
		var made []fleet.Config
		for i := range 4 { // at 0, 10, 20 and 30 minutes
			c := create(i, `{}`)
			c.At = at(10 * i)
			made = append(made, storetest.Apply(t, s, c))
		}
		storetest.Apply(t, s, fleet.Change{Kind: fleet.Delete, ID: made[3].ID, Source: fleet.FromDelete, At: at(40)})
		must(t, s.Clear(ctx, claim(t, s, at(100), 10)))

		n, err := s.Announce(ctx, at(10), at(20))
		must(t, err)
		second, third := message(made[1], `{}`, at(10)), message(made[2], `{}`, at(20))
		second.Broadcast = false
		gone := fleet.Message{MAC: made[3].MAC, Revision: 2, Deleted: true, Attempts: 1, ChangedAt: at(40)}
		got := claim(t, s, at(100), 10)
		wantMessages(t, got, second, third, gone)
		if n != 3 {
			t.Errorf("announced %d, want 3", n)
		}
		must(t, s.Clear(ctx, got))

		n, err = s.Announce(ctx, time.Time{}, at(1000))
		must(t, err)
		first := message(made[0], `{}`, at(0))
		first.Broadcast, third.Broadcast = false, false
		wantMessages(t, claim(t, s, at(100), 10), first, second, third)
		if n != 3 {
			t.Errorf("announced %d, want every configuration: 3", n)
		}
	})
}

func TestAnnounceLeavesWhatWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, t0 := context.Background(), storetest.Epoch()
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		held := claim(t, s, t0, 10)
		if _, err := s.Announce(ctx, time.Time{}, t0.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		must(t, s.Clear(ctx, held)) // what it told may have been lost: it is owed again, and the broadcast still
		want := message(made, `{}`, t0)
		want.Attempts = 2
		wantMessages(t, claim(t, s, t0, 10), want)
	})
}

// A message that was refused rests as long as it was to, also when all is announced again meanwhile: or each reconnect
// would begin with it.
func TestAnnounceLeavesWhatWasPutOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, t0 := context.Background(), storetest.Epoch()
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		must(t, s.Postpone(ctx, claim(t, s, t0, 10), t0.Add(time.Minute)))
		if _, err := s.Announce(ctx, t0, t0); err != nil {
			t.Fatal(err)
		}
		wantMessages(t, claim(t, s, t0.Add(time.Second), 10))
		want := message(made, `{}`, t0)
		want.Attempts = 2
		wantMessages(t, claim(t, s, t0.Add(time.Minute), 10), want)
	})
}

func TestAnnounceOfMoreThanAPiece(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, t0 := context.Background(), storetest.Epoch()
		const devices = 2345
		changes := make([]fleet.Change, devices)
		for i := range changes {
			changes[i] = create(i, `{}`)
			changes[i].Tell = fleet.TellNobody
		}
		must(t, s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
			_, err := tx.Apply(ctx, changes...)
			return err
		}))
		for _, since := range []time.Time{{}, t0} {
			n, err := s.Announce(ctx, since, since)
			if err != nil || n != devices {
				t.Errorf("announced %d since %v, %v; want %d", n, since, err, devices)
			}
		}
		if n, _, err := s.Backlog(ctx); err != nil || n != devices {
			t.Errorf("backlog %d, %v; want one row for each device", n, err)
		}
	})
}

// An announcement that looked before a device was made anew, and writes after that, must not take the broadcast from
// the row that is owed it.
func TestAnnounceMeetsACreateBehindADelete(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	url := storetest.NewURL(t, testenv.PostgreSQL)
	s, ctx, t0 := storetest.OpenMigrated(t, url), context.Background(), storetest.Epoch()
	made := storetest.Create(t, s, storetest.MAC(1), `{}`)
	storetest.Delete(t, s, made.ID)
	var announced sync.WaitGroup
	must(t, s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
		again := create(1, `{"a":1}`)
		again.Tell = fleet.TellAlways
		if _, err := tx.Apply(ctx, again); err != nil {
			return err
		}
		announced.Go(func() { // it does not see what is not committed, and waits for its row
			if _, err := s.Announce(context.Background(), t0, t0); err != nil {
				t.Error(err)
			}
		})
		db := storetest.SQL(t, url)
		testenv.WaitFor(t, 20*time.Second, func() bool {
			var n int
			err := db.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
				AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO outbox%'`).Scan(&n)
			return err == nil && n == 1
		})
		return nil
	}))
	announced.Wait()
	got := claim(t, s, t0.Add(time.Minute), 10)
	if len(got) != 1 || got[0].Revision != 3 || got[0].Deleted || !got[0].Broadcast {
		t.Errorf("claimed %+v; want revision 3 with its broadcast", got)
	}
}

func TestWatermark(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		if at, err := s.Watermark(ctx); err != nil || !at.IsZero() {
			t.Errorf("a new one is %v, %v", at, err)
		}
		for _, want := range []time.Time{storetest.Epoch().Add(time.Microsecond), storetest.Epoch().Add(-time.Hour)} {
			must(t, s.SetWatermark(ctx, want.In(time.FixedZone("", 3600))))
			if at, err := s.Watermark(ctx); err != nil || !at.Equal(want) {
				t.Errorf("%v, %v; want %v", at, err, want)
			}
		}
	})
}

func TestClaimsOfAnEndedServerAreVoidOnSQLite(t *testing.T) {
	url := storetest.NewURL(t, testenv.SQLite)
	testenv.Ran(t, testenv.SQLite)
	s := storetest.OpenMigrated(t, url)
	storetest.Create(t, s, storetest.MAC(1), `{}`)
	before := claim(t, s, storetest.Epoch(), 10)
	must(t, s.Close())
	s = storetest.Open(t, url)
	again := claim(t, s, storetest.Epoch(), 10)
	if len(again) != 1 || again[0].Attempts != 2 {
		t.Errorf("claimed %+v", again)
	}
	storetest.Save(t, s, 1, `{"a":1}`)
	if next := claim(t, s, storetest.Epoch().Add(lease), 10); len(next) != 1 || next[0].Generation <= before[0].Generation {
		t.Errorf("claimed %+v; want a generation above %d", next, before[0].Generation)
	}
}

// Two servers share the outbox while a third changes documents: every change is told, each message by one of them.
func TestServersShareTheOutbox(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	ctx := context.Background()
	url := storetest.NewURL(t, testenv.PostgreSQL)
	servers := []*store.Store{storetest.OpenMigrated(t, url), storetest.Open(t, url)}
	const devices, changes = 30, 20
	ids := make([]int64, devices)
	for i := range ids {
		ids[i] = storetest.Create(t, servers[0], storetest.MAC(i), `{}`).ID
	}
	var mu sync.Mutex
	holders := map[fleet.MAC]int{}
	told := map[fleet.MAC]int64{}
	var writing, relaying sync.WaitGroup
	written := make(chan struct{})
	for w := range 3 {
		writing.Go(func() {
			for i := range changes {
				for d := w; d < devices; d += 3 {
					_, err := servers[w%2].Apply(ctx, fleet.Change{Kind: fleet.Save, ID: ids[d], Source: fleet.FromEdit,
						Document: storetest.Raw(fmt.Sprintf(`{"n":%d}`, i)), At: storetest.Epoch()})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	relay := func(server int, s *store.Store) {
		for {
			var last bool
			select {
			case <-written:
				last = true
			default:
			}
			messages, err := s.Claim(ctx, storetest.Epoch(), lease, 7)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			for _, m := range messages {
				if other, held := holders[m.MAC]; held {
					t.Errorf("%s was claimed by server %d while %d held it", m.MAC, server, other)
				}
				holders[m.MAC] = server
				if m.Revision < told[m.MAC] {
					t.Errorf("%s was told of revision %d after %d", m.MAC, m.Revision, told[m.MAC])
				}
				told[m.MAC] = m.Revision
			}
			mu.Unlock()
			mu.Lock()
			for _, m := range messages {
				delete(holders, m.MAC)
			}
			mu.Unlock()
			if err := s.Clear(ctx, messages); err != nil {
				t.Error(err)
				return
			}
			if last && len(messages) == 0 {
				return
			}
		}
	}
	for i, s := range servers {
		relaying.Go(func() { relay(i, s) })
		relaying.Go(func() { relay(i, s) })
	}
	writing.Wait()
	close(written)
	relaying.Wait()
	for i := range devices {
		if got := told[storetest.MAC(i)]; got != changes+1 {
			t.Errorf("%s was last told of revision %d, want %d", storetest.MAC(i), got, changes+1)
		}
	}
	if n, _, err := servers[0].Backlog(ctx); err != nil || n != 0 {
		t.Errorf("backlog %d, %v", n, err)
	}
}
