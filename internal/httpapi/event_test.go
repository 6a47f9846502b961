package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

// change is an event of a device whose last byte is n.
func change(kind fleet.EventKind, n byte, revision int64) fleet.Event {
	return fleet.Event{Kind: kind, MAC: fleet.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, n}, ConfigID: int64(n) + 1, Revision: revision,
		By: fleet.Actor{Principal: fleet.ByToken, Address: "10.0.0.9"}}
}

// revisions are those of the next n events.
func (f *follower) revisions(n int) (all []int64) {
	f.t.Helper()
	for range n {
		var data struct{ Revision int64 }
		if err := json.Unmarshal([]byte(f.next().data), &data); err != nil {
			f.t.Fatal(err)
		}
		all = append(all, data.Revision)
	}
	return all
}

func upTo(n int) (all []int64) {
	for i := range n {
		all = append(all, int64(i+1))
	}
	return all
}

func TestEventsComeInOrderToEverybody(t *testing.T) {
	l := newLive(t, nil)
	l.add(change(fleet.EventCreated, 1, 99)) // before anybody reads
	one, two := l.follow("").ready(), l.follow("").ready()
	if one.retry != "2000" || one.lastID != sourceEpoch+"-1-0-0" {
		t.Errorf("retry %q, id %q", one.retry, one.lastID)
	}
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
		if got := one.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	const many = 1500
	go func() {
		for i := range many {
			l.add(change(fleet.EventUpdated, byte(i), int64(i+1)))
		}
	}()
	for _, reader := range []*follower{one, two} {
		if diff := cmp.Diff(upTo(many), reader.revisions(many)); diff != "" {
			t.Error(diff)
		}
	}
	one.leave()
	testenv.WaitFor(t, 10*time.Second, func() bool { return l.readers() == 1 })
	l.add(change(fleet.EventUpdated, 1, 5))
	if got := two.revisions(1); got[0] != 5 {
		t.Errorf("after one left: %v", got)
	}
	testenv.WaitFor(t, 10*time.Second, func() bool { return strings.Contains(l.log.String(), `"path":"/api/events"`) })
	if strings.Contains(l.log.String(), `"status":499`) {
		t.Error("that a reader left is logged as a failure")
	}
}

// A reader that breaks off anywhere and comes back has each event once, and in order.
func TestEventsAreResumed(t *testing.T) {
	l := newLive(t, nil)
	last := l.follow("").ready().lastID
	const many = 600
	go func() {
		for i := range many {
			l.add(change(fleet.EventUpdated, byte(i), int64(i+1)))
		}
	}()
	var got []int64
	for n := 0; len(got) < many; n++ {
		var reader *follower
		if n%2 == 0 {
			reader = l.follow("", "Last-Event-ID: "+last)
		} else {
			reader = l.follow("?last_event_id=" + last)
		}
		if reader.ready(); reader.lastID != last {
			t.Fatalf("ready at %s, want %s", reader.lastID, last)
		}
		got = append(got, reader.revisions(min(1+rand.IntN(60), many-len(got)))...)
		last = reader.lastID
		reader.leave()
	}
	if diff := cmp.Diff(upTo(many), got); diff != "" {
		t.Error(diff)
	}
	// A browser keeps the parameter of its first connection, and sends what it saw since in the header.
	reader := l.follow("?last_event_id="+sourceEpoch+"-0-0-0", "Last-Event-ID: "+sourceEpoch+"-599-0-0").ready()
	if diff := cmp.Diff([]int64{many}, reader.revisions(1)); diff != "" {
		t.Error(diff)
	}
}

