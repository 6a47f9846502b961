package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func packed(t *testing.T, text string) *fstest.MapFile {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: out.Bytes()}
}

func fetch(t *testing.T, files fstest.MapFS, method, name string, header map[string]string) (*httptest.ResponseRecorder, bool) {
	r := httptest.NewRequestWithContext(t.Context(), method, "/api/docs/x", nil)
	for key, value := range header {
		r.Header.Set(key, value)
	}
	w := httptest.NewRecorder()
	return w, serveDocs(files, w, r, name)
}

func TestServe(t *testing.T) {
	const script = "console.log(1)"
	files := fstest.MapFS{"dist/docs/start.js.gz": packed(t, script), "dist/docs/broken.css.gz": {Data: []byte("no gzip")},
		"dist/secret.gz": packed(t, "secret")}
	for accept, gzipped := range map[string]bool{"": false, "gzip": true, "br, GZIP ;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false,
		"identity": false, "x-gzip": false, "*": true, "*;q=0": false, "*, gzip;q=0": false, "gzip;q=x": false} {
		w, ok := fetch(t, files, http.MethodGet, "start.js", map[string]string{"Accept-Encoding": accept})
		h := w.Header()
		if !ok || h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("Vary") != "Accept-Encoding" || h.Get("Cache-Control") != "no-cache" {
			t.Fatalf("%q: %v %v", accept, ok, h)
		}
		if (h.Get("Content-Encoding") == "gzip") != gzipped {
			t.Errorf("%q: Content-Encoding %q", accept, h.Get("Content-Encoding"))
		}
		body := w.Body.Bytes()
		if gzipped {
			plain, err := unpack(body)
			if err != nil {
				t.Fatal(err)
			}
			body = plain
		}
		if string(body) != script {
			t.Errorf("%q: %q", accept, body)
		}
		again, _ := fetch(t, files, http.MethodGet, "start.js", map[string]string{"Accept-Encoding": accept, "If-None-Match": h.Get("ETag")})
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%q: %d with its own ETag", accept, again.Code)
		}
	}
	if w, ok := fetch(t, files, http.MethodHead, "start.js", nil); !ok || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "14" {
		t.Errorf("HEAD: %v %q", w.Header(), w.Body)
	}
	for _, name := range []string{"", ".", "..", "nothing.js", "../secret", "..\\secret", "start.js.gz", "broken.css"} {
		if w, ok := fetch(t, files, http.MethodGet, name, nil); ok {
			t.Errorf("%q is served: %q", name, w.Body)
		}
	}
}

func TestWithoutABuild(t *testing.T) {
	w, ok := fetch(t, fstest.MapFS{}, http.MethodGet, DocsPage, nil)
	if !ok || !strings.Contains(w.Body.String(), `href="docs/openapi.json"`) || !strings.Contains(w.Body.String(), "make build") {
		t.Errorf("%v %q", ok, w.Body)
	}
}

func TestContentTypes(t *testing.T) {
	for name, want := range map[string]string{"a.html": "text/html; charset=utf-8", "a.css": "text/css; charset=utf-8", "a.png": "image/png",
		"a.js": "text/javascript; charset=utf-8", "a.json": "application/json", "a.webmanifest": "application/manifest+json", "a.ico": "image/x-icon",
		"a.woff2": "font/woff2", "a.svg": "image/svg+xml", "a.txt": "text/plain; charset=utf-8", "a.exe": "application/octet-stream"} {
		if got := contentType(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestTheBuild looks at what npm made: every part that the page names is there, and nothing points to another server.
func TestTheBuild(t *testing.T) {
	page := httptest.NewRecorder()
	if !ServeDocs(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/docs", nil), DocsPage) || page.Body.String() == unbuilt {
		t.Fatal("the front end is not built: run make web")
	}
	names := 0
	for part := range strings.SplitSeq(page.Body.String(), `"docs/`) {
		name, _, ok := strings.Cut(part, `"`)
		if !ok || strings.ContainsAny(name, "<> ") || name == "openapi.json" {
			continue
		}
		names++
		if !ServeDocs(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), name) {
			t.Errorf("the page names %s, which is not there", name)
		}
	}
	if names < 4 {
		t.Errorf("only %d parts were found in the page", names)
	}
	if strings.Contains(page.Body.String(), "://") || strings.Contains(page.Body.String(), "<style") || strings.Contains(page.Body.String(), "style=") {
		t.Error("the page names another server, or has a style of its own, which its policy forbids")
	}
}
