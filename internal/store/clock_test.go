package store_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// openAhead opens a database from a machine whose clock is ahead of ours.
func openAhead(t *testing.T, url string, ahead time.Duration) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Options{URL: url,
		Clock: func() time.Time { return time.Now().Add(ahead) }})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// Servers whose clocks are minutes apart share an outbox as others do.
func TestServersWithOtherClocks(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	ctx, url := context.Background(), storetest.NewURL(t, testenv.PostgreSQL)
	right := storetest.OpenMigrated(t, url)
	for name, ahead := range map[string]time.Duration{"ahead": 7 * time.Minute, "behind": -7 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			wrong := openAhead(t, url, ahead)
			must(t, wrong.Ping(ctx))
			change := create(1, `{}`)
			change.Tell, change.At = fleet.TellAlways, wrong.Now()
			made := storetest.Apply(t, wrong, change)
			held := claim(t, right, right.Now().Add(2*time.Second), 10)
			if len(held) != 1 {
				t.Fatalf("claimed %d; a change waits for the clock of whoever made it", len(held))
			}
			if twice := claim(t, wrong, wrong.Now(), 10); len(twice) != 0 {
				t.Error("the other server claims what is claimed")
			}
			must(t, right.Postpone(ctx, held, right.Now()))
			held = claim(t, wrong, wrong.Now().Add(2*time.Second), 10)
			if twice := claim(t, right, right.Now(), 10); len(held) != 1 || len(twice) != 0 {
				t.Errorf("one claims %d, and the other %d of them", len(held), len(twice))
			}
			must(t, wrong.Clear(ctx, held))
			storetest.Delete(t, right, made.ID)
			must(t, right.Clear(ctx, claim(t, right, right.Now(), 10)))
		})
	}
}

// Servers on PostgreSQL go by its clock, also while somebody sets theirs.
func TestAClockThatIsSet(t *testing.T) {
	for _, engine := range []string{testenv.PostgreSQL, testenv.SQLite} {
		t.Run(engine, func(t *testing.T) {
			testenv.Ran(t, engine)
			var ahead atomic.Int64
			s, err := store.Open(context.Background(), store.Options{URL: storetest.NewURL(t, engine),
				Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
			must(t, err)
			t.Cleanup(func() { must(t, s.Close()) })
			_, err = s.Migrate(context.Background())
			must(t, err)
			for _, jump := range []time.Duration{0, 5 * time.Hour, -3 * time.Hour} {
				ahead.Store(int64(jump))
				want := time.Duration(0)
				if engine == testenv.SQLite { // the control: its clock is this machine's
					want = jump
				}
				for _, when := range []string{"at once", "after a question"} {
					if off := (time.Until(s.Now()) - want).Abs(); off > time.Minute {
						t.Errorf("set by %v, %s: the time is off by %v", jump, when, off)
					}
					must(t, s.Ping(context.Background()))
				}
			}
		})
	}
}

// A SQLite file has one server, whose clock is the clock.
func TestTheClockOfAFile(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	s := openAhead(t, storetest.NewURL(t, testenv.SQLite), time.Hour)
	if ahead := time.Until(s.Now()); ahead < 59*time.Minute || ahead > time.Hour {
		t.Errorf("the clock is ahead by %v, want an hour", ahead)
	}
}
