package httpapi

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// count is how often an operation was counted.
func (f *fixture) count(t *testing.T, operation, status string) float64 {
	t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "iot_config_operations_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == operation && m.GetLabel()[1].GetValue() == status {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no counter for %s %s", operation, status)
	return 0
}

func TestEachOperationCountsOnce(t *testing.T) {
	f := newFixture(t)
	steps := []struct {
		req               request
		operation, status string // that are counted; none is ""
	}{
		{request{method: "GET", target: "/api/configs"}, "list", "success"},
		{request{method: "GET", target: "/api/configs?limit=5"}, "list", "success"},
		{request{method: "GET", target: "/api/configs?limit=x"}, "list", "error"},
		{request{method: "POST", target: "/api/configs", body: `{"mac_address":"aabbccddeeff","content":{}}`}, "create", "success"},
		{request{method: "POST", target: "/api/configs", body: `{"mac_address":"aabbccddeeff","content":{}}`}, "create", "error"},
		{request{method: "POST", target: "/api/configs", body: `nonsense`}, "create", "error"},
		{request{method: "POST", target: "/api/configs/", body: `{}`, header: map[string]string{"Content-Type": "text/html"}}, "create", "error"},
		{request{method: "POST", target: "/api/configs", body: `{}`, from: "10.0.0.9:1"}, "create", "error"},
		{request{method: "GET", target: "/api/configs/1"}, "get", "success"},
		{request{method: "GET", target: "/api/configs/abc"}, "get", "error"},
		{request{method: "PUT", target: "/api/configs/1", body: `{"content":{"a":1}}`}, "update", "success"},
		{request{method: "PUT", target: "/api/configs/7", body: `{"content":{}}`}, "update", "error"},
		{request{method: "GET", target: "/api/configs/aabbccddeeff.json"}, "get_raw", "success"},
		{request{method: "HEAD", target: "/esp32/config/aabbccddeeff.json"}, "get_raw", "success"},
		{request{method: "GET", target: "/api/configs/x.json"}, "get_raw", "error"},
		{request{method: "GET", target: "/api/configs/000000000000.json"}, "get_raw", "error"},
		{request{method: "GET", target: "/api/c%6fnfigs/aabbccddeeff.json"}, "get_raw", "success"},
		{request{method: "DELETE", target: "/api/configs/1"}, "delete", "success"},
		{request{method: "DELETE", target: "/api/configs/1"}, "delete", "error"},
		{request{method: "GET", target: "/api/health"}, "", ""},
		{request{method: "GET", target: "/api/nothing"}, "", ""},
		{request{method: "PATCH", target: "/api/configs/1", body: `{}`}, "update", "error"},
		{request{method: "TRACE", target: "/api/configs/1"}, "", ""},
		{request{method: "OPTIONS", target: "/api/configs/1"}, "", ""},
	}
	want := map[string]float64{}
	for _, s := range steps {
		f.do(s.req)
		if s.operation != "" {
			want[s.operation+" "+s.status]++
		}
	}
	got := map[string]float64{}
	for _, op := range []operation{opList, opGet, opGetRaw, opCreate, opUpdate, opDelete} {
		for _, status := range []string{"success", "error"} {
			if n := f.count(t, string(op), status); n > 0 {
				got[string(op)+" "+status] = n
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	f.Metrics().RawGet(true, time.Millisecond)
	if n := f.count(t, "get_raw", "success"); n != want["get_raw success"]+1 {
		t.Errorf("RawGet is not counted: %v", n)
	}
}

func TestScrape(t *testing.T) {
	f := newFixture(t)
	f.fill(3)
	body := f.do(request{method: "GET", target: "/metrics", from: "10.0.0.9:1", header: map[string]string{"Host": "any"}}).want(t, 200).body
	for _, line := range []string{"iot_config_files_count 3\n", `iot_config_operations_total{operation="delete",status="success"} 0`,
		`iot_config_operation_duration_seconds_count{operation="get_raw"} 0`} {
		if !strings.Contains(body, line) {
			t.Errorf("no line %q", line)
		}
	}
	f.memory().breakWith(fleet.Unavailable(errors.New("away")))
	body = f.get("/metrics").want(t, 200).body
	if strings.Contains(body, "iot_config_files_count ") {
		t.Error("the count is told although the database is away")
	}
	if !strings.Contains(body, "iot_config_operations_total") {
		t.Error("what does not need the database is gone too")
	}
}

func TestNewRefusesAClash(t *testing.T) {
	f := newFixture(t)
	_, err := New(Options{Service: fleet.NewService(f.store, fleet.Options{}), Registry: f.registry, Logger: f.logger})
	if err == nil || !strings.Contains(err.Error(), "registering metrics") {
		t.Errorf("two APIs on one registry: %v", err)
	}
	for _, o := range []Options{{}, {Registry: f.registry, Logger: f.logger}, {Service: f.service, Logger: f.logger},
		{Service: f.service, Registry: f.registry}} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "is missing") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
