package httpapi

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file in testdata, or writes it there with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./internal/httpapi -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not as it was (-want +got):\n%s", path, diff)
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, code := range fleet.Codes {
		status, ok := statusOf(code)
		if !ok || status < 400 {
			t.Errorf("%s has the status %d, %v", code, status, ok)
		}
	}
	if _, ok := statusOf("SOMETHING_NEW"); ok {
		t.Error("an unknown code has a status")
	}
}

// TestContractErrors has the bodies that the contract gives, byte for byte.
func TestContractErrors(t *testing.T) {
	f := newFixture(t)
	f.send("POST", "/api/configs", `{"mac_address":"aa:bb:cc:dd:ee:ff","content":{}}`).want(t, 201)
	cases := []struct {
		name   string
		req    request
		status int
	}{
		{"exists", request{method: "POST", target: "/api/configs", body: `{"mac_address":"AA-BB-CC-DD-EE-FF","content":{}}`}, 409},
		{"not found", request{method: "GET", target: "/api/configs/99999"}, 404},
		{"not found by MAC", request{method: "GET", target: "/api/configs/00-00-00-00-00-01.json"}, 404},
		{"id is no number", request{method: "GET", target: "/api/configs/abc"}, 404},
		{"id is beyond int64", request{method: "DELETE", target: "/api/configs/9223372036854775808"}, 404},
		{"id is negative", request{method: "GET", target: "/api/configs/-1"}, 404},
		{"id has a plus", request{method: "GET", target: "/api/configs/+1"}, 404},
		{"id has an escaped slash", request{method: "GET", target: "/api/configs/1%2F2"}, 404},
		{"id is not UTF-8", request{method: "GET", target: "/api/configs/%FF%FE"}, 404},
		{"create with a bad MAC", request{method: "POST", target: "/api/configs", body: `{"mac_address":"x","content":{}}`}, 400},
		{"get with a bad MAC", request{method: "GET", target: "/api/configs/x.json"}, 400},
		{"get at the old path with a bad MAC", request{method: "GET", target: "/esp32/config/x.json"}, 400},
		{"nothing given", request{method: "POST", target: "/api/configs", body: `{}`}, 400},
		{"nulls given", request{method: "POST", target: "/api/configs", body: `{"mac_address":null,"content":null}`}, 400},
		{"wrong types", request{method: "POST", target: "/api/configs", body: `{"mac_address":12,"content":["secret"]}`}, 400},
		{"duplicate key in the content", request{method: "PUT", target: "/api/configs/1", body: `{"content":{"a":"secret","a":1}}`}, 400},
		{"derived field", request{method: "PUT", target: "/api/configs/1", body: `{"content":{"deviceName":7}}`}, 400},
		{"too large", request{method: "PUT", target: "/api/configs/1",
			body: `{"content":{"a":"` + strings.Repeat("x", fleet.DefaultMaxContent) + `"}}`}, 413},
		{"body too large", request{method: "POST", target: "/api/configs", body: strings.Repeat(" ", 7*fleet.DefaultMaxContent)}, 413},
		{"content type", request{method: "POST", target: "/api/configs", body: `{}`, header: map[string]string{
			"Content-Type": "application/x-www-form-urlencoded"}}, 415},
		{"unknown path", request{method: "GET", target: "/api/nothing"}, 404},
		{"wrong method", request{method: "PATCH", target: "/api/configs"}, 405},
		{"wrong method for a device", request{method: "PUT", target: "/api/configs/aabbccddeeff.json"}, 405},
		{"unknown host", request{method: "GET", target: "/api/configs", header: map[string]string{"Host": "evil.example"}}, 421},
		{"from the network", request{method: "GET", target: "/api/configs", from: "10.0.0.9:1"}, 403},
		{"cross-site", request{method: "GET", target: "/api/configs", header: map[string]string{"Sec-Fetch-Site": "cross-site"}}, 403},
		{"precondition failed", request{method: "PUT", target: "/api/configs/1", body: `{"content":{}}`, header: map[string]string{"If-Match": `"r7"`}}, 412},
		{"precondition of a create", request{method: "POST", target: "/api/configs", body: `{"mac_address":"aabbccddeeff","content":{}}`,
			header: map[string]string{"If-None-Match": "*"}}, 412},
		{"malformed precondition", request{method: "DELETE", target: "/api/configs/1", header: map[string]string{"If-Match": "r1"}}, 400},
		{"change message", request{method: "DELETE", target: "/api/configs/1", header: map[string]string{"X-Change-Message": "UTF-8''%0"}}, 400},
		{"idempotency key", request{method: "POST", target: "/api/configs/1/undelete", header: map[string]string{"Idempotency-Key": "two words"}}, 400},
		{"revision not found", request{method: "GET", target: "/api/configs/1/revisions/7"}, 404},
		{"revision is no number", request{method: "GET", target: "/api/configs/1/revisions/abc"}, 404},
		{"move to a bad MAC", request{method: "POST", target: "/api/configs/1/replace-device", body: `{"mac_address":"x"}`}, 400},
		{"patch of something else", request{method: "PATCH", target: "/api/configs/1", body: `{"content":"secret","mac_address":"secret"}`}, 400},
		{"patch of another kind", request{method: "PATCH", target: "/api/configs/1", body: `[]`, header: map[string]string{
			"Content-Type": "application/json-patch+json"}}, 415},
		{"audit filter", request{method: "GET", target: "/api/audit?since=yesterday"}, 400},
	}
	var all strings.Builder
	for _, c := range cases {
		if c.req.header == nil {
			c.req.header = map[string]string{}
		}
		c.req.header["X-Request-ID"] = "the-id"
		got := f.do(c.req).want(t, c.status)
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Correlation-ID") != "the-id" {
			t.Errorf("%s: header %v", c.name, got.header)
		}
		if strings.Contains(got.body, "secret") {
			t.Errorf("%s: the answer holds a value of the document: %s", c.name, got.body)
		}
		fmt.Fprintf(&all, "%s: %d\n%s\n\n", c.name, got.status, got.body)
	}
	golden(t, "errors.golden", all.String())
	if strings.Contains(f.log.String(), "secret") {
		t.Error("the log holds a value of the document")
	}
}

