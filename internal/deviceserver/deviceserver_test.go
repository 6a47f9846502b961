package deviceserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	someMAC  = "aa-bb-cc-dd-ee-ff"
	bigMAC   = "aa-bb-cc-dd-ee-00"
	emptyMAC = "aa-bb-cc-dd-ee-01"
	gone     = "aa-bb-cc-dd-ee-02"
	someETag = "0123456789abcdef0123456789abcdef"
	correct  = "0000000000000000000000000000000f"
)

// documents are what both servers of a test serve.
func documents(_ context.Context, mac fleet.MAC) (fleet.Served, error) {
	at := time.Date(2026, 3, 9, 8, 7, 6, 123456000, time.UTC)
	text := map[string]string{
		someMAC:  `{"deviceName":"Hallway Intercom","enableOTA":true}`,
		bigMAC:   `{"deviceName":"` + strings.Repeat("x", 100_000) + `"}`,
		emptyMAC: `{}`,
	}[mac.Dashed()]
	if text == "" {
		return fleet.Served{}, fleet.NotFound(mac)
	}
	return fleet.Served{Content: []byte(text), ETag: someETag, Revision: 3, UpdatedAt: at}, nil
}

// reference is the handler behind net/http, written from the contract in the plainest way.
func reference(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Correlation-ID", correct)
	if sent := r.Header.Get("X-Correlation-ID"); sent != "" {
		h.Set("X-Correlation-ID", sent)
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/api/configs/")
	if !ok {
		name, ok = strings.CutPrefix(r.URL.Path, "/esp32/config/")
	}
	name, isJSON := strings.CutSuffix(name, ".json")
	if !ok || !isJSON || r.Method != "GET" && r.Method != "HEAD" {
		http.Error(w, "method or path: "+r.Method+" "+r.URL.Path+" "+r.URL.RawQuery, http.StatusMethodNotAllowed)
		return
	}
	mac, err := fleet.ParseMAC(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	document, err := documents(r.Context(), mac)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+document.ETag+`"`)
	h.Set("Last-Modified", document.UpdatedAt.UTC().Format(http.TimeFormat))
	for _, tag := range strings.Split(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == `"`+document.ETag+`"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(document.Content)))
	_, _ = w.Write(document.Content) // the client sees what is missing
}

// served is a Listener with its http.Server, and what it has done.
type served struct {
	*Listener
	http *http.Server
	fast atomic.Int64 // requests that Observe was told of
	slow atomic.Int64 // requests that net/http handled
}

func (s *served) address() string { return s.Addr().String() }

// start serves on a free loopback port until the test ends.
func start(t testing.TB, o Options, change ...func(*http.Server)) *served {
	t.Helper()
	return startOn(t, listen(t), o, change...)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return inner
}

func startOn(t testing.TB, inner net.Listener, o Options, change ...func(*http.Server)) *served {
	t.Helper()
	s := &served{}
	if o.Document == nil {
		o.Document = documents
	}
	if o.CorrelationID == nil {
		o.CorrelationID = func() string { return correct }
	}
	o.Observe = func(ok bool, took time.Duration) {
		if !ok || took < 0 {
			t.Errorf("observed ok=%v in %v", ok, took)
		}
		s.fast.Add(1)
	}
	s.Listener = Listen(inner, o)
	s.http = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.slow.Add(1)
		reference(w, r)
	})}
	for _, fn := range change {
		fn(s.http)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(s.Listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.http.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// dial connects to an address until the test ends.
func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func send(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// get is a plain request of a device, with further header lines.
func get(mac string, lines ...string) string {
	return fmt.Sprintf("GET /api/configs/%s.json HTTP/1.1\r\nHost: server\r\n%s\r\n", mac, strings.Join(append(lines, ""), "\r\n"))
}

// converse sends each request over one connection and waits for its reply; it returns all replies as net/http reads
// them, without the date.
func converse(t testing.TB, address string, requests []string) (replies []string) {
	t.Helper()
	conn := dial(t, address)
	reader := bufio.NewReader(conn)
	for _, request := range requests {
		send(t, conn, request)
		replies = append(replies, receive(t, reader))
	}
	return replies
}

// receive reads the reply to a GET.
func receive(t testing.TB, reader *bufio.Reader) string {
	t.Helper()
	head, body, err := readReply(reader)
	if err != nil {
		t.Fatal(err)
	}
	return head + " " + body
}

// readReply reads the reply to a GET: status and header without the date, and body.
func readReply(reader *bufio.Reader) (head, body string, err error) {
	reply, err := http.ReadResponse(reader, nil)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	reply.Header.Del("Date")
	return fmt.Sprint(reply.Status, " ", reply.Header, " ", reply.ContentLength), string(text), err
}
