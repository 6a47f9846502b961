package store_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The statements answer one line for each thing in a schema, in an order that does not hang on how it came about.
const (
	schemaOfSQLite = `SELECT CASE WHEN sql IS NULL THEN '-- ' || type || ' ' || name || ' on ' || tbl_name ELSE sql || ';' END
		FROM sqlite_master WHERE name NOT LIKE 'sqlite_seq%' AND tbl_name NOT LIKE '%version%' ORDER BY tbl_name, type DESC, name`
	schemaOfPostgres = `
		SELECT line FROM (
			SELECT 1 AS part, table_name AS a, lpad(ordinal_position::text, 3) AS b, 'column ' || table_name || '.' || column_name
				|| ' ' || data_type || coalesce('(' || character_maximum_length || ')', '')
				|| CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END || coalesce(' default ' || column_default, '') AS line
			FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL
			SELECT 2, conrelid::regclass::text, conname, 'constraint ' || conrelid::regclass || '.' || conname || ' '
				|| pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
			UNION ALL SELECT 3, tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
			UNION ALL SELECT 4, tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
			UNION ALL SELECT 5, '', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			UNION ALL SELECT 6, '', sequencename, 'sequence ' || sequencename || ' ' || data_type FROM pg_sequences
		) everything
		WHERE a NOT LIKE '%version%' ORDER BY part, a COLLATE "C", b COLLATE "C"`
)

func schema(t *testing.T, url string) string {
	t.Helper()
	query := schemaOfPostgres
	if strings.HasPrefix(url, "sqlite:") {
		query = schemaOfSQLite
	}
	rows, err := storetest.SQL(t, url).QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var text strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		text.WriteString(strings.TrimSpace(line) + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestSchema(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		golden := "testdata/schema." + s.Engine() + ".sql"
		got := schema(t, url)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("the schema is not that of %s; -update writes it anew (-want +got):\n%s", golden, diff)
		}
		if err := s.Recreate(context.Background()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), schema(t, url)); diff != "" {
			t.Errorf("recreated, it is another (-want +got):\n%s", diff)
		}
	})
}

func TestTheFieldsSchemaBecomesOurs(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		fieldDatabase(t, url)
		s := storetest.OpenMigrated(t, url)
		want, err := os.ReadFile("testdata/schema." + s.Engine() + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), schema(t, url)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if err := s.Recreate(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := len(list(t, s, fleet.Query{}, false)); n != 0 {
			t.Errorf("%d configurations after Recreate", n)
		}
		if _, err := storetest.SQL(t, url).ExecContext(context.Background(), `SELECT * FROM alembic_version`); err == nil {
			t.Error("the field's table of versions is still there")
		}
	})
}

func TestMigrationsAreListed(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, url)
		pending, err := s.Migrations(ctx)
		if err != nil {
			t.Fatal(err)
		}
		applied, err := s.Migrate(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all, err := s.Migrations(ctx)
		if err != nil || len(all) == 0 || len(all) != len(pending) || len(applied) != len(all) {
			t.Fatalf("%d pending, then %d applied, then %d listed, %v", len(pending), len(applied), len(all), err)
		}
		for i, m := range all {
			if m.Title == "" || m.Version != int64(i+1) || m.AppliedAt.IsZero() || !pending[i].AppliedAt.IsZero() {
				t.Errorf("migration %+v, pending %+v", m, pending[i])
			}
		}
		if again, err := s.Migrate(ctx); err != nil || len(again) != 0 {
			t.Errorf("again: %v, %v", again, err)
		}
	})
}

func TestEnginesHaveTheSameMigrations(t *testing.T) {
	var lists [2][]store.Migration
	for i, engine := range storetest.Engines() {
		s := storetest.Open(t, storetest.NewURL(t, engine))
		testenv.Ran(t, engine)
		var err error
		if lists[i], err = s.Migrations(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(lists[0], lists[1]); diff != "" {
		t.Error(diff)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.OpenMigrated(t, url)
		storetest.Exec(t, url, `INSERT INTO schema_migrations (version_id, is_applied) VALUES (7, true)`)
		_, err := s.Migrate(ctx)
		if !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "version 7") {
			t.Errorf("got %v, want ErrNewerSchema with the version", err)
		}
		err = s.Ping(ctx)
		wantWrongSchema(t, err)
		if !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("Ping says %v, want ErrNewerSchema in its chain", err)
		}
	})
}

func TestManyServersMigrateAtOnce(t *testing.T) {
	url := storetest.NewURL(t, testenv.PostgreSQL)
	testenv.Ran(t, testenv.PostgreSQL)
	fieldDatabase(t, url)
	const servers = 8
	var group sync.WaitGroup
	var applied [servers]int
	for i := range servers {
		s := storetest.Open(t, url)
		group.Go(func() {
			done, err := s.Migrate(context.Background())
			if err != nil {
				t.Error(err)
			}
			applied[i] = len(done)
		})
	}
	group.Wait()
	sum := 0
	for _, n := range applied {
		sum += n
	}
	s := storetest.Open(t, url)
	all, err := s.Migrations(context.Background())
	if err != nil || sum != len(all) {
		t.Errorf("%d migrations were applied of %d, %v", sum, len(all), err)
	}
	for _, c := range fieldConfigs(t) {
		if n := len(revisions(t, s, c.MAC)); n != 1 {
			t.Errorf("%s has %d revisions, want 1", c.MAC, n)
		}
	}
}