func TestFailuresOfOursHideTheirCause(t *testing.T) {
	cause := errors.New("password=hunter2 in dial string")
	cases := map[string]struct {
		err    error
		status int
		code   fleet.Code
		retry  string
	}{
		"internal":    {fleet.Internal(cause), 500, fleet.CodeInternal, ""},
		"bare":        {cause, 500, fleet.CodeInternal, ""},
		"unavailable": {fleet.Unavailable(cause), 503, fleet.CodeUnavailable, "2"},
		"too slow":    {fmt.Errorf("asking: %w", context.DeadlineExceeded), 503, fleet.CodeUnavailable, "2"},
		"loud":        {&fleet.Error{Code: fleet.CodeInternal, Message: "said hunter2"}, 500, fleet.CodeInternal, ""},
		"new code":    {&fleet.Error{Code: "NEW", Message: "said hunter2"}, 500, fleet.CodeInternal, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, target := range []string{"/api/configs", "/api/configs/1", "/api/configs/aabbccddeeff.json", "/api/export"} {
				f := newFixture(t)
				f.memory().breakWith(c.err)
				got := f.get(target).want(t, c.status)
				if strings.Contains(got.body, "hunter2") || !strings.Contains(got.body, string(c.code)) {
					t.Errorf("%s: %s", target, got.body)
				}
				if retry := got.header.Get("Retry-After"); retry != c.retry {
					t.Errorf("Retry-After is %q, want %q", retry, c.retry)
				}
				if n := strings.Count(f.log.String(), `"request failed"`); n != 1 {
					t.Errorf("%s: logged %d times: %s", target, n, f.log)
				}
				if id := got.header.Get("X-Correlation-ID"); strings.Count(f.log.String(), id) < 2 {
					t.Errorf("%s: not every line bears the correlation id: %s", target, f.log)
				}
			}
		})
	}
}

func TestPanicIsAnswered(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Ping = func(context.Context) error { panic("secret panic") }
	})
	got := f.get("/api/health").want(t, 500)
	if !strings.Contains(got.body, `"error":"Internal server error","code":"INTERNAL_ERROR"`) {
		t.Error(got.body)
	}
	if log := f.log.String(); !strings.Contains(log, "request panicked") || !strings.Contains(log, `"stack"`) {
		t.Error("the panic is not in the log")
	}
	if strings.Contains(f.log.String(), "secret panic") {
		t.Error("the value of a panic, which may hold anything, is in the log")
	}
}

func TestAClientThatLeftIsNoFailure(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/configs", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = "127.0.0.1:1"
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Error("the connection is not cut")
			}
		}()
		f.Handler().ServeHTTP(discard{}, r)
	}()
	if log := f.log.String(); strings.Contains(log, "ERROR") || !strings.Contains(log, `"status":499`) {
		t.Error(log)
	}
}

// discard is a writer for answers that nobody reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
