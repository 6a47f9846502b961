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

// prune lets go until there is no more, and answers how much went in how many pieces.
func prune(t testing.TB, s *store.Store, r fleet.Retention, now time.Time) (n int64, pieces int) {
	t.Helper()
	for more := true; more; pieces++ {
		var gone int64
		var err error
		gone, more, err = s.Prune(context.Background(), r, now)
		must(t, err)
		if n += gone; pieces > 10000 {
			t.Fatal("pruning does not end")
		}
	}
	return n, pieces
}

// daily makes a configuration with revisions a day apart, the last one on the day of Epoch.
func daily(t testing.TB, s *store.Store, n, days int) fleet.Config {
	t.Helper()
	c := create(n, `{"day":0}`)
	c.At = storetest.Epoch().AddDate(0, 0, 1-days)
	made := storetest.Apply(t, s, c)
	for day := 1; day < days; day++ {
		made = storetest.Apply(t, s, fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(fmt.Sprintf(`{"day":%d}`, day)),
			Source: fleet.FromEdit, At: c.At.AddDate(0, 0, day)})
	}
	return made
}

func numbersOf(t testing.TB, s *store.Store, mac fleet.MAC) (found []int64) {
	t.Helper()
	for _, r := range history(t, s, mac) {
		found = append(found, r.Number)
	}
	return found
}

const day = 24 * time.Hour

func TestPruneKeepsWhatItMust(t *testing.T) {
	now := storetest.Epoch().Add(time.Hour)
	for name, c := range map[string]struct {
		retention fleet.Retention
		want      []int64 // of ten, a day apart
	}{
		"everything":     {fleet.Retention{}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"facts alone":    {fleet.Retention{Facts: day, Audit: day}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"three":          {fleet.Retention{Revisions: 3}, []int64{8, 9, 10}},
		"one":            {fleet.Retention{Revisions: 1}, []int64{10}},
		"more than are":  {fleet.Retention{Revisions: 20}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"two days":       {fleet.Retention{Age: 2 * day}, []int64{9, 10}},
		"an hour":        {fleet.Retention{Age: time.Minute}, []int64{10}},
		"both, by count": {fleet.Retention{Revisions: 5, Age: 2 * day}, []int64{6, 7, 8, 9, 10}},
		"both, by age":   {fleet.Retention{Revisions: 2, Age: 5 * day}, []int64{6, 7, 8, 9, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				made := daily(t, s, 1, 10)
				n, _ := prune(t, s, c.retention, now)
				if diff := cmp.Diff(c.want, numbersOf(t, s, made.MAC)); diff != "" || n != int64(10-len(c.want)) && c.retention.Audit == 0 {
					t.Errorf("%d went (-want +got):\n%s", n, diff)
				}
				if saved := storetest.Save(t, s, made.ID, `{}`); saved.Revision != 11 {
					t.Errorf("the next revision is %d, want 11", saved.Revision)
				}
			})
		})
	}
}

func TestPruneKeepsWhatADeviceHas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := daily(t, s, 1, 10)
		other := daily(t, s, 2, 4)
		shows := func(kind fleet.EvidenceKind, number int) fleet.Evidence {
			e := fleet.Evidence{MAC: made.MAC, Kind: kind, ETag: storetest.Raw(fmt.Sprintf(`{"day":%d}`, number-1)).ETag(), Revision: int64(number), At: storetest.Epoch()}
			if kind == fleet.EvidenceReported {
				e.Report = &fleet.DeviceReport{Applied: true}
			}
			return e
		}
		must(t, s.Record(context.Background(), []fleet.Evidence{
			shows(fleet.EvidenceReported, 2), shows(fleet.EvidenceHeld, 4), shows(fleet.EvidenceFetched, 7)}))
		prune(t, s, fleet.Retention{Revisions: 1}, storetest.Epoch().Add(time.Hour))
		if diff := cmp.Diff([]int64{2, 4, 7, 10}, numbersOf(t, s, made.MAC)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff([]int64{4}, numbersOf(t, s, other.MAC)); diff != "" {
			t.Errorf("of another device (-want +got):\n%s", diff)
		}
	})
}

func TestPruneKeepsWhatCanBeBroughtBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := daily(t, s, 1, 3)
		storetest.Delete(t, s, made.ID)
		now := storetest.Epoch().Add(time.Hour)
		prune(t, s, fleet.Retention{Revisions: 1, Age: time.Minute}, now)
		if diff := cmp.Diff([]int64{3, 4}, numbersOf(t, s, made.MAC)); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
		if kept, err := deletedConfig(s, made.ID); err != nil || string(kept.Content) != `{"day":2}` {
			t.Errorf("kept %s, %v", kept.Content, err)
		}
		c := undelete(made.ID, `{"day":2}`, 3)
		c.At = storetest.Epoch().Add(3 * time.Second)
		if back := storetest.Apply(t, s, c); back.Revision != 5 {
			t.Errorf("brought back as revision %d, want 5", back.Revision)
		}
		prune(t, s, fleet.Retention{Revisions: 1}, now)
		if diff := cmp.Diff([]int64{5}, numbersOf(t, s, made.MAC)); diff != "" {
			t.Errorf("brought back (-want +got):\n%s", diff)
		}
	})
}

// A create that waits for a delete has read the numbers before it.
func TestPruneLeavesWhatIsQuiteNew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		storetest.Save(t, s, made.ID, `{"n":1}`)
		prune(t, s, fleet.Retention{Revisions: 1, Age: time.Nanosecond}, storetest.Epoch().Add(30*time.Second))
		wantHistoryLength(t, s, made.MAC, 2)
		prune(t, s, fleet.Retention{Revisions: 1, Age: time.Nanosecond}, storetest.Epoch().Add(61*time.Second))
		wantHistoryLength(t, s, made.MAC, 1)
	})
}

func TestPruneGoesThroughAllInPieces(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const devices, revisions = 450, 1200 // more than a piece of either
		must(t, s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
			var changes []fleet.Change
			for i := range devices {
				changes = append(changes, create(i, `{}`))
			}
			made, err := tx.Apply(ctx, changes...)
			if err != nil {
				return err
			}
			changes = changes[:0]
			for i := range revisions {
				changes = append(changes, fleet.Change{Kind: fleet.Save, ID: made[300].Config.ID, Document: storetest.Raw(fmt.Sprintf(`{"i":%d}`, i)), At: storetest.Epoch()})
			}
			for i := range devices {
				changes = append(changes, fleet.Change{Kind: fleet.Save, ID: made[i].Config.ID, Document: storetest.Raw(`{"last":1}`), At: storetest.Epoch()})
			}
			_, err = tx.Apply(ctx, changes...)
			return err
		}))
		n, pieces := prune(t, s, fleet.Retention{Revisions: 1}, storetest.Epoch().Add(time.Hour))
		if n != devices+revisions || pieces < 3 {
			t.Errorf("%d went in %d pieces, want %d in several", n, pieces, devices+revisions)
		}
		for _, i := range []int{0, 199, 200, 300, 449} {
			wantHistoryLength(t, s, storetest.MAC(i), 1)
		}
		if n, _ := prune(t, s, fleet.Retention{Revisions: 1}, storetest.Epoch().Add(time.Hour)); n != 0 {
			t.Errorf("%d went the second time", n)
		}
	})
}

