package store_test

import (
	"context"
	"crypto/sha256"
	"os"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

// fieldDatabase is a database as the field's service left it.
func fieldDatabase(t *testing.T, url string) {
	t.Helper()
	file := "testdata/field.postgres.sql"
	if strings.HasPrefix(url, "sqlite:") {
		file = "testdata/field.sqlite.sql"
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Exec(t, url, string(text))
}

func at(text string) time.Time {
	v, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return v
}

func mac(t testing.TB, text string) fleet.MAC {
	t.Helper()
	m, err := fleet.ParseMAC(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fieldConfigs(t *testing.T) []fleet.Config {
	rows := []fleet.Config{
		{ID: 17, MAC: mac(t, "00:00:00:00:00:00"), Content: []byte(`{"a":1,"a":2}`),
			CreatedAt: at("2023-05-05 05:05:05"), UpdatedAt: at("2023-05-05 05:05:05")},
		{ID: 1, MAC: mac(t, "24:6f:28:aa:10:01"), DeviceName: ptr("Hallway Intercom"), DeviceEntityID: ptr("hallway_intercom"),
			EnableOTA: ptr(true),
			Content:   []byte(`{"deviceName":"Hallway Intercom","deviceEntityId":"hallway_intercom","enableOTA":true,"audio":{"volume":0.7}}`),
			CreatedAt: at("2025-01-31 23:59:59.123456"), UpdatedAt: at("2025-06-30 01:02:03.000001")},
		{ID: 3, MAC: mac(t, "24:6f:28:aa:10:03"), DeviceName: ptr("Küche – Ölradiator 🔥"),
			Content: []byte("{\n  \"deviceName\" : \"Küche – Ölradiator 🔥\",\t\"limit\": 1e400, " +
				"\"serial\": 12345678901234567890,   \"x\": -0.0 }\n"),
			CreatedAt: at("2024-03-10 02:30:00"), UpdatedAt: at("2024-03-10 02:30:00")},
		{ID: 18, MAC: mac(t, "30:ae:a4:00:00:01"), DeviceName: ptr(""), DeviceEntityID: ptr(""),
			Content:   []byte(`{"deviceName":"","deviceEntityId":"","text":"\ud800 and 'quotes'"}`),
			CreatedAt: at("2023-05-05 05:05:06"), UpdatedAt: at("2023-05-05 05:05:06")},
		{ID: 4, MAC: mac(t, "a0:b7:65:00:00:ff"), EnableOTA: ptr(false), Content: []byte(`{"enableOTA":false}`),
			CreatedAt: at("2024-12-31 00:00:00"), UpdatedAt: at("2025-01-01 00:00:00.5")},
	}
	for i := range rows {
		rows[i].Revision, rows[i].ETag, rows[i].Standing = 1, fleet.ETag(sha256.Sum256(rows[i].Content)), neverSeen
	}
	return rows
}

func list(t testing.TB, s *store.Store, q fleet.Query, withContent bool) (found []fleet.Config) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	err := s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) (err error) {
		found, err = tx.Configs(ctx, q, withContent)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func revisions(t testing.TB, s *store.Store, m fleet.MAC) (found []fleet.Revision) {
	t.Helper()
	err := s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) (err error) {
		found, err = tx.Revisions(ctx, m, 0, 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheFieldsDatabaseIsTakenOver(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		fieldDatabase(t, url)
		s := storetest.OpenMigrated(t, url)
		want := fieldConfigs(t)
		if diff := cmp.Diff(want, list(t, s, fleet.Query{}, true)); diff != "" {
			t.Errorf("configurations (-want +got):\n%s", diff)
		}
		for _, c := range want {
			first := []fleet.Revision{{MAC: c.MAC, Number: 1, SHA256: sha256.Sum256(c.Content), Size: len(c.Content), Source: fleet.FromAdopt,
				CreatedAt: c.UpdatedAt}}
			if diff := cmp.Diff(first, revisions(t, s, c.MAC)); diff != "" {
				t.Errorf("revisions of %s (-want +got):\n%s", c.MAC, diff)
			}
			served, err := s.Document(context.Background(), c.MAC)
			if err != nil || string(served.Content) != string(c.Content) {
				t.Errorf("%s is served %q, %v; want it as it was", c.MAC, served.Content, err)
			}
		}
		if made := storetest.Create(t, s, storetest.MAC(1), `{}`); made.ID != 42 {
			t.Errorf("the next id is %d, want 42: the sequence goes on", made.ID)
		}
		if saved := storetest.Save(t, s, 4, `{"now":1}`); saved.Revision != 2 || !saved.CreatedAt.Equal(at("2024-12-31 00:00:00")) {
			t.Errorf("saved %+v, want revision 2 and created_at as it was", saved)
		}
	})
}

func TestATakeoverThatCannotBeLeavesAllAsItWas(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		ctx := context.Background()
		fieldDatabase(t, url)
		storetest.Exec(t, url, `UPDATE configs SET mac_address = 'AA-BB-CC-DD-EE-FF' WHERE id = 4`)
		s := storetest.Open(t, url)
		_, err := s.Migrate(ctx)
		if err == nil || !strings.Contains(err.Error(), "mac_address") && !strings.Contains(err.Error(), "MAC address") {
			t.Fatalf("migrated with a MAC address that nobody could read: %v", err)
		}
		db := storetest.SQL(t, url)
		var n int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM configs`).Scan(&n); err != nil || n != 5 {
			t.Errorf("%d rows, %v; want the 5 of before", n, err)
		}
		if _, err := db.ExecContext(ctx, `SELECT revision FROM configs`); err == nil {
			t.Error("half a migration was kept")
		}
		storetest.Exec(t, url, `UPDATE configs SET mac_address = 'aa:bb:cc:dd:ee:ff' WHERE id = 4`)
		if _, err := s.Migrate(ctx); err != nil {
			t.Errorf("after the correction: %v", err)
		}
	})
}

// The field's service is started again beside us, or instead of us for a while: its statements know no revisions.
func TestWhatAnotherProgramWroteBecomesARevision(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.OpenMigrated(t, url)
		changed := storetest.Create(t, s, storetest.MAC(1), `{"by":"us"}`)
		kept := storetest.Create(t, s, storetest.MAC(2), `{"by":"us"}`)
		gone := storetest.Create(t, s, storetest.MAC(3), `{"by":"us"}`)
		storetest.Delete(t, s, gone.ID)
		if strings.HasPrefix(url, "sqlite:") {
			// Beside us is not allowed there: after us, and before us again.
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		theirs := `{"by":"them", "n":1e400}`
		storetest.Exec(t, url, `UPDATE configs SET content = '`+theirs+`', updated_at = '2026-04-01 00:00:00' WHERE id = 1`)
		storetest.Exec(t, url, `UPDATE configs SET content = content, device_name = 'same' WHERE id = 2`)
		storetest.Exec(t, url, `INSERT INTO configs (mac_address, content) VALUES ('`+storetest.MAC(3).String()+`', '`+theirs+`')`)
		if strings.HasPrefix(url, "sqlite:") {
			s = storetest.Open(t, url)
		}
		sum := sha256.Sum256([]byte(theirs))
		check := func(wantRevisions []int64) {
			t.Helper()
			for i, c := range list(t, s, fleet.Query{}, false) {
				want := fleet.ETag(sum)
				if c.ID == kept.ID {
					want = kept.ETag
				}
				listed := want
				if c.Revision == 0 { // nobody has looked at it
					listed = ""
				}
				if c.ETag != listed || c.Revision != wantRevisions[i] {
					t.Errorf("%s is listed with revision %d and ETag %q, want %d and %q", c.MAC, c.Revision, c.ETag, wantRevisions[i], listed)
				}
				served, err := s.Document(ctx, c.MAC)
				if err != nil || served.ETag != want {
					t.Errorf("%s is served with ETag %s, %v; want %s", c.MAC, served.ETag, err, want)
				}
			}
		}
		check([]int64{0, 1, 0})
		if _, err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		check([]int64{2, 1, 3})
		newest := revisions(t, s, changed.MAC)[0]
		if newest.Source != fleet.FromAdopt || newest.SHA256 != sum || time.Since(newest.CreatedAt) > time.Minute {
			t.Errorf("newest revision is %+v, want an adopted one of now", newest)
		}
	})
}

func TestASaveOfWhatAnotherProgramWrote(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		made := storetest.Create(t, s, storetest.MAC(1), `{"by":"us"}`)
		storetest.Exec(t, url, `UPDATE configs SET content = '{"by":"them"}' WHERE id = 1`)
		if saved := storetest.Save(t, s, made.ID, `{"by":"them"}`); saved.Revision != 2 {
			t.Errorf("revision %d, want 2: what is there is no revision yet", saved.Revision)
		}
		storetest.Exec(t, url, `UPDATE configs SET content = '{"by":"them again"}' WHERE id = 1`)
		if deleted := storetest.Delete(t, s, made.ID); deleted.Revision != 3 {
			t.Errorf("deleted revision %d, want 3: what the other program wrote is kept before it goes", deleted.Revision)
		}
		if again := storetest.Create(t, s, storetest.MAC(1), `{}`); again.Revision != 5 {
			t.Errorf("revision %d, want 5: behind the delete's", again.Revision)
		}
	})
}
