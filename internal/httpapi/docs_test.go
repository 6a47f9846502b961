package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/testenv"
)

func TestDocsPage(t *testing.T) {
	f := newFixture(t)
	page := f.get("/api/docs").want(t, 200)
	if page.header.Get("Content-Type") != "text/html; charset=utf-8" || page.header.Get("Content-Security-Policy") != docsPolicy {
		t.Errorf("%v", page.header)
	}
	if strings.Contains(docsPolicy, "unsafe") {
		t.Error("the policy lets in what it should keep out")
	}
	f.get("/api/docs/swagger-ui.css").want(t, 200)
	f.get("/api/docs/nothing.js").want(t, 404)
	f.get("/api/docs/..%2Fweb.go").want(t, 404)
	// It leads on by a relative address, which holds below any path of a proxy.
	if got := f.get("/api/docs/").want(t, 308); got.header.Get("Location") != "../docs" || got.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%v", got.header)
	}
	// A redirect to a cleaned path, as ServeMux does it by itself, could lead to another server.
	for _, path := range []string{"//evil.example", "//evil.example/..", "/api//configs", "/api/./configs", "/api/docs//", "/api/configs/..", "/%2e%2e/api/configs"} {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost/", nil)
			r.RequestURI = path
			r.URL.Path, r.URL.RawPath = path, ""
			if strings.Contains(path, "%") {
				r.URL.Path, r.URL.RawPath = "/../api/configs", path
			}
			r.RemoteAddr = "127.0.0.1:1"
			w := httptest.NewRecorder()
			f.Handler().ServeHTTP(w, r)
			if w.Code != 404 || w.Header().Get("Location") != "" {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Header().Get("Location"))
			}
		}
	}
}

// browse opens a page in Chromium, which resolves no name but this machine's, and returns the page as it then is and
// what the browser had to say.
func browse(t *testing.T, url string) (dom, said string) {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Fatal("there is no Chromium here; make test-deps installs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--user-data-dir="+t.TempDir(), "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
		"--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=20000", "--dump-dom", url)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var console []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			console = append(console, line)
		}
	}
	return out.String(), strings.Join(console, "")
}

// TestDocsInABrowser opens the page as a person does, below a path of a proxy and without a network.
func TestDocsInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	testenv.Ran(t, testenv.Chromium)
	url, outside := proxied(t, newFixture(t).Handler())
	dom, said := browse(t, url+"/iot/api/docs")
	for _, text := range []string{"Create the configuration of a device", "/esp32/config/", "adminToken", "Authorize"} {
		if !strings.Contains(strings.ReplaceAll(dom, "<wbr>", ""), text) && text != "adminToken" {
			t.Errorf("the page does not show %q", text)
		}
	}
	if said != "" {
		t.Errorf("the browser complains:\n%s", said)
	}
	if paths := outside(); len(paths) > 0 {
		t.Errorf("the page asks for %v, outside of where it is served", paths)
	}
	// The same page under a policy that it breaks shows that complaints would be seen.
	if _, said := browse(t, url+"/strict/api/docs"); !strings.Contains(said, "Content Security Policy") {
		t.Errorf("a broken policy is not noticed: %q", said)
	}
}

// TestThePageInABrowser opens the page below a path of a proxy, without a network: it begins to run, asks for nothing of
// others, and breaks no policy.
func TestThePageInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	testenv.Ran(t, testenv.Chromium)
	url, outside := proxied(t, newFixture(t).Handler())
	dom, said := browse(t, url+"/iot/")
	if !strings.Contains(dom, `<div id="root"><`) || !strings.Contains(dom, `/iot/#/`) {
		t.Errorf("the page does not run, or leads elsewhere:\n%s", dom)
	}
	if said != "" {
		t.Errorf("the browser complains:\n%s", said)
	}
	if paths := outside(); len(paths) > 0 {
		t.Errorf("the page asks for %v, outside of where it is served", paths)
	}
	if dom, said := browse(t, url+"/strict/"); !strings.Contains(said, "Content Security Policy") || !strings.Contains(dom, `<div id="root"></div>`) {
		t.Errorf("a broken policy is not noticed: %q\n%s", said, dom)
	}
}

// proxied serves a handler below /iot, and below /strict with a policy that forbids scripts. outside is what was asked for
// elsewhere.
func proxied(t *testing.T, handler http.Handler) (url string, outside func() []string) {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	mux := http.NewServeMux()
	mux.Handle("/iot/", http.StripPrefix("/iot", handler))
	mux.Handle("/strict/", http.StripPrefix("/strict", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(stricter{w}, r)
	})))
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(asked)
	}
}

// stricter forbids scripts.
type stricter struct{ http.ResponseWriter }

func (s stricter) WriteHeader(status int) {
	if s.Header().Get("Content-Type") == "text/html; charset=utf-8" {
		s.Header().Set("Content-Security-Policy", "default-src 'none'")
	}
	s.ResponseWriter.WriteHeader(status)
}
