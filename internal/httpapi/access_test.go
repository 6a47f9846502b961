package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func withToken(o *Options)                   { o.Access.AdminToken = token }
func trusting(o *Options)                    { o.Access.TrustNetwork = true }
func withOrigins(s ...string) func(*Options) { return func(o *Options) { o.Access.CORSOrigins = s } }

const bearing = "Bearer " + token

func TestWhoMay(t *testing.T) {
	const lan = "10.0.0.9:4711"
	cases := []struct {
		name   string
		server []func(*Options)
		from   string
		header map[string]string
		status int
	}{
		{"this machine", nil, "", nil, 200},
		{"this machine, IPv6", nil, "[::1]:4711", nil, 200},
		{"this machine, IPv4 in IPv6", nil, "[::ffff:127.0.0.1]:4711", nil, 200},
		{"this machine, another loopback address", nil, "127.9.9.9:4711", nil, 200},
		{"this machine through a proxy", nil, "", map[string]string{"X-Forwarded-For": "10.0.0.9"}, 403},
		{"empty forwarding header", nil, "", map[string]string{"Via": " "}, 403},
		{"Forwarded", nil, "", map[string]string{"Forwarded": "for=127.0.0.1"}, 403},
		{"X-Real-IP", nil, "", map[string]string{"x-real-ip": "127.0.0.1"}, 403},
		{"X-Forwarded-Proto alone", nil, "", map[string]string{"X-Forwarded-Proto": "https"}, 403},
		{"CF-Connecting-IP", nil, "", map[string]string{"CF-Connecting-IP": "1.2.3.4"}, 403},
		{"proxy and token", []func(*Options){withToken}, "", map[string]string{"Via": "1.1 x", "Authorization": bearing}, 200},
		{"proxy without token", []func(*Options){withToken}, "", map[string]string{"Via": "1.1 x"}, 401},
		{"this machine, token set, none borne", []func(*Options){withToken}, "", nil, 200},
		{"this machine, wrong token", []func(*Options){withToken}, "", map[string]string{"Authorization": "Bearer x"}, 401},
		{"this machine, token where none is set", nil, "", map[string]string{"Authorization": bearing}, 200},
		{"network", nil, lan, nil, 403},
		{"no address", nil, "@", nil, 403},
		{"network, token where none is set", nil, lan, map[string]string{"Authorization": bearing}, 403},
		{"network, empty token where none is set", nil, lan, map[string]string{"Authorization": "Bearer "}, 403},
		{"network, no token", []func(*Options){withToken}, lan, nil, 401},
		{"network, wrong token", []func(*Options){withToken}, lan, map[string]string{"Authorization": "Bearer wrong"}, 401},
		{"network, part of the token", []func(*Options){withToken}, lan, map[string]string{"Authorization": bearing[:len(bearing)-1]}, 401},
		{"network, token as Basic", []func(*Options){withToken}, lan, map[string]string{"Authorization": "Basic " + token}, 401},
		{"network, token", []func(*Options){withToken}, lan, map[string]string{"Authorization": bearing}, 200},
		{"network, token, other spelling", []func(*Options){withToken}, lan, map[string]string{"Authorization": "bearer   " + token}, 200},
		{"network, token, any host", []func(*Options){withToken}, lan, map[string]string{"Authorization": bearing, "Host": "x.example"}, 200},
		{"network, wrong token, any host", []func(*Options){withToken}, lan, map[string]string{"Authorization": "Bearer x", "Host": "x.example"}, 401},
		{"network, no token, any host", []func(*Options){withToken}, lan, map[string]string{"Host": "x.example"}, 421},
		{"trust", []func(*Options){trusting}, lan, map[string]string{"Host": "10.0.0.7:3201"}, 200},
		{"trust, Basic of a proxy", []func(*Options){trusting, withToken}, lan, map[string]string{"Authorization": "Basic eDp5"}, 200},
		{"trust, rebound name", []func(*Options){trusting}, lan, map[string]string{"Host": "rebound.example"}, 421},
		{"trust, no host", []func(*Options){trusting}, lan, map[string]string{"Host": ""}, 421},
		{"rebound name to this machine", nil, "", map[string]string{"Host": "rebound.example:3201"}, 421},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, c.server...)
			for _, path := range []string{"/api/configs", "/api/export", "/api/server"} {
				got := f.do(request{method: "GET", target: path, from: c.from, header: c.header}).want(t, c.status)
				if asks := got.header.Get("WWW-Authenticate"); (c.status == 401) != strings.HasPrefix(asks, "Bearer") {
					t.Errorf("WWW-Authenticate: %q", asks)
				}
			}
			// What is public stays so, for the same client.
			for _, path := range []string{"/api/health", "/healthz", "/readyz", "/metrics"} {
				f.do(request{method: "GET", target: path, from: c.from, header: c.header}).want(t, 200)
			}
			f.do(request{method: "GET", target: "/esp32/config/aabbccddeeff.json", from: c.from, header: c.header}).want(t, 404)
			if strings.Contains(f.log.String(), token) {
				t.Error("the token is in the log")
			}
		})
	}
}

