package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"espalier.dev/espalier/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "correct-horse-battery-staple"

// serve starts a server that answers with fn, and returns a client of it that never repeats.
func serve(t *testing.T, fn http.HandlerFunc) *client.Client {
	t.Helper()
	return serveWith(t, client.Options{Token: token, Retries: -1}, fn)
}

func serveWith(t *testing.T, o client.Options, fn http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(fn)
	c, err := client.New(server.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	return c
}

// seen is what a request was.
type seen struct{ Method, URI, Body string }

// recorder answers every request alike and remembers the last.
func recorder(t *testing.T, status int, body string, header ...string) (*client.Client, *seen) {
	t.Helper()
	last := &seen{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the request: %v", err)
		}
		*last = seen{r.Method, r.RequestURI, strings.TrimSpace(string(raw))}
		if got := r.Header.Get("Authorization"); got != "Bearer "+token {
			t.Errorf("Authorization %q", got)
		}
		if got := r.Header.Get("Content-Type"); len(raw) > 0 && got != "application/json" {
			t.Errorf("Content-Type %q", got)
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	return c, last
}

const whole = `{"id":7,"mac_address":"aa:bb:cc:dd:ee:ff","device_name":"Flur ☂","device_entity_id":null,"enable_ota":true,` +
	`"content":{ "b" : 1e400,"a":12345678901234567890,  "n":"<ü>"},` +
	`"created_at":"2026-01-02T03:04:05.000006Z","updated_at":"2026-01-02T03:04:06.000007Z","revision":3}`

func wholeConfig() client.Config {
	name, ota := "Flur ☂", true
	return client.Config{ID: 7, MAC: "aa:bb:cc:dd:ee:ff", DeviceName: &name, EnableOTA: &ota,
		Content:   json.RawMessage(`{ "b" : 1e400,"a":12345678901234567890,  "n":"<ü>"}`),
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), UpdatedAt: time.Date(2026, 1, 2, 3, 4, 6, 7000, time.UTC),
		Revision: 3}
}

func TestConfigCalls(t *testing.T) {
	content := []byte("{ \"n\":\"<ü>\",\n\"x\":1e400 }")
	for _, tc := range []struct {
		name string
		call func(context.Context, *client.Client) (client.Config, error)
		want seen
	}{
		{"read", func(ctx context.Context, c *client.Client) (client.Config, error) { return c.Config(ctx, 7) },
			seen{"GET", "/api/configs/7", ""}},
		{"create", func(ctx context.Context, c *client.Client) (client.Config, error) {
			return c.Create(ctx, "aa-bb", content)
		}, seen{"POST", "/api/configs", `{"content":"{ \"n\":\"<ü>\",\n\"x\":1e400 }","mac_address":"aa-bb"}`}},
		{"update", func(ctx context.Context, c *client.Client) (client.Config, error) { return c.Update(ctx, 7, content) },
			seen{"PUT", "/api/configs/7", `{"content":"{ \"n\":\"<ü>\",\n\"x\":1e400 }"}`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, last := recorder(t, 200, whole)
			got, err := tc.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wholeConfig(), got); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, *last); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
	c, last := recorder(t, 204, "")
	if err := c.Delete(t.Context(), 9); err != nil || *last != (seen{"DELETE", "/api/configs/9", ""}) {
		t.Errorf("delete: %+v, %v", *last, err)
	}
}

func TestContentThatIsNoUTF8IsNotSent(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("was sent") })
	bad := []byte("{\"a\":\"\xff\"}")
	_, create := c.Create(t.Context(), "aa:bb:cc:dd:ee:ff", bad)
	_, update := c.Update(t.Context(), 1, bad)
	for _, err := range []error{create, update} {
		if !errors.Is(err, client.ErrInvalid) || err.Error() != "Validation failed: content is not valid UTF-8 (byte 6)" {
			t.Errorf("got %v", err)
		}
	}
}

