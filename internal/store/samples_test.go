package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

func samples(t testing.TB, s *store.Store, since, until time.Time, step time.Duration) []fleet.Summary {
	t.Helper()
	found, err := view(s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.Summary, error) {
		return tx.Samples(ctx, since, until, step)
	})
	must(t, err)
	return found
}

// sampled are the minutes behind Epoch that have samples.
func sampled(t testing.TB, s *store.Store, since, until time.Time, step time.Duration) (minutes []int) {
	t.Helper()
	for _, one := range samples(t, s, since, until, step) {
		minutes = append(minutes, int(one.At.Sub(storetest.Epoch())/time.Minute))
	}
	return minutes
}

// insertSamples puts samples of minutes behind Epoch beside the store; those of unfinished have no numbers.
func insertSamples(t testing.TB, url string, finished, unfinished []int) {
	t.Helper()
	epoch := int(storetest.Epoch().Unix() / 60)
	var rows []string
	for _, n := range finished {
		rows = append(rows, fmt.Sprintf("(%d, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)", epoch+n))
	}
	for _, n := range unfinished {
		rows = append(rows, fmt.Sprintf("(%d, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)", epoch+n))
	}
	storetest.Exec(t, url, `INSERT INTO fleet_samples (minute, total, sync_unknown, sync_pending, sync_fetched, sync_held, sync_applied, sync_error,
		overdue, online, offline, deleted) VALUES `+strings.Join(rows, ", "))
}

// through are the numbers from one to another.
func through(from, to, step int) (all []int) {
	for n := from; n <= to; n += step {
		all = append(all, n)
	}
	return all
}

func TestASampleIsTheSummaryOfItsMinute(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for n := range 5 {
			storetest.Create(t, s, storetest.MAC(n), fmt.Sprintf(`{"v":%d}`, n))
		}
		storetest.Delete(t, s, 5)
		record(t, s, fetched(storetest.MAC(0), `{"v":0}`, 1, minute(0)), held(storetest.MAC(1), `{"v":1}`, 1, minute(0)),
			fleet.Evidence{MAC: storetest.MAC(2), Kind: fleet.EvidenceOnline, At: minute(0)},
			fleet.Evidence{MAC: storetest.MAC(1), Kind: fleet.EvidenceOffline, At: minute(0)})
		if taken, err := s.Sample(ctx, minute(7).Add(59*time.Second)); !taken || err != nil {
			t.Fatalf("taken: %v, %v", taken, err)
		}
		storetest.Delete(t, s, 1)
		if taken, err := s.Sample(ctx, minute(7)); taken || err != nil {
			t.Errorf("the same minute was taken again: %v, %v", taken, err)
		}
		want := []fleet.Summary{{At: minute(7), Total: 4, Online: 1, Offline: 1, Deleted: 1, Sync: map[fleet.Sync]int64{fleet.SyncUnknown: 1,
			fleet.SyncPending: 1, fleet.SyncFetched: 1, fleet.SyncHeld: 1, fleet.SyncApplied: 0, fleet.SyncError: 0}}}
		if diff := cmp.Diff(want, samples(t, s, minute(7), minute(8), time.Minute)); diff != "" {
			t.Error(diff)
		}
		if taken, err := s.Sample(ctx, minute(8)); !taken || err != nil {
			t.Errorf("the next minute: %v, %v", taken, err)
		}
		if diff := cmp.Diff([]int{7, 8}, sampled(t, s, minute(0), minute(100), time.Minute)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOneOfManyServersTakesAMinute(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		servers := []*store.Store{storetest.OpenMigrated(t, url)}
		for len(servers) < 6 {
			if servers[0].Engine() == "sqlite" { // a file has one server
				servers = append(servers, servers[0])
			} else {
				servers = append(servers, storetest.Open(t, url))
			}
		}
		const minutes = 10
		var taken atomic.Int64
		var group sync.WaitGroup
		for _, s := range servers {
			group.Go(func() {
				for n := range minutes {
					mine, err := s.Sample(context.Background(), minute(n))
					if err != nil {
						t.Error(err)
					}
					if mine {
						taken.Add(1)
					}
				}
			})
		}
		group.Wait()
		if found := sampled(t, servers[0], minute(0), minute(minutes), time.Minute); taken.Load() != minutes || len(found) != minutes {
			t.Errorf("%d were taken, and %v are there", taken.Load(), found)
		}
	})
}

func TestSamplesOfATime(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		insertSamples(t, url, []int{1, 2, 3, 7, 8, 9, 10, 61, 130, 131}, []int{0, 5, 120})
		for _, c := range []struct {
			since, until time.Time
			step         time.Duration
			want         []int
		}{
			{minute(0), minute(200), time.Minute, []int{1, 2, 3, 7, 8, 9, 10, 61, 130, 131}},
			{minute(0), minute(200), 5 * time.Minute, []int{1, 7, 10, 61, 130}},
			{minute(8), minute(200), 5 * time.Minute, []int{8, 10, 61, 130}},
			{minute(0), minute(200), time.Hour, []int{1, 61, 130}},
			{minute(0), minute(200), 24 * time.Hour, []int{1}},
			{minute(2), minute(9), time.Minute, []int{2, 3, 7, 8}},
			{minute(2).Add(time.Microsecond), minute(9).Add(time.Microsecond), time.Minute, []int{3, 7, 8, 9}},
			{minute(4), minute(7), time.Minute, nil},
			{minute(200), minute(300), time.Minute, nil},
		} {
			if diff := cmp.Diff(c.want, sampled(t, s, c.since, c.until, c.step)); diff != "" {
				t.Errorf("%s to %s by %s: -want +got\n%s", c.since, c.until, c.step, diff)
			}
		}
	})
}

func TestSamplesAreThinned(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		const minutes, hours = 48 * 60, 400 * 24 * 60
		now := minute(hours + 90)
		// Around what is too old: by the hour already, with one too many; around what is kept by the minute: all of some
		// hours, of which the first has no numbers at its beginning.
		recent := hours + 90 - minutes
		begin := recent - recent%60 - 20*60
		finished := append([]int{0, 59, 60, 89, 90, 91, 120, 125}, through(begin+1, begin+22*60, 1)...)
		insertSamples(t, url, finished, []int{begin})
		all := func() []int { return sampled(t, s, minute(0), now, time.Minute) }
		if diff := cmp.Diff(finished, all()); diff != "" {
			t.Fatal(diff)
		}
		want := append([]int{60, 120, begin + 1}, through(begin+60, recent, 60)...)
		if last := want[len(want)-1]; last == recent {
			want = want[:len(want)-1]
		}
		want = append(want, through(recent, begin+22*60, 1)...)
		for range 2 { // to do it again changes nothing
			if n, pieces := prune(t, s, fleet.Retention{}, now); n != 0 || pieces > 3 {
				t.Errorf("%d rows, %d pieces", n, pieces)
			}
			if diff := cmp.Diff(want, all()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		}
		prune(t, s, fleet.Retention{}, now.AddDate(2, 0, 0))
		if left := all(); len(left) != 0 {
			t.Errorf("after two years there are %v", left)
		}
	})
}
