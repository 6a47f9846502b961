package deviceserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

const soon = 20 * time.Second

// open is how many connections are ours, and how many there are in all.
func (l *Listener) open() (ours, all int) {
	l.each(func(*conn) bool { ours++; return true })
	return ours, len(l.slots)
}

// waitClosed waits until the server has closed the connection, and gives what it sent before.
func waitClosed(t *testing.T, conn net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the server did not close the connection: %v", err)
	}
	return string(text)
}

// blocking is a Document that waits to be let go, or for the end of its context.
type blocking struct {
	entered chan struct{}
	let     chan struct{}
}

func newBlocking() blocking { return blocking{make(chan struct{}, 100), make(chan struct{})} }

func (b blocking) document(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
	b.entered <- struct{}{}
	select {
	case <-b.let:
		return documents(ctx, mac)
	case <-ctx.Done():
		return fleet.Served{}, ctx.Err()
	}
}

func TestSilentConnectionIsClosed(t *testing.T) {
	s := start(t, Options{FirstByteTimeout: 20 * time.Millisecond})
	if got := waitClosed(t, dial(t, s.address())); got != "" {
		t.Errorf("was sent %q", got)
	}
	testenv.WaitFor(t, soon, func() bool { ours, _ := s.open(); return ours == 0 })
}

func TestIdleConnectionIsClosed(t *testing.T) {
	s := start(t, Options{IdleTimeout: 50 * time.Millisecond})
	conn := dial(t, s.address())
	send(t, conn, get(someMAC))
	if got := waitClosed(t, conn); strings.Count(got, "200 OK") != 1 || strings.Contains(got, "Connection: close") {
		t.Errorf("was sent %q", got)
	}
}

// The deadline of a kept-alive connection is moved on with its requests.
func TestBusyConnectionOutlivesTheIdleTimeout(t *testing.T) {
	const idle = 1500 * time.Millisecond
	s := start(t, Options{IdleTimeout: idle})
	conn := dial(t, s.address())
	reader := bufio.NewReader(conn)
	for began := time.Now(); time.Since(began) < 2*idle; {
		send(t, conn, get(someMAC))
		if got := receive(t, reader); !strings.Contains(got, "Hallway") {
			t.Fatal(got)
		}
	}
}

// A request that comes in drops is net/http's, whose header timeout ends it.
func TestSlowHeaderIsNetHTTPs(t *testing.T) {
	s := start(t, Options{}, func(server *http.Server) { server.ReadHeaderTimeout = 20 * time.Millisecond })
	conn := dial(t, s.address())
	send(t, conn, get(someMAC)[:20])
	if got := waitClosed(t, conn); got != badRequest && got != "" {
		t.Errorf("was sent %q", got)
	}
	testenv.WaitFor(t, soon, func() bool { ours, all := s.open(); return ours == 0 && all == 0 })
}

// A client that reads nothing cannot hold a connection for ever.
func TestClientThatDoesNotReadIsCut(t *testing.T) {
	s := start(t, Options{WriteTimeout: 50 * time.Millisecond})
	conn := dial(t, s.address())
	if err := conn.SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	const requests = 1000
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, strings.Repeat(get(bigMAC), requests)) // whether the kernel takes them all or not
	}()
	testenv.WaitFor(t, soon, func() bool { return s.fast.Load() > 0 })
	testenv.WaitFor(t, soon, func() bool { ours, all := s.open(); return ours == 0 && all == 0 })
	<-sent
	if n := s.fast.Load(); n >= requests {
		t.Errorf("all %d requests were answered", n)
	}
}

