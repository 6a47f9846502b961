package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// numbers are a device's revisions, oldest first.
func numbers(t *testing.T, s *store.Store, m fleet.MAC) []int64 {
	t.Helper()
	var found []int64
	for _, r := range slices.Backward(revisions(t, s, m)) {
		found = append(found, r.Number)
	}
	return found
}

func wantGapless(t *testing.T, got []int64) {
	t.Helper()
	for i, n := range got {
		if n != int64(i+1) {
			t.Fatalf("revisions %v have a gap or a repeat", got)
		}
	}
}

func TestWritersOfOneDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const writers, each = 16, 10
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		var group sync.WaitGroup
		seen := make([][]int64, writers)
		for w := range writers {
			group.Go(func() {
				for i := range each {
					c := fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(fmt.Sprintf(`{"w":%d,"i":%d}`, w, i)),
						Source: fleet.FromEdit, At: storetest.Epoch()}
					applied, err := s.Apply(context.Background(), c)
					if i%3 == 0 { // the other way in
						c.Document = storetest.Raw(fmt.Sprintf(`{"w":%d,"i":%d,"again":true}`, w, i))
						err = s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
							_, err := tx.Apply(ctx, c)
							return err
						})
					}
					if err != nil {
						t.Error(err)
						return
					}
					seen[w] = append(seen[w], applied.Config.Revision)
				}
			})
		}
		group.Wait()
		all := slices.Concat(seen...)
		slices.Sort(all)
		if twice := len(all) - len(slices.Compact(slices.Clone(all))); twice != 0 {
			t.Errorf("%d revisions were given twice: %v", twice, all)
		}
		got := numbers(t, s, made.MAC)
		wantGapless(t, got)
		if want := 1 + writers*(each+4); len(got) != want {
			t.Errorf("%d revisions, want %d", len(got), want)
		}
	})
}

func TestCreatesOfOneDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for round := range 5 {
			var group sync.WaitGroup
			var made atomic.Int64
			for w := range 16 {
				group.Go(func() {
					_, err := s.Apply(context.Background(), fleet.Change{Kind: fleet.Create, MAC: storetest.MAC(round),
						Document: storetest.Raw(fmt.Sprintf(`{"w":%d}`, w)), Source: fleet.FromCreate, At: storetest.Epoch()})
					if err == nil {
						made.Add(1)
					} else {
						wantCode(t, err, fleet.CodeExists)
					}
				})
			}
			group.Wait()
			if made.Load() != 1 {
				t.Errorf("%d of 16 creates of one device succeeded", made.Load())
			}
			wantGapless(t, numbers(t, s, storetest.MAC(round)))
		}
	})
}

func TestCreateAndDeleteAgainstEachOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, mac := context.Background(), storetest.MAC(1)
		var group sync.WaitGroup
		var done atomic.Int64
		count := func(err error, allowed fleet.Code) {
			if err == nil {
				done.Add(1)
			} else if fleet.CodeOf(err) != allowed {
				t.Error(err)
			}
		}
		for w := range 8 {
			group.Go(func() {
				for i := range 20 {
					_, err := s.Apply(ctx, fleet.Change{Kind: fleet.Create, MAC: mac, Source: fleet.FromCreate,
						Document: storetest.Raw(fmt.Sprintf(`{"w":%d,"i":%d}`, w, i)), At: storetest.Epoch()})
					count(err, fleet.CodeExists)
					found := list(t, s, fleet.Query{}, false)
					for _, c := range found {
						_, err = s.Apply(ctx, fleet.Change{Kind: fleet.Delete, ID: c.ID, Source: fleet.FromDelete, At: storetest.Epoch()})
						count(err, fleet.CodeNotFound)
					}
				}
			})
		}
		group.Wait()
		got := numbers(t, s, mac)
		wantGapless(t, got)
		if int64(len(got)) != done.Load() {
			t.Errorf("%d revisions of %d changes", len(got), done.Load())
		}
	})
}

// Imports that meet lock the same devices in other orders.
func TestImportsThatMeet(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const devices = 10
		ids := make([]int64, devices)
		for i := range ids {
			ids[i] = storetest.Create(t, s, storetest.MAC(i), `{}`).ID
		}
		const imports = 6
		var group sync.WaitGroup
		for w := range imports {
			group.Go(func() {
				changes := make([]fleet.Change, devices)
				for i := range changes {
					changes[i] = fleet.Change{Kind: fleet.Save, ID: ids[(i*(2*w+1)+w)%devices], Source: fleet.FromImport,
						Document: storetest.Raw(fmt.Sprintf(`{"w":%d,"i":%d}`, w, i)), At: storetest.Epoch()}
				}
				err := s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
					for _, c := range changes { // one by one: the worst case
						if _, err := tx.Apply(ctx, c); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		total := 0
		for i := range devices {
			got := numbers(t, s, storetest.MAC(i))
			wantGapless(t, got)
			total += len(got)
		}
		if want := devices + imports*devices; total != want {
			t.Errorf("%d revisions, want %d", total, want)
		}
	})
}

// What was acknowledged is what is read, at once and by everybody: the cache holds nothing older.
func TestAnAcknowledgedChangeIsRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		const devices = 4
		var acknowledged [devices]atomic.Int64
		ids := make([]int64, devices)
		for i := range ids {
			ids[i] = storetest.Create(t, s, storetest.MAC(i), `{"n":0}`).ID
			acknowledged[i].Store(1)
		}
		stop := make(chan struct{})
		var readers, writers sync.WaitGroup
		for r := range 4 {
			readers.Go(func() {
				for i := r; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					device := i % devices
					least := acknowledged[device].Load()
					served, err := s.Document(ctx, storetest.MAC(device))
					if err != nil || served.Revision < least {
						t.Errorf("read revision %d, %v after %d was acknowledged", served.Revision, err, least)
						return
					}
				}
			})
		}
		for device := range devices {
			writers.Go(func() {
				for i := range 100 {
					applied, err := s.Apply(ctx, fleet.Change{Kind: fleet.Save, ID: ids[device], Source: fleet.FromEdit,
						Document: storetest.Raw(fmt.Sprintf(`{"n":%d}`, i+1)), At: storetest.Epoch()})
					if err != nil {
						t.Error(err)
						return
					}
					acknowledged[device].Store(applied.Config.Revision)
				}
			})
		}
		writers.Wait()
		close(stop)
		readers.Wait()
	})
}

func TestViewSeesOneState(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := storetest.Create(t, s, storetest.MAC(1), `{"a":1}`)
		err := s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) error {
			before, err := tx.Config(ctx, made.ID)
			if err != nil {
				return err
			}
			storetest.Save(t, s, made.ID, `{"a":2}`)
			storetest.Create(t, s, storetest.MAC(2), `{}`)
			again, err := tx.ConfigByMAC(ctx, made.MAC)
			if err != nil || again.Revision != before.Revision {
				t.Errorf("read revision %d and then %d, %v", before.Revision, again.Revision, err)
			}
			if n, err := tx.Count(ctx); err != nil || n != 1 {
				t.Errorf("counted %d, %v; want the 1 of before", n, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
