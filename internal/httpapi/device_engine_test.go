package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// keeper keeps what devices show at once.
type keeper struct {
	t *testing.T
	s *store.Store
}

func (k keeper) saw(e fleet.Evidence) {
	if err := k.s.Record(context.WithoutCancel(k.t.Context()), []fleet.Evidence{e}); err != nil {
		k.t.Error(err)
	}
}

func (k keeper) Report(ctx context.Context, e fleet.Evidence) error {
	return k.s.Record(ctx, []fleet.Evidence{e})
}

// TestDevicesOnBothEngines has devices that show different amounts, and looks at what is known of them.
func TestDevicesOnBothEngines(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		k := keeper{t, s}
		var f *fixture
		now := func() time.Time { return f.clock.Now() }
		f = over(t, s, func(o *Options) {
			o.Saw, o.Now = k.saw, now
			o.Service = fleet.NewService(s, fleet.Options{Now: now, Reporter: k})
		})
		f.clock.now = time.Now().UTC().Truncate(time.Microsecond) // the store looks at its own
		const mac = "aa:bb:cc:dd:ee:0"
		for n := range 6 {
			f.send("POST", "/api/configs", fmt.Sprintf(`{"mac_address":"%s%d","content":{"n":%d}}`, mac, n, n)).want(t, 201)
		}
		ask := func(n int, header map[string]string, status int) string {
			t.Helper()
			f.clock.pass(time.Second)
			return f.device("GET", fmt.Sprintf("/api/configs/%s%d.json", mac, n), "", header).want(t, status).header.Get("ETag")
		}
		report := func(n int, body string, status int) {
			t.Helper()
			f.clock.pass(time.Second)
			f.device("POST", fmt.Sprintf("/api/configs/%s%d/report", mac, n), body, nil).want(t, status)
		}
		ask(0, map[string]string{"Accept-Language": "de"}, 200) // a person: it stays unknown
		ask(1, nil, 200)
		f.send("PUT", "/api/configs/2", `{"content":{"new":1}}`).want(t, 200) // 1 was served what is old now
		ask(2, nil, 200)
		ask(3, map[string]string{"If-None-Match": ask(3, nil, 200)}, 304)
		ask(4, nil, 200)
		report(4, `{"rev":1,"status":"applied","firmware":"1.2"}`, 204)
		report(5, `{"etag":`+ask(5, nil, 200)+`,"status":"error","code":7,"path":"/n","message":"not a number"}`, 204)
		report(5, `{"rev":2,"status":"applied"}`, 404)
		report(9, `{"rev":1,"status":"applied"}`, 404)

		var list struct{ Configs []struct{ Sync string } }
		if err := json.Unmarshal([]byte(f.get("/api/configs").want(t, 200).body), &list); err != nil {
			t.Fatal(err)
		}
		var states []string
		for _, c := range list.Configs {
			states = append(states, c.Sync)
		}
		if diff := cmp.Diff([]string{"unknown", "pending", "fetched", "held", "applied", "error"}, states); diff != "" {
			t.Error(diff)
		}
		sum := f.get("/api/fleet/summary").want(t, 200).body
		if want := `{"total":6,"sync":{"unknown":1,"pending":1,"fetched":1,"held":1,"applied":1,"error":1},"overdue":0,"online":0,"offline":0,"deleted":0,"at":`; !strings.HasPrefix(sum, want) {
			t.Errorf("%s, want %s", sum, want)
		}
		metrics := f.get("/metrics").body
		for _, state := range fleet.Syncs {
			if line := fmt.Sprintf("espalier_devices{sync=%q} 1\n", state); !strings.Contains(metrics, line) {
				t.Errorf("no line %q", line)
			}
		}
		device := f.get("/api/configs/6/device").want(t, 200).body
		for _, want := range []string{`"sync":"error"`, `"held":null`, `"code":"7","path":"/n","message":"not a number","firmware":null`, `"level":"error"`, `"address":"10.0.0.5"`} {
			if !strings.Contains(device, want) {
				t.Errorf("%s, want %s", device, want)
			}
		}
		before := f.clock.Now().Add(-1500 * time.Millisecond).Format(time.RFC3339Nano)
		f.send("PUT", "/api/configs/6", `{"content":{"n":"seven"}}`).want(t, 200)
		ask(5, nil, 200)
		for at, want := range map[string]string{
			"2000-01-01T00:00:00Z": `"known":false,"revision":null,"etag":null,"level":null,"fact_at":null`,
			before:                 `"known":true,"revision":1,`,
			"2199-01-01T00:00:00Z": `"known":true,"revision":2,`,
		} {
			if then := f.get("/api/configs/6/device?at="+at).want(t, 200).body; !strings.Contains(then, want) {
				t.Errorf("%s: %s, want %s", at, then, want)
			}
		}
		var facts struct{ Facts []struct{ Kind string } }
		if err := json.Unmarshal([]byte(f.get("/api/configs/6/facts?limit=10").want(t, 200).body), &facts); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]struct{ Kind string }{{"fetched"}, {"error"}, {"fetched"}}, facts.Facts); diff != "" {
			t.Error(diff)
		}
	})
}
