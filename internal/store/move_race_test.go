package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// wantNumbersInOrder wants the numbers of each device to rise by one, and no two revisions of all to be one.
func wantNumbersInOrder(t *testing.T, s *store.Store, macs ...fleet.MAC) (total int) {
	t.Helper()
	for _, mac := range macs {
		got := numbersOf(t, s, mac)
		total += len(got)
		for i := 1; i < len(got); i++ {
			if got[i] != got[i-1]+1 {
				t.Errorf("the numbers of %s are %v: they have a gap or a repeat", mac, got)
			}
		}
	}
	return total
}

// wantWhole wants what is kept of each device to fit together.
func wantWhole(t *testing.T, s *store.Store, macs ...fleet.MAC) {
	t.Helper()
	gone := map[fleet.MAC]bool{}
	for _, c := range deleted(t, s) {
		gone[c.MAC] = true
	}
	there := map[fleet.MAC]fleet.Config{}
	for _, c := range list(t, s, fleet.Query{}, true) {
		there[c.MAC] = c
		if gone[c.MAC] {
			t.Errorf("%s is there and among the deleted", c.MAC)
		}
	}
	for _, mac := range macs {
		all := history(t, s, mac)
		c, exists := there[mac]
		if len(all) == 0 {
			if exists {
				t.Errorf("%s has no history", mac)
			}
			continue
		}
		newest := all[len(all)-1]
		if exists != !newest.Gone() || exists && (c.Revision != newest.Number || string(c.Content) != string(newest.Content)) {
			t.Errorf("%s is there: %v, at revision %d; its newest is %d from %s", mac, exists, c.Revision, newest.Number, newest.Source)
		}
	}
}

// allow counts a change that was made, and wants one that was not to have failed with a code that says why.
func allow(t *testing.T, made *atomic.Int64, err error, codes ...fleet.Code) {
	if err == nil {
		made.Add(1)
	} else if !slices.Contains(codes, fleet.CodeOf(err)) {
		t.Errorf("%v", err)
	}
}

// Moves that cross: each wants what another holds.
func TestMovesThatCross(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const rounds = 25
		for round := range rounds {
			macs := make([]fleet.MAC, 4)
			ids := make([]int64, 4)
			for i := range macs {
				macs[i] = storetest.MAC(10*round + i)
				if i < 3 {
					ids[i] = storetest.Create(t, s, macs[i], fmt.Sprintf(`{"i":%d}`, i)).ID
				}
			}
			var group sync.WaitGroup
			var made atomic.Int64
			for _, m := range [][2]int{{0, 1}, {1, 2}, {2, 0}, {0, 3}, {1, 3}, {2, 3}, {1, 0}} {
				group.Go(func() {
					_, err := s.Apply(context.Background(), move(ids[m[0]], macs[m[1]]))
					allow(t, &made, err, fleet.CodeExists)
				})
			}
			group.Wait()
			if made.Load() == 0 {
				t.Error("nothing was moved to the free address")
			}
			wantNumbersInOrder(t, s, macs...)
			wantWhole(t, s, macs...)
		}
	})
}

func TestTwoMovesToOneAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for round := range 20 {
			a, b, to := storetest.MAC(10*round), storetest.MAC(10*round+1), storetest.MAC(10*round+2)
			ids := []int64{storetest.Create(t, s, a, `{"a":1}`).ID, storetest.Create(t, s, b, `{"b":1}`).ID}
			var group sync.WaitGroup
			var made atomic.Int64
			for i := range 8 {
				group.Go(func() {
					_, err := s.Apply(context.Background(), move(ids[i%2], to))
					allow(t, &made, err, fleet.CodeExists)
				})
			}
			group.Wait()
			if made.Load() != 1 {
				t.Errorf("%d moves to one address succeeded", made.Load())
			}
			if n := wantNumbersInOrder(t, s, a, b, to); n != 4 { // the two created, the one that came and the one that went
				t.Errorf("%d revisions, want 4", n)
			}
			wantWhole(t, s, a, b, to)
		}
	})
}

