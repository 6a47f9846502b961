package httpapi

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

var nonceInPolicy = regexp.MustCompile(`'nonce-([A-Za-z0-9_-]+)'`)

func TestEachPageHasANonceOfItsOwn(t *testing.T) {
	f := newFixture(t)
	seen := map[string]bool{}
	for range 20 {
		page := f.get("/").want(t, 200)
		policy := page.header.Get("Content-Security-Policy")
		found := nonceInPolicy.FindStringSubmatch(policy)
		if found == nil {
			t.Fatalf("no nonce in %q", policy)
		}
		nonce := found[1]
		if random, err := base64.RawURLEncoding.DecodeString(nonce); err != nil || len(random) != 16 || seen[nonce] {
			t.Fatalf("%q, seen before: %v, %v", nonce, seen[nonce], err)
		}
		seen[nonce] = true
		if policy != pagePolicy(nonce) || page.header.Get("Cache-Control") != "no-store" || page.header.Get("ETag") != "" {
			t.Errorf("%v", page.header)
		}
		if strings.Contains(page.body, "without its web page") {
			t.Fatal("the page is not built: run make web")
		}
		if !strings.Contains(page.body, `nonce="`+nonce+`"`) {
			t.Errorf("the page does not bear %q: %s", nonce, page.body)
		}
	}
}

// TestThePolicyOfThePage holds it against what it must not say.
func TestThePolicyOfThePage(t *testing.T) {
	for name, policy := range map[string]string{"page": pagePolicy("n"), "part": partPolicy, "docs": docsPolicy} {
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "base-uri 'none'; form-action 'none'; frame-ancestors 'none'") {
			t.Errorf("%s: %s", name, policy)
		}
		for _, loose := range []string{"unsafe", "*", "http", "strict-dynamic"} {
			if strings.Contains(policy, loose) {
				t.Errorf("%s: %q in %s", name, loose, policy)
			}
		}
		if script := regexp.MustCompile(`script-src ([^;]*)`).FindStringSubmatch(policy); script == nil || script[1] != "'self'" {
			t.Errorf("%s: scripts: %v", name, script)
		}
	}
}

// TestThePageIsForEverybody asks from everywhere, also by a name that is not this server's: there is nothing in it that is
// not in the program, and what it shows it has to ask for.
func TestThePageIsForEverybody(t *testing.T) {
	for name, r := range map[string]request{
		"network":      {from: "10.0.0.9:4711"},
		"proxy":        {header: map[string]string{"X-Forwarded-For": "10.0.0.9"}},
		"rebound name": {from: "10.0.0.9:4711", header: map[string]string{"Host": "rebound.example"}},
		"wrong token":  {from: "10.0.0.9:4711", header: map[string]string{"Authorization": "Bearer wrong"}},
		"other site":   {header: map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}},
	} {
		f := newFixture(t, withToken)
		f.keep(`{"deviceName":"hidden-device"}`)
		for _, path := range []string{"/", "/api/docs", "/api/docs/swagger-ui.css", "/api/docs/openapi.json", "/api/docs/"} {
			for _, method := range []string{"GET", "HEAD"} {
				r.method, r.target = method, path
				got := f.do(r)
				if got.status != 200 && got.status != 308 || method == "GET" && (got.body == "") != (got.status == 308) {
					t.Errorf("%s: %s %s: %d", name, method, path, got.status)
				}
				if got.header.Get("X-Frame-Options") != "DENY" || got.header.Get("X-Content-Type-Options") != "nosniff" ||
					got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: %s %s: %v", name, method, path, got.header)
				}
				if strings.Contains(got.body, "hidden-device") || strings.Contains(got.body, token) {
					t.Errorf("%s: %s tells what it must not", name, path)
				}
			}
		}
		for _, path := range []string{"/api/server", "/api/configs", "/api/fleet/summary", "/api/events", "/api/audit", "/api/export"} {
			r.method, r.target = "GET", path
			if got := f.do(r); got.status != 401 && got.status != 421 && got.status != 403 {
				t.Errorf("%s: %s: %d", name, path, got.status)
			}
		}
		r.method, r.target = "POST", "/api/sample"
		if got := f.do(r); got.status != 401 && got.status != 421 && got.status != 403 {
			t.Errorf("%s: the sample: %d", name, got.status)
		}
	}
}

func TestPartsOfThePage(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/assets/nothing.js", "/assets/..%2Findex.html", "/assets/%2e%2e", "/assets/..%5Cindex.html", "/assets/", "/assets",
		"/assets/a/b.js", "/index.html", "/favicon.ico", "/assets/index.html"} {
		if got := f.get(path).want(t, 404); !strings.Contains(got.body, "ROUTE_NOT_FOUND") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	f.send("POST", "/", "").want(t, 405)
	f.send("DELETE", "/assets/a.js", "").want(t, 405)
	page := f.get("/").want(t, 200).body
	found := regexp.MustCompile(`"\./(assets/[^"]+\.js)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatal("the page is not built: run make web")
	}
	script := f.get("/"+found[1]).want(t, 200)
	if script.header.Get("Content-Security-Policy") != partPolicy || script.header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		script.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%v", script.header)
	}
	f.with(map[string]string{"If-None-Match": script.header.Get("ETag")}, "GET", "/"+found[1], "").want(t, 304)
	if head := f.send("HEAD", "/"+found[1], "").want(t, 200); head.header.Get("Content-Length") == "" || head.header.Get("ETag") != script.header.Get("ETag") {
		t.Errorf("HEAD: %v", head.header)
	}
	if icon := f.get("/favicon.svg").want(t, 200); icon.header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%v", icon.header)
	}
}
