package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestCorrelationID(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		header map[string]string
		want   string // "" is a new one
	}{
		{nil, ""},
		{map[string]string{"X-Correlation-ID": "abc-1.2:3_Z"}, "abc-1.2:3_Z"},
		{map[string]string{"X-Request-ID": "r1"}, "r1"},
		{map[string]string{"X-Correlation-ID": "c1", "X-Request-ID": "r1"}, "c1"},
		{map[string]string{"X-Correlation-ID": "not sane", "X-Request-ID": "r1"}, "r1"},
		{map[string]string{"X-Correlation-ID": strings.Repeat("x", 128)}, strings.Repeat("x", 128)},
		{map[string]string{"X-Correlation-ID": strings.Repeat("x", 129)}, ""},
		{map[string]string{"X-Correlation-ID": "a\nlevel=ERROR"}, ""},
		{map[string]string{"X-Correlation-ID": "<script>"}, ""},
		{map[string]string{"X-Correlation-ID": "ü"}, ""},
	} {
		for _, target := range []string{"/api/configs", "/api/configs/x.json", "/healthz", "/api/nothing", "/metrics"} {
			got := f.do(request{method: "GET", target: target, header: c.header}).header.Get("X-Correlation-ID")
			if c.want != "" && got != c.want || c.want == "" && (len(got) < 16 || !saneID(got)) {
				t.Errorf("%s %v: %q", target, c.header, got)
			}
			if !strings.Contains(f.log.String(), `"correlationId":"`+got+`"`) {
				t.Errorf("%s: %q is not in the log", target, got)
			}
		}
	}
}

func TestAccessLog(t *testing.T) {
	f := newFixture(t)
	f.keep(`{"password":"hunter2"}`)
	f.get("/api/configs?q=searched")
	f.get("/api/configs/aabbccddeeff.json")
	f.get("/healthz")
	f.do(request{method: "GET", target: "/api/configs/" + strings.Repeat("9", 1000), header: map[string]string{"Authorization": "Bearer t0ken"}})
	var got []string
	for line := range strings.Lines(f.log.String()) {
		var rec struct {
			Level, Msg, Method, Path, Remote string
			Status                           int
			Bytes                            *int64
			Duration                         *int64
			CorrelationID                    string
		}
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Msg != "request" || rec.Bytes == nil || rec.Duration == nil || rec.Remote != "127.0.0.1:4711" || rec.CorrelationID == "" {
			t.Errorf("%s", line)
		}
		got = append(got, rec.Level+" "+rec.Method+" "+rec.Path[:min(len(rec.Path), 40)])
		if len(line) > 1000 {
			t.Errorf("a client makes the log long: %d bytes", len(line))
		}
	}
	want := "INFO POST /api/configs\nINFO GET /api/configs\nDEBUG GET /api/configs/aabbccddeeff.json\nDEBUG GET /healthz\n" +
		"INFO GET /api/configs/" + strings.Repeat("9", 27)
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	for _, secret := range []string{"hunter2", "searched", "t0ken"} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

// Somebody who looks for a device's configuration in vain finds why in the log, and nobody can fill the log so.
func TestStrangersAreNamedInTheLog(t *testing.T) {
	f := newFixture(t)
	for i := range 100 {
		f.get(fmt.Sprintf("/api/configs/aa-bb-cc-dd-ee-%02x.json", i))
	}
	const line = "a device asks for a configuration that does not exist"
	if n := strings.Count(f.log.String(), line); n != 20 {
		t.Errorf("%d lines for 100 requests, want 20", n)
	}
	if !strings.Contains(f.log.String(), `"mac":"aa-bb-cc-dd-ee-00","remote":"127.0.0.1:4711"`) {
		t.Errorf("the first is not named:\n%.500s", f.log.String())
	}
}

func TestLogHandler(t *testing.T) {
	var out bytes.Buffer
	inner := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})
	log := slog.New(LogHandler(LogHandler(inner)))
	ctx := withCorrelation(t.Context(), "id-1")
	log.With("a", 1).InfoContext(ctx, "with attributes")
	log.InfoContext(context.Background(), "outside")
	log.DebugContext(ctx, "too quiet")
	if n := strings.Count(out.String(), "correlationId=id-1"); n != 1 {
		t.Errorf("%d times: %s", n, out.String())
	}
	if strings.Contains(out.String(), "too quiet") || !strings.Contains(out.String(), "a=1") {
		t.Error(out.String())
	}
	log.WithGroup("g").InfoContext(ctx, "grouped", "b", 2)
	if !strings.Contains(out.String(), "g.b=2") {
		t.Error(out.String())
	}
}
