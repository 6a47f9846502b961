package fleet_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// Nothing is written over that is not what the item was made for, and nothing is made anew that was deleted since.
func TestImportOfWhatWasLookedAt(t *testing.T) {
	there := fmt.Sprintf("Config for %s already exists", mac1)
	stale := fmt.Sprintf("Config for %s is at revision 2, which is not the one that this change was made for", mac1)
	for _, c := range []struct {
		name, mac, content string
		revision           int64
		onConflict         fleet.Conflict
		created, updated   int
		unchanged, skipped int
		refused            fleet.Refusal
	}{
		{name: "new", mac: mac2, content: `{}`, created: 1},
		{name: "came since", mac: mac1, content: `{}`, onConflict: fleet.ConflictUpdate, refused: fleet.Refusal{Code: fleet.CodePreconditionFailed, Reason: there, Current: 2}},
		{name: "came since, to be skipped", mac: mac1, content: `{}`, onConflict: fleet.ConflictSkip, refused: fleet.Refusal{Code: fleet.CodePreconditionFailed, Reason: there, Current: 2}},
		{name: "came since, the same", mac: mac1, content: `{"n":2}`, unchanged: 1},
		{name: "as it was", mac: mac1, content: `{}`, revision: 2, onConflict: fleet.ConflictUpdate, updated: 1},
		{name: "as it was, to be skipped", mac: mac1, content: `{}`, revision: 2, onConflict: fleet.ConflictSkip, skipped: 1},
		{name: "as it was, to fail", mac: mac1, content: `{}`, revision: 2, refused: fleet.Refusal{Code: fleet.CodeExists, Reason: there, Current: 2}},
		{name: "changed since", mac: mac1, content: `{}`, revision: 1, onConflict: fleet.ConflictUpdate, refused: fleet.Refusal{Code: fleet.CodePreconditionFailed, Reason: stale, Current: 2}},
		{name: "changed since to the same", mac: mac1, content: `{"n":2}`, revision: 1, onConflict: fleet.ConflictUpdate, unchanged: 1},
		{name: "gone since", mac: mac2, content: `{}`, revision: 1, onConflict: fleet.ConflictUpdate,
			refused: fleet.Refusal{Code: fleet.CodePreconditionFailed, Reason: fmt.Sprintf("Config for %s is not there any more", mac2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, st *store.Store) {
				b, ctx := newBundle(st, fleet.Options{}), t.Context()
				before := saved(t, b.Service, mac1, `{"n":1}`, `{"n":2}`)
				want := fleet.Report{Applied: true, Created: c.created, Updated: c.updated, Unchanged: c.unchanged, Skipped: c.skipped, Refused: []fleet.Refusal{}}
				if refused := c.refused; refused.Code != "" {
					refused.MAC = c.mac
					want.Refused = []fleet.Refusal{refused}
				}
				got, err := b.Import(ctx, []fleet.Item{{MAC: c.mac, Content: []byte(c.content), IfRevision: &c.revision}},
					fleet.ImportOptions{OnConflict: c.onConflict, KeepGoing: true}, fleet.Attempt{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				after, err := b.Config(ctx, before.ID)
				if wrote := err == nil && string(after.Content) != `{"n":2}`; err != nil || wrote != (c.updated > 0) {
					t.Errorf("%s, %v", after.Content, err)
				}
			})
		})
	}
}

// saved is a configuration with these documents, one after the other.
func saved(t *testing.T, s *fleet.Service, mac string, contents ...string) fleet.Config {
	t.Helper()
	c, err := s.Create(t.Context(), mac, []byte(contents[0]), fleet.Attempt{})
	for _, content := range contents[1:] {
		if err == nil {
			c, err = s.Update(t.Context(), c.ID, []byte(content), fleet.Attempt{})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// between is a store in which somebody else gets a word in after the first lookup of an import.
type between struct {
	fleet.Store
	meddle func()
}

func (b *between) Update(ctx context.Context, fn func(ctx context.Context, tx fleet.Tx) error) error {
	return b.Store.Update(ctx, func(ctx context.Context, tx fleet.Tx) error { return fn(ctx, betweenTx{tx, b}) })
}

type betweenTx struct {
	fleet.Tx
	b *between
}

func (t betweenTx) ConfigsByMAC(ctx context.Context, macs []fleet.MAC) (map[fleet.MAC]fleet.Config, error) {
	found, err := t.Tx.ConfigsByMAC(ctx, macs)
	if meddle := t.b.meddle; meddle != nil {
		t.b.meddle = nil
		meddle()
	}
	return found, err
}

// Another server may change a configuration between the look at it and the change. SQLite has one writer, whom nobody interrupts.
func TestImportThatIsOvertaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		meddle func(t *testing.T, other *fleet.Service, id int64) error
		want   map[string]string
	}{
		{"changed", func(t *testing.T, other *fleet.Service, id int64) error {
			_, err := other.Update(t.Context(), id, []byte(`{"mine":1}`), fleet.Attempt{})
			return err
		}, map[string]string{mac1: `{"mine":1}`, mac2: `{"file":2}`}},
		{"made", func(t *testing.T, other *fleet.Service, _ int64) error {
			_, err := other.Create(t.Context(), mac2, []byte(`{"mine":1}`), fleet.Attempt{})
			return err
		}, map[string]string{mac1: `{"file":1}`, mac2: `{"mine":1}`}},
		{"deleted", func(t *testing.T, other *fleet.Service, id int64) error {
			return other.Delete(t.Context(), id, fleet.Attempt{})
		}, map[string]string{mac2: `{"file":2}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := storetest.OpenMigrated(t, storetest.NewURL(t, testenv.PostgreSQL))
			other := fleet.NewService(st, fleet.Options{})
			made := saved(t, other, mac1, `{}`)
			interrupted := &between{Store: st, meddle: func() {
				if err := c.meddle(t, other, made.ID); err != nil {
					t.Error(err)
				}
			}}
			none, first := int64(0), int64(1)
			items := []fleet.Item{{MAC: mac1, Content: []byte(`{"file":1}`), IfRevision: &first}, {MAC: mac2, Content: []byte(`{"file":2}`), IfRevision: &none}}
			report, err := fleet.NewService(interrupted, fleet.Options{}).Import(t.Context(), items,
				fleet.ImportOptions{OnConflict: fleet.ConflictUpdate, KeepGoing: true}, fleet.Attempt{})
			if err != nil || len(report.Refused) != 1 || report.Refused[0].Code != fleet.CodePreconditionFailed {
				t.Fatalf("%+v, %v", report, err)
			}
			got := map[string]string{}
			err = other.EachConfig(t.Context(), fleet.Query{}, true, func(c fleet.Config) error {
				got[c.MAC.String()] = string(c.Content)
				return nil
			})
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
