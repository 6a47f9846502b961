package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"espalier.dev/espalier/client"
)

func TestCreateAndUpdate(t *testing.T) {
	env := start(t).env()
	file := filepath.Join(t.TempDir(), "document")
	if err := os.WriteFile(file, []byte(" { \"n\": 1.0 }\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	made := answer[client.Config](t, run(t, env, "create", "AABB.CCDD.EE01", file, "-m", "für ☂", "-o", "json"))
	if made.MAC != "aa:bb:cc:dd:ee:01" || made.Revision != 1 {
		t.Errorf("made %+v", made)
	}
	if got := run(t, env, "show", "aabbccddee01"); got.out != " { \"n\": 1.0 }\r\n" {
		t.Errorf("kept as %q", got.out)
	}
	run(t, env, "history", "aabbccddee01").want(t, 0, "create", "für ☂", "local", "127.0.0.1")
	run(t, env, "create", "aabbccddee01", file).want(t, 4, "Config for aa:bb:cc:dd:ee:01 already exists")
	run(t, env, "create", "nobody", file).want(t, 4, "MAC address 'nobody' has invalid format")
	runWith(t, env, `{"a":`, "create", "aabbccddee02").want(t, 4, "content is not valid JSON: it ends too early")
	run(t, env, "create", "aabbccddee02", filepath.Join(t.TempDir(), "none")).want(t, 1, "no such file")
	runWith(t, env, `{"b":2}`, "update", "aabbccddee01", "-").want(t, 0, "Saved aa:bb:cc:dd:ee:01 as revision 2")
	runWith(t, env, `{"b":2}`, "update", "aabbccddee01").want(t, 0, "has this document already: revision 2")
	runWith(t, env, `{"b":3}`, "update", "aabbccddee01", "--if-revision", "1").want(t, 4, "espalier: ")
	runWith(t, env, `{"b":3}`, "update", "aabbccddee01", "--if-revision", "2").want(t, 0, "as revision 3")
	runWith(t, env, `{"c":{"d":1},"b":null}`, "patch", "aabbccddee01", "-m", "x").want(t, 0, "as revision 4")
	run(t, env, "show", "aabbccddee01").want(t, 0, `{"c":{"d":1}}`)
	runWith(t, env, `[]`, "patch", "aabbccddee01").want(t, 4, "content")
}

func TestSet(t *testing.T) {
	env := house(t)
	for _, tc := range []struct {
		args string
		says string
		want string // the document afterwards
	}{
		{"set Attic wifi.ssid Loft", "as revision 2", `{"deviceName":"Attic","wifi":{"ssid":"Loft","password":"hunter22"},"list":[1,2]}`},
		{"set Attic /list/0 {\"a\":null}", "as revision 3", `{"deviceName":"Attic","wifi":{"ssid":"Loft","password":"hunter22"},"list":[{"a":null},2]}`},
		{"set Attic list.- 3 -m more", "as revision 4", `{"deviceName":"Attic","wifi":{"ssid":"Loft","password":"hunter22"},"list":[{"a":null},2,3]}`},
		{"unset Attic list.0", "as revision 5", `{"deviceName":"Attic","wifi":{"ssid":"Loft","password":"hunter22"},"list":[2,3]}`},
		{"set Attic wifi null", "as revision 6", `{"deviceName":"Attic","wifi":null,"list":[2,3]}`},
		{"unset Attic wifi", "as revision 7", `{"deviceName":"Attic","list":[2,3]}`},
		{"set Attic list [2,3]", "has this document already: revision 7", `{"deviceName":"Attic","list":[2,3]}`},
	} {
		run(t, env, strings.Fields(tc.args)...).want(t, 0, tc.says)
		if got := run(t, env, "show", "Attic"); got.out != tc.want {
			t.Errorf("%s makes\n%s, want\n%s", tc.args, got.out, tc.want)
		}
	}
	run(t, env, "set", "Attic", "pin", "1234", "--string").want(t, 0)
	noted := run(t, env, "set", "Attic", "pin", "5678")
	noted.want(t, 0, "/pin was a string and no longer is; --string keeps it one")
	if strings.Contains(noted.errors, "1234") || strings.Contains(noted.errors, "5678") {
		t.Errorf("the value is told: %s", noted.errors)
	}
	run(t, env, "show", "Attic").want(t, 0, `"pin":5678`)
	run(t, env, "set", "Attic", "pin", "1", "--if-revision", "3").want(t, 4, "is at revision 9, not 3")
	run(t, env, "unset", "Attic", "wifi.ssid").want(t, 3, "aa:bb:cc:dd:ee:03 (Attic): /wifi/ssid is not in the document")
	run(t, env, "set", "Attic", "deviceName", "7").want(t, 4, "content.deviceName must be a string")
}

// between is a server before another, which lets a test do something ahead of a request.
func between(t *testing.T, env []string, before func(*http.Request)) []string {
	t.Helper()
	target, err := url.Parse(strings.TrimPrefix(env[0], "SERVER_URL="))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before(r)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return append([]string{"SERVER_URL=" + server.URL}, env[1:]...)
}

// Two who set different values at the same time both get what they want.
func TestSetOverAChangeOfSomebodyElse(t *testing.T) {
	env := house(t)
	changes := atomic.Int32{}
	raced := between(t, env, func(r *http.Request) {
		if r.Method == http.MethodPut && changes.Add(1) <= 2 {
			run(t, env, "set", "Attic", "theirs", strings.Repeat("9", int(changes.Load()))).want(t, 0)
		}
	})
	run(t, raced, "set", "Attic", "mine", "1").want(t, 0, "as revision 4")
	run(t, env, "show", "Attic").want(t, 0, `"theirs":99,"mine":1}`)
	if changes.Load() != 3 {
		t.Errorf("it was tried %d times", changes.Load())
	}
	changes.Store(-100)
	always := between(t, env, func(r *http.Request) {
		if r.Method == http.MethodPut {
			run(t, env, "set", "Attic", "theirs", strings.Repeat("1", int(changes.Add(1)+101))).want(t, 0)
		}
	})
	run(t, always, "set", "Attic", "mine", "2").want(t, 4, "aa:bb:cc:dd:ee:03")
	if n := changes.Load() + 100; n != 10 {
		t.Errorf("it was tried %d times", n)
	}
}

// An answer that is lost on its way does not make a second revision, nor an error.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	env := house(t)
	lost := atomic.Int32{}
	target := strings.TrimPrefix(env[0], "SERVER_URL=")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forward(t, w, r, target, func(status int) bool { return r.Method == http.MethodPost && status < 300 && lost.Add(1) == 1 })
	}))
	t.Cleanup(server.Close)
	cut := append([]string{"SERVER_URL=" + server.URL}, env[1:]...)
	runWith(t, cut, "{}", "create", "aabbccddee09").want(t, 0, "Created aa:bb:cc:dd:ee:09", "revision 1")
	lost.Store(0)
	run(t, env, "set", "Attic", "a", "1").want(t, 0)
	run(t, cut, "restore", "Attic", "1", "-y").want(t, 0, "Restored revision 1", "as revision 3")
	run(t, env, "history", "Attic", "-o", "json").want(t, 0, `"revision": 3`)
	if got := run(t, env, "history", "Attic", "-o", "json"); strings.Contains(got.out, `"revision": 4`) || lost.Load() != 2 {
		t.Errorf("it was done twice, or not repeated (%d answers): %s", lost.Load(), got.out)
	}
}

// forward hands a request on, and cuts the connection in the place of an answer that is to be lost.
func forward(t *testing.T, w http.ResponseWriter, r *http.Request, target string, lose func(status int) bool) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, target+r.RequestURI, r.Body)
	if err != nil {
		t.Error(err)
		return
	}
	req.Header, req.ContentLength = r.Header, r.ContentLength
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if lose(resp.StatusCode) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}
