package mqttbroker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

// childVariable makes the test binary a broker's child process.
const childVariable = "ESPALIER_TEST_BROKER_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "broker":
		if err := RunChild(context.Background(), os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:forbidigo // this is the main of a child process
		}
		os.Exit(0) //nolint:forbidigo // this is the main of a child process
	case "crash":
		os.Exit(7) //nolint:forbidigo // this is the main of a child process
	}
	goleak.VerifyTestMain(m)
}

// child is the command line that runs the test binary as a child of the given kind.
func child(kind string) []string {
	return []string{"/usr/bin/env", childVariable + "=" + kind, os.Args[0]}
}

// logbook is a log that a test can read while it is written.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

const (
	serverUser     = "espalier-server"
	serverPassword = "correct horse battery staple"
)

func testConfig(listen string) Config {
	return Config{
		Listen: listen, Topics: fleet.Topics{Prefix: "iotsupport"},
		ServerUsername: serverUser, ServerPassword: serverPassword, LogLevel: slog.LevelDebug,
	}
}

// supervise starts a supervisor, and stops it with the test.
func supervise(t *testing.T, options SupervisorOptions) (*Supervisor, *logbook) {
	t.Helper()
	testenv.Ran(t, testenv.EmbeddedBroker)
	book := &logbook{}
	options.Logger = book.logger()
	s, err := NewSupervisor(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
		if book.count(serverPassword) > 0 {
			t.Error("the log holds the server's password")
		}
	})
	return s, book
}

func waitReady(t *testing.T, s *Supervisor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

func (s *Supervisor) childPID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

func TestSupervisorRestartsOnTheSamePort(t *testing.T) {
	s, book := supervise(t, SupervisorOptions{Command: child("broker"), Config: testConfig("127.0.0.1:0")})
	waitReady(t, s)
	address := s.Addr()
	for range 3 {
		pid := s.childPID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, 20*time.Second, func() bool { p := s.childPID(); return p != 0 && p != pid && s.Addr() != "" })
		if s.Addr() != address {
			t.Fatalf("the address moved from %s to %s", address, s.Addr())
		}
		conn, err := s.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	if s.Problem() != "" {
		t.Errorf("Problem() = %q while the broker runs", s.Problem())
	}
	if n := book.count("starting it again"); n != 3 {
		t.Errorf("the log tells of %d restarts, want 3", n)
	}
	if book.count("broker listens") == 0 {
		t.Error("the child's log lines are not in ours")
	}
}

// Nobody has to be told that a broker is not there which was started a moment ago.
func TestSupervisorDialWaitsForTheFirstChild(t *testing.T) {
	s, _ := supervise(t, SupervisorOptions{Command: child("broker"), Config: testConfig("127.0.0.1:0")})
	conn, err := s.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	never, err := NewSupervisor(SupervisorOptions{
		Command: child("broker"), Config: testConfig("127.0.0.1:0"), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := never.Dial(ended); err == nil || err.Error() != "the embedded broker is starting" {
		t.Errorf("Dial of a broker that does not start: %v", err)
	}
}

func TestSupervisorLoopbackAddress(t *testing.T) {
	s, _ := supervise(t, SupervisorOptions{Command: child("broker"), Config: testConfig(":0")})
	waitReady(t, s)
	if host, _, err := net.SplitHostPort(s.Addr()); err != nil || host != "127.0.0.1" {
		t.Errorf("Addr() = %q, want a port of 127.0.0.1", s.Addr())
	}
}

func TestSupervisorPortTaken(t *testing.T) {
	holder, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(holder.Addr().String())
	s, book := supervise(t, SupervisorOptions{
		Command: child("broker"), Config: testConfig(holder.Addr().String()), ListenRetry: 50 * time.Millisecond,
	})
	want := "port " + port + " is taken: set MQTT_LISTEN to another address, or MQTT_URL to the broker that is there"
	testenv.WaitFor(t, 20*time.Second, func() bool { return s.Problem() == want })
	if s.Addr() != "" {
		t.Errorf("Addr() = %q while another program has the port", s.Addr())
	}
	if _, err := s.Dial(t.Context()); err == nil || err.Error() != want {
		t.Errorf("Dial: %v, want %q", err, want)
	}
	tries := book.count("address already in use")
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	waitReady(t, s)
	if s.Problem() != "" {
		t.Errorf("Problem() = %q after the port became free", s.Problem())
	}
	if n := book.count("cannot listen"); n != 1 {
		t.Errorf("the log says it %d times (after %d tries), want once", n, tries)
	}
}

// The broker of a server that was killed may have the port for a moment longer than it takes to start the next.
func TestSupervisorPortTakenForAMoment(t *testing.T) {
	holder, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := supervise(t, SupervisorOptions{Command: child("broker"), Config: testConfig(holder.Addr().String()), ListenRetry: time.Hour})
	testenv.WaitFor(t, 20*time.Second, func() bool { return s.Problem() != "" })
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Error(err)
	}
}

func TestSupervisorOfAChildThatCrashes(t *testing.T) {
	s, book := supervise(t, SupervisorOptions{Command: child("crash"), Config: testConfig("127.0.0.1:0")})
	testenv.WaitFor(t, 20*time.Second, func() bool { return book.count("exit status 7") >= 2 })
	if s.Problem() == "" {
		t.Error("no problem is told of")
	}
}

func TestSupervisorOfAMissingProgram(t *testing.T) {
	s, book := supervise(t, SupervisorOptions{Command: []string{"/nonexistent/espalier"}, Config: testConfig("127.0.0.1:0")})
	testenv.WaitFor(t, 20*time.Second, func() bool { return book.count("no such file") >= 1 })
	if s.Problem() == "" {
		t.Error("no problem is told of")
	}
}

func TestSupervisorKillsAChildThatIgnoresSIGTERM(t *testing.T) {
	command := []string{"/bin/sh", "-c", `trap "" TERM; echo '{"listen":"127.0.0.1:1"}'; while :; do read -r x || sleep 1; done`}
	s, _ := supervise(t, SupervisorOptions{Command: command, Config: testConfig("127.0.0.1:0")})
	waitReady(t, s)
	pid := s.childPID()
	started := time.Now()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < killAfter {
		t.Errorf("the child ended after %v although it ignores SIGTERM", took)
	}
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("the child %d is still there", pid)
	}
}

func TestChildEndsWithItsParent(t *testing.T) {
	testenv.Ran(t, testenv.EmbeddedBroker)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	args := child("broker")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	cmd.Stdout = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	config := `{"listen":"127.0.0.1:0","topics":{"Prefix":"p"},"server_username":"u","server_password":"w"}`
	if _, err := io.WriteString(stdin, config+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := stdin.Close(); err != nil { // as when the parent was killed
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the child ended with %v", err)
	}
}

func TestNewSupervisorRefuses(t *testing.T) {
	good := testConfig("127.0.0.1:0")
	cases := map[string]SupervisorOptions{
		"no command":  {Config: good},
		"no password": {Command: child("broker"), Config: Config{Listen: ":0", Topics: good.Topics, ServerUsername: "x"}},
		"no prefix":   {Command: child("broker"), Config: Config{Listen: ":0", ServerUsername: "x", ServerPassword: "y"}},
		"bad listen": {Command: child("broker"), Config: Config{
			Listen: "1883", Topics: good.Topics, ServerUsername: "x", ServerPassword: "y"}},
	}
	for name, options := range cases {
		if _, err := NewSupervisor(options); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
