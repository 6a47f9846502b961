package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

func glance(t testing.TB, s *store.Store, g fleet.Glance) []fleet.Config {
	t.Helper()
	found, err := view(s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.Config, error) { return tx.Glance(ctx, g) })
	must(t, err)
	return found
}

// glanced is a fleet of devices in every state, of some without a configuration, and of configurations without a device. It
// answers what the list says of it.
func glanced(t testing.TB, s *store.Store, url string) []fleet.Config {
	t.Helper()
	const count = 40
	now := time.Now()
	var evidence []fleet.Evidence
	for i := range count {
		n := i * 17 % count // in no order
		text := fmt.Sprintf(`{"deviceName":"Device %d","v":%d}`, n, n)
		if n%3 == 0 {
			text = fmt.Sprintf(`{"deviceEntityId":"ä%d","enableOTA":%v}`, n, n%2 == 0)
		}
		storetest.Create(t, s, storetest.MAC(n), text)
		shows := func(kind fleet.EvidenceKind) {
			e := fleet.Evidence{MAC: storetest.MAC(n), Kind: kind, ETag: etag(text), Revision: 1, At: now}
			if kind == fleet.EvidenceReported {
				e.Report = &fleet.DeviceReport{Applied: n%2 == 0}
			}
			evidence = append(evidence, e)
		}
		switch n % 8 {
		case 1:
			shows(fleet.EvidenceSeen)
		case 2:
			shows(fleet.EvidenceFetched)
		case 3:
			shows(fleet.EvidenceHeld)
		case 4, 5:
			shows(fleet.EvidenceReported)
		case 6:
			shows(fleet.EvidenceFetched)
			shows(fleet.EvidenceOnline)
		case 7:
			shows(fleet.EvidenceOffline)
		}
		if n == 9 { // it has a rhythm, and kept to it until an hour ago
			for at := range 8 {
				evidence = append(evidence, fleet.Evidence{MAC: storetest.MAC(n), Kind: fleet.EvidenceSeen, At: now.Add(time.Duration(at-68) * time.Minute)})
			}
		}
	}
	record(t, s, evidence...)
	for _, c := range list(t, s, fleet.Query{}, false) {
		switch c.MAC[5] % 8 {
		case 6:
			storetest.Save(t, s, c.ID, `{"deviceName":"saved"}`)
		case 3:
			if c.MAC[5] > 20 {
				storetest.Delete(t, s, c.ID)
			}
		}
	}
	storetest.Exec(t, url, fmt.Sprintf(`UPDATE configs SET content = '{"by":"another"}' WHERE mac_address = '%s'`, storetest.MAC(2)))
	want := list(t, s, fleet.Query{}, false)
	states, overdue := map[fleet.Sync]bool{}, false
	for i := range want {
		want[i].CreatedAt = time.Time{}
		states[want[i].Standing.Sync] = true
		overdue = overdue || want[i].Standing.Overdue
	}
	if len(states) != len(fleet.Syncs) || !overdue {
		t.Fatalf("the fleet shows %v, overdue: %v", states, overdue)
	}
	return want
}

func TestGlanceIsTheList(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		want := glanced(t, s, url)
		for _, limit := range []int{1, 2, 7, len(want), 1000} {
			var got []fleet.Config
			for g := (fleet.Glance{Limit: limit}); ; {
				page := glance(t, s, g)
				if got = append(got, page...); len(page) < limit {
					break
				}
				g.After = &page[limit-1].MAC
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d at a time (-want +got):\n%s", limit, diff)
			}
		}
	})
}

func TestGlanceOfSome(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		all := glanced(t, s, url)
		var ids []int64
		var want []fleet.Config
		for i, c := range all {
			if i%3 == 1 {
				ids, want = append(ids, c.ID), append(want, c)
			}
		}
		got := glance(t, s, fleet.Glance{IDs: append(ids, 1<<62, 4711), Limit: 100})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if got := glance(t, s, fleet.Glance{IDs: []int64{4711}, Limit: 100}); len(got) != 0 {
			t.Errorf("there is %v", got)
		}
	})
}
