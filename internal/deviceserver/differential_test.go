package deviceserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// pair is the same service twice: behind net/http alone, and behind a Listener.
type pair struct {
	plain string // address
	fast  *served
}

func startPair(t testing.TB) pair {
	t.Helper()
	inner := listen(t)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(reference)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(inner) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return pair{plain: inner.Addr().String(), fast: start(t, Options{})}
}

// exchange sends chunks over a new connection, says that nothing more will come, and returns all that comes back. A
// connection that was reset answers false: the network may have thrown part of the reply away.
func exchange(t testing.TB, address string, chunks ...string) (reply string, complete bool) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, chunk := range chunks {
		if _, err := io.WriteString(conn, chunk); err != nil {
			return "", false
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", false
	}
	all, err := io.ReadAll(conn)
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "", false
	case err != nil:
		t.Fatalf("%q: %v", chunks, err)
	}
	return string(all), true
}

var date = regexp.MustCompile(`(?m)^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r$`)

// same fails the test when the two answer one byte differently, but for the time of day.
func (p pair) same(t testing.TB, chunks ...string) (reply string) {
	t.Helper()
	want, whole := exchange(t, p.plain, chunks...)
	got, ours := exchange(t, p.fast.address(), chunks...)
	if !whole || !ours {
		return ""
	}
	want, got = date.ReplaceAllString(want, "Date: now\r"), date.ReplaceAllString(got, "Date: now\r")
	if stray(strings.Join(chunks, "")) {
		got = strings.TrimSuffix(got, badRequest)
		want = strings.TrimSuffix(want, badRequest)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("sent %q\nnet/http - deviceserver +\n%s", chunks, diff)
	}
	return got
}

const badRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"

// stray tells whether text ends with one to three bytes behind requests that are ours. Of these alone net/http says
// nothing on a connection that it has replied on, and that they are malformed on one that is new to it.
func stray(text string) bool {
	before := len(text)
	for {
		_, size, ok := parse([]byte(text))
		if !ok {
			return len(text) > 0 && len(text) < 4 && len(text) < before
		}
		text = text[size:]
	}
}

