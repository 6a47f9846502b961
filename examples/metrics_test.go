package examples

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/testenv"
)

// exposed is what a server of ours with nothing in it answers at /metrics. Its broker is away: its metrics are there all
// the same.
func exposed(t *testing.T) string {
	t.Helper()
	testenv.Ran(t, testenv.SQLite)
	set, _, err := settings.Load(settings.Source{Dir: t.TempDir(), Environ: []string{"HOST=127.0.0.1", "PORT=0",
		"DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "MQTT_URL=mqtt://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(app.Options{Settings: set, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), app.StopTimeout)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addr()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("/metrics answers %d: %v", resp.StatusCode, err)
	}
	return string(text)
}

// What the alerts and the dashboard ask for is what a server has, in name and in the values of its labels: an alert on a
// series that there is not never fires.
func TestARealServerHasWhatExamplesAskFor(t *testing.T) {
	text := exposed(t)
	names := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^# TYPE ((?:iot|espalier)_\w+) `).FindAllStringSubmatch(text, -1) {
		names[match[1]] = true
		if !registered(t)[match[1]] {
			t.Errorf("the server has %s, which the other tests of the examples do not find", match[1])
		}
	}
	for name := range registered(t) {
		// These have no series before the first message, whose topic is a label.
		if !names[name] && name != "up" && !strings.HasPrefix(name, "iot_mqtt_publish_") {
			t.Errorf("the server does not show %s", name)
		}
	}
	asked := read(t, "prometheus/espalier.rules.yml") + strings.ReplaceAll(read(t, "grafana/espalier.json"), `\"`, `"`)
	sync := regexp.MustCompile(`sync="(\w+)"`).FindAllStringSubmatch(asked, -1)
	if len(sync) < 2 {
		t.Errorf("only %d of the examples ask for a state: this test looks for the wrong thing", len(sync))
	}
	for _, match := range sync {
		if !slices.Contains(fleet.Syncs, fleet.Sync(match[1])) {
			t.Errorf("the examples ask for %s", match[0])
		}
	}
	for _, state := range fleet.Syncs {
		if !strings.Contains(text, `espalier_devices{sync="`+string(state)+`"}`) {
			t.Errorf("the server does not count devices that are %s", state)
		}
	}
}