func TestEventsThatCannotBeResumed(t *testing.T) {
	l := newLive(t, nil)
	l.add(change(fleet.EventCreated, 1, 1), change(fleet.EventUpdated, 1, 2), change(fleet.EventUpdated, 1, 3))
	l.forget(2)
	for name, id := range map[string]string{"too old": sourceEpoch + "-1-0-0", "another database's": "12345678-3-0-0",
		"ahead": sourceEpoch + "-4-0-0", "nonsense": "7", "unreadable": "\xff", "negative": sourceEpoch + "--1-0-0"} {
		t.Run(name, func(t *testing.T) {
			reader := l.follow("", "Last-Event-ID: "+id)
			reset := reader.next()
			var data struct{ Reason string }
			if err := json.Unmarshal([]byte(reset.data), &data); err != nil || data.Reason == "" || reset.kind != "reset" {
				t.Errorf("%v, %v", reset, err)
			}
			if reset.id != sourceEpoch+"-3-0-0" {
				t.Errorf("it goes on at %s", reset.id)
			}
			reader.ready()
			reader.leave()
		})
	}
	reader := l.follow("", "Last-Event-ID: "+sourceEpoch+"-2-0-0").ready()
	if diff := cmp.Diff([]int64{3}, reader.revisions(1)); diff != "" {
		t.Errorf("what is kept still: %s", diff)
	}
}

// What ends a subscription ends the stream at an event's border, so that the reader comes back with a good id.
func TestAStreamThatCannotGoOnEnds(t *testing.T) {
	for _, cause := range []error{fleet.ErrSlow, fleet.ErrGap, fleet.ErrClosed} {
		t.Run(cause.Error(), func(t *testing.T) {
			l := newLive(t, nil)
			reader := l.follow("").ready()
			l.add(change(fleet.EventCreated, 1, 1))
			reader.revisions(1)
			l.finish(cause)
			if m, more := reader.raw(); more || reader.lines.Err() != nil {
				t.Errorf("%v, %v", m, reader.lines.Err())
			}
			testenv.WaitFor(t, 10*time.Second, func() bool { return l.readers() == 0 })
			if log := l.log.String(); strings.Contains(log, "ERROR") {
				t.Error(log)
			}
		})
	}
	l := newLive(t, nil)
	reader := l.follow("").ready()
	l.finish(fleet.Internal(errors.New("the source is broken")))
	if _, more := reader.raw(); more || reader.lines.Err() == nil {
		t.Error("a failure of ours looks like an end")
	}
	testenv.WaitFor(t, 10*time.Second, func() bool { return strings.Contains(l.log.String(), "the source is broken") })
}

// The stream ends when the source does, and holds up nobody who stops the server.
func TestEventsEndWithTheServer(t *testing.T) {
	var server *http.Server
	l := newLive(t, func(s *http.Server) { server = s })
	readers := []*follower{l.follow("").ready(), l.follow("").ready()}
	began := time.Now()
	l.finish(fleet.ErrClosed)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, reader := range readers {
		if m, more := reader.raw(); more || reader.lines.Err() != nil {
			t.Errorf("%v, %v", m, reader.lines.Err())
		}
	}
}

