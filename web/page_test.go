package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// visit fetches the page as a browser does that takes what accept says.
func visit(t *testing.T, files fs.FS, method, accept, nonce string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.Header.Set("Accept-Encoding", accept)
	r.Header.Set("If-None-Match", "*") // nothing makes the page a 304
	w := httptest.NewRecorder()
	if err := servePage(files, w, r, nonce); err != nil {
		t.Fatal(err)
	}
	if h := w.Header(); w.Code != http.StatusOK || h.Get("Cache-Control") != "no-store" || h.Get("ETag") != "" ||
		h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("%d %v", w.Code, h)
	}
	return w
}

func TestPageBearsItsNonceEverywhere(t *testing.T) {
	files := fstest.MapFS{"dist/app/index.html.gz": packed(t, `<meta nonce="CSP_NONCE"><script nonce=CSP_NONCE></script>`)}
	const want = `<meta nonce="one"><script nonce=one></script>`
	if got := visit(t, files, http.MethodGet, "", "one"); got.Body.String() != want || got.Header().Get("Content-Encoding") != "" {
		t.Errorf("plain: %v %q", got.Header(), got.Body)
	}
	zipped := visit(t, files, http.MethodGet, "gzip, br", "one")
	plain, err := unpack(zipped.Body.Bytes())
	if err != nil || string(plain) != want || zipped.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("packed: %v %q, %v", zipped.Header(), plain, err)
	}
	if got := visit(t, files, http.MethodHead, "", "one"); got.Body.Len() != 0 || got.Header().Get("Content-Length") != "45" {
		t.Errorf("HEAD: %v %q", got.Header(), got.Body)
	}
}

func TestPageThatWasNotBuilt(t *testing.T) {
	body := visit(t, fstest.MapFS{}, http.MethodGet, "", "one").Body.String()
	for _, text := range []string{"make build", `href="api/docs"`} {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not say %q: %s", text, body)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err := servePage(fstest.MapFS{"dist/app/index.html.gz": {Data: []byte("no gzip")}}, httptest.NewRecorder(), r, "one"); err == nil {
		t.Error("a page that cannot be unpacked is served")
	}
}

func TestAssetsAreKeptForGood(t *testing.T) {
	const script = "export const a = 1"
	files := fstest.MapFS{"dist/app/assets/app-1a2b.js.gz": packed(t, script), "dist/app/index.html.gz": packed(t, "page")}
	asset := func(name string, header map[string]string) (*httptest.ResponseRecorder, bool) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/assets/x", nil)
		for key, value := range header {
			r.Header.Set(key, value)
		}
		w := httptest.NewRecorder()
		return w, serve(files, w, r, "dist/app/assets", name, forever)
	}
	got, ok := asset("app-1a2b.js", nil)
	h := got.Header()
	if !ok || got.Body.String() != script || h.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v %v %q", ok, h, got.Body)
	}
	for _, tags := range []string{h.Get("ETag"), "W/" + h.Get("ETag"), `"other", ` + h.Get("ETag"), "*"} {
		again, _ := asset("app-1a2b.js", map[string]string{"If-None-Match": tags})
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != h.Get("ETag") ||
			again.Header().Get("Cache-Control") != forever {
			t.Errorf("%s: %d %v", tags, again.Code, again.Header())
		}
	}
	if changed, _ := asset("app-1a2b.js", map[string]string{"If-None-Match": `"other"`}); changed.Code != http.StatusOK {
		t.Errorf("%d with the tag of something else", changed.Code)
	}
	if packed, _ := asset("app-1a2b.js", map[string]string{"Accept-Encoding": "gzip"}); packed.Header().Get("ETag") == h.Get("ETag") {
		t.Error("packed and plain have the same tag")
	}
	for _, name := range []string{"", ".", "..", "../index.html", "..\\index.html", "app-1a2b.js.gz", "app-1a2b", "nothing.js"} {
		if got, ok := asset(name, nil); ok {
			t.Errorf("%q is served: %q", name, got.Body)
		}
	}
}

// TestTheBuildOfThePage looks at what Vite made: each part that the page names is there, wherever it is served, and nothing
// is of another server or written into the page itself, which its policy forbids.
func TestTheBuildOfThePage(t *testing.T) {
	page := visit(t, dist, http.MethodGet, "", "n0nce").Body.String()
	if page == unbuiltPage {
		t.Fatal("the page is not built: run make web")
	}
	if strings.Contains(page, nonceMark) {
		t.Error("a nonce is missing")
	}
	scripts, names := 0, regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	for _, found := range names {
		path := found[1]
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		asset, isAsset := strings.CutPrefix(path, "./assets/")
		switch {
		case isAsset:
			w := httptest.NewRecorder()
			if !ServeAsset(w, r, asset) {
				t.Errorf("the page names %s, which is not there", path)
			}
			if !regexp.MustCompile(`-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$`).MatchString(asset) {
				t.Errorf("%s has no hash in its name, and would be kept for a year", path)
			}
			if strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
				scripts++
			}
		case path == "./favicon.svg":
			if !ServeIcon(httptest.NewRecorder(), r) {
				t.Error("the page names its sign, which is not there")
			}
		default:
			t.Errorf("the page names %s: no part of its own, or not by a path relative to it", path)
		}
	}
	if scripts == 0 {
		t.Errorf("found no script in the page: %s", page)
	}
	for _, forbidden := range []string{"://", "<style", " style=", "javascript:", " onload=", "<base"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
	if regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(page) {
		t.Error("the page has a script within it")
	}
}

// TestEveryAssetHasAType walks all that the build made: what has no type of its own would not run.
func TestEveryAssetHasAType(t *testing.T) {
	files, err := fs.ReadDir(dist, "dist/app/assets")
	if err != nil {
		t.Fatal("the page is not built: run make web")
	}
	for _, file := range files {
		name, packed := strings.CutSuffix(file.Name(), ".gz")
		if !packed || contentType(name) == "application/octet-stream" {
			t.Errorf("%s is not packed, or is of no type that the server knows", file.Name())
		}
		if strings.HasSuffix(name, ".map") {
			t.Errorf("%s is embedded", name)
		}
	}
}
