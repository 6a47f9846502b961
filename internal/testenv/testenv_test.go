package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		runChild()
		return
	}
	Main(m)
}

func TestFreePort(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port := FreePort(t)
		if seen[port] {
			t.Fatalf("port %d was given out twice", port)
		}
		seen[port] = true
		if port < lowestPort || port >= firstEphemeralPort() {
			t.Errorf("port %d is not between %d and the kernel's own ports", port, lowestPort)
		}
	}
}

func TestListenableRefusesATakenPort(t *testing.T) {
	for _, host := range []string{"", "127.0.0.1", "0.0.0.0"} {
		port := FreePort(t)
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port)) //nolint:noctx // returns at once
		if err != nil {
			t.Fatal(err)
		}
		if listenable(port) {
			t.Errorf("a port that is taken on %q counts as free", host)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if !listenable(port) {
			t.Errorf("a port that was released on %q counts as taken", host)
		}
	}
}

func TestWaitFor(t *testing.T) {
	calls := 0
	WaitFor(t, time.Minute, func() bool { calls++; return calls == 3 })
	if calls != 3 {
		t.Errorf("looked %d times, want 3", calls)
	}
	if poll(time.Millisecond, func() bool { return false }) {
		t.Error("a condition that is never true came about")
	}
}

func TestFindProgram(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"13", "15"} {
		path := filepath.Join(dir, version, "espalier-no-such-engine")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path, err := findProgram("espalier-no-such-engine", filepath.Join(dir, "*"))
	if want := filepath.Join(dir, "15", "espalier-no-such-engine"); err != nil || path != want {
		t.Errorf("found %q, %v; want the newest, %q", path, err, want)
	}
	_, err = findProgram("espalier-no-such-engine")
	if err == nil || !strings.Contains(err.Error(), "make test-deps") {
		t.Errorf("a missing program is reported as %v; want a word about make test-deps", err)
	}
}

func TestRanLogsAMarker(t *testing.T) {
	rec := &recorder{TB: t}
	Ran(rec, SQLite)
	if want := "espalier-ran engine=sqlite test=TestRanLogsAMarker"; rec.logged != want {
		t.Errorf("logged %q, want %q", rec.logged, want)
	}
}

// recorder is a test whose log is read.
type recorder struct {
	testing.TB
	logged string
}

func (r *recorder) Logf(format string, args ...any) { r.logged = fmt.Sprintf(format, args...) }

func TestNginxServesADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	base := Nginx(t, dir)
	status, body := get(t, base+"/a.json")
	if status != 200 || body != `{"a":1}` {
		t.Errorf("got %d %q, want the file", status, body)
	}
	if status, _ = get(t, base+"/b.json"); status != 404 {
		t.Errorf("got %d for a missing file, want 404", status)
	}
}

const childVariable = "ESPALIER_TESTENV_CHILD"

// runChild is another life of this test binary: it starts a cluster, says where, and waits to be killed.
func runChild() {
	cluster, err := startCluster(ClusterOptions{})
	if err != nil {
		fmt.Println("error", err) //nolint:forbidigo // what the parent reads
		return
	}
	fmt.Println(cluster.server.running.cmd.Process.Pid, cluster.server.dir) //nolint:forbidigo // what the parent reads
	select {}
}

func TestAKilledBinaryLeavesNothingBehind(t *testing.T) {
	child := exec.Command(os.Args[0]) //nolint:noctx // this very binary, killed below
	child.Env = append(os.Environ(), childVariable+"=1")
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	_, scanErr := fmt.Fscan(output, &pid, &dir)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed, which it reports as an error
	if scanErr != nil {
		t.Fatalf("the child did not start a cluster: %v", scanErr)
	}
	WaitFor(t, time.Minute, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	})
	if running, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(running) > 0 {
		t.Errorf("postgres %d outlived the test binary", pid)
	}
}

func TestServerErrors(t *testing.T) {
	s, err := newServer("nothing", t.TempDir(), sameUser())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.remove(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}()
	if err := s.end(syscall.SIGTERM); err == nil {
		t.Error("a server that does not run was stopped")
	}
	s.args = func() ([]string, error) { return []string{"/bin/sh", "-c", "echo bad option; exit 3"}, nil }
	err = s.start()
	if err == nil || !strings.Contains(err.Error(), "bad option") {
		t.Errorf("a server that ends at once gives %v; want what it printed", err)
	}
	if s.isRunning() {
		t.Error("a server that ended counts as running")
	}
}

func mustConnect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	return conn
}