func TestEventsThatAReaderWants(t *testing.T) {
	l := newLive(t, nil)
	mac := func(n byte) string { return fmt.Sprintf("AA-BB-CC-DD-EE-%02X", n) }
	other := fleet.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 2}
	moved := change(fleet.EventReplaced, 3, 7)
	moved.Other = &other
	readers := map[string]*follower{}
	wants := map[string][]int64{
		"?kinds=created,updated":                {1, 2, 4},
		"?kinds=created&kinds=%20deleted%20":    {1, 6},
		"?kinds=check-in":                       {5},
		"?mac_address=" + mac(2):                {4, 5, 7},
		"?mac_address=" + mac(1) + "," + mac(3): {1, 2, 3, 6, 7},
		"?kinds=updated&mac_address=" + mac(2):  {4},
		"?kinds=&mac_address=":                  {1, 2, 3, 4, 5, 6, 7},
	}
	for query := range wants {
		readers[query] = l.follow(query).ready()
	}
	l.add(change(fleet.EventCreated, 1, 1), change(fleet.EventUpdated, 1, 2), change(fleet.EventSync, 1, 3),
		change(fleet.EventUpdated, 2, 4), change(fleet.EventCheckIn, 2, 5), change(fleet.EventDeleted, 1, 6), moved)
	for query, want := range wants {
		if diff := cmp.Diff(want, readers[query].revisions(len(want))); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

// Who wants little hears all the same how far it is, so that it need not begin far back.
func TestAReaderThatWantsLittleIsToldWhereItIs(t *testing.T) {
	l := newLive(t, nil)
	l.heartbeat = time.Hour
	reader := l.follow("?kinds=deleted").ready()
	for i := range eventSkips {
		l.add(change(fleet.EventUpdated, 1, int64(i+1)))
	}
	m, ok := reader.raw()
	if want := fmt.Sprintf("%s-%d-0-0", sourceEpoch, eventSkips); !ok || m != (message{id: want}) {
		t.Errorf("after many: %v, want an id alone, %s", m, want)
	}
	reader.leave()

	l.heartbeat = 20 * time.Millisecond
	reader = l.follow("?kinds=deleted").ready()
	l.add(change(fleet.EventUpdated, 1, 1))
	want := fmt.Sprintf("%s-%d-0-0", sourceEpoch, eventSkips+1)
	for reader.lastID != want {
		if m, ok = reader.raw(); !ok || m.kind != ":" || m.data != "" {
			t.Fatalf("%v: not a sign of life", m)
		}
	}
	if m, ok = reader.raw(); !ok || m != (message{kind: ":"}) {
		t.Errorf("%v: the place is told again", m)
	}
}

// A stream lives longer than a request may take, and says so.
func TestEventsOutliveTheTimeOfARequest(t *testing.T) {
	const most = 600 * time.Millisecond
	l := newLive(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout, s.ReadHeaderTimeout = most, most, most })
	l.heartbeat = 50 * time.Millisecond
	reader := l.follow("").ready()
	for began := time.Now(); time.Since(began) < 4*most; {
		if m, ok := reader.raw(); !ok || m.kind != ":" {
			t.Fatalf("%v: %v", m, reader.lines.Err())
		}
	}
	l.add(change(fleet.EventCreated, 1, 1))
	if got := reader.revisions(1); got[0] != 1 {
		t.Error(got)
	}
	if n := l.subscriptions(); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
}

// A reader that does not read is cut off, and others do not notice.
func TestAReaderThatDoesNotReadIsDropped(t *testing.T) {
	l := newLive(t, func(s *http.Server) {
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			if err := c.(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
				t.Error(err)
			}
			return ctx
		}
	})
	l.patience = 2 * time.Second
	stuck := dial(t, l.address)
	if err := stuck.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stuck, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := l.follow("").ready()
	testenv.WaitFor(t, 10*time.Second, func() bool { return l.readers() == 2 })
	const many = 4000
	go func() {
		for i := range many {
			e := change(fleet.EventUpdated, 1, int64(i+1))
			e.Message = strings.Repeat("why ", 100)
			l.add(e)
		}
	}()
	if diff := cmp.Diff(upTo(many), reader.revisions(many)); diff != "" {
		t.Error(diff)
	}
	testenv.WaitFor(t, 20*time.Second, func() bool { return l.readers() == 1 && strings.Contains(l.log.String(), `"status":499`) })
	if strings.Contains(l.log.String(), "ERROR") {
		t.Error("a reader that does not read is logged as a failure of ours")
	}
}

