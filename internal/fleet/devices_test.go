package fleet_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// roll is a store of many configurations that are nothing but numbered.
type roll struct {
	fleet.Store
	count int
	// fail is what the views behind the first few answer.
	fail      error
	failAfter int64
	views     atomic.Int64 // so far
	open      atomic.Int64 // now
}

func (r *roll) View(ctx context.Context, fn func(context.Context, fleet.ReadTx) error) error {
	if n := r.views.Add(1); r.fail != nil && n > r.failAfter {
		return r.fail
	}
	r.open.Add(1)
	defer r.open.Add(-1)
	if err := fn(ctx, rollTx{r: r}); err != nil { // it may run twice, and what it did the first time does not count
		return err
	}
	return fn(ctx, rollTx{r: r})
}

type rollTx struct {
	fleet.ReadTx
	r *roll
}

func (t rollTx) Count(context.Context) (int64, error) { return int64(t.r.count), nil }

func (t rollTx) Glance(_ context.Context, g fleet.Glance) (found []fleet.Config, err error) {
	for n := range t.r.count {
		mac, id := storetest.MAC(n), int64(n+1)
		if (g.After == nil || mac.String() > g.After.String()) && (len(g.IDs) == 0 || slices.Contains(g.IDs, id)) && len(found) < g.Limit {
			found = append(found, fleet.Config{ID: id, MAC: mac})
		}
	}
	return found, nil
}

func TestEachDevice(t *testing.T) {
	defer testenv.NoLeaks(t, goleak.IgnoreCurrent())
	for _, c := range []struct {
		count int
		ids   []int64
		pages int
		want  int
	}{{0, nil, 1, 0}, {1, nil, 1, 1}, {3999, nil, 1, 3999}, {4000, nil, 2, 4000}, {9000, nil, 3, 9000}, {9000, []int64{7, 3, 7, 9999}, 1, 2}, {9, []int64{99}, 1, 0}} {
		s := fleet.NewService(&roll{count: c.count}, fleet.Options{})
		pages, last := 0, int64(0)
		err := s.EachDevice(t.Context(), c.ids, func(page fleet.DevicePage) error {
			if pages++; page.Count != int64(c.want) {
				t.Errorf("%+v: count %d", c, page.Count)
			}
			for _, one := range page.Configs {
				if len(c.ids) == 0 && one.ID != last+1 {
					t.Fatalf("%d follows %d", one.ID, last)
				}
				last = one.ID
				c.want--
			}
			c.want += len(page.Configs)
			return nil
		})
		if err != nil || pages != c.pages || len(c.ids) == 0 && last != int64(c.count) {
			t.Errorf("%d: %d pages until %d, %v", c.count, pages, last, err)
		}
	}
}

// While a page is looked at the next is read, one and no more, and then no transaction is open.
func TestEachDeviceReadsOnePageAhead(t *testing.T) {
	r := &roll{count: 20000}
	err := fleet.NewService(r, fleet.Options{}).EachDevice(t.Context(), nil, func(page fleet.DevicePage) error {
		number := page.Configs[0].ID/4000 + 1
		testenv.WaitFor(t, 10*time.Second, func() bool { return r.views.Load() == number+1 && r.open.Load() == 0 || number >= 5 })
		if number == 5 {
			return context.Canceled
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestEachDeviceEnds(t *testing.T) {
	defer testenv.NoLeaks(t, goleak.IgnoreCurrent())
	enough, away := errors.New("enough"), fleet.Unavailable(errors.New("away"))
	s := fleet.NewService(&roll{count: 20000}, fleet.Options{})
	if err := s.EachDevice(t.Context(), nil, func(fleet.DevicePage) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("its reader has enough: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	pages := 0
	err := s.EachDevice(ctx, nil, func(fleet.DevicePage) error { pages++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || pages > 1 {
		t.Errorf("canceled: %d pages, %v", pages, err)
	}
	pages = 0
	s = fleet.NewService(&roll{count: 20000, fail: away, failAfter: 3}, fleet.Options{})
	if err := s.EachDevice(t.Context(), nil, func(fleet.DevicePage) error { pages++; return nil }); !errors.Is(err, away) || pages != 3 {
		t.Errorf("the database goes away: %d pages, %v", pages, err)
	}
	if err := s.EachDevice(t.Context(), make([]int64, 501), nil); fleet.CodeOf(err) != fleet.CodeValidationFailed {
		t.Errorf("too many ids: %v", err)
	}
}