func TestEveryWriteIsGuarded(t *testing.T) {
	f := newFixture(t, withToken)
	for _, rt := range f.routes {
		if rt.access == public {
			continue
		}
		target := strings.NewReplacer("{id}", "1", "{file}", "index.html").Replace(rt.pattern)
		f.do(request{method: rt.method, target: target, body: `{}`, from: "10.0.0.9:1"}).want(t, 401)
	}
}

func TestNamesOfOurs(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Access.AllowedHosts = []string{"Espalier.LAN", "iot.example:8443", "[2001:db8::1]"}
	})
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, status := range map[string]int{
		"localhost": 200, "LOCALHOST.:99": 200, "x.localhost:3201": 200, "127.0.0.1": 200, "127.1.2.3:3201": 200, "[::1]": 200,
		"[::1]:3201": 200, "10.0.0.7:3201": 200, "[fd00::7]:3201": 200, "[fd00:0::7]": 200, "espalier.lan:3201": 200,
		"ESPALIER.lan.": 200, "iot.example": 200, "[2001:db8::1]:80": 200, machine: 200, machine + ".local:3201": 200,
		"10.0.0.8": 421, "localhost.evil.example": 421, "evil-localhost": 421, "127.0.0.1.nip.io": 421, "espalier.lan.evil.example": 421,
		"0x7f000001": 421, "2130706433": 421, "[::2]": 421, "0.0.0.0": 421, ".localhost.": 200, "localhost..": 421, ":3201": 421,
		"[fe80::1%25eth0]": 421, "localhost:3201:1": 421, "[": 421,
	} {
		got := f.do(request{method: "GET", target: "/api/configs", header: map[string]string{"Host": host}})
		if got.status != status {
			t.Errorf("%q: %d, want %d", host, got.status, status)
		}
	}
}

func TestOwnAddressesAreReadAgain(t *testing.T) {
	var asked int
	var addrs []net.IP
	var broken error
	f := newFixture(t, func(o *Options) {
		o.Access.LocalAddrs = func() ([]net.IP, error) { asked++; return addrs, broken }
	})
	try := func(status int) {
		t.Helper()
		f.do(request{method: "GET", target: "/api/configs", header: map[string]string{"Host": "192.168.1.5"}}).want(t, status)
	}
	try(421)
	addrs = []net.IP{net.ParseIP("192.168.1.5").To4()}
	try(421)
	if asked != 1 {
		t.Errorf("asked %d times within the time that an answer is believed", asked)
	}
	f.clock.pass(namesFor)
	try(200)
	f.clock.pass(time.Hour)
	try(200)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	broken = errors.New("no netlink")
	f.do(request{method: "GET", target: "/api/configs", header: map[string]string{"Host": "192.168.1.6"}}).want(t, 421)
}

func TestInterfaceAddrs(t *testing.T) {
	ips, err := interfaceAddrs()
	if err != nil || len(ips) == 0 {
		t.Fatalf("%v, %v", ips, err)
	}
	found := false
	for _, ip := range ips {
		found = found || ip.IsLoopback()
	}
	if !found {
		t.Errorf("no loopback address among %v", ips)
	}
}

