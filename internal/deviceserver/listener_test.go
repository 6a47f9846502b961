package deviceserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// failing is a listener whose accepts fail until what it holds is used up.
type failing struct {
	net.Listener
	errors chan error
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errors:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

func failWith(t *testing.T, errs ...error) *failing {
	t.Helper()
	f := &failing{Listener: listen(t), errors: make(chan error, len(errs))}
	for _, err := range errs {
		f.errors <- err
	}
	return f
}

// lines collects what a logger writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func logger(level slog.Level) (*slog.Logger, *lines) {
	l := &lines{}
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level})), l
}

func TestAcceptErrorsThatPass(t *testing.T) {
	log, written := logger(slog.LevelInfo)
	full := &net.OpError{Op: "accept", Err: syscall.EMFILE}
	s := startOn(t, failWith(t, full, full), Options{Logger: log})
	conn := dial(t, s.address())
	send(t, conn, get(someMAC))
	if got := receive(t, bufio.NewReader(conn)); !strings.Contains(got, "Hallway") {
		t.Errorf("was answered %q", got)
	}
	if got := written.String(); strings.Count(got, "could not be accepted") != 2 || !strings.Contains(got, "too many open files") ||
		!strings.Contains(got, "after=5ms") || !strings.Contains(got, "after=10ms") {
		t.Errorf("logged %s", got)
	}
}

func TestAcceptErrorThatStays(t *testing.T) {
	broken := errors.New("broken")
	inner := failWith(t, broken)
	l := Listen(inner, Options{Document: documents})
	for range 2 {
		if conn, err := l.Accept(); !errors.Is(err, broken) {
			t.Errorf("Accept: %v, %v; want the error of the listener within", conn, err)
		}
	}
	if err := l.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// pipes is a listener of connections that are not TCP.
type pipes struct {
	net.Listener
	conns chan net.Conn
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	default:
		return p.Listener.Accept()
	}
}

func TestOtherConnectionsAreYieldedUntouched(t *testing.T) {
	p := &pipes{listen(t), make(chan net.Conn, 1)}
	here, there := net.Pipe()
	p.conns <- there
	s := startOn(t, p, Options{})
	send(t, here, get(someMAC))
	if got := receive(t, bufio.NewReader(here)); !strings.Contains(got, "Hallway") {
		t.Errorf("was answered %q", got)
	}
	if fast, slow := s.fast.Load(), s.slow.Load(); fast != 0 || slow != 1 {
		t.Errorf("%d answered here and %d by net/http, want 0 and 1", fast, slow)
	}
	if err := here.Close(); err != nil {
		t.Error(err)
	}
}