func TestConfigsAsksForAPage(t *testing.T) {
	c, last := recorder(t, 200, `{"configs":[{"id":1,"mac_address":"aa:bb:cc:dd:ee:ff"}],"count":1,"next_cursor":"n/1"}`)
	page, err := c.Configs(t.Context(), client.ListOptions{Search: "hall way", Sort: "id", Descending: true, Limit: 5, Cursor: "c+"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "/api/configs?cursor=c%2B&limit=5&order=desc&q=hall+way&sort=id"; last.URI != want {
		t.Errorf("asked %s, want %s", last.URI, want)
	}
	if page.Next != "n/1" || len(page.Configs) != 1 || page.Configs[0].ID != 1 || page.Configs[0].Content != nil {
		t.Errorf("page %+v", page)
	}
	if _, err := c.Configs(t.Context(), client.ListOptions{}); err != nil || last.URI != "/api/configs?limit=100" {
		t.Errorf("by default asked %s: %v", last.URI, err)
	}
}

func TestAllFollowsTheCursor(t *testing.T) {
	pages := map[string]string{
		"":  `{"configs":[{"id":1},{"id":2}],"next_cursor":"a"}`,
		"a": `{"configs":[{"id":3}],"next_cursor":"b"}`,
		"b": `{"configs":[]}`,
	}
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		_, _ = io.WriteString(w, pages[r.URL.Query().Get("cursor")])
	})
	var ids []int64
	for config, err := range c.All(t.Context(), client.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, config.ID)
	}
	if diff := cmp.Diff([]int64{1, 2, 3}, ids); diff != "" || asked != 3 {
		t.Errorf("asked %d times (-want +got):\n%s", asked, diff)
	}
	asked = 0
	for _, err := range c.All(t.Context(), client.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if asked != 1 {
		t.Errorf("asked %d times for what was not wanted", asked)
	}
}

func TestAllYieldsAnErrorOnce(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("cursor") {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, `{"configs":[{"id":1}],"next_cursor":"a"}`)
	})
	var errs []error
	for _, err := range c.All(t.Context(), client.ListOptions{}) {
		errs = append(errs, err)
	}
	if len(errs) != 2 || errs[0] != nil || errs[1] == nil {
		t.Errorf("yielded %v", errs)
	}
}

func TestDocument(t *testing.T) {
	content := " { \"a\" : 1 }\r\n"
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/configs/aa-bb-cc-dd-ee-ff.json" {
			t.Errorf("asked %s", r.URL.Path)
		}
		w.Header().Set("ETag", `"abc"`)
		if r.Header.Get("If-None-Match") == `"abc"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, content)
	})
	for etag, want := range map[string]client.Document{
		"":    {Content: []byte(content), ETag: "abc"},
		"old": {Content: []byte(content), ETag: "abc"},
		"abc": {ETag: "abc", NotModified: true},
	} {
		got, err := c.Document(t.Context(), "aa-bb-cc-dd-ee-ff", etag)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("etag %q: %v (-want +got):\n%s", etag, err, diff)
		}
	}
}

func TestPathsAreEscaped(t *testing.T) {
	c, last := recorder(t, 200, "{}")
	if _, err := c.Document(t.Context(), "../x?y", ""); err != nil || last.URI != "/api/configs/..%2Fx%3Fy.json" {
		t.Errorf("asked %s: %v", last.URI, err)
	}
}

func TestServerBelowAPath(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"id":1,"device_name":"`+r.URL.Path+`"}`)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL+"/fleet/", client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	config, err := c.Config(t.Context(), 1)
	if err != nil || *config.DeviceName != "/fleet/api/configs/1" {
		t.Errorf("asked %v: %v", config.DeviceName, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{"", "localhost:3201", "ftp://h", "http://", "http://u:hunter2@h", "http://h/?q", "http://h:x"} {
		_, err := client.New(url, client.Options{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestProbes(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a probe bears the token, and needs none")
		}
		switch r.URL.Path {
		case "/healthz":
			_, _ = io.WriteString(w, `{"status":"alive"}`)
		case "/readyz":
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"status":"not ready","database":"unavailable","migrations":"unknown","broker":"disabled"}`)
		case "/api/health":
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"status":"unhealthy","database":"disconnected","error":"Failed to connect to database"}`)
		}
	})
	if err := c.Alive(t.Context()); err != nil {
		t.Errorf("Alive: %v", err)
	}
	ready, ok, err := c.Ready(t.Context())
	if want := (client.Readiness{Status: "not ready", Database: "unavailable", Migrations: "unknown", Broker: "disabled"}); ready != want || ok || err != nil {
		t.Errorf("Ready: %+v, %t, %v", ready, ok, err)
	}
	health, err := c.Health(t.Context())
	want := client.Health{Status: "unhealthy", Database: "disconnected", Error: "Failed to connect to database"}
	if health != want || err != nil {
		t.Errorf("Health: %+v, %v", health, err)
	}
}

func TestProbesOfSomethingElse(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		want   error
	}{
		{200, "<html>", client.ErrUnreadable},
		{200, `{"status":"ok"}`, client.ErrUnreadable},
		{503, "<html>", client.ErrUnavailable},
		{502, "", client.ErrUnavailable},
		{404, "", nil},
	} {
		c := serveBody(t, tc.status, tc.body)
		err := c.Alive(t.Context())
		if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
			t.Errorf("%d %q: %v", tc.status, tc.body, err)
		}
	}
}

func serveBody(t *testing.T, status int, body string) *client.Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}
