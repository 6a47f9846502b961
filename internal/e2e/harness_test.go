// Package e2e tests the whole server from outside: the program in a process of its own, over real HTTP and MQTT, on both
// databases and both brokers, through crashes of each of them. The test binary is the program: run with the variable
// below it does what cmd/espalier does.
package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/cli"
	"espalier.dev/espalier/internal/testenv"
)

const asProgram = "ESPALIER_E2E_PROGRAM"

func TestMain(m *testing.M) {
	// The embedded broker's process is given no environment.
	if os.Getenv(asProgram) != "" || (len(os.Args) > 1 && os.Args[1] == "broker") {
		ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		program := cli.Program{Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Clock: programClock(ctx)}
		os.Exit(program.Run(ctx, os.Args[1:])) //nolint:forbidigo // this is main, of the program under test
	}
	testenv.Main(m)
}

// patience bounds the wait for what must happen; it is generous, because a wait ends as soon as it has happened.
const patience = 60 * time.Second

// server is the program, serving.
type server struct {
	t    testing.TB
	env  []string
	port int
	cmd  *exec.Cmd
	gone chan struct{} // closes when cmd has ended
	log  *logBuffer
	// transport keeps connections between requests.
	transport http.Transport
	*client.Client
}

// newServer makes a server that is not started, with a data folder of its own unless env says otherwise. env is
// NAME=value settings.
func newServer(t testing.TB, env ...string) *server {
	t.Helper()
	port := testenv.FreePort(t)
	s := &server{t: t, port: port, log: &logBuffer{}}
	s.env = append([]string{
		asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LOG_FORMAT=text",
		"HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "DATA_DIR=" + filepath.Join(t.TempDir(), "data"),
		fmt.Sprintf("MQTT_LISTEN=127.0.0.1:%d", testenv.FreePort(t)),
	}, env...)
	var err error
	s.Client, err = client.New(s.url(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the log of the server:\n%s", s.log.tail(80))
		}
	})
	return s
}

// startServer starts a server and waits until it is ready.
func startServer(t testing.TB, env ...string) *server {
	t.Helper()
	s := newServer(t, env...)
	s.start()
	return s
}

func (s *server) url() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

// setting is the value that the server was given for a variable.
func (s *server) setting(name string) string {
	for i := len(s.env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(s.env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// brokerURL is the broker that devices of this server use.
func (s *server) brokerURL() string {
	if url := s.setting("MQTT_URL"); url != "" {
		return url
	}
	return "mqtt://" + s.setting("MQTT_LISTEN")
}

func (s *server) start() {
	s.t.Helper()
	s.launch()
	testenv.WaitFor(s.t, patience, func() bool {
		if s.exited() {
			s.t.Fatalf("the server ended:\n%s", s.log.tail(40))
		}
		return s.status("/readyz") == http.StatusOK
	})
}

func (s *server) launch() {
	s.t.Helper()
	s.cmd = exec.Command(os.Args[0], "serve") //nolint:noctx // ended by stop, or by kill at the latest
	s.cmd.Env, s.cmd.Dir = s.env, s.t.TempDir()
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.WaitDelay = 5 * time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.gone = make(chan struct{})
	started := make(chan error)
	go func(cmd *exec.Cmd, gone chan struct{}) {
		defer close(gone)
		// The kernel sends Pdeathsig when the thread that started the child ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}(s.cmd, s.gone)
	if err := <-started; err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) exited() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// kill ends the server as a crash does, and waits until it is gone.
func (s *server) kill() { s.signal(syscall.SIGKILL) }

// stop ends the server gracefully and returns its exit status.
func (s *server) stop() int { return s.signal(syscall.SIGTERM) }

func (s *server) signal(sig syscall.Signal) int {
	if s.cmd == nil {
		return -1
	}
	_ = s.cmd.Process.Signal(sig)
	<-s.gone
	status := s.cmd.ProcessState.ExitCode()
	s.cmd = nil
	return status
}

// status is the HTTP status of a GET, and 0 where nobody answers.
func (s *server) status(path string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	status, _, _ := fetch(ctx, s.url()+path)
	return status
}

// document is what a device reads: its status and its bytes.
func (s *server) document(mac string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	status, body, err := fetch(ctx, s.url()+"/api/configs/"+mac+".json")
	if err != nil {
		return 0, err.Error()
	}
	return status, body
}

// fetch gets a URL over a connection of its own, as the firmware does.
func fetch(ctx context.Context, url string) (int, string, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// logBuffer keeps what the server printed.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) tail(lines int) string {
	var all []string
	for scan := bufio.NewScanner(strings.NewReader(b.String())); scan.Scan(); {
		all = append(all, scan.Text())
	}
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// eachDatabase runs fn once per engine, with settings that name a fresh database.
func eachDatabase(t *testing.T, fn func(t *testing.T, env []string)) {
	t.Run("sqlite", func(t *testing.T) {
		testenv.Ran(t, testenv.SQLite)
		fn(t, []string{"DATABASE_URL=sqlite:///" + filepath.Join(t.TempDir(), "espalier.db")})
	})
	t.Run("postgres", func(t *testing.T) {
		testenv.Ran(t, testenv.PostgreSQL)
		fn(t, []string{"DATABASE_URL=" + testenv.NewDatabase(t)})
	})
}

// broker is one that a test can take away and bring back.
type broker struct {
	env  []string // settings that name it; none for the embedded one
	down func(s *server)
	up   func(s *server)
}

// eachBroker runs fn with mosquitto and with the embedded broker.
func eachBroker(t *testing.T, fn func(t *testing.T, b broker)) {
	t.Run("mosquitto", func(t *testing.T) {
		testenv.Ran(t, testenv.MosquittoName)
		fn(t, mosquitto(t))
	})
	t.Run("embedded", func(t *testing.T) {
		testenv.Ran(t, testenv.EmbeddedBroker)
		fn(t, embedded(t))
	})
}

func mosquitto(t *testing.T) broker {
	m := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	return broker{env: []string{"MQTT_URL=" + m.URL()},
		down: func(*server) { m.Kill(t) }, up: func(*server) { m.Start(t) }}
}

func embedded(t *testing.T) broker {
	// The supervisor brings a killed broker back by itself.
	return broker{down: func(s *server) { killChildren(t, s.cmd.Process.Pid) }, up: func(*server) {}}
}

// killChildren kills the child processes of a process, and waits until they are gone.
func killChildren(t *testing.T, parent int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for _, path := range tasks {
		text, _ := os.ReadFile(path)
		for field := range strings.FieldsSeq(string(text)) {
			var pid int
			if _, err := fmt.Sscan(field, &pid); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
	if killed == 0 {
		t.Fatalf("process %d has no child to kill", parent)
	}
}
