package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The roles of a cluster. Tests connect as applicationRole, which owns its databases and nothing else: what needs a
// superuser fails in tests as it would in the field.
const (
	applicationRole = "espalier"
	adminRole       = "postgres"
)

// ClusterOptions say what a private cluster is for.
type ClusterOptions struct {
	// Durable keeps the data on a disk, with fsync and full_page_writes on, as in production: for benchmarks, and for what
	// is said of durability. Without it the data is in memory where that has room, and a commit waits for no disk, but
	// survives the end of the server all the same.
	Durable bool
	// Settings are further server parameters, such as "max_connections": "20".
	Settings map[string]string
}

// Cluster is a PostgreSQL server of the tests' own, on a loopback port that stays the same across restarts. Its text
// compares by ICU's rules of US English where the server knows them (PostgreSQL 15), so that a query which relies
// on byte order without asking for it shows.
type Cluster struct {
	server *server
	last   int // databases made so far
	mu     sync.Mutex
}

// shared is the cluster that all tests of one binary use.
type sharedCluster struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

var shared sharedCluster

// NewDatabase returns the URL of a new, empty database on the cluster that all tests of this binary share, and drops
// it when the test ends.
func NewDatabase(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = startCluster(ClusterOptions{}) })
	if shared.err != nil {
		t.Fatalf("testenv: PostgreSQL: %v", shared.err)
	}
	return shared.cluster.NewDatabase(t)
}

// Main runs a binary's tests and then ends the shared cluster, for a TestMain that wants it gone before the process
// is: func TestMain(m *testing.M) { testenv.Main(m) }. A binary without a TestMain leaves that to the cluster's guard.
func Main(m *testing.M) {
	m.Run() // the testing package exits with its result
	if shared.cluster != nil {
		if err := shared.cluster.server.remove(syscall.SIGQUIT); err != nil {
			fmt.Fprintf(os.Stderr, "testenv: %v\n", err)
		}
	}
}

// NewCluster starts a cluster for one test, which can stop and start it. Tests that only need a database
// use [NewDatabase], which costs a hundredth of it.
func NewCluster(t testing.TB, options ClusterOptions) *Cluster {
	t.Helper()
	cluster, err := startCluster(options)
	if err != nil {
		t.Fatalf("testenv: PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := cluster.server.remove(syscall.SIGQUIT); err != nil {
			t.Errorf("testenv: %v", err)
		}
	})
	return cluster
}

func startCluster(options ClusterOptions) (*Cluster, error) {
	initdb, err := postgresProgram("initdb")
	if err != nil {
		return nil, err
	}
	postgres, err := postgresProgram("postgres")
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged("postgres")
	if err != nil {
		return nil, err
	}
	parent := memoryDir()
	if options.Durable {
		parent = os.TempDir()
	}
	s, err := newServer("postgres", parent, owner)
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{server: s}
	s.args = func() ([]string, error) { return postgresArgs(postgres, s, options), nil }
	err = initialize(initdb, s)
	if err == nil {
		err = s.startAnywhere()
	}
	if err == nil {
		err = cluster.createRole()
	}
	if err != nil {
		return nil, errors.Join(err, s.remove(syscall.SIGQUIT))
	}
	return cluster, nil
}

// PostgresProgram returns the path of a program that comes with PostgreSQL, such as pgbench or pg_dump.
func PostgresProgram(t testing.TB, name string) string {
	t.Helper()
	path, err := postgresProgram(name)
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	return path
}

func postgresProgram(name string) (string, error) {
	return findProgram(name, "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
}

func initialize(initdb string, s *server) error {
	args := []string{
		"--pgdata=" + filepath.Join(s.dir, "data"), "--username=" + adminRole, "--auth=trust", "--encoding=UTF8",
		"--locale=C.UTF-8", "--no-sync",
	}
	help, err := exec.Command(initdb, "--help").Output() //nolint:noctx // prints and ends
	if err != nil {
		return err
	}
	if strings.Contains(string(help), "--locale-provider") {
		args = append(args, "--locale-provider=icu", "--icu-locale=en-US")
	}
	cmd := exec.Command(initdb, args...) //nolint:noctx // ends by itself
	cmd.Dir, cmd.SysProcAttr = s.dir, s.owner
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return nil
}

func postgresArgs(postgres string, s *server, options ClusterOptions) []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    fmt.Sprint(s.port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"timezone":                "America/St_Johns", // half hours off UTC, so that a time taken for local shows
		"fsync":                   "off",
		"max_wal_size":            "256MB",
		"full_page_writes":        "off",
	}
	if options.Durable {
		settings["fsync"], settings["full_page_writes"] = "on", "on"
		delete(settings, "max_wal_size")
	}
	for name, value := range options.Settings {
		settings[name] = value
	}
	args := []string{postgres, "-D", filepath.Join(s.dir, "data")}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

func (c *Cluster) createRole() error {
	var err error
	ready := func() bool {
		err = c.admin(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "CREATE ROLE "+applicationRole+" LOGIN")
			return err
		})
		return err == nil
	}
	if !poll(startTimeout, ready) {
		return err
	}
	return nil
}

// admin runs fn on a connection of the superuser's.
func (c *Cluster) admin(fn func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.AdminURL())
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, conn), conn.Close(ctx))
}

// AdminURL is where a superuser connects, for what a test does to the server rather than through it.
func (c *Cluster) AdminURL() string { return c.url(adminRole, adminRole) }

// Port is the loopback port that the cluster listens on.
func (c *Cluster) Port() int { return c.server.port }

func (c *Cluster) url(role, database string) string {
	u := url.URL{
		Scheme: "postgresql", User: url.User(role), Host: c.server.address(), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// NewDatabase returns the URL of a new, empty database, and drops it when the test ends.
func (c *Cluster) NewDatabase(t testing.TB) string {
	t.Helper()
	c.mu.Lock()
	c.last++
	name := fmt.Sprintf("test_%d", c.last)
	c.mu.Unlock()
	err := c.admin(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+name+" OWNER "+applicationRole)
		return err
	})
	if err != nil {
		t.Fatalf("testenv: create database: %v", err)
	}
	t.Cleanup(func() {
		if !c.server.isRunning() {
			return // a test that stopped its cluster drops it whole
		}
		err := c.admin(func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
			return err
		})
		if err != nil {
			t.Errorf("testenv: drop database: %v", err)
		}
	})
	return c.url(applicationRole, name)
}

// Stop ends the cluster at once, as a crash of the server would: connections break, and the next start recovers.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if err := c.server.end(syscall.SIGQUIT); err != nil {
		t.Fatalf("testenv: %v", err)
	}
}

// Start starts a stopped cluster again, on the same port, and returns when it takes connections.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	if err := c.server.start(); err != nil {
		t.Fatalf("testenv: %v", err)
	}
	WaitFor(t, startTimeout, func() bool {
		return c.admin(func(ctx context.Context, conn *pgx.Conn) error { return conn.Ping(ctx) }) == nil
	})
}

// Restart is Stop and Start.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.Stop(t)
	c.Start(t)
}
