package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// reporter keeps reports in the store of a fixture, or refuses them.
type reporter struct {
	store *memory
	err   error
	got   []fleet.Evidence
}

func (r *reporter) Report(ctx context.Context, e fleet.Evidence) error {
	if r.err != nil {
		return r.err
	}
	r.got = append(r.got, e)
	return r.store.Record(ctx, []fleet.Evidence{e})
}

// reported is an API over memory with one configuration in two revisions, whose device may report.
func reported(t *testing.T) (*fixture, *reporter) {
	t.Helper()
	store := newMemory()
	taker := &reporter{store: store}
	var f *fixture
	f = over(t, store, func(o *Options) {
		o.Service = fleet.NewService(store, fleet.Options{Now: func() time.Time { return f.clock.Now() }, Reporter: taker})
	})
	f.keep(odd)
	f.send("PUT", "/api/configs/1", `{"content":{"new":1}}`).want(t, 200)
	return f, taker
}

const reportPath = "/api/configs/AA-BB-CC-DD-EE-FF/report"

// device sends a request as firmware in the network does.
func (f *fixture) device(method, target, body string, header map[string]string) reply {
	f.t.Helper()
	all := map[string]string{"Host": "espalier.example", "Content-Type": ""}
	for name, value := range header {
		all[name] = value
	}
	return f.do(request{method: method, target: target, body: body, from: "10.0.0.5:4711", header: all})
}

func TestReports(t *testing.T) {
	f, taker := reported(t)
	first, now := fleet.ETag(f.memory().revisions[someMAC][0].SHA256), f.memory().configs[1].ETag
	for _, c := range []struct {
		body string
		want fleet.Evidence
	}{
		{`{"rev":2,"status":"applied"}`, fleet.Evidence{Revision: 2, ETag: now, Report: &fleet.DeviceReport{Applied: true}}},
		{`{"etag":"\"` + first + `\"","status":"applied","extra":{"heap":1}}`, fleet.Evidence{Revision: 1, ETag: first, Report: &fleet.DeviceReport{Applied: true}}},
		{`{"rev":1,"etag":"` + first + `","status":"error","code":-5,"path":"/mqtt/endpoint","message":"no\nsuch host","firmware":"1.4.2"}`,
			fleet.Evidence{Revision: 1, ETag: first, Report: &fleet.DeviceReport{Code: "-5", Path: "/mqtt/endpoint", Message: "no\nsuch host", Firmware: "1.4.2"}}},
	} {
		got := f.device("POST", reportPath, c.body, nil).want(t, 204)
		if got.header.Get("Content-Type") != "" {
			t.Errorf("%v", got.header)
		}
		c.want.MAC, c.want.Kind, c.want.At, c.want.Address = someMAC, fleet.EvidenceReported, f.clock.Now(), "10.0.0.5"
		c.want.Numbered = strings.Contains(c.body, `"rev":`)
		if diff := cmp.Diff([]fleet.Evidence{c.want}, taker.got); diff != "" {
			t.Errorf("%s: %s", c.body, diff)
		}
		taker.got = nil
	}
	if body := f.get("/api/configs/1").want(t, 200).body; !strings.Contains(body, `"sync":"applied"`) {
		t.Errorf("an old error counts against the newest document: %s", body)
	}
	if strings.Contains(f.log.String(), "such host") || strings.Contains(f.log.String(), "ERROR") {
		t.Error(f.log.String())
	}
}

// Whatever its HTTP library calls the body, a device is understood; what says that it is something else is not.
func TestMediaTypesOfReports(t *testing.T) {
	f, taker := reported(t)
	const body = `{"rev":2,"status":"applied"}`
	for kind, status := range map[string]int{
		"": 204, "application/json": 204, "application/json; charset=utf-8": 204, "Application/JSON": 204,
		"application/x-www-form-urlencoded": 204, "application/x-www-form-urlencoded; charset=utf-8": 204,
		"text/plain": 415, "multipart/form-data; boundary=x": 415, "application/cbor": 415, "application/json; charset=utf-16": 415,
		"application/x-ndjson": 415, "nonsense": 415,
	} {
		taker.got = nil
		f.device("POST", reportPath, body, map[string]string{"Content-Type": kind}).want(t, status)
		if kept := len(taker.got) == 1; kept != (status == 204) {
			t.Errorf("%q: kept %v", kind, kept)
		}
	}
	f.device("POST", reportPath, body, map[string]string{"Content-Encoding": "gzip"}).want(t, 415)
}

