package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// witness is told what devices show.
type witness struct {
	mu  sync.Mutex
	all []fleet.Evidence
}

func (w *witness) saw(e fleet.Evidence) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, e)
}

// take is what was told since the last call.
func (w *witness) take() []fleet.Evidence {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

// watched is an API over memory whose device endpoint tells a witness.
func watched(t *testing.T, change ...func(*Options)) (*fixture, *witness) {
	t.Helper()
	seen := &witness{}
	f := newFixture(t, append(change, func(o *Options) { o.Saw = seen.saw })...)
	f.now = f.clock.Now
	return f, seen
}

const somePath = "/api/configs/aa:bb:cc:dd:ee:ff.json"

var someMAC = fleet.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}

func TestWhatADeviceShows(t *testing.T) {
	f, seen := watched(t)
	f.keep(odd)
	first := f.memory().configs[1].ETag
	f.send("PUT", "/api/configs/1", `{"content":{"new":1}}`).want(t, 200)
	now := f.memory().configs[1].ETag
	if got := seen.take(); len(got) != 0 {
		t.Fatalf("writes tell of a device: %v", got)
	}
	shows := func(kind fleet.EvidenceKind, tag string) fleet.Evidence {
		return fleet.Evidence{MAC: someMAC, Kind: kind, ETag: tag, Revision: 2, At: f.clock.Now(), Address: "10.0.0.5"}
	}
	fetched, held, heldFirst := shows(fleet.EvidenceFetched, now), shows(fleet.EvidenceHeld, now), shows(fleet.EvidenceHeld, first)
	alive := shows(fleet.EvidenceSeen, "")
	for name, c := range map[string]struct {
		method, field string
		status        int
		want          []fleet.Evidence
	}{
		"plain":                  {"GET", "", 200, []fleet.Evidence{fetched}},
		"it has it":              {"GET", `"` + now + `"`, 304, []fleet.Evidence{held}},
		"weak, by a proxy":       {"GET", `W/"` + now + `"`, 304, []fleet.Evidence{held}},
		"one of several":         {"GET", `"` + first + `", "` + now + `"`, 304, []fleet.Evidence{held}},
		"it has another":         {"GET", `"` + first + `"`, 200, []fleet.Evidence{heldFirst, fetched}},
		"weak, it has another":   {"GET", `W/"` + first + `"`, 200, []fleet.Evidence{heldFirst, fetched}},
		"others":                 {"GET", `"` + first + `","x"`, 200, []fleet.Evidence{fetched}},
		"anything":               {"GET", `*`, 304, []fleet.Evidence{alive}},
		"it never was":           {"GET", `"x"`, 200, []fleet.Evidence{shows(fleet.EvidenceHeld, "x"), fetched}},
		"too long for a tag":     {"GET", `"` + strings.Repeat("x", 4000) + `"`, 200, []fleet.Evidence{fetched}},
		"malformed":              {"GET", first, 200, []fleet.Evidence{fetched}},
		"malformed behind a tag": {"GET", `"` + first + `" x`, 200, []fleet.Evidence{fetched}},
		"HEAD":                   {"HEAD", "", 200, []fleet.Evidence{alive}},
		"HEAD, it has it":        {"HEAD", `"` + now + `"`, 304, []fleet.Evidence{held}},
		"HEAD, it has another":   {"HEAD", `"` + first + `"`, 200, []fleet.Evidence{heldFirst}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{somePath, "/esp32/config/AA-BB-CC-DD-EE-FF.json", "/api/c%6fnfigs/aabbccddeeff.json"} {
				f.do(request{method: c.method, target: path, from: "10.0.0.5:4711",
					header: map[string]string{"If-None-Match": c.field, "User-Agent": "ESP32 HTTP Client/1.0"}}).want(t, c.status)
				if diff := cmp.Diff(c.want, seen.take()); diff != "" {
					t.Errorf("%s: %s", path, diff)
				}
			}
		})
	}
}

func TestWhoIsNoDevice(t *testing.T) {
	f, seen := watched(t)
	f.keep(odd)
	f.get(somePath).want(t, 200)
	if len(seen.take()) != 1 {
		t.Fatal("a plain request tells nothing: this test would show nothing")
	}
	for _, name := range []string{"Authorization", "Origin", "Cookie", "Referer", "Accept-Language", "Upgrade-Insecure-Requests",
		"X-No-Check-In", "Sec-Fetch-Site", "Sec-Fetch-Mode", "sec-fetch-dest", "Sec-Fetch-User", "x-no-check-in"} {
		for _, value := range []string{"x", " "} {
			got := f.do(request{method: "GET", target: somePath, header: map[string]string{name: value}}).want(t, 200)
			if got.body != odd {
				t.Errorf("%s: another document", name)
			}
			if all := seen.take(); len(all) != 0 {
				t.Errorf("%s: %q: told of %v", name, value, all)
			}
		}
	}
	for _, name := range []string{"Accept", "Accept-Encoding", "User-Agent", "Connection", "X-Correlation-ID", "X-Forwarded-For", "Via",
		"Cache-Control", "Content-Type", "Sec-Other", "X-Device"} {
		f.do(request{method: "GET", target: somePath, header: map[string]string{name: "x"}}).want(t, 200)
		if len(seen.take()) != 1 {
			t.Errorf("%s: not told", name)
		}
	}
}