func TestShutdownLetsRepliesEnd(t *testing.T) {
	b := newBlocking()
	s := start(t, Options{Document: b.document})
	idle, busy := dial(t, s.address()), dial(t, s.address())
	testenv.WaitFor(t, soon, func() bool { ours, _ := s.open(); return ours == 2 })
	send(t, busy, get(someMAC)+get(someMAC))
	<-b.entered
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	waitClosed(t, idle)
	select {
	case err := <-done:
		t.Fatalf("Shutdown returned %v while a request was being answered", err)
	default:
	}
	close(b.let)
	if got := waitClosed(t, busy); strings.Count(got, "200 OK") != 1 || !strings.Contains(got, "Connection: close") {
		t.Errorf("was sent %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, all := s.open(); all > 0 {
		t.Errorf("%d slots are taken still", all)
	}
}

func TestShutdownThatRunsOutOfTime(t *testing.T) {
	b := newBlocking() // never let go: the end of its context ends it
	s := start(t, Options{Document: b.document})
	conn := dial(t, s.address())
	send(t, conn, get(someMAC))
	<-b.entered
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("late")
	cancel(late)
	if err := s.Shutdown(ctx); !errors.Is(err, late) {
		t.Errorf("Shutdown: %v, want the cause of its context", err)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of a connection that is closed", n)
	}
}

func TestClose(t *testing.T) {
	s := start(t, Options{})
	kept := dial(t, s.address())
	reader := bufio.NewReader(kept)
	send(t, kept, get(someMAC))
	receive(t, reader)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if conn, err := s.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v, %v", conn, err)
	}
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address()); err == nil {
		t.Error("it accepts still")
	}
	send(t, kept, get(someMAC))
	if got := receive(t, reader); !strings.Contains(got, "Hallway") {
		t.Errorf("a connection from before is answered %q", got)
	}
	send(t, kept, get(gone)) // nobody is there who could answer it
	waitClosed(t, kept)
}

// http.Server.Shutdown and ours together end everything, as the program does it.
func TestServerShutdown(t *testing.T) {
	s := start(t, Options{})
	fast, slow := dial(t, s.address()), dial(t, s.address())
	send(t, fast, get(someMAC))
	receive(t, bufio.NewReader(fast))
	send(t, slow, get(gone))
	receive(t, bufio.NewReader(slow))
	for _, shutdown := range []func(context.Context) error{s.http.Shutdown, s.Shutdown} {
		if err := shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
	waitClosed(t, fast)
	waitClosed(t, slow)
	if _, all := s.open(); all > 0 {
		t.Errorf("%d slots are taken still", all)
	}
}

// At the bound, a connection that waits for a request gives way to a new one.
func TestIdleConnectionGivesWay(t *testing.T) {
	s := start(t, Options{MaxConns: 2})
	first, second := dial(t, s.address()), dial(t, s.address())
	for _, conn := range []*net.TCPConn{first, second} {
		send(t, conn, get(someMAC))
		receive(t, bufio.NewReader(conn))
	}
	third := dial(t, s.address())
	send(t, third, get(someMAC))
	if got := receive(t, bufio.NewReader(third)); !strings.Contains(got, "Hallway") {
		t.Errorf("the third was answered %q", got)
	}
}

// A connection that is at work does not give way; the new one waits.
func TestBusyConnectionStays(t *testing.T) {
	b := newBlocking()
	s := start(t, Options{MaxConns: 1, Document: b.document})
	busy := dial(t, s.address())
	send(t, busy, get(someMAC))
	<-b.entered
	waiting := dial(t, s.address())
	send(t, waiting, get(someMAC))
	close(b.let)
	for _, conn := range []*net.TCPConn{busy, waiting} {
		if got := receive(t, bufio.NewReader(conn)); !strings.Contains(got, "Hallway") {
			t.Errorf("was answered %q", got)
		}
	}
}

// Connections that net/http has count as well, and free their place when they end.
func TestYieldedConnectionsCount(t *testing.T) {
	s := start(t, Options{MaxConns: 1})
	slow := dial(t, s.address())
	send(t, slow, get(gone))
	receive(t, bufio.NewReader(slow))
	if ours, all := s.open(); ours != 0 || all != 1 {
		t.Errorf("%d connections of ours, %d in all; want 0 and 1", ours, all)
	}
	if err := slow.Close(); err != nil {
		t.Fatal(err)
	}
	next := dial(t, s.address())
	send(t, next, get(someMAC))
	if got := receive(t, bufio.NewReader(next)); !strings.Contains(got, "Hallway") {
		t.Errorf("the next was answered %q", got)
	}
}

func TestServerSeesTheConnection(t *testing.T) {
	remote := make(chan string, 1)
	s := start(t, Options{}, func(server *http.Server) {
		server.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { remote <- r.RemoteAddr })
	})
	conn := dial(t, s.address())
	send(t, conn, get(gone))
	if got, want := <-remote, conn.LocalAddr().String(); got != want {
		t.Errorf("the handler sees the address %s, want %s", got, want)
	}
}