func TestReportsThatAreRefused(t *testing.T) {
	f, taker := reported(t)
	const good = `{"rev":2,"status":"applied"}`
	long := func(field string, n int) string {
		return fmt.Sprintf(`{"rev":2,"status":"error",%q:%q}`, field, strings.Repeat("x", n))
	}
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/api/configs/x/report", good, 400, "has invalid format"},
		{"/api/configs/%EF%BC%A1abbccddeeff/report", good, 400, "has invalid format"},
		{"/api/configs/000000000000/report", good, 404, "Config 00:00:00:00:00:00 was not found"},
		{"/api/configs/1/report", good, 400, "has invalid format"},
		{reportPath, ``, 400, `"field":"body"`},
		{reportPath, `[]`, 400, `"field":"body"`},
		{reportPath, `{"rev":2,"status":"applied"`, 400, `"field":"body"`},
		{reportPath, `{"rev":2,"status":"applied","status":"error"}`, 400, "a key twice"},
		{reportPath, `{"rev":2,"status":"applied","x":{"a":1,"a":2}}`, 400, "a key twice"},
		{reportPath, "{\"rev\":2,\"status\":\"applied\",\"message\":\"\xff\"}", 400, "UTF-8"},
		{reportPath, `{"status":"applied"}`, 400, `"field":"rev"`},
		{reportPath, `{"rev":0,"status":"applied"}`, 400, `"field":"rev"`},
		{reportPath, `{"rev":2,"status":"fine"}`, 400, `"field":"status"`},
		{reportPath, long("code", 65), 400, `"field":"code"`},
		{reportPath, long("path", 513), 400, `"field":"path"`},
		{reportPath, long("message", 1001), 400, `"field":"message"`},
		{reportPath, long("firmware", 65), 400, `"field":"firmware"`},
		{reportPath, `{"rev":2,"status":"error","code":"\u0000"}`, 400, `"field":"code"`},
		{reportPath, `{"rev":3,"status":"applied"}`, 404, "Revision 3 of aa:bb:cc:dd:ee:ff was not found"},
		{reportPath, `{"etag":"0123","status":"applied"}`, 404, "was not found"},
		{reportPath, `{"rev":2,"etag":"0123","status":"applied"}`, 404, "Revision 2 of aa:bb:cc:dd:ee:ff was not found"},
		{reportPath, long("x", fleet.MaxReport), 413, "4096 bytes"},
	} {
		got := f.device("POST", c.path, c.body, nil).want(t, c.status)
		if !strings.Contains(got.body, c.says) {
			t.Errorf("%s %.40s: %s, want %s", c.path, c.body, got.body, c.says)
		}
	}
	if len(taker.got) != 0 {
		t.Errorf("kept %v", taker.got)
	}
	f.device("POST", reportPath, `{"rev":2,"status":"error","message":"`+strings.Repeat("x", 1000)+`"}`, nil).want(t, 204)
	padded := good + strings.Repeat(" ", fleet.MaxReport-len(good))
	f.device("POST", reportPath, padded, nil).want(t, 204)
	f.device("POST", reportPath, padded+" ", nil).want(t, 413)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if got := f.device(method, reportPath, "", nil).want(t, 405); got.header.Get("Allow") != "OPTIONS, POST" {
			t.Errorf("%s: %v", method, got.header)
		}
	}
}

// A browser may not be used to make a device's status lie.
func TestPagesMayNotReport(t *testing.T) {
	f, taker := reported(t)
	for _, header := range []map[string]string{
		{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
		{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "application/x-www-form-urlencoded"},
	} {
		f.device("POST", reportPath, `{"rev":2,"status":"applied"}`, header).want(t, 403)
	}
	if len(taker.got) != 0 {
		t.Errorf("kept %v", taker.got)
	}
}

func TestReportsThatCannotBeKept(t *testing.T) {
	f, taker := reported(t)
	const good = `{"rev":2,"status":"applied"}`
	for wait, want := range map[time.Duration]string{time.Millisecond: "1", time.Second: "1", 1500 * time.Millisecond: "2", 10 * time.Second: "10"} {
		taker.err = fleet.TooManyReports(someMAC, wait)
		if got := f.device("POST", reportPath, good, nil).want(t, 429); got.header.Get("Retry-After") != want {
			t.Errorf("%v: Retry-After %q, want %s", wait, got.header.Get("Retry-After"), want)
		}
	}
	taker.err = fleet.Unavailable(errors.New("away"))
	if got := f.device("POST", reportPath, good, nil).want(t, 503); got.header.Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
	newFixture(t).device("POST", reportPath, good, nil).want(t, 503) // nobody takes reports
}

// Reports are none of the six operations, and log no line of their own at the usual level.
func TestReportsAreNotCounted(t *testing.T) {
	f, _ := reported(t)
	before := f.get("/metrics").body
	f.device("POST", reportPath, `{"rev":2,"status":"applied"}`, nil).want(t, 204)
	f.device("POST", reportPath, `{}`, nil).want(t, 400)
	operations := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "iot_config_operations_total") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	if diff := cmp.Diff(operations(before), operations(f.get("/metrics").body)); diff != "" || len(operations(before)) == 0 {
		t.Error(diff)
	}
	for line := range strings.Lines(f.log.String()) {
		if strings.Contains(line, "/report") && strings.Contains(line, `"level":"INFO"`) {
			t.Error(line)
		}
	}
	if f.do(request{method: http.MethodOptions, target: reportPath}).want(t, 204).header.Get("Allow") != "OPTIONS, POST" {
		t.Error("OPTIONS")
	}
}