func TestCrossSite(t *testing.T) {
	const trusted = "https://front.example"
	cases := []struct {
		name, method string
		header       map[string]string
		plain, star  int // statuses with trusted, and with "*" in CORS_ORIGINS
	}{
		{"no browser", "GET", nil, 200, 200},
		{"own page", "GET", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200, 200},
		{"address bar", "GET", map[string]string{"Sec-Fetch-Site": "none"}, 200, 200},
		{"other site", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, 403},
		{"other site by Origin", "GET", map[string]string{"Origin": "http://evil.example"}, 403, 403},
		{"opaque origin", "GET", map[string]string{"Origin": "null"}, 403, 403},
		{"other port", "GET", map[string]string{"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-site"}, 403, 403},
		{"own page, old browser", "GET", map[string]string{"Origin": "http://localhost:3201"}, 200, 200},
		{"trusted page", "GET", map[string]string{"Origin": trusted, "Sec-Fetch-Site": "cross-site"}, 200, 403},
		{"write, no browser", "POST", nil, 201, 201},
		{"write, own page", "POST", map[string]string{"Origin": "http://localhost:3201", "Sec-Fetch-Site": "same-origin"}, 201, 201},
		{"write, other site", "POST", map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}, 403, 403},
		{"write, same site", "POST", map[string]string{"Origin": "http://localhost:1", "Sec-Fetch-Site": "same-site"}, 403, 403},
		{"write, other site, old browser", "POST", map[string]string{"Origin": "http://evil.example"}, 403, 403},
		{"write, trusted page", "POST", map[string]string{"Origin": trusted, "Sec-Fetch-Site": "cross-site"}, 201, 403},
		{"write, other site, token", "POST", map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site",
			"Authorization": bearing}, 403, 201},
	}
	for _, c := range cases {
		for origins, status := range map[string]int{trusted: c.plain, "*": c.star} {
			f := newFixture(t, withToken, withOrigins(origins))
			body := ""
			if c.method == "POST" {
				body = `{"mac_address":"aabbccddeeff","content":{}}`
			}
			if got := f.do(request{method: c.method, target: "/api/configs", body: body, header: c.header}); got.status != status {
				t.Errorf("%s with %s: %d, want %d", c.name, origins, got.status, status)
			}
		}
	}
}

func TestCORS(t *testing.T) {
	const trusted = "https://front.example"
	ask := map[string]string{"Origin": trusted, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
	f := newFixture(t, withToken, withOrigins("HTTPS://Front.Example/", ""))
	for path, methods := range map[string]string{"/api/configs/1": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
		"/api/configs/aabbccddeeff.json": "GET, HEAD, OPTIONS"} {
		got := f.do(request{method: "OPTIONS", target: path, from: "10.0.0.9:1", header: ask}).want(t, 204)
		for name, want := range map[string]string{"Access-Control-Allow-Origin": trusted, "Access-Control-Allow-Methods": methods,
			"Vary": "Origin", "Access-Control-Allow-Credentials": ""} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.header.Get(name), want)
			}
		}
		const may = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Change-Message, X-Correlation-ID, X-Request-ID"
		if got := got.header.Get("Access-Control-Allow-Headers"); got != may {
			t.Errorf("%s: what may be sent is %s", path, got)
		}
	}
	ask["Origin"] = "https://other.example"
	got := f.do(request{method: "OPTIONS", target: "/api/configs/1", header: ask}).want(t, 204)
	if got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("a stranger is allowed: %v", got.header)
	}
	// Errors can be read by the page too, and so can documents.
	for path, status := range map[string]int{"/api/configs/1": 401, "/api/nothing": 404, "/esp32/config/aabbccddeeff.json": 404} {
		got := f.do(request{method: "GET", target: path, from: "10.0.0.9:1", header: map[string]string{"Origin": trusted}}).want(t, status)
		if got.header.Get("Access-Control-Allow-Origin") != trusted || got.header.Get("Access-Control-Expose-Headers") != "ETag, Idempotent-Replayed, Link, Location, Retry-After, X-Correlation-ID" {
			t.Errorf("%s: %v", path, got.header)
		}
	}
	if got := f.get("/api/configs"); got.header.Get("Vary") != "Origin" || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without Origin: %v", got.header)
	}
	none := newFixture(t).do(request{method: "GET", target: "/api/health", header: map[string]string{"Origin": trusted}})
	if none.header.Get("Vary") != "" || none.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without CORS_ORIGINS: %v", none.header)
	}
	star := newFixture(t, withOrigins("*")).do(request{method: "GET", target: "/api/health", header: map[string]string{"Origin": trusted}})
	if star.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("with *: %v", star.header)
	}
	if _, err := newGate(Access{CORSOrigins: []string{"front.example"}}); err == nil || !strings.Contains(err.Error(), "front.example") {
		t.Errorf("an origin without scheme: %v", err)
	}
}

