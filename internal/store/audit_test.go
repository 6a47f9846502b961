package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func audit(t testing.TB, s *store.Store, q fleet.AuditQuery) []fleet.AuditEntry {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	found, err := view(s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.AuditEntry, error) { return tx.Audit(ctx, q) })
	must(t, err)
	return found
}

// events are what subscribers hear of the entries of the audit, oldest first; "" is nothing.
func events(t testing.TB, url string) (found []string) {
	t.Helper()
	rows, err := storetest.SQL(t, url).QueryContext(context.Background(), `SELECT coalesce(event, '') FROM audit ORDER BY id`)
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var event string
		must(t, rows.Scan(&event))
		found = append(found, event)
	}
	must(t, rows.Err())
	return found
}

// TestEachChangeIsInTheAudit makes every kind of change, both ways in.
func TestEachChangeIsInTheAudit(t *testing.T) {
	at, one, two := storetest.Epoch(), storetest.MAC(1), storetest.MAC(2)
	by := fleet.Actor{Principal: fleet.ByToken, Address: "192.0.2.7", Correlation: "corr-7"}
	changes := []fleet.Change{
		{Kind: fleet.Create, MAC: one, Document: storetest.Raw(`{"n":1}`), Source: fleet.FromCreate, Action: fleet.ActionCreate},
		{Kind: fleet.Save, ID: 1, Document: storetest.Raw(`{"n":2}`), Source: fleet.FromEdit, Action: fleet.ActionPatch},
		{Kind: fleet.Save, ID: 1, Document: storetest.Raw(`{"n":2}`), Source: fleet.FromEdit, Action: fleet.ActionUpdate},
		{Kind: fleet.Save, ID: 1, Document: storetest.Raw(`{"n":1}`), Source: fleet.FromRestore, Restored: 1, Action: fleet.ActionRestore},
		{Kind: fleet.Save, ID: 1, Document: storetest.Raw(`{"n":3}`), Source: fleet.FromImport, Action: fleet.ActionImport},
		{Kind: fleet.Delete, ID: 1, Source: fleet.FromDelete, Action: fleet.ActionDelete},
		{Kind: fleet.Undelete, ID: 1, Document: storetest.Raw(`{"n":3}`), Source: fleet.FromRestore, Restored: 4, Action: fleet.ActionRestore},
		{Kind: fleet.Move, ID: 1, MAC: two, Source: fleet.FromReplace, Action: fleet.ActionReplace},
		{Kind: fleet.Create, MAC: one, Document: storetest.Raw(`{"n":4}`), Source: fleet.FromImport, Action: fleet.ActionImport},
	}
	want := []fleet.AuditEntry{
		{ConfigID: 1, MAC: &one, Revision: 1}, {ConfigID: 1, MAC: &one, Revision: 2}, {ConfigID: 1, MAC: &one, Revision: 2, Result: fleet.ResultUnchanged},
		{ConfigID: 1, MAC: &one, Revision: 3}, {ConfigID: 1, MAC: &one, Revision: 4}, {ConfigID: 1, MAC: &one, Revision: 5},
		{ConfigID: 1, MAC: &one, Revision: 6}, {ConfigID: 1, MAC: &two, Revision: 7, Other: &one}, {ConfigID: 2, MAC: &one, Revision: 8},
	}
	wantEvents := []string{"created", "updated", "", "restored", "updated", "deleted", "restored", "replaced", "created"}
	for i := range changes {
		c, e := &changes[i], &want[i]
		c.At, c.By, c.Message = at.Add(time.Duration(i)*time.Second), by, strings.Repeat("ü", i)
		e.At, e.By, e.Message, e.Action, e.Times = c.At, by, c.Message, c.Action, 1
		if e.Result == "" {
			e.Result = fleet.ResultApplied
		}
	}
	check := func(t *testing.T, s *store.Store, url string) {
		got := audit(t, s, fleet.AuditQuery{})
		for i := range got {
			if i > 0 && got[i].ID >= got[i-1].ID {
				t.Errorf("entry %d follows %d", got[i].ID, got[i-1].ID)
			}
		}
		newestFirst := make([]fleet.AuditEntry, len(want))
		for i, e := range want {
			newestFirst[len(want)-1-i] = e
		}
		if diff := cmp.Diff(newestFirst, got, cmpopts.IgnoreFields(fleet.AuditEntry{}, "ID")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(wantEvents, events(t, url)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		for _, c := range changes {
			storetest.Apply(t, s, c)
		}
		check(t, s, url)
	})
	t.Run("together", func(t *testing.T) {
		storetest.EachURL(t, func(t *testing.T, url string) {
			s := storetest.OpenMigrated(t, url)
			must(t, s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
				_, err := tx.Apply(ctx, changes...)
				return err
			}))
			check(t, s, url)
		})
	})
}

