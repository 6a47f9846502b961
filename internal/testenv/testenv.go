// Package testenv starts what tests need beside the code under test: private PostgreSQL clusters, mosquitto brokers
// and nginx servers, each on a free loopback port, each ended with the test, and each ended as well when the test
// binary is killed. A program that the machine lacks fails the test; it never skips it.
//
// Only tests and benchmarks import it, and it imports nothing of ours, so that every package's tests can use it. Start
// reading at [NewDatabase]; [Cluster] and [Broker] are the handles for tests of faults.
package testenv

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The engines and brokers that [Ran] counts.
const (
	SQLite         = "sqlite"
	PostgreSQL     = "postgres"
	EmbeddedBroker = "embedded"
	MosquittoName  = "mosquitto"
	Chromium       = "chromium"
)

// RanMarker starts the line that [Ran] logs and that the summary program counts.
const RanMarker = "espalier-ran"

// Ran records that the test ran on an engine or a broker, one of the constants above. The summary at the end of a test
// run counts each test once for each.
func Ran(t testing.TB, engine string) {
	t.Helper()
	known := []string{SQLite, PostgreSQL, EmbeddedBroker, MosquittoName, Chromium}
	if !slices.Contains(known, engine) {
		t.Fatalf("testenv.Ran: no engine is named %q; it is one of %v", engine, known)
	}
	t.Logf("%s engine=%s test=%s", RanMarker, engine, t.Name())
}

// pollEvery is how long WaitFor rests between two looks at its condition.
const pollEvery = 5 * time.Millisecond

// WaitFor returns as soon as cond is true. It looks every few milliseconds, from the calling goroutine, and fails the
// test when cond is still false after timeout.
func WaitFor(t testing.TB, timeout time.Duration, cond func() bool) {
	t.Helper()
	if !poll(timeout, cond) {
		t.Fatalf("what the test waits for did not come about in %v", timeout)
	}
}

// poll reports whether cond became true within timeout.
func poll(timeout time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(timeout)
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			return false
		}
		<-ticker.C
	}
	return true
}

// taken holds the ports that FreePort gave out in this process, so that it gives none out twice.
var taken sync.Map

// FreePort returns a TCP port that nothing listens on, on any address. It lies outside the range from which the kernel
// takes the ports of outgoing connections: a client that keeps dialling a stopped server would otherwise be given, now
// and then, that server's own port, connect to itself, and keep the server from starting again.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	return port
}

// lowestPort is above the well-known ports and above most of what a developer's machine listens on.
const lowestPort = 12000

func freePort() (int, error) {
	const tries = 200
	span := firstEphemeralPort() - lowestPort
	for range tries {
		port := lowestPort + rand.IntN(span)
		if _, used := taken.LoadOrStore(port, true); used {
			continue
		}
		if listenable(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port found in %d tries from %d on", tries, lowestPort)
}

// firstEphemeralPort is where the kernel's range for outgoing connections begins.
func firstEphemeralPort() int {
	const usual = 32768
	first := usual
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(text), &first); err != nil {
			return usual
		}
	}
	if first < lowestPort+1000 {
		return usual
	}
	return first
}

func listenable(port int) bool {
	for _, host := range []string{"", "127.0.0.1"} {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port)) //nolint:noctx // returns at once
		if err != nil {
			return false
		}
		if listener.Close() != nil {
			return false
		}
	}
	return true
}

// findProgram returns the path of an installed program, looking in PATH, then in dirs, whose last match wins.
func findProgram(name string, dirs ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range dirs {
		matches, err := filepath.Glob(filepath.Join(dir, name))
		if err == nil && len(matches) > 0 {
			return matches[len(matches)-1], nil
		}
	}
	return "", fmt.Errorf("this machine has no %s: `make test-deps` installs it", name)
}

// lastLines returns the end of a server's log, for a failure's message.
func lastLines(path string) string {
	const most = 30
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = file.Close() }()
	var lines []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