func TestWhatCannotBeFollowed(t *testing.T) {
	s := newSource()
	f := newFixture(t, func(o *Options) { o.Events = s })
	for query, field := range map[string]string{"?kinds=created,nonsense": "kinds", "?kinds=ready": "kinds", "?mac_address=x": "mac_address",
		"?kinds=%zz": "query", "?mac_address=aabbccddeeff,x": "mac_address"} {
		got := f.get("/api/events"+query).want(t, 400)
		if !strings.Contains(got.body, `"field":"`+field+`"`) {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	f.do(request{method: "GET", target: "/api/events", from: "10.0.0.9:1"}).want(t, 403)
	f.send("POST", "/api/events", "{}").want(t, 405)
	head := f.do(request{method: "HEAD", target: "/api/events"}).want(t, 200)
	if head.header.Get("Content-Type") != "text/event-stream" || s.subscriptions() != 0 {
		t.Errorf("HEAD: %v, %d", head.header, s.subscriptions())
	}
	s.finish(fleet.ErrSlow) // a stream that ends at once can be read whole
	got := f.get("/api/events").want(t, 200)
	if want := "retry: 2000\n\nevent: ready\nid: " + sourceEpoch + "-0-0-0\ndata: {}\n\n"; got.body != want {
		t.Errorf("%q", got.body)
	}
	s.finish(fleet.ErrClosed)
	got = f.get("/api/events").want(t, 503)
	if got.header.Get("Retry-After") == "" || got.header.Get("X-Accel-Buffering") != "" && got.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", got.header)
	}
	s.full = true
	if got := f.get("/api/events").want(t, 429); got.header.Get("Retry-After") == "" {
		t.Errorf("%v", got.header)
	}
	newFixture(t).get("/api/events").want(t, 503)
	if s.readers() != 0 {
		t.Errorf("%d readers are left", s.readers())
	}
}

// The data of each kind of event is what the document says, and says what happened.
func TestWhatEventsSay(t *testing.T) {
	l := newLive(t, nil)
	reader := l.follow("").ready()
	online := true
	at := time.Date(2026, 5, 6, 7, 8, 9, 10000, time.UTC)
	full := fleet.Standing{Sync: fleet.SyncError, LastSeen: at, Revision: 6, Overdue: true, Online: &online}
	moved := change(fleet.EventReplaced, 3, 7)
	moved.Other, moved.Message, moved.Standing = &fleet.MAC{2}, "line\none \u2028", full
	showed := change(fleet.EventCheckIn, 3, 7)
	showed.Address = "10.0.0.5"
	said := change(fleet.EventReport, 3, 7)
	said.Report = &fleet.DeviceReport{Code: "E1", Path: "/a", Message: "no\r\nsuch", Firmware: "1.2"}
	said.Reported = fleet.Shown{ETag: "abc", Revision: 6, At: at, Address: "10.0.0.5"}
	gone := change(fleet.EventDeleted, 3, 8)
	gone.By = fleet.Actor{}
	o := parseOpenAPI(t, l.OpenAPI())
	schema := o.compile(t, "components", "schemas", "Event")
	const from = `"mac_address":"aa:bb:cc:dd:ee:03","config_id":4,"revision":7,"at":"2026-01-02T03:04:05.000000Z",`
	const unknown = `"sync":"unknown","last_seen":null,"device_revision":null,"overdue":false,"online":null`
	for _, c := range []struct {
		event fleet.Event
		want  string
	}{
		{moved, `{` + from + `"sync":"error","last_seen":"2026-05-06T07:08:09.000010Z","device_revision":6,"overdue":true,"online":true,` +
			`"principal":"token","address":"10.0.0.9","message":"line\none ` + "\u2028" + `","other_mac_address":"02:00:00:00:00:00"}`},
		{showed, `{` + from + unknown + `,"address":"10.0.0.5"}`},
		{said, `{` + from + unknown + `,"report":{"status":"error","etag":"abc","revision":6,"at":"2026-05-06T07:08:09.000010Z",` +
			`"address":"10.0.0.5","code":"E1","path":"/a","message":"no\r\nsuch","firmware":"1.2"}}`},
		{change(fleet.EventSync, 3, 7), `{` + from + unknown + `}`},
		{change(fleet.EventCreated, 3, 7), `{` + from + unknown + `,"principal":"token","address":"10.0.0.9","message":null,"other_mac_address":null}`},
		{gone, `{` + strings.Replace(from, ":7,", ":8,", 1) + unknown + `,"principal":null,"address":null,"message":null,"other_mac_address":null}`},
	} {
		l.add(c.event)
		m := reader.next()
		if diff := cmp.Diff(c.want, m.data); diff != "" || m.kind != string(c.event.Kind) {
			t.Errorf("%s: %s", m.kind, diff)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(m.data))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", m.kind, err)
		}
	}
}