// Everything that can be done to a device, at once and on two addresses: numbers are given once, none is left out, and what is
// kept fits together. Each change but a move makes one revision; a move makes two, and none of them goes.
func TestEverythingAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		macs := []fleet.MAC{storetest.MAC(1), storetest.MAC(2), storetest.MAC(3)}
		var group sync.WaitGroup
		var made, moved, unchanged atomic.Int64
		apply := func(c fleet.Change, together bool) (err error) {
			var applied fleet.Applied
			if c.At = storetest.Epoch(); !together {
				applied, err = s.Apply(ctx, c)
			} else {
				err = s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
					all, err := tx.Apply(ctx, c)
					if err == nil {
						applied = all[0]
					}
					return err
				})
			}
			if applied.Unchanged {
				unchanged.Add(1)
			}
			return err
		}
		for w := range 8 {
			group.Go(func() {
				for i := range 40 {
					mac, together := macs[(w+i)%len(macs)], (w+i)%5 == 0
					c := create(0, fmt.Sprintf(`{"w":%d,"i":%d}`, w, i))
					c.MAC = mac
					allow(t, &made, apply(c, together), fleet.CodeExists)
					for _, has := range list(t, s, fleet.Query{}, false) {
						switch (w + i + int(has.ID)) % 4 {
						case 0:
							allow(t, &made, apply(fleet.Change{Kind: fleet.Delete, ID: has.ID, Source: fleet.FromDelete}, together), fleet.CodeNotFound)
						case 1:
							allow(t, &moved, apply(move(has.ID, mac), together), fleet.CodeNotFound, fleet.CodeExists)
						default:
							c := fleet.Change{Kind: fleet.Save, ID: has.ID, Document: storetest.Raw(fmt.Sprintf(`{"w":%d,"i":%d,"of":%d}`, w, i, has.Revision)), Source: fleet.FromEdit,
								IfMatch: fleet.Match{Given: i%2 == 0, Revisions: []int64{has.Revision}}}
							allow(t, &made, apply(c, together), fleet.CodeNotFound, fleet.CodePreconditionFailed)
						}
					}
					for _, gone := range deleted(t, s) {
						allow(t, &made, apply(undelete(gone.ID, string(gone.Content), gone.Revision), together), fleet.CodeNotFound, fleet.CodeExists)
					}
				}
			})
		}
		group.Wait()
		n := wantNumbersInOrder(t, s, macs...)
		if want := int(made.Load() + 2*moved.Load() - unchanged.Load()); n != want || moved.Load() == 0 {
			t.Errorf("%d revisions of %d changes and %d moves, want %d", n, made.Load(), moved.Load(), want)
		}
		wantWhole(t, s, macs...)
		if entries := len(audit(t, s, fleet.AuditQuery{Limit: 100000})); int64(entries) != made.Load()+moved.Load() {
			t.Errorf("%d entries of the audit of %d changes", entries, made.Load()+moved.Load())
		}
	})
}

// A create, or an undelete, that waits for the address may have looked at the numbers before those that were given meanwhile and
// went to another address with their revisions.
func TestANumberThatWentToAnotherAddressIsNotGivenAgain(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	for name, again := range map[string]func(id int64) fleet.Change{
		"create":   func(int64) fleet.Change { return create(1, `{"again":true}`) },
		"undelete": func(id int64) fleet.Change { return undelete(id, `{"again":true}`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, mac := context.Background(), storetest.MAC(1)
			url := storetest.NewURL(t, testenv.PostgreSQL)
			s := storetest.OpenMigrated(t, url)
			id := storetest.Create(t, s, mac, `{}`).ID
			storetest.Delete(t, s, id)
			db := storetest.SQL(t, url)
			other, err := db.BeginTx(ctx, nil)
			must(t, err)
			_, err = other.ExecContext(ctx, `INSERT INTO configs (mac_address, content) VALUES ($1, '{}')`, mac.String())
			must(t, err)
			var group sync.WaitGroup
			var applied fleet.Applied
			group.Go(func() {
				var err error
				if applied, err = s.Apply(ctx, again(id)); err != nil {
					t.Error(err)
				}
			})
			testenv.WaitFor(t, 10*time.Second, func() bool {
				var n int
				must(t, db.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
				return n > 0
			})
			for _, sql := range []string{`UPDATE revisions SET mac_address = '02:00:00:00:00:02'`, `DELETE FROM configs`,
				`INSERT INTO revisions (mac_address, rev, size, source, created_at) VALUES ('` + mac.String() + `', 9, 0, 'replace', now())`} {
				_, err = other.ExecContext(ctx, sql)
				must(t, err)
			}
			must(t, other.Commit())
			group.Wait()
			if applied.Config.Revision != 10 {
				t.Errorf("revision %d, want 10: 1 to 9 were given", applied.Config.Revision)
			}
		})
	}
}