func TestWrongTokensAreSlowedDown(t *testing.T) {
	f := newFixture(t, withToken)
	var waits int
	f.gate.throttle.wait = func(context.Context, time.Duration) { waits++ }
	try := func(from, value string) reply {
		return f.do(request{method: "GET", target: "/api/configs", from: from, header: map[string]string{"Authorization": value}})
	}
	const guesser, other = "10.0.0.9:1", "10.0.0.10:1"
	for i := range mostFailures {
		if got := try(guesser, fmt.Sprintf("Bearer guess%d", i)); got.status != 401 {
			t.Fatalf("guess %d: %d", i, got.status)
		}
	}
	if want := mostFailures - freeFailures; waits != want {
		t.Errorf("%d of %d answers were delayed, want %d", waits, mostFailures, want)
	}
	// From here on even the right token is not looked at: the answer would tell that it is right.
	for _, value := range []string{"Bearer more", bearing} {
		got := try(guesser, value).want(t, 429)
		if got.header.Get("Retry-After") != "4" {
			t.Errorf("Retry-After: %s", got.header.Get("Retry-After"))
		}
	}
	try(other, bearing).want(t, 200)
	f.clock.pass(forgiveEvery)
	try(guesser, bearing).want(t, 200)
	try(guesser, "Bearer more").want(t, 401)
	try(guesser, bearing).want(t, 429)
	f.clock.pass(mostFailures * forgiveEvery)
	waits = 0
	try(guesser, "Bearer more").want(t, 401)
	if waits != 0 {
		t.Error("forgiven failures still count")
	}
}

// Whoever guesses through a proxy on this machine must not lock out the machine's own commands.
func TestGuessesThroughAProxyAreNotThisMachines(t *testing.T) {
	f := newFixture(t, withToken)
	try := func(value, via string) reply {
		return f.do(request{method: "GET", target: "/api/configs", header: map[string]string{"Authorization": value, "X-Forwarded-For": via}})
	}
	for range mostFailures {
		try("Bearer guess", "10.0.0.9").want(t, 401)
	}
	try("Bearer guess", "10.0.0.8").want(t, 429)
	try(bearing, "").want(t, 200)
	for range mostFailures {
		try("Bearer guess", "").want(t, 401)
	}
	try(bearing, "").want(t, 429)
}

func TestThrottleIsBounded(t *testing.T) {
	clock := &clock{now: time.Unix(1e9, 0)}
	th := newThrottle(clock.Now)
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range 3 * mostAddresses {
		th.failed(t.Context(), at(i))
	}
	if n := len(th.owners); n > mostAddresses {
		t.Errorf("%d addresses are remembered", n)
	}
	clock.pass(time.Hour)
	th.failed(t.Context(), at(1<<20))
	if n := len(th.owners); n != 1 {
		t.Errorf("%d addresses are remembered after all were forgiven", n)
	}
	// A customer's IPv6 network counts as one address.
	for i := range 2 * mostFailures {
		th.count(owner(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))))
	}
	if th.blocked(netip.MustParseAddr("2001:db8::ffff")) == 0 || th.blocked(netip.MustParseAddr("2001:db8:0:1::1")) != 0 {
		t.Error("IPv6 is not counted by networks of 64 bits")
	}
}

func TestFewAnswersAreDelayedAtATime(t *testing.T) {
	th := newThrottle(time.Now)
	waiting, release := make(chan struct{}), make(chan struct{})
	th.wait = func(context.Context, time.Duration) { waiting <- struct{}{}; <-release }
	from := netip.MustParseAddr("10.0.0.9")
	for range freeFailures {
		th.count(from)
	}
	var done sync.WaitGroup
	for range mostDelayed {
		done.Go(func() {
			if wait := th.failed(context.Background(), from); wait != 0 {
				t.Errorf("told to stay away: %v", wait)
			}
		})
		<-waiting
	}
	if wait := th.failed(t.Context(), from); wait != forgiveEvery {
		t.Errorf("one more is delayed: %v", wait)
	}
	close(release)
	done.Wait()
}

func TestPauseEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	started := time.Now()
	pause(ctx, time.Hour)
	pause(t.Context(), time.Nanosecond)
	if time.Since(started) > time.Minute {
		t.Error("it waited")
	}
}

func TestForwardedNames(t *testing.T) {
	for _, name := range []string{"X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-SERVER", "X-Forwarded", "CF-RAY", "True-Client-IP", "via",
		"X-Original-For", "X-Azure-ClientIP", "X-AppEngine-User-IP", "Proxy-Client-IP", "WL-Proxy-Client-IP", "X-Nginx-Proxy", "X-ARR-SSL",
		"X-Varnish"} {
		h := http.Header{}
		h.Set(name, "")
		if !forwarded(h) {
			t.Errorf("%s is not seen", name)
		}
	}
	if forwarded(http.Header{"Accept": {"*/*"}, "X-Correlation-Id": {"1"}}) {
		t.Error("a plain request counts as forwarded")
	}
}
