package deviceserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/httpapi"
	"espalier.dev/espalier/internal/testenv"
)

// readOnly is a store of the documents above, as far as a device can see it.
type readOnly struct{ fleet.Store }

func (readOnly) Document(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
	return documents(ctx, mac)
}

// evidence collects what was handed to Saw, without its time.
type evidence struct {
	mu   sync.Mutex
	list []fleet.Evidence
}

func (e *evidence) saw(one fleet.Evidence) {
	one.At = time.Time{}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, one)
}

// take empties the collection.
func (e *evidence) take() []fleet.Evidence {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.list
	e.list = nil
	return list
}

// newAPI is the handler that stands behind a Listener in the program.
func newAPI(t *testing.T, shown *evidence, origins ...string) http.Handler {
	t.Helper()
	api, err := httpapi.New(httpapi.Options{
		Service: fleet.NewService(readOnly{}, fleet.Options{}), Registry: prometheus.NewRegistry(), Saw: shown.saw,
		Logger: slog.New(slog.DiscardHandler), Access: httpapi.Access{CORSOrigins: origins},
	})
	if err != nil {
		t.Fatal(err)
	}
	return api.Handler()
}

var correlation = regexp.MustCompile(`(X-Correlation-Id: |"correlationId":")[A-Za-z0-9]+`)

// both are the program's own handler behind net/http alone, and behind a Listener, and what devices showed to each.
type both struct {
	pair
	plainly, fast *evidence
}

