package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

// source is a fleet.EventSource for tests: a list of events, of which some may be forgotten.
type source struct {
	mu        sync.Mutex
	events    []fleet.Event
	forgotten int64         // the changes that are not kept any more
	more      chan struct{} // closes when there is more, or an end
	end       error         // that every subscription gets
	full      bool          // there is no place for another
	open      int
	begun     int // subscriptions so far
}

const sourceEpoch = "0badcafe"

func newSource() *source { return &source{more: make(chan struct{})} }

// add has a change of a device happen, of a kind.
func (s *source) add(events ...fleet.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		n := int64(len(s.events) + 1)
		e.After = fleet.EventPosition{Epoch: sourceEpoch, Change: n}
		if e.At.IsZero() {
			e.At = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		}
		if e.Standing.Sync == "" {
			e.Standing.Sync = fleet.SyncUnknown
		}
		s.events = append(s.events, e)
	}
	s.wake()
}

func (s *source) wake() {
	close(s.more)
	s.more = make(chan struct{})
}

// Head is behind every event so far.
func (s *source) Head(context.Context) (fleet.EventPosition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fleet.EventPosition{Epoch: sourceEpoch, Change: int64(len(s.events))}, s.end
}

// finish ends every subscription, those to come too.
func (s *source) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = err
	s.wake()
}

func (s *source) forget(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = n
}

// readers is how many subscriptions are open.
func (s *source) readers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *source) subscriptions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// Subscribe implements fleet.EventSource.
func (s *source) Subscribe(_ context.Context, after *fleet.EventPosition) (fleet.Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := int64(len(s.events))
	switch {
	case s.full:
		return nil, &fleet.Error{Code: fleet.CodeTooManyRequests, Message: "Too many readers"}
	case errors.Is(s.end, fleet.ErrClosed):
		return nil, s.end
	case after != nil && (after.Epoch != sourceEpoch || after.Change < s.forgotten || after.Change > at):
		return nil, fleet.ErrGap
	case after != nil:
		at = after.Change
	}
	s.open++
	s.begun++
	return &reading{source: s, from: at, at: at}, nil
}

// reading is a subscription to a source.
type reading struct {
	*source
	from, at int64
	closed   bool
}

func (r *reading) From() fleet.EventPosition {
	return fleet.EventPosition{Epoch: sourceEpoch, Change: r.from}
}

func (r *reading) Next(ctx context.Context) ([]fleet.Event, error) {
	for {
		r.mu.Lock()
		there, more, end := r.events[r.at:], r.more, r.end
		r.mu.Unlock()
		switch {
		case end != nil:
			return nil, end
		case len(there) > 0:
			there = there[:min(len(there), 100)]
			r.at += int64(len(there))
			return there, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-more:
		}
	}
}

func (r *reading) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.open--
	}
}

// live is an API with events, behind a real server.
type live struct {
	*fixture
	*source
	address string
	client  *http.Client
}

func newLive(t *testing.T, change func(*http.Server)) *live {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { testenv.NoLeaks(t, before) })
	s := newSource()
	f := newFixture(t, func(o *Options) { o.Events = s })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &live{fixture: f, source: s, address: f.serving(change), client: &http.Client{Transport: transport}}
}

// message is one event as a browser's EventSource would have it, or a sign of life: then kind is ":".
type message struct{ kind, id, data string }

// follower reads the events of a server.
type follower struct {
	t      testing.TB
	body   io.ReadCloser
	lines  *bufio.Scanner
	header http.Header
	lastID string // as EventSource keeps it
	retry  string
}

// follow subscribes. Each of header is a name and a value with a colon between.
func (l *live) follow(query string, header ...string) *follower {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	l.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.address+"/api/events"+query, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		l.t.Fatalf("%d: %s", resp.StatusCode, text)
	}
	fo := &follower{t: l.t, body: resp.Body, lines: bufio.NewScanner(resp.Body), header: resp.Header}
	l.t.Cleanup(fo.leave)
	return fo
}

func (f *follower) leave() { f.body.Close() }

// raw is the next event or sign of life; false at the end of the stream.
func (f *follower) raw() (message, bool) {
	var m message
	var any bool
	for f.lines.Scan() {
		line := f.lines.Text()
		if line == "" {
			if any {
				return m, true
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		any = any || name != "retry"
		switch name {
		case "":
			m.kind = ":"
		case "event":
			m.kind = value
		case "id":
			m.id, f.lastID = value, value
		case "data":
			m.data = value
		case "retry":
			f.retry = value
		default:
			f.t.Errorf("a line that is none of an event stream: %q", line)
		}
	}
	return message{}, false
}

// next is the next event that has data; it fails the test at the end of the stream.
func (f *follower) next() message {
	f.t.Helper()
	for {
		m, ok := f.raw()
		if !ok {
			f.t.Fatalf("the stream ended: %v", f.lines.Err())
		}
		if m.data != "" {
			return m
		}
	}
}

// ready passes over the first event, which must be ready.
func (f *follower) ready() *follower {
	f.t.Helper()
	if m := f.next(); m.kind != "ready" || m.data != "{}" || m.id == "" {
		f.t.Fatalf("first came %v", m)
	}
	return f
}
