package testenv

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestNewDatabaseIsEmptyAndItsOwn(t *testing.T) {
	ctx := context.Background()
	first, second := NewDatabase(t), NewDatabase(t)
	if first == second {
		t.Fatalf("two databases have the URL %s", first)
	}
	for _, url := range []string{first, second} {
		conn := mustConnect(t, url)
		if _, err := conn.Exec(ctx, "CREATE TABLE things (id integer)"); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		var super bool
		if err := conn.QueryRow(ctx, "SELECT usesuper FROM pg_user WHERE usename = current_user").Scan(&super); err != nil {
			t.Fatal(err)
		}
		if super {
			t.Error("tests connect as a superuser, which hides what the field lacks the right to")
		}
	}
}

func TestNewDatabaseIsDroppedWithConnectionsOpen(t *testing.T) {
	var url string
	t.Run("uses", func(t *testing.T) {
		url = NewDatabase(t)
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Ping(context.Background()); err != nil { // and never closes it
			t.Fatal(err)
		}
	})
	_, err := pgx.Connect(context.Background(), url)
	if err == nil || !strings.Contains(err.Error(), "3D000") {
		t.Errorf("connecting to a dropped database gives %v, want SQLSTATE 3D000", err)
	}
}

func TestDefaultsDifferFromTheFieldsExpectations(t *testing.T) {
	ctx := context.Background()
	conn := mustConnect(t, NewDatabase(t))
	var version int
	var capitalFirst, utc bool
	const query = `SELECT current_setting('server_version_num')::int, 'B' < 'a', current_setting('timezone') = 'UTC'`
	if err := conn.QueryRow(ctx, query).Scan(&version, &capitalFirst, &utc); err != nil {
		t.Fatal(err)
	}
	if capitalFirst && version >= 150000 {
		t.Error("text compares as C by default, so a test cannot see a query that forgot to ask for it")
	}
	if utc {
		t.Error("the server's time is UTC by default, so a test cannot see a query that forgot to ask for it")
	}
}

func TestClusterStopsAndStartsOnItsPort(t *testing.T) {
	ctx := context.Background()
	cluster := NewCluster(t, ClusterOptions{})
	url, port := cluster.NewDatabase(t), cluster.Port()
	conn := mustConnect(t, url)
	if _, err := conn.Exec(ctx, "CREATE TABLE things AS SELECT 7 AS id"); err != nil {
		t.Fatal(err)
	}
	cluster.Stop(t)
	if err := conn.Ping(ctx); err == nil {
		t.Error("a connection outlived the server")
	}
	if _, err := pgx.Connect(ctx, url); err == nil {
		t.Error("a stopped server took a connection")
	}
	cluster.Start(t)
	cluster.Restart(t)
	var id int
	if err := mustConnect(t, url).QueryRow(ctx, "SELECT id FROM things").Scan(&id); err != nil || id != 7 {
		t.Errorf("after a restart the row is %d, %v; want 7", id, err)
	}
	if cluster.Port() != port {
		t.Errorf("the port went from %d to %d", port, cluster.Port())
	}
}

func TestClusterOptions(t *testing.T) {
	cluster := NewCluster(t, ClusterOptions{Durable: true, Settings: map[string]string{"max_connections": "17"}})
	conn := mustConnect(t, cluster.AdminURL())
	for name, want := range map[string]string{
		"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "17",
	} {
		var got string
		if err := conn.QueryRow(context.Background(), "SELECT current_setting($1)", name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestPostgresProgram(t *testing.T) {
	for _, name := range []string{"pgbench", "pg_dump", "initdb"} {
		path := PostgresProgram(t, name)
		if output, err := exec.CommandContext(t.Context(), path, "--version").CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, output)
		}
	}
}
