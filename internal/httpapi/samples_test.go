package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

func TestFleetHistory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		if got := f.get("/api/fleet/history").want(t, 200); got.body != `{"samples":[],"step_seconds":300}` {
			t.Errorf("without samples: %s", got.body)
		}
		f.send("POST", "/api/configs", `{"mac_address":"02:00:00:00:00:01","content":{}}`).want(t, 201)
		now := f.clock.Now() // 03:04:05
		for _, ago := range []time.Duration{30 * time.Hour, 26 * time.Hour, 2 * time.Hour, 4 * time.Minute, 3 * time.Minute, 0} {
			taken, err := s.Sample(t.Context(), now.Add(-ago))
			must(t, err)
			if !taken {
				t.Fatal(ago)
			}
		}
		counts := `{"total":1,"sync":{"unknown":1,"pending":0,"fetched":0,"held":0,"applied":0,"error":0},"overdue":0,"online":0,"offline":0,"deleted":0,"at":`
		got := f.get("/api/fleet/history?since=2026-01-02T03:00:00Z&points=100").want(t, 200)
		want := `{"samples":[` + counts + `"2026-01-02T03:00:00.000000Z"},` + counts + `"2026-01-02T03:01:00.000000Z"},` + counts +
			`"2026-01-02T03:04:00.000000Z"}],"step_seconds":60}`
		if got.body != want {
			t.Errorf("got\n%s\nwant\n%s", got.body, want)
		}
		for query, want := range map[string][]string{
			"": {"01:04", "03:00"},
			"?since=2025-12-01T00:00:00Z&until=2026-01-02T01:00:00Z":               {"21:04", "01:04"},
			"?since=2026-01-01T21:04:00Z&until=2026-01-02T01:04:00Z":               {},
			"?since=2026-01-02T01:04:00Z&until=2026-01-02T03:01:00Z&points=1000":   {"01:04", "03:00"},
			"?since=2026-01-02T01:04:01Z&until=2026-01-02T03:01:01%2B00:00":        {"03:00", "03:01"},
			"?since=2026-01-02T03:00:00Z&until=2099-01-01T00:00:00Z&points=10":     {"03:00", "03:01", "03:04"},
			"?since=0002-01-01T00:00:00Z&points=10":                                {"21:04"},
			"?since=2025-12-31T20:00:00Z&until=2026-01-02T03:04:05Z&points=1000":   {"21:04", "01:04", "01:04", "03:00", "03:04"},
			"?since=2026-01-02T03:00:00Z&until=2026-01-02T03:04:00.000001Z":        {"03:00", "03:01", "03:04"},
			"?since=2026-01-02T03:00:00.000001Z&until=2026-01-02T03:04:00.000000Z": {"03:01"},
		} {
			var line struct{ Samples []struct{ At time.Time } }
			must(t, json.Unmarshal([]byte(f.get("/api/fleet/history"+query).want(t, 200).body), &line))
			times := []string{}
			for _, one := range line.Samples {
				times = append(times, one.At.Format("15:04"))
			}
			if diff := cmp.Diff(want, times); diff != "" {
				t.Errorf("%s: -want +got\n%s", query, diff)
			}
		}
	})
}

func TestFleetHistoryRefuses(t *testing.T) {
	f := newFixture(t)
	for query, field := range map[string]string{
		"points=9": "points", "points=1001": "points", "points=0": "points", "points=": "points", "points=many": "points", "points=-1": "points",
		"since=yesterday": "since", "until=1": "until",
		"since=2026-01-02T02:00:00Z&until=2026-01-02T02:00:00Z": "until",
		"since=2027-01-01T00:00:00Z":                            "until",
		"until=2025-12-01T00:00:00Z":                            "until",
	} {
		if got := f.get("/api/fleet/history?"+query).want(t, 400); !strings.Contains(got.body, `"field":"`+field+`"`) {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	f.memory().breakWith(fleet.Unavailable(nil))
	f.get("/api/fleet/history").want(t, 503)
}
