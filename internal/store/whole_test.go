package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

// The tables that a change writes to.
var changedTables = []string{"configs", "deleted_configs", "revisions", "outbox", "audit"}

// contents is what stands in the tables that a change writes to.
func contents(t testing.TB, url string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	db := storetest.SQL(t, url)
	for _, table := range changedTables {
		rows, err := db.QueryContext(context.Background(), `SELECT * FROM `+table+` ORDER BY 1, 2`)
		must(t, err)
		columns, err := rows.Columns()
		must(t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			must(t, rows.Scan(into...))
			found[table] = append(found[table], fmt.Sprint(values...))
		}
		must(t, rows.Err())
		must(t, rows.Close())
	}
	return found
}

// breakTable has whatever puts a row into a table, or changes one, fail; mend ends that.
func breakTable(t testing.TB, url, table string) (mend func()) {
	t.Helper()
	if strings.HasPrefix(url, "sqlite:") {
		for _, event := range []string{"INSERT", "UPDATE"} {
			storetest.Exec(t, url, `CREATE TRIGGER broken_`+event+` BEFORE `+event+` ON `+table+` BEGIN SELECT RAISE(ABORT, 'broken'); END`)
		}
		return func() { storetest.Exec(t, url, `DROP TRIGGER broken_INSERT; DROP TRIGGER broken_UPDATE`) }
	}
	storetest.Exec(t, url, `CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken''; END'`)
	storetest.Exec(t, url, `CREATE TRIGGER broken BEFORE INSERT OR UPDATE ON `+table+` FOR EACH ROW EXECUTE FUNCTION broken()`)
	return func() { storetest.Exec(t, url, `DROP TRIGGER broken ON `+table) }
}

// Whatever fails on the way, nothing of a change is kept; the same change is made once nothing fails any more.
func TestAChangeIsWholeOrNotAtAll(t *testing.T) {
	one, two := storetest.MAC(1), storetest.MAC(2)
	for name, c := range map[string]struct {
		change fleet.Change
		tables string // that it writes to
	}{
		"create":   {create(9, `{}`), "configs revisions outbox audit"},
		"save":     {fleet.Change{Kind: fleet.Save, ID: 1, Document: storetest.Raw(`{"n":2}`), Source: fleet.FromEdit}, "configs revisions outbox audit"},
		"same":     {fleet.Change{Kind: fleet.Save, ID: 1, Document: storetest.Raw(`{"n":1}`), Source: fleet.FromEdit}, "outbox audit"},
		"delete":   {fleet.Change{Kind: fleet.Delete, ID: 1, Source: fleet.FromDelete}, "deleted_configs revisions outbox audit"},
		"undelete": {undelete(2, `{}`, 1), "configs revisions outbox audit"},
		"move":     {move(1, storetest.MAC(3)), "configs revisions outbox audit"},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.EachURL(t, func(t *testing.T, url string) {
				s := storetest.OpenMigrated(t, url)
				storetest.Create(t, s, one, `{"n":1}`)
				storetest.Delete(t, s, storetest.Create(t, s, two, `{"n":1}`).ID)
				before := contents(t, url)
				for _, table := range strings.Fields(c.tables) {
					mend := breakTable(t, url, table)
					change := c.change
					change.At = storetest.Epoch()
					_, err := s.Apply(context.Background(), change)
					wantCode(t, err, fleet.CodeInternal)
					err = s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
						_, err := tx.Apply(ctx, change)
						return err
					})
					wantCode(t, err, fleet.CodeInternal)
					mend()
					if diff := cmp.Diff(before, contents(t, url)); diff != "" {
						t.Errorf("with %s broken a part was kept (-want +got):\n%s", table, diff)
					}
				}
				storetest.Apply(t, s, c.change)
				if after := contents(t, url); cmp.Equal(before, after) {
					t.Error("with nothing broken nothing was changed")
				}
			})
		})
	}
}

// Patches that meet are made one after another, each of what is there then: none is lost.
func TestPatchesOfOneDocument(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const writers, each = 4, 10
		service := fleet.NewService(s, fleet.Options{})
		made := storetest.Create(t, s, storetest.MAC(1), `{"deviceName":"kept as it is" , "n":1e400}`)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range each {
					patch := fmt.Sprintf(`{"w%d":{"i%d":true}}`, w, i)
					if _, err := service.Patch(context.Background(), made.ID, []byte(patch), fleet.Attempt{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		now, err := config(t, s, made.ID)
		must(t, err)
		var got map[string]json.RawMessage
		must(t, json.Unmarshal(now.Content, &got))
		for w := range writers {
			var all map[string]bool
			must(t, json.Unmarshal(got[fmt.Sprint("w", w)], &all))
			if len(all) != each {
				t.Errorf("of writer %d %d patches are left, want %d", w, len(all), each)
			}
		}
		if !strings.HasPrefix(string(now.Content), `{"deviceName":"kept as it is" , "n":1e400`) {
			t.Errorf("what no patch touched became %.60s", now.Content)
		}
		if n := wantNumbersInOrder(t, s, made.MAC); n != 1+writers*each {
			t.Errorf("%d revisions, want %d", n, 1+writers*each)
		}
	})
}
