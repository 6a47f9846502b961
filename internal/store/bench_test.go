package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// benchDevices are the configurations that a benchmark changes at random, of 600 bytes each.
const benchDevices = 5000

func benchText(n int64) string {
	text := fmt.Sprintf(`{"deviceName":"Device %d","deviceEntityId":"device_%d","enableOTA":true,"pad":"`, n, n)
	return text + strings.Repeat("x", 598-len(text)) + `"}`
}

func benchFill(b *testing.B, s *store.Store) {
	b.Helper()
	for start := 0; start < benchDevices; start += 500 {
		changes := make([]fleet.Change, 500)
		for i := range changes {
			changes[i] = create(start+i, benchText(int64(start+i)))
		}
		must(b, s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
			_, err := tx.Apply(ctx, changes...)
			return err
		}))
	}
}

// saves makes n changes with some writers, and tells how long they took.
func saves(b *testing.B, s *store.Store, writers, n int) time.Duration {
	b.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range writers {
		group.Go(func() {
			for next.Add(1) <= int64(n) {
				c := fleet.Change{Kind: fleet.Save, ID: 1 + rand.Int64N(benchDevices), Source: fleet.FromEdit, At: time.Now(),
					Document: storetest.Document(b, benchText(rand.Int64N(1e12)))}
				if _, err := s.Apply(context.Background(), c); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return time.Since(start)
}

// bareSQLite makes changes with the engine alone: four prepared statements and a commit for each. It is the same
// binding: a bound by the C library itself is some 0.85 of this one's.
type bareSQLite struct {
	conn *sqlite.Conn
	rev  int64
}

func openBare(b *testing.B) *bareSQLite {
	b.Helper()
	url := "sqlite:///" + filepath.Join(b.TempDir(), "bare.db")
	s := storetest.OpenMigrated(b, url)
	benchFill(b, s)
	must(b, s.Close())
	conn, err := sqlite.OpenConn(strings.TrimPrefix(url, "sqlite:///"), sqlite.OpenReadWrite)
	must(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	for _, pragma := range []string{"journal_mode = WAL", "synchronous = FULL", "cache_size = -16384", "wal_autocheckpoint = 2000"} {
		must(b, sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil))
	}
	return &bareSQLite{conn: conn, rev: 1}
}

func (s *bareSQLite) save(id int64, text string) error {
	s.rev++
	now := "2026-03-01 12:00:00.000000"
	mac := storetest.MAC(int(id - 1)).String()
	steps := []struct {
		sql  string
		args []any
	}{
		{"BEGIN IMMEDIATE", nil},
		{"UPDATE configs SET content = ?, updated_at = ?, revision = ? WHERE id = ?", []any{text, now, s.rev, id}},
		{"INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			[]any{mac, s.rev, text, make([]byte, 32), len(text), "edit", now}},
		{`INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
			VALUES (?, ?, ?, ?, 0, 1, ?, 0, ?, ?) ON CONFLICT (mac_address) DO UPDATE SET rev = excluded.rev`,
			[]any{mac, s.rev, make([]byte, 32), len(text), s.rev, now, now}},
		{`INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev, message, times, event)
			VALUES (?, 'local', '', '', 'update', 'applied', '', '', ?, ?, ?, '', 1, 'updated')`, []any{now, id, mac, s.rev}},
		{"COMMIT", nil},
	}
	for _, step := range steps {
		if err := sqlitex.Execute(s.conn, step.sql, &sqlitex.ExecOptions{Args: step.args}); err != nil {
			return err
		}
	}
	return nil
}

func benchmarkSQLite(b *testing.B, writers int) {
	s := storetest.OpenMigrated(b, storetest.NewURL(b, testenv.SQLite))
	benchFill(b, s)
	bare := openBare(b)
	const rounds = 4
	var ours, theirs time.Duration
	n := max(writers, b.N/rounds)
	b.ResetTimer()
	for range rounds { // interleaved, so that a slow moment of the disk hits both
		ours += saves(b, s, writers, n)
		start := time.Now()
		for range max(1, n/writers) {
			must(b, bare.save(1+rand.Int64N(benchDevices), benchText(rand.Int64N(1e12))))
		}
		theirs += time.Since(start) * time.Duration(n) / time.Duration(max(1, n/writers))
	}
	b.ReportMetric(float64(rounds*n)/ours.Seconds(), "durable/s")
	b.ReportMetric(float64(rounds*n)/theirs.Seconds(), "bare/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-bare")
}

func BenchmarkApplySQLite(b *testing.B) { benchmarkSQLite(b, 1) }

func BenchmarkApplySQLite64Writers(b *testing.B) { benchmarkSQLite(b, 64) }

// pgbenchScript is the same change as separate statements.
const pgbenchScript = `\set id random(1, %d)
\set n random(1, 1000000000)
BEGIN;
UPDATE configs SET content = lpad(CAST(:n AS text), 600, 'x'), updated_at = now(), revision = revision + 1 WHERE id = :id;
INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at)
	SELECT mac_address, revision, content, '\x00', 600, 'edit', now() FROM configs WHERE id = :id;
INSERT INTO outbox (mac_address, rev, sha256, size, deleted, broadcast, generation, attempts, changed_at, due_at)
	SELECT mac_address, revision, '\x00', 600, false, true, :n, 0, now(), now() FROM configs WHERE id = :id
	ON CONFLICT (mac_address) DO UPDATE SET rev = excluded.rev, generation = excluded.generation;
INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev, message, times, event)
	SELECT now(), 'local', '', '', 'update', 'applied', '', '', id, mac_address, revision, '', 1, 'updated' FROM configs WHERE id = :id;
COMMIT;
`

// pgbench answers how many transactions a second it makes, of so many. A client plans each of its first five anew.
func pgbench(b *testing.B, url string, clients, transactions int) float64 {
	b.Helper()
	programs, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if path, lookErr := exec.LookPath("pgbench"); lookErr == nil {
		programs, err = append(programs, path), nil
	}
	if err != nil || len(programs) == 0 {
		b.Fatal("this machine has no pgbench: it comes with PostgreSQL's server package")
	}
	script := filepath.Join(b.TempDir(), "script.sql")
	writeFile(b, script, fmt.Sprintf(strings.ReplaceAll(pgbenchScript, "\n\t", " "), benchDevices))
	out, err := exec.Command(programs[len(programs)-1], "--no-vacuum", "--protocol=prepared", "--file="+script, //nolint:noctx // ends by itself
		"--client="+strconv.Itoa(clients), "--transactions="+strconv.Itoa(transactions/clients), url).CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	tps := regexp.MustCompile(`tps = ([0-9.]+) \(without`).FindSubmatch(out)
	if tps == nil {
		b.Fatalf("pgbench said no tps:\n%s", out)
	}
	rate, err := strconv.ParseFloat(string(tps[1]), 64)
	must(b, err)
	return rate
}

func benchmarkPostgres(b *testing.B, clients int) {
	cluster := testenv.NewCluster(b, testenv.ClusterOptions{Durable: true})
	ours, theirs := cluster.NewDatabase(b), cluster.NewDatabase(b)
	s := storetest.OpenMigrated(b, ours)
	benchFill(b, s)
	other := storetest.OpenMigrated(b, theirs)
	benchFill(b, other)
	var took time.Duration
	var bench float64 // seconds that pgbench takes for as many
	const rounds = 8  // interleaved, so that a slow moment of the disk hits both
	n := max(clients, b.N/rounds)
	saves(b, s, clients, 20*clients)
	b.ResetTimer()
	for range rounds {
		b.StopTimer()
		bench += float64(n) / pgbench(b, theirs, clients, max(320, 40*clients))
		b.StartTimer()
		took += saves(b, s, clients, n)
	}
	b.ReportMetric(float64(rounds*n)/took.Seconds(), "durable/s")
	b.ReportMetric(float64(rounds*n)/bench, "pgbench/s")
	b.ReportMetric(bench/took.Seconds(), "of-pgbench")
}

func BenchmarkApplyPostgres(b *testing.B) { benchmarkPostgres(b, 1) }

func BenchmarkApplyPostgres32Writers(b *testing.B) { benchmarkPostgres(b, 32) }

func BenchmarkDocument(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			s := storetest.OpenMigrated(b, storetest.NewURL(b, engine))
			benchFill(b, s)
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := s.Document(context.Background(), storetest.MAC(rand.IntN(benchDevices))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