func TestPruneOfFacts(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		fact := func(device, minute int) string {
			return fmt.Sprintf(`('%s', '%s', 'fetched', '', 1, '', '', '', '', '', '', 1, '', '')`, storetest.MAC(device), storetest.Epoch().Add(time.Duration(minute)*time.Minute).Format("2006-01-02 15:04:05.000000"))
		}
		insert := `INSERT INTO facts (mac_address, at, kind, etag, rev, address, report_code, report_path, report_message,
			report_firmware, has_etag, has_rev, has_address, level) VALUES ` + fact(1, 0)
		for i := 1; i < 5000; i++ { // some from a clock that was set back
			insert += `, ` + fact(1+i%3, (i*7919)%5000)
		}
		insert += `, ` + fact(9, 0) + `, ` + fact(1, 100) + `, ` + fact(2, 4900)
		storetest.Exec(t, url, insert)
		now := storetest.Epoch().Add(4000*time.Minute + day)
		if n, pieces := prune(t, s, fleet.Retention{Facts: day}, now); n != 3998 || pieces < 2 {
			t.Errorf("%d facts went in %d pieces, want 3998 in some", n, pieces)
		}
		var left, newest int
		db := storetest.SQL(t, url)
		must(t, db.QueryRow(`SELECT count(*) FROM facts`).Scan(&left))
		must(t, db.QueryRow(`SELECT count(*) FROM facts WHERE at < '2026-03-04 06:40:00.000000'`).Scan(&newest))
		if left != 1005 || newest != 4 {
			t.Errorf("%d facts are left, %d of them old; want 1005, and of the old ones the newest of each of the 4 devices", left, newest)
		}
		if n, _ := prune(t, s, fleet.Retention{Revisions: 1, Age: day, Audit: day}, now.AddDate(1, 0, 0)); n != 0 {
			t.Errorf("%d rows went that were to be kept", n)
		}
	})
}

// What a device had on a day that is kept is known, though it came to have it before.
func TestPruneOfFactsKeepsWhatHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := storetest.Create(t, s, storetest.MAC(1), `{"v":1}`)
		at := storetest.Epoch()
		record(t, s, fetched(c.MAC, `{"v":1}`, 1, at.Add(-90*day)))
		record(t, s, held(c.MAC, `{"v":1}`, 1, at.Add(-60*day)))
		storetest.Save(t, s, c.ID, `{"v":2}`)
		record(t, s, fetched(c.MAC, `{"v":2}`, 2, at.Add(-10*day)))
		if n, _ := prune(t, s, fleet.Retention{Facts: 30 * day}, at); n != 1 {
			t.Errorf("%d facts went, want the oldest alone", n)
		}
		for days, want := range map[int]int64{29: 1, 11: 1, 9: 2} {
			then := factsOf(t, s, c.MAC, 0, at.AddDate(0, 0, -days), 1)
			if len(then) != 1 || then[0].Has.Revision != want {
				t.Errorf("%d days ago: %+v, want revision %d", days, then, want)
			}
		}
	})
}

func TestPruneOfTheAuditAndOfAnswers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, at := context.Background(), storetest.Epoch()
		daily(t, s, 1, 10)
		for i := range 3 {
			_, _, err := repeat(s, fmt.Sprint(i), "", at.Add(time.Duration(-i)*day+time.Hour), func(context.Context, fleet.Tx) ([]byte, error) { return nil, nil })
			must(t, err)
		}
		if n, _ := prune(t, s, fleet.Retention{Audit: 100 * day}, at.Add(2*time.Hour)); n != 2 {
			t.Errorf("%d rows went, want the 2 answers that are older than a day", n)
		}
		if _, first, err := repeat(s, "0", "", at, nil); err != nil || first {
			t.Errorf("the answer of this day: first %v, %v", first, err)
		}
		if n, _ := prune(t, s, fleet.Retention{Audit: 3*day + time.Minute}, at); n != 6 {
			t.Errorf("%d entries went, want 6", n)
		}
		if left := audit(t, s, fleet.AuditQuery{}); len(left) != 4 || !left[3].At.Equal(at.Add(-3*day)) {
			t.Errorf("left are %+v", left)
		}
		prune(t, s, fleet.Retention{Audit: day}, at.AddDate(1, 0, 0))
		if left := audit(t, s, fleet.AuditQuery{}); len(left) != 1 || !left[0].At.Equal(at) {
			t.Errorf("left are %+v; want the newest, behind which events go on", left)
		}
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		if _, _, err := s.Prune(canceled, fleet.Retention{Revisions: 1}, at); err == nil {
			t.Error("a canceled Prune succeeded")
		}
	})
}
