package httpapi

import (
	"strings"
	"testing"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/sample"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

func withSample(o *Options) { o.Sample = sample.Items }

func TestSampleTwiceOnBothEngines(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s, withSample)
		own := sample.Items()[3].MAC
		f.send("POST", "/api/configs", `{"mac_address":"`+own+`","content":{"deviceName":"mine"}}`).want(t, 201)
		first := f.with(map[string]string{changeMessageHeader: "to try"}, "POST", "/api/sample", "").want(t, 200)
		if want := `{"applied":true,"dry_run":false,"created":23,"updated":0,"unchanged":0,"skipped":1,"refused":[]}`; first.body != want {
			t.Errorf("got %s\nwant %s", first.body, want)
		}
		second := f.send("POST", "/api/sample", "").want(t, 200)
		if want := `{"applied":true,"dry_run":false,"created":0,"updated":0,"unchanged":23,"skipped":1,"refused":[]}`; second.body != want {
			t.Errorf("got %s\nwant %s", second.body, want)
		}
		if kept := f.get("/api/configs/"+own+".json").want(t, 200); kept.body != `{"deviceName":"mine"}` {
			t.Errorf("the device that was there has %s", kept.body)
		}
		audit := f.get("/api/audit?action=import&result=applied&limit=100").want(t, 200).body
		if strings.Count(audit, `"action":"import"`) != 23 || strings.Count(audit, `"message":"to try"`) != 23 {
			t.Errorf("audit: %s", audit)
		}
	})
}

func TestSampleIsRepeatable(t *testing.T) {
	f := newFixture(t, withSample)
	key := map[string]string{idempotencyKeyHeader: "once"}
	first := f.with(key, "POST", "/api/sample", "").want(t, 200)
	again := f.with(key, "POST", "/api/sample", "").want(t, 200)
	if again.body != first.body || again.header.Get(replayedHeader) != "true" || !strings.Contains(first.body, `"created":24`) {
		t.Errorf("first %s, again %s %v", first.body, again.body, again.header)
	}
}

// A sample that this server does not take is refused whole, and the audit has it.
func TestSampleThatIsTooLarge(t *testing.T) {
	f := newFixture(t, withSample, func(o *Options) {
		o.Service = fleet.NewService(newMemory(), fleet.Options{MaxContent: 300})
	})
	got := f.send("POST", "/api/sample", "").want(t, 200)
	if !strings.Contains(got.body, `"applied":false`) || !strings.Contains(got.body, `"code":"PAYLOAD_TOO_LARGE"`) {
		t.Errorf("%s", got.body)
	}
	if refused := f.refused.take(); len(refused) != 1 || refused[0].Action != fleet.ActionImport || refused[0].Target != "/api/sample" {
		t.Errorf("%+v", refused)
	}
}
