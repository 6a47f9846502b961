package store_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

// released is a database as a release left it, with the statements that its own program wrote.
func released(t *testing.T, url, version string) {
	t.Helper()
	engine := "postgres"
	if strings.HasPrefix(url, "sqlite:") {
		engine = "sqlite"
	}
	text, err := os.ReadFile("testdata/released." + version + "." + engine + ".sql")
	must(t, err)
	storetest.Exec(t, url, string(text))
}

func deleted(t testing.TB, s *store.Store) []fleet.Config {
	t.Helper()
	return list(t, s, fleet.Query{Deleted: true}, true)
}

const (
	twice    = `{ "deviceName":"Küche \ud83d\ude00 it's", "deviceEntityId":"twice", "enableOTA":true, "lone":"\ud800" }`
	unjudged = `{"deviceName":7,"x":1,"x":2}`
)

func TestWhatAReleaseDeletedCanBeBroughtBack(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		released(t, url, "1")
		s := storetest.OpenMigrated(t, url)
		hour := func(n int) time.Time { return storetest.Epoch().Add(time.Duration(n) * time.Hour) }
		second, fourth := storetest.Raw(twice), storetest.Raw(unjudged)
		want := []fleet.Config{
			{ID: 8, MAC: storetest.MAC(2), DeviceName: ptr("Küche 😀 it's"), DeviceEntityID: ptr("twice"), EnableOTA: ptr(true),
				Content: second.Text, Revision: 4, ETag: second.ETag(), CreatedAt: hour(5), UpdatedAt: hour(6), DeletedAt: hour(7), Standing: neverSeen},
			{ID: 9, MAC: storetest.MAC(4), Content: fourth.Text, Revision: 1, ETag: fourth.ETag(), CreatedAt: hour(11), UpdatedAt: hour(11),
				DeletedAt: hour(12), Standing: neverSeen},
		}
		if diff := cmp.Diff(want, deleted(t, s)); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
		back := storetest.Apply(t, s, fleet.Change{Kind: fleet.Undelete, ID: 8, Document: storetest.Document(t, twice), Source: fleet.FromRestore, Restored: 4})
		if back.ID != 8 || back.Revision != 6 || !back.CreatedAt.Equal(hour(5)) {
			t.Errorf("brought back %+v; want id 8 and revision 6", back)
		}
		if made := storetest.Create(t, s, storetest.MAC(9), `{}`); made.ID != 10 {
			t.Errorf("the next id is %d, want 10: behind those that the deleted ones were given", made.ID)
		}
	})
}

func TestWhatAReleaseKeptIsAsItWas(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		released(t, url, "1")
		s := storetest.OpenMigrated(t, url)
		golden, err := os.ReadFile("testdata/schema." + s.Engine() + ".sql")
		must(t, err)
		if diff := cmp.Diff(string(golden), schema(t, url)); diff != "" {
			t.Errorf("its schema is another than a new one (-want +got):\n%s", diff)
		}
		texts := []string{`{"deviceName":"Kept","enableOTA":false, "n":1e400}`, `{"again":true}`, `{"by":"them"}`}
		for i, c := range list(t, s, fleet.Query{}, false) {
			if doc := storetest.Raw(texts[i]); c.ETag != doc.ETag() {
				t.Errorf("%s has ETag %q, want %q of %s", c.MAC, c.ETag, doc.ETag(), texts[i])
			}
		}
		var sources []fleet.Source
		for _, r := range revisions(t, s, storetest.MAC(2)) {
			if sources = append(sources, r.Source); r.By != (fleet.Actor{}) || r.Message != "" || r.Other != nil {
				t.Errorf("revision %d says %+v %q, which nobody kept", r.Number, r.By, r.Message)
			}
		}
		if diff := cmp.Diff([]fleet.Source{"delete", "edit", "import", "delete", "create"}, sources); diff != "" {
			t.Error(diff)
		}
		err = s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) error {
			entries, err := tx.Audit(ctx, fleet.AuditQuery{Limit: 10})
			if len(entries) != 0 {
				t.Errorf("the audit begins with %+v", entries)
			}
			return err
		})
		must(t, err)
	})
}