func TestAFailedChangeLeavesNoEntry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		stale := fleet.Match{Given: true, Revisions: []int64{9}}
		for _, c := range []fleet.Change{
			create(1, `{}`), {Kind: fleet.Save, ID: 99, Document: storetest.Raw(`{}`)}, {Kind: fleet.Delete, ID: 99}, undelete(made.ID, `{}`, 1), move(99, storetest.MAC(2)),
			{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{}`), IfMatch: stale}, {Kind: fleet.Delete, ID: made.ID, IfMatch: stale},
		} {
			c.At = storetest.Epoch()
			if _, err := s.Apply(ctx, c); err == nil {
				t.Errorf("%+v succeeded", c)
			}
		}
		err := s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
			_, err := tx.Apply(ctx, create(2, `{}`))
			must(t, err)
			return errOurs
		})
		if err == nil || len(audit(t, s, fleet.AuditQuery{})) != 1 {
			t.Errorf("%v, and the audit has %+v; want the first create alone", err, audit(t, s, fleet.AuditQuery{}))
		}
	})
}

func TestAuditFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at, one, two := storetest.Epoch(), storetest.MAC(1), storetest.MAC(2)
		token, local := fleet.Actor{Principal: fleet.ByToken, Address: "10.0.0.1", Correlation: "a"}, fleet.Actor{Principal: fleet.ByLocal, Address: "::1", Correlation: "b"}
		made := storetest.Apply(t, s, fleet.Change{Kind: fleet.Create, MAC: one, Document: storetest.Raw(`{}`), Action: fleet.ActionCreate, By: token})
		storetest.Apply(t, s, fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{}`), Action: fleet.ActionUpdate, By: local, At: at.Add(time.Second)})
		c := move(made.ID, two)
		c.At, c.By = at.Add(2*time.Second), token
		storetest.Apply(t, s, c)
		must(t, s.Refused(context.Background(), []fleet.AuditEntry{
			{At: at.Add(3 * time.Second), By: local, Action: fleet.ActionDelete, Code: fleet.CodeNotFound, Target: "/api/configs/9", ConfigID: 9, Times: 3}}))
		all := audit(t, s, fleet.AuditQuery{})
		if len(all) != 4 {
			t.Fatalf("%d entries, want 4: %+v", len(all), all)
		}
		for name, c := range map[string]struct {
			query fleet.AuditQuery
			want  []int // of all
		}{
			"mac":              {fleet.AuditQuery{MAC: &one}, []int{1, 2, 3}}, // also that it went
			"new mac":          {fleet.AuditQuery{MAC: &two}, []int{1}},
			"config":           {fleet.AuditQuery{ConfigID: made.ID}, []int{1, 2, 3}},
			"refused's config": {fleet.AuditQuery{ConfigID: 9}, []int{0}},
			"action":           {fleet.AuditQuery{Action: fleet.ActionReplace}, []int{1}},
			"result":           {fleet.AuditQuery{Result: fleet.ResultUnchanged}, []int{2}},
			"refused":          {fleet.AuditQuery{Result: fleet.ResultRefused}, []int{0}},
			"principal":        {fleet.AuditQuery{Principal: fleet.ByToken}, []int{1, 3}},
			"address":          {fleet.AuditQuery{Address: "::1"}, []int{0, 2}},
			"correlation":      {fleet.AuditQuery{Correlation: "a"}, []int{1, 3}},
			"since":            {fleet.AuditQuery{Since: at.Add(2 * time.Second)}, []int{0, 1}},
			"until":            {fleet.AuditQuery{Until: at.Add(2 * time.Second)}, []int{2, 3}},
			"between":          {fleet.AuditQuery{Since: at.Add(time.Second), Until: at.Add(2 * time.Second)}, []int{2}},
			"in a zone":        {fleet.AuditQuery{Since: at.Add(2 * time.Second).In(time.FixedZone("", 7200))}, []int{0, 1}},
			"limit":            {fleet.AuditQuery{Limit: 2}, []int{0, 1}},
			"below":            {fleet.AuditQuery{Below: all[1].ID}, []int{2, 3}},
			"several":          {fleet.AuditQuery{MAC: &one, Principal: fleet.ByToken, Action: fleet.ActionCreate}, []int{3}},
			"nothing":          {fleet.AuditQuery{Correlation: "a' OR '1'='1"}, nil},
		} {
			var want []fleet.AuditEntry
			for _, i := range c.want {
				want = append(want, all[i])
			}
			if diff := cmp.Diff(want, audit(t, s, c.query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// What a refused request says of itself may be anything.
func TestRefusedAttemptsAreKeptAsFarAsTheyCanBe(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at, mac := storetest.Epoch(), storetest.MAC(1)
		long := strings.Repeat("ä", 5000)
		must(t, s.Refused(context.Background(), []fleet.AuditEntry{
			{At: at, By: fleet.Actor{Principal: fleet.ByAnonymous, Address: "10.0.0.\x001\xff", Correlation: long}, Action: fleet.Action(long), Code: fleet.CodeForbidden,
				Target: "/api/\x00\xff" + long, MAC: &mac},
			{At: at.Add(time.Second), By: fleet.Actor{Principal: fleet.ByAnonymous}, Action: "list", Code: fleet.CodeUnauthorized, Target: "/api/configs", Times: 12},
		}))
		want := []fleet.AuditEntry{
			{At: at.Add(time.Second), By: fleet.Actor{Principal: fleet.ByAnonymous}, Action: "list", Result: fleet.ResultRefused, Code: fleet.CodeUnauthorized,
				Target: "/api/configs", Times: 12},
			{At: at, By: fleet.Actor{Principal: fleet.ByAnonymous, Address: "10.0.0.\uFFFD1\uFFFD", Correlation: long[:2*128]}, Action: fleet.Action(long[:2*32]),
				Result: fleet.ResultRefused, Code: fleet.CodeForbidden, Target: "/api/\uFFFD\uFFFD" + long[:2*(1024-7)], MAC: &mac, Times: 1},
		}
		got := audit(t, s, fleet.AuditQuery{})
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(fleet.AuditEntry{}, "ID")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestManyRefusedAttempts(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		entries := make([]fleet.AuditEntry, 1203)
		for i := range entries {
			entries[i] = fleet.AuditEntry{At: storetest.Epoch(), By: fleet.Actor{Principal: fleet.ByAnonymous}, Action: "create", Code: fleet.CodeUnauthorized, Times: i}
		}
		must(t, s.Refused(context.Background(), entries))
		must(t, s.Refused(context.Background(), nil))
		if got := events(t, url); len(got) != len(entries) || strings.Join(got, "") != "" {
			t.Errorf("%d entries with events %q; want %d, of which nobody hears", len(got), strings.Join(got, ""), len(entries))
		}
	})
}