func TestSameReplies(t *testing.T) {
	p := startPair(t)
	for name, test := range map[string]struct {
		text       string
		fast, slow int64 // requests answered here, and by net/http
		begins     string
	}{
		"one":              {get(someMAC), 1, 0, "HTTP/1.1 200 OK\r\n"},
		"large":            {get(bigMAC), 1, 0, "HTTP/1.1 200 OK\r\n"},
		"HEAD":             {strings.Replace(get(bigMAC), "GET", "HEAD", 1), 1, 0, "HTTP/1.1 200 OK\r\n"},
		"1.0":              {"GET /api/configs/aabbccddeeff.json HTTP/1.0\r\n\r\n", 1, 0, "HTTP/1.0 200 OK\r\n"},
		"1.0 kept":         {strings.Repeat("GET /esp32/config/aabbccddeeff.json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 3), 3, 0, "HTTP/1.0 200 OK\r\n"},
		"1.0 kept HEAD":    {"HEAD /esp32/config/aabbccddeeff.json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get(someMAC), 2, 0, "HTTP/1.0 200 OK\r\n"},
		"1.0 closes":       {"GET /api/configs/aabbccddeeff.json HTTP/1.0\r\n\r\n" + get(someMAC), 1, 0, "HTTP/1.0 200 OK\r\n"},
		"1.0 304":          {"GET /api/configs/aabbccddeeff.json HTTP/1.0\r\nConnection: keep-alive\r\nIf-None-Match: *\r\n\r\n", 1, 0, "HTTP/1.0 304 Not Modified\r\n"},
		"304":              {get(someMAC, `If-None-Match: "`+someETag+`"`), 1, 0, "HTTP/1.1 304 Not Modified\r\n"},
		"304 HEAD":         {strings.Replace(get(someMAC, `If-None-Match: "`+someETag+`"`), "GET", "HEAD", 1), 1, 0, "HTTP/1.1 304 Not Modified\r\n"},
		"304 weak":         {get(someMAC, `If-None-Match: "x", W/"`+someETag+`"`), 1, 0, "HTTP/1.1 304 Not Modified\r\n"},
		"changed":          {get(someMAC, `If-None-Match: "x"`), 1, 0, "HTTP/1.1 200 OK\r\n"},
		"odd tag":          {get(someMAC, `If-None-Match: x`), 0, 1, "HTTP/1.1 200 OK\r\n"},
		"pipelined":        {strings.Repeat(get(someMAC)+get(emptyMAC), 8), 16, 0, "HTTP/1.1 200 OK\r\n"},
		"close, more":      {get(someMAC, "Connection: close") + get(someMAC), 1, 0, "HTTP/1.1 200 OK\r\n"},
		"missing":          {get(gone) + get(someMAC), 0, 2, "HTTP/1.1 404 Not Found\r\n"},
		"fast, slow":       {get(someMAC) + get(gone) + get(someMAC), 1, 2, "HTTP/1.1 200 OK\r\n"},
		"fast, POST":       {get(someMAC) + "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + get(someMAC), 1, 2, "HTTP/1.1 200 OK\r\n"},
		"smuggled":         {get(someMAC, "Content-Length: 40", "Transfer-Encoding: chunked") + "0\r\n\r\n" + get(someMAC), 0, 2, "HTTP/1.1 200 OK\r\n"},
		"length hides":     {get(someMAC, fmt.Sprint("Content-Length: ", len(get(gone)))) + get(gone) + get(someMAC), 0, 2, "HTTP/1.1 200 OK\r\n"},
		"own id":           {get(someMAC, "X-Correlation-ID: mine"), 0, 1, "HTTP/1.1 200 OK\r\n"},
		"two hosts":        {get(someMAC, "Host: b"), 0, 0, "HTTP/1.1 400 Bad Request\r\n"},
		"bare LF":          {strings.ReplaceAll(get(someMAC), "\r", ""), 0, 1, "HTTP/1.1 200 OK\r\n"},
		"cut":              {get(someMAC)[:30], 0, 0, ""},
		"fast, then cut":   {get(someMAC) + get(someMAC)[:30], 1, 0, "HTTP/1.1 200 OK\r\n"},
		"fast, then stray": {get(someMAC) + "GET", 1, 0, "HTTP/1.1 200 OK\r\n"},
		"nothing":          {"", 0, 0, ""},
		"garbage":          {"\x16\x03\x01\x02\x00\x01", 0, 0, ""},
		"long headers":     {get(someMAC, "User-Agent: "+strings.Repeat("a", 5000)), 0, 1, "HTTP/1.1 200 OK\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			fast, slow := p.fast.fast.Load(), p.fast.slow.Load()
			reply := p.same(t, test.text)
			if !strings.HasPrefix(reply, test.begins) || test.begins == "" && strings.HasPrefix(reply, "HTTP/1.1 2") {
				t.Errorf("the reply begins %.40q, want %q", reply, test.begins)
			}
			if fast, slow = p.fast.fast.Load()-fast, p.fast.slow.Load()-slow; fast != test.fast || slow != test.slow {
				t.Errorf("%d answered here and %d by net/http, want %d and %d", fast, slow, test.fast, test.slow)
			}
		})
	}
}

// However a request is cut into segments, the reply is the same.
func TestSameRepliesInPieces(t *testing.T) {
	p := startPair(t)
	text := get(someMAC) + get(emptyMAC, "Connection: close")
	for cut := 1; cut < len(text); cut++ {
		p.same(t, text[:cut], text[cut:])
	}
	var bytewise []string
	for _, c := range []byte(text) {
		bytewise = append(bytewise, string(c))
	}
	if reply := p.same(t, bytewise...); strings.Count(reply, "200 OK") != 2 {
		t.Errorf("byte by byte: %q", reply)
	}
}

// Each reply is waited for before the next request is sent, as devices do.
func TestSameRepliesInTurn(t *testing.T) {
	p := startPair(t)
	turns := []string{get(someMAC), get(bigMAC), get(someMAC, "If-None-Match: *"), get(gone), get(someMAC), get(gone)}
	want := converse(t, p.plain, turns)
	got := converse(t, p.fast.address(), turns)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("net/http - deviceserver +\n%s", diff)
	}
	if fast, slow := p.fast.fast.Load(), p.fast.slow.Load(); fast != 3 || slow != 3 {
		t.Errorf("%d answered here and %d by net/http, want 3 and 3", fast, slow)
	}
}

// drawRequest makes a request from parts that are sound and parts that are not.
func drawRequest(t *rapid.T) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	sound := rapid.IntRange(0, 3).Draw(t, "sound") > 0
	var b strings.Builder
	b.WriteString(pick("method", "GET", "GET", "GET", "HEAD"))
	b.WriteString(" " + pick("path", "/api/configs/", "/esp32/config/"))
	b.WriteString(pick("mac", someMAC, "AA:BB:CC:DD:EE:FF", "aabb.ccdd.eeff", "aabbccddeeff", emptyMAC, bigMAC, gone))
	b.WriteString(".json ")
	b.WriteString(pick("version", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0") + "\r\n")
	b.WriteString(pick("host", "Host: a\r\n", "host: 10.0.0.1:3201\r\n", "HOST:a\r\n"))
	lines := []string{"Accept: */*", "user-agent: x y", "Content-Length: 0", "Connection: keep-alive", "Connection: close",
		"If-None-Match: *", `If-None-Match: "` + someETag + `"`, `if-none-match: "a", W/"` + someETag + `"`, `If-None-Match: "a"`,
		"CONNECTION: Keep-Alive", "Accept-Encoding:gzip", "Cookie:  a=b  "}
	if !sound {
		lines = append(lines, "Content-Length: 5", "Content-Length : 0", "Transfer-Encoding: chunked", "Transfer-Encoding: identity",
			"Expect: 100-continue", "Expect: x", "Upgrade: h2c", "Connection: upgrade", "Host: b", "X-Correlation-ID: q", "Origin: http://a",
			"Range: bytes=0-1", " folded", "\tfolded", "noColon", ": noName", "A\x00: b", "A: \x00", "A: \x80", "Content-Length: 00", "Content-Length: +0",
			"Content-Length: 0,0", "Connection: close, keep-alive", "Accept: a\rb", "Trailer: X", "Accept: a\n", "If-None-Match: x", "If-None-Match:")
	}
	for _, line := range rapid.SliceOfN(rapid.SampledFrom(lines), 0, 4).Draw(t, "lines") {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// Whatever is sent, the bytes that come back are those of net/http.
func TestSameRepliesToAnything(t *testing.T) {
	p := startPair(t)
	rapid.Check(t, func(r *rapid.T) {
		var text []byte
		for range rapid.IntRange(1, 4).Draw(r, "requests") {
			text = append(text, drawRequest(r)...)
		}
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(r, "faults") {
			at := rapid.IntRange(0, len(text)-1).Draw(r, "at")
			switch rapid.IntRange(0, 2).Draw(r, "fault") {
			case 0:
				text[at] = rapid.Byte().Draw(r, "byte")
			case 1:
				text = append(text[:at], text[at+1:]...)
			case 2:
				text = bytes.Join([][]byte{text[:at], {rapid.SampledFrom([]byte("\r\n \t:,;\x00\"")).Draw(r, "byte")}, text[at:]}, nil)
			}
		}
		p.same(t, string(text))
	})
	fast, slow := p.fast.fast.Load(), p.fast.slow.Load()
	if fast == 0 || slow == 0 {
		t.Errorf("%d requests were answered here and %d by net/http: the test shows nothing", fast, slow)
	}
	t.Logf("%d requests were answered here, %d by net/http", fast, slow)
}

func FuzzSameReplies(f *testing.F) {
	f.Add([]byte(get(someMAC)))
	f.Add([]byte(get(someMAC, "If-None-Match: *", "Connection: close") + get(gone)))
	f.Add([]byte(get(someMAC, "Content-Length: 3") + "abc" + get(someMAC)))
	f.Add([]byte("HEAD /esp32/config/aabb.ccdd.eeff.json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
	p := startPair(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4000 { // a buffer of either server: what lies beyond may be lost to a reset
			t.Skip()
		}
		p.same(t, string(text))
	})
}