func TestWhoAsksForNothingLeavesNoTrace(t *testing.T) {
	f, seen := watched(t)
	f.keep(odd)
	for path, status := range map[string]int{"/api/configs/000000000000.json": 404, "/api/configs/x.json": 400} {
		f.get(path).want(t, status)
		f.do(request{method: "HEAD", target: path}).want(t, status)
	}
	f.do(request{method: "OPTIONS", target: somePath}).want(t, 204)
	f.send("POST", somePath, "{}").want(t, 405)
	f.memory().breakWith(fleet.Unavailable(nil))
	f.get(somePath).want(t, 503)
	if all := seen.take(); len(all) != 0 {
		t.Errorf("told of %v", all)
	}
}

func TestWhereADeviceIs(t *testing.T) {
	f, seen := watched(t)
	f.keep(odd)
	for _, c := range []struct {
		from, forwarded, want string
	}{
		{"10.0.0.5:80", "", "10.0.0.5"},
		{"10.0.0.5:80", "10.9.9.9", "10.0.0.5"}, // no proxy of ours
		{"[fe80::1%eth0]:80", "", "fe80::1"},
		{"[::ffff:10.0.0.5]:80", "", "10.0.0.5"},
		{"127.0.0.1:80", "", "127.0.0.1"},
		{"127.0.0.1:80", "10.9.9.9", "10.9.9.9"},
		{"[::1]:80", "1.1.1.1, 10.9.9.9", "10.9.9.9"},
		{"127.0.0.1:80", "1.1.1.1,10.9.9.9:4711", "10.9.9.9"},
		{"127.0.0.1:80", "fd00::7", "fd00::7"},
	} {
		f.do(request{method: "GET", target: somePath, from: c.from, header: map[string]string{"X-Forwarded-For": c.forwarded}}).want(t, 200)
		if got := seen.take(); len(got) != 1 || got[0].Address != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// wire is a client's end: it notes what happens in which order, and may fail.
type wire struct {
	*httptest.ResponseRecorder
	happens            []string
	flushed            func()
	failWrite, failOut bool
}

var errGone = errors.New("connection reset by peer")

func (w *wire) Write(p []byte) (int, error) {
	if w.failWrite {
		return 0, errGone
	}
	w.happens = append(w.happens, "write")
	return w.ResponseRecorder.Write(p)
}

func (w *wire) FlushError() error {
	if w.failOut {
		return errGone
	}
	w.happens = append(w.happens, "flush")
	if w.flushed != nil {
		w.flushed()
	}
	return nil
}

func TestEvidenceComesBehindTheAnswer(t *testing.T) {
	f, seen := watched(t)
	f.keep(odd)
	ask := func(w *wire) {
		w.ResponseRecorder = httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", somePath, nil)
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // a panic's value
				panic(p)
			}
		}()
		f.Handler().ServeHTTP(w, r)
	}
	began := f.clock.Now()
	w := &wire{flushed: func() { f.clock.pass(time.Second) }}
	f.saw = func(e fleet.Evidence) {
		w.happens = append(w.happens, string(e.Kind))
		seen.saw(e)
	}
	ask(w)
	if want := []string{"write", "flush", "fetched"}; !slices.Equal(w.happens, want) {
		t.Errorf("%v, want %v", w.happens, want)
	}
	// What the device says of the answer comes later than what it showed by asking for it.
	if got := seen.take(); len(got) != 1 || !got[0].At.Equal(began) {
		t.Errorf("%v, want what was shown at %v", got, began)
	}
	for _, w := range []*wire{{failWrite: true}, {failOut: true}} {
		ask(w)
		if all := seen.take(); len(all) != 0 {
			t.Errorf("%+v: the document did not leave, and is told of: %v", w, all)
		}
	}
}

// Over a real connection an answer of a device is as whole and as plain as one of a person.
func TestEvidenceChangesNoAnswer(t *testing.T) {
	f, seen := watched(t)
	f.keep(odd)
	server := httptest.NewServer(f.Handler())
	t.Cleanup(server.Close)
	for _, method := range []string{"GET", "HEAD"} {
		for _, field := range []string{"", "*", `"x"`} {
			var got [2]http.Header
			for i, header := range []string{"X-Device", "X-No-Check-In"} {
				req, err := http.NewRequestWithContext(t.Context(), method, server.URL+somePath, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set(header, "1")
				req.Header.Set("If-None-Match", field)
				req.Header.Set("X-Correlation-ID", "c")
				resp, err := server.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if len(resp.TransferEncoding) > 0 || resp.Close {
					t.Errorf("%s %s: %v, close %v", method, header, resp.TransferEncoding, resp.Close)
				}
				got[i] = resp.Header
				got[i].Set("Date", time.Now().Format(time.DateOnly))
			}
			if diff := cmp.Diff(got[1], got[0]); diff != "" {
				t.Errorf("%s %s: %s", method, field, diff)
			}
			if len(seen.take()) == 0 {
				t.Error("nothing was told")
			}
		}
	}
}