func startBoth(t *testing.T, origins ...string) both {
	t.Helper()
	b := both{plainly: &evidence{}, fast: &evidence{}}
	plain := &http.Server{Handler: newAPI(t, b.plainly, origins...), ReadHeaderTimeout: 10 * time.Second}
	inner := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- plain.Serve(inner) }()
	t.Cleanup(func() {
		if err := plain.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	behind := newAPI(t, b.fast, origins...)
	fast := start(t, Options{VaryOrigin: len(origins) > 0, Saw: b.fast.saw}, func(s *http.Server) { s.Handler = behind })
	b.pair = pair{plain: inner.Addr().String(), fast: fast}
	return b
}

// requests are what devices send, and what others do.
func requests() []string {
	const forged = "fedcba9876543210fedcba9876543210"
	head := func(text string) string { return strings.Replace(text, "GET", "HEAD", 1) }
	known, other := `If-None-Match: "`+someETag+`"`, `If-None-Match: "`+forged+`"`
	all := []string{
		get(someMAC), get(bigMAC), get(gone), get("not-a-mac"), head(get(someMAC)), head(get(gone)),
		strings.Replace(get(someMAC), "GET", "DELETE", 1),
		strings.Replace(get(someMAC), "/api/configs", "/esp32/config", 1),
		strings.Replace(get(someMAC), "HTTP/1.1", "HTTP/1.0", 1),
		get(someMAC, "Connection: close"), get(someMAC, "Range: bytes=0-1"),
		get(someMAC, "If-Modified-Since: Mon, 09 Mar 2037 08:07:06 GMT"),
		get(someMAC) + get(gone) + get(someMAC),
		strings.Replace(get(someMAC), "/api/configs/", "/api/configs/%61", 1),
		strings.Replace(get(someMAC), ".json", ".json?a=b", 1),
	}
	for _, line := range []string{known, other, `If-None-Match: W/"` + someETag + `"`, `If-None-Match: W/"` + forged + `"`, "If-None-Match: *",
		`If-None-Match: "x"`, `If-None-Match: ""`, `If-None-Match: "` + strings.Repeat("x", 65) + `"`, "If-None-Match: x", `If-None-Match: "x`,
		`If-None-Match: "x", "` + someETag + `"`, `If-None-Match: "x", "` + forged + `"`, `If-None-Match: "` + someETag + `", "x"`} {
		all = append(all, get(someMAC, line), head(get(someMAC, line)), get(gone, line))
	}
	for _, line := range []string{"Authorization: Bearer x", "Origin: https://dashboard.example", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate",
		"Cookie: a=b", "Referer: http://server/", "Accept-Language: en", "Upgrade-Insecure-Requests: 1", "X-No-Check-In: 1"} {
		all = append(all, get(someMAC, line), get(someMAC, line, known))
	}
	for _, line := range []string{"10.0.0.5", "10.0.0.5, 10.0.0.6", "10.0.0.5,2001:db8::1", "::ffff:10.0.0.5", "fe80::1%25eth0", "10.0.0.5:1234",
		"[2001:db8::1]:80", "unknown", "10.0.0.5,", ",", "10.0.0.5, x"} {
		all = append(all, get(someMAC, "X-Forwarded-For: "+line))
	}
	return append(all, get(someMAC, "X-Forwarded-For: 10.0.0.5", "X-Forwarded-For: 10.0.0.6"), get(someMAC, "X-Forwarded-For:"),
		get(someMAC, "X-Real-IP: 10.0.0.5"), get(someMAC, "Forwarded: for=10.0.0.5"))
}

// The replies are those of the program's own handler, so that no device can tell which way its request went; and so is what
// the server knows of the device then.
func TestSameRepliesAsTheAPI(t *testing.T) {
	for name, origins := range map[string][]string{"no origins": nil, "origins": {"https://dashboard.example"}} {
		t.Run(name, func(t *testing.T) {
			b := startBoth(t, origins...)
			shown := map[fleet.EvidenceKind]int{}
			for _, text := range requests() {
				b.sameButIDs(t, text)
				for _, e := range b.sameEvidence(t, text) {
					shown[e.Kind]++
				}
			}
			if n := b.pair.fast.fast.Load(); n < 9 {
				t.Errorf("%d requests were answered here: the test shows little", n)
			}
			for _, kind := range []fleet.EvidenceKind{fleet.EvidenceFetched, fleet.EvidenceHeld, fleet.EvidenceSeen} {
				if shown[kind] == 0 {
					t.Errorf("nothing was shown to be %s: the test shows little", kind)
				}
			}
		})
	}
}

// sameEvidence compares what both ways showed by the same bytes. The evidence of a request may come just after its reply.
func (b both) sameEvidence(t *testing.T, text string) []fleet.Evidence {
	t.Helper()
	var want, got []fleet.Evidence
	agree := func() bool {
		want, got = append(want, b.plainly.take()...), append(got, b.fast.take()...)
		return cmp.Equal(want, got)
	}
	for until := time.Now().Add(soon); !agree() && time.Now().Before(until); {
		runtime.Gosched()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent %q\nnet/http - deviceserver +\n%s", text, diff)
	}
	return got
}

// What a device showed, for some of the requests in so many words.
func TestEvidence(t *testing.T) {
	shown := &evidence{}
	s := start(t, Options{Saw: shown.saw})
	mac := fleet.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	const other = "fedcba9876543210fedcba9876543210"
	is := func(kind fleet.EvidenceKind, tag, address string) fleet.Evidence {
		return fleet.Evidence{MAC: mac, Kind: kind, ETag: tag, Revision: 3, Address: address}
	}
	const here = "127.0.0.1"
	for text, want := range map[string][]fleet.Evidence{
		get(someMAC): {is(fleet.EvidenceFetched, someETag, here)},
		get(someMAC, `If-None-Match: "`+someETag+`"`):                                             {is(fleet.EvidenceHeld, someETag, here)},
		get(someMAC, `If-None-Match: "`+other+`"`):                                                {is(fleet.EvidenceHeld, other, here), is(fleet.EvidenceFetched, someETag, here)},
		get(someMAC, "If-None-Match: *"):                                                          {is(fleet.EvidenceSeen, "", here)},
		strings.Replace(get(someMAC), "GET", "HEAD", 1):                                           {is(fleet.EvidenceSeen, "", here)},
		strings.Replace(get(someMAC, `If-None-Match: "`+someETag+`"`), "GET", "HEAD", 1):          {is(fleet.EvidenceHeld, someETag, here)},
		get(someMAC, "X-Forwarded-For: 1.2.3.4, 10.0.0.5"):                                        {is(fleet.EvidenceFetched, someETag, "10.0.0.5")},
		get(someMAC) + get(someMAC, `If-None-Match: "`+someETag+`"`, "X-Forwarded-For: 10.0.0.5"): {is(fleet.EvidenceFetched, someETag, here), is(fleet.EvidenceHeld, someETag, "10.0.0.5")},
	} {
		if reply, whole := exchange(t, s.address(), text); !whole || reply == "" {
			t.Fatalf("no reply to %q", text)
		}
		var got []fleet.Evidence
		testenv.WaitFor(t, soon, func() bool { got = append(got, shown.take()...); return len(got) >= len(want) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sent %q\n-want +got\n%s", text, diff)
		}
	}
	if n := s.slow.Load(); n > 0 {
		t.Errorf("%d requests went to net/http", n)
	}
}

// What a device says of an answer comes later than what it showed by asking for it.
func TestEvidenceIsOfTheTimeOfTheRequest(t *testing.T) {
	shown := make(chan fleet.Evidence, 2)
	b := newBlocking()
	var now atomic.Int64
	s := start(t, Options{Document: b.document, Saw: func(e fleet.Evidence) { shown <- e }, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	send(t, dial(t, s.address()), get(someMAC, `If-None-Match: "fedcba9876543210fedcba9876543210"`))
	<-b.entered
	now.Store(1)
	close(b.let)
	for range 2 {
		select {
		case e := <-shown:
			if e.At.Unix() != 0 {
				t.Errorf("%s is of %v, and was asked for before", e.Kind, e.At)
			}
		case <-time.After(soon):
			t.Fatal("nothing was shown")
		}
	}
}

// A device that went away before its document did has not been served it.
func TestNoEvidenceOfAReplyThatWasNotWritten(t *testing.T) {
	shown := &evidence{}
	b := newBlocking()
	s := start(t, Options{Document: b.document, Saw: shown.saw})
	conn := dial(t, s.address())
	send(t, conn, get(bigMAC))
	<-b.entered
	if err := conn.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil { // the reset arrives before the document is there
		t.Fatal(err)
	}
	close(b.let)
	testenv.WaitFor(t, soon, func() bool { ours, all := s.open(); return ours == 0 && all == 0 })
	if list := shown.take(); len(list) > 0 {
		t.Errorf("evidence: %+v", list)
	}
}

func (p pair) sameButIDs(t *testing.T, text string) {
	t.Helper()
	var replies [2]string
	for i, address := range []string{p.plain, p.fast.address()} {
		reply, whole := exchange(t, address, text)
		if !whole || reply == "" {
			t.Fatalf("no reply to %q", text)
		}
		replies[i] = correlation.ReplaceAllString(date.ReplaceAllString(reply, "Date: now\r"), "${1}id")
	}
	if diff := cmp.Diff(replies[0], replies[1]); diff != "" {
		t.Errorf("sent %q\nnet/http - deviceserver +\n%s", text, diff)
	}
}
