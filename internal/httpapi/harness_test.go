package httpapi

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// token is the admin token of servers that have one.
const token = "a-long-enough-token"

// fixture is an API over a store, and what a test may look into.
type fixture struct {
	*API
	t        testing.TB
	store    fleet.Store
	registry *prometheus.Registry
	log      *logged
	clock    *clock
	refused  *refusals
	lax      bool // replies are not checked against the document, which takes time
}

// memory is the store of a fixture that was made without one.
func (f *fixture) memory() *memory { return f.store.(*memory) }

// logged is a log that tests read.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// refusals are the attempts that were refused.
type refusals struct {
	mu      sync.Mutex
	entries []fleet.AuditEntry
}

func (r *refusals) add(e fleet.AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
}

// take is what was refused since it was asked last.
func (r *refusals) take() []fleet.AuditEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.entries
	r.entries = nil
	return taken
}

// newFixture is an API over memory, as loopback clients see it; change adjusts its options.
func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	return over(t, newMemory(), change...)
}

// over is an API over a store.
func over(t testing.TB, store fleet.Store, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, store: store, registry: prometheus.NewPedanticRegistry(), log: &logged{}, refused: &refusals{},
		clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC)}}
	o := Options{
		Service:  fleet.NewService(store, fleet.Options{Now: f.clock.Now}),
		Ping:     store.Ping,
		Registry: f.registry,
		Logger:   slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Version:  "1.2.3",
		Info:     ServerInfo{StartedAt: f.clock.Now(), Engine: "sqlite", TopicPrefix: "iotsupport"},
		Refused:  f.refused.add,
		Now:      f.clock.Now,
		Access: Access{Now: f.clock.Now,
			LocalAddrs: func() ([]net.IP, error) { return []net.IP{net.ParseIP("10.0.0.7"), net.ParseIP("fd00::7")}, nil }},
	}
	for _, c := range change {
		c(&o)
	}
	api, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.API = api
	api.gate.throttle.wait = func(context.Context, time.Duration) {}
	return f
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// request is a request of a test: from this machine unless header or from says otherwise.
type request struct {
	method, target string
	body           string
	header         map[string]string // Host is the Host header
	from           string
}

// do sends a request through the whole handler and checks the answer against the OpenAPI document.
func (f *fixture) do(req request) reply {
	f.t.Helper()
	var body io.Reader = strings.NewReader(req.body)
	if req.body == "" {
		body = nil
	}
	r := httptest.NewRequestWithContext(f.t.Context(), req.method, req.target, body)
	r.Host = "localhost:3201"
	r.RemoteAddr = "127.0.0.1:4711"
	if req.from != "" {
		r.RemoteAddr = req.from
	}
	if req.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range req.header {
		switch {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, r)
	got := reply{w.Code, w.Header(), w.Body.String()}
	if !f.lax {
		f.checkReply(r, got)
	}
	return got
}

// get fetches a path; method, path and body are what post and the like send.
func (f *fixture) get(target string) reply {
	f.t.Helper()
	return f.do(request{method: http.MethodGet, target: target})
}

func (f *fixture) send(method, target, body string) reply {
	f.t.Helper()
	return f.do(request{method: method, target: target, body: body})
}

// with is send with headers.
func (f *fixture) with(header map[string]string, method, target, body string) reply {
	f.t.Helper()
	return f.do(request{method: method, target: target, body: body, header: header})
}

// want fails the test where the answer has another status.
func (r reply) want(t testing.TB, status int) reply {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d; body: %s", r.status, status, r.body)
	}
	return r
}