// yielded is a connection that l yields after it was sent text.
func yielded(t *testing.T, l *Listener, text string) (client *net.TCPConn, server net.Conn) {
	t.Helper()
	client = dial(t, l.Addr().String())
	send(t, client, text)
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestYieldedConnection(t *testing.T) {
	l := Listen(listen(t), Options{Document: documents, FirstByteTimeout: time.Hour})
	t.Cleanup(func() {
		if err := l.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Run("read", func(t *testing.T) {
		client, server := yielded(t, l, "POST ")
		send(t, client, "/ HTTP/1.1")
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		small := make([]byte, 3)
		if n, err := server.Read(small); n != 3 || err != nil || string(small) != "POS" {
			t.Errorf("read %q, %v", small[:n], err)
		}
		rest, err := io.ReadAll(server)
		if err != nil || string(rest) != "T / HTTP/1.1" {
			t.Errorf("read %q, %v", rest, err)
		}
		for range 2 {
			_ = server.Close()
		}
		if _, all := l.open(); all > 0 {
			t.Errorf("%d slots are taken still", all)
		}
	})
	t.Run("what net/http looks for", func(t *testing.T) {
		client, server := yielded(t, l, "POST ")
		if _, ok := server.(io.ReaderFrom); !ok {
			t.Error("it has no ReadFrom: files would be copied")
		}
		if server.RemoteAddr().String() != client.LocalAddr().String() {
			t.Errorf("it comes from %s, want %s", server.RemoteAddr(), client.LocalAddr())
		}
		if err := server.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
		if n, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the client reads %d, %v after CloseWrite; want EOF", n, err)
		}
		_ = server.Close()
	})
	t.Run("copied", func(t *testing.T) {
		client, server := yielded(t, l, "POST ")
		send(t, client, "/ HTTP/1.1")
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		var all bytes.Buffer
		if n, err := io.Copy(&all, server); err != nil || n != 15 || all.String() != "POST / HTTP/1.1" {
			t.Errorf("copied %d bytes: %q, %v", n, &all, err)
		}
		_ = server.Close()
	})
}

func TestPanicEndsOneConnection(t *testing.T) {
	log, written := logger(slog.LevelInfo)
	s := start(t, Options{Logger: log, Document: func(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
		if mac.Dashed() == gone {
			panic("a fault")
		}
		return documents(ctx, mac)
	}})
	conn := dial(t, s.address())
	send(t, conn, get(gone))
	waitClosed(t, conn)
	conn = dial(t, s.address())
	send(t, conn, get(someMAC))
	receive(t, bufio.NewReader(conn))
	if got := written.String(); !strings.Contains(got, "a fault") || !strings.Contains(got, "TestPanicEndsOneConnection") {
		t.Errorf("logged %s", got)
	}
}

func TestLog(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 3} {
		log, written := logger(level)
		s := start(t, Options{Logger: log})
		conn := dial(t, s.address())
		send(t, conn, get(someMAC)+get(someMAC, "If-None-Match: *")+strings.Replace(get(someMAC), "GET", "HEAD", 1))
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		waitClosed(t, conn)
		got := written.String()
		if n := strings.Count(got, "msg=request"); n != want {
			t.Errorf("at %v: %d lines, want %d:\n%s", level, n, want, got)
		}
		if strings.Contains(got, "Hallway") {
			t.Errorf("a document is in the log:\n%s", got)
		}
		if want == 0 {
			continue
		}
		for _, part := range []string{"method=GET path=/api/configs/aa-bb-cc-dd-ee-ff.json status=200 bytes=50", "status=304 bytes=0",
			"method=HEAD", "correlationId=" + correct, "remote=" + conn.LocalAddr().String()} {
			if !strings.Contains(got, part) {
				t.Errorf("the log lacks %q:\n%s", part, got)
			}
		}
	}
}

func TestVaryOrigin(t *testing.T) {
	s := start(t, Options{VaryOrigin: true})
	for _, request := range []string{get(someMAC), get(someMAC, "If-None-Match: *")} {
		if got := converse(t, s.address(), []string{request}); !strings.Contains(got[0], "Vary:[Origin]") {
			t.Errorf("was answered %q", got)
		}
	}
}

func TestDefaults(t *testing.T) {
	o := Options{}.withDefaults()
	a, b := o.CorrelationID(), o.CorrelationID()
	if a == b || len(a) < 20 {
		t.Errorf("correlation ids %q and %q", a, b)
	}
	o.Observe(false, 0)
	got := []any{o.FirstByteTimeout, o.IdleTimeout, o.WriteTimeout, o.MaxConns, o.Logger != nil}
	want := []any{10 * time.Second, 120 * time.Second, 30 * time.Second, 16384, true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestDate(t *testing.T) {
	var d dateClock
	now := time.Date(2026, 1, 2, 3, 4, 5, 999, time.FixedZone("", 3600))
	first := d.at(now)
	if string(first) != "Fri, 02 Jan 2026 02:04:05 GMT" {
		t.Errorf("got %s", first)
	}
	if same := d.at(now.Add(time.Millisecond)); &same[0] != &first[0] {
		t.Error("it was written twice for one second")
	}
	if next := d.at(now.Add(time.Second)); string(next) != "Fri, 02 Jan 2026 02:04:06 GMT" {
		t.Errorf("a second later: %s", next)
	}
}

// Many devices at once get each its own document, whatever connections and buffers they share.
func TestManyDevices(t *testing.T) {
	text := func(mac fleet.MAC) string { return strings.Repeat(mac.String()+" ", 1+int(mac[5])*4) }
	s := start(t, Options{Document: func(_ context.Context, mac fleet.MAC) (fleet.Served, error) {
		if mac[5] == 9 {
			return fleet.Served{}, fleet.NotFound(mac)
		}
		return fleet.Served{Content: []byte(text(mac)), ETag: mac.Hex()}, nil
	}})
	const devices, connections, requests = 16, 3, 20
	var all sync.WaitGroup
	for device := range devices {
		all.Go(func() {
			mac := fleet.MAC{5: byte(device)}
			status := "200"
			if device == 9 {
				status = "404"
			}
			for range connections {
				if err := converseAll(s.address(), mac, requests, status, text(mac)); err != nil {
					t.Errorf("%v: %v", mac, err)
				}
			}
		})
	}
	all.Wait()
	if fast, want := s.fast.Load(), int64((devices-1)*connections*requests); fast != want {
		t.Errorf("%d requests were answered here, want %d", fast, want)
	}
}

func converseAll(address string, mac fleet.MAC, requests int, status, want string) error {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
		return err
	}
	reader := bufio.NewReader(conn)
	for range requests {
		if _, err := io.WriteString(conn, get(mac.Dashed())); err != nil {
			return err
		}
		reply, body, err := readReply(reader)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(reply, status) || status == "200" && body != want {
			return fmt.Errorf("was answered %s %.200q", reply, body)
		}
	}
	return nil
}

// What one request costs is a fact that a change must not raise unseen.
func TestAllocations(t *testing.T) {
	s := start(t, Options{Document: func(context.Context, fleet.MAC) (fleet.Served, error) {
		return fleet.Served{ETag: someETag, Content: constant}, nil
	}})
	conn := dial(t, s.address())
	request, reply := []byte(get(someMAC, `If-None-Match: "x"`)), make([]byte, 4096)
	if n := testing.AllocsPerRun(500, func() {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(reply); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("a request allocates %v times, want none", n)
	}
}

var constant = []byte(`{"deviceName":"Hallway Intercom"}`)
