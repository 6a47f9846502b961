package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/testenv"
)

// serverState is what GET /api/server answers.
type serverState struct {
	Version, Principal string
	StartedAt          time.Time `json:"started_at"`
	Database           struct{ Engine, Status string }
	Broker             struct {
		Kind, Status string
		Problem      *string
		TopicPrefix  string `json:"topic_prefix"`
	}
	Outbox struct {
		Waiting       *int64
		OldestSeconds *int64 `json:"oldest_seconds"`
	}
	EventSubscribers int      `json:"event_subscribers"`
	DeviceURLs       []string `json:"device_urls"`
	Settings         []struct {
		Name, Value, Source string
		Secret              bool
	}
}

func (s serverState) setting(t *testing.T, name string) (value, source string) {
	t.Helper()
	for _, one := range s.Settings {
		if one.Name == name {
			return one.Value, one.Source
		}
	}
	t.Errorf("%s is not among the settings", name)
	return "", ""
}

func serverOf(t *testing.T, a *App) serverState {
	t.Helper()
	var s serverState
	status, body := request(t, http.MethodGet, "http://"+a.Addr()+"/api/server", "")
	if err := json.Unmarshal([]byte(body), &s); status != http.StatusOK || err != nil {
		t.Fatalf("%d %s %v", status, body, err)
	}
	return s
}

func TestServerTellsOfItself(t *testing.T) {
	eachEngine(t, func(t *testing.T, env []string) {
		before := time.Now().Add(-time.Minute)
		a := start(t, loaded(t, append(env, "MQTT_URL=off", "MQTT_TOPIC_PREFIX=site-7")...), io.Discard)
		got := serverOf(t, a)
		engine := map[bool]string{true: "sqlite", false: "postgres"}[len(env) == 0]
		if got.Version != "test" || got.Principal != "local" || got.StartedAt.Before(before) || got.StartedAt.After(time.Now().Add(time.Minute)) ||
			got.Database.Engine != engine || got.Database.Status != "ok" {
			t.Errorf("%+v", got)
		}
		if got.Broker.Kind != "off" || got.Broker.Status != "off" || got.Broker.Problem != nil || got.Broker.TopicPrefix != "site-7" {
			t.Errorf("%+v", got.Broker)
		}
		if got.DeviceURLs == nil || len(got.DeviceURLs) != 0 {
			t.Errorf("devices are to reach a loopback address at %v", got.DeviceURLs)
		}
		if value, source := got.setting(t, "MQTT_TOPIC_PREFIX"); value != "site-7" || source != "environment" {
			t.Errorf("%s from %s", value, source)
		}
		if value, source := got.setting(t, "KEEP_REVISIONS"); value != "0" || source != "default" {
			t.Errorf("%s from %s", value, source)
		}
		if status, body := request(t, http.MethodPost, "http://"+a.Addr()+"/api/sample", ""); status != http.StatusOK || !strings.Contains(body, `"created":24`) {
			t.Errorf("sample: %d %s", status, body)
		}
		if status, body := request(t, http.MethodPost, "http://"+a.Addr()+"/api/sample", ""); status != http.StatusOK || !strings.Contains(body, `"unchanged":24`) {
			t.Errorf("sample again: %d %s", status, body)
		}
	})
}

func TestServerCountsReadersOfEvents(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	a := start(t, loaded(t, "MQTT_URL=off"), io.Discard)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Addr()+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	testenv.WaitFor(t, patience, func() bool { return serverOf(t, a).EventSubscribers == 1 })
	leave()
	testenv.WaitFor(t, patience, func() bool { return serverOf(t, a).EventSubscribers == 0 })
}

func TestServerTellsOfTheEmbeddedBroker(t *testing.T) {
	testenv.Ran(t, testenv.EmbeddedBroker)
	a := start(t, loaded(t), io.Discard)
	testenv.WaitFor(t, patience, func() bool { return serverOf(t, a).Broker.Status == "connected" })
	if got := serverOf(t, a).Broker; got.Kind != "embedded" || got.Problem != nil {
		t.Errorf("%+v", got)
	}
	_, port, _ := strings.Cut(a.BrokerAddr(), ":")
	other := start(t, loaded(t, "MQTT_LISTEN=127.0.0.1:"+port), io.Discard)
	testenv.WaitFor(t, patience, func() bool { return serverOf(t, other).Broker.Problem != nil })
	if got := serverOf(t, other).Broker; got.Kind != "embedded" || got.Status != "disconnected" || got.Problem == nil || !strings.Contains(*got.Problem, "MQTT_LISTEN") {
		t.Errorf("of a port that is taken: %+v", got)
	}
}

func TestServerTellsOfAnExternalBroker(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	a := start(t, loaded(t, "MQTT_URL="+b.URL()), io.Discard)
	testenv.WaitFor(t, patience, func() bool { return serverOf(t, a).Broker.Status == "connected" })
	if got := serverOf(t, a); got.Broker.Kind != "external" || got.Broker.Problem != nil {
		t.Errorf("%+v", got.Broker)
	}
	b.Stop(t)
	testenv.WaitFor(t, patience, func() bool {
		got := serverOf(t, a).Broker
		return got.Status == "disconnected" && got.Problem != nil && strings.Contains(*got.Problem, "refused")
	})
	createConfig(t, a)
	testenv.WaitFor(t, patience, func() bool {
		got := serverOf(t, a).Outbox
		return got.Waiting != nil && *got.Waiting == 1 && got.OldestSeconds != nil && *got.OldestSeconds < 60
	})
	b.Start(t)
	testenv.WaitFor(t, patience, func() bool {
		got := serverOf(t, a)
		return got.Broker.Status == "connected" && got.Broker.Problem == nil && *got.Outbox.Waiting == 0 && got.Outbox.OldestSeconds == nil
	})
}

func TestServerTellsThatTheDatabaseIsAway(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	cluster := testenv.NewCluster(t, testenv.ClusterOptions{})
	a := start(t, loaded(t, "MQTT_URL=off", "DATABASE_URL="+cluster.NewDatabase(t)), io.Discard)
	if got := serverOf(t, a); got.Database.Status != "ok" || got.Outbox.Waiting == nil {
		t.Errorf("%+v", got)
	}
	cluster.Stop(t)
	if got := serverOf(t, a); got.Database.Status != "unavailable" || got.Outbox.Waiting != nil || len(got.Settings) == 0 {
		t.Errorf("%+v", got)
	}
	cluster.Start(t)
	testenv.WaitFor(t, patience, func() bool { return serverOf(t, a).Database.Status == "ok" })

	testenv.Ran(t, testenv.SQLite)
	b := start(t, loaded(t, "MQTT_URL=off"), io.Discard)
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if got := serverOf(t, b); got.Database.Engine != "sqlite" || got.Database.Status != "unavailable" || got.Outbox.Waiting != nil {
		t.Errorf("%+v", got)
	}
}

// TestServerKeepsItsSecrets has a marker in each secret, and from each source, and looks for them in all that the server tells:
// also of a database and a broker that refuse it.
func TestServerKeepsItsSecrets(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	testenv.Ran(t, testenv.MosquittoName)
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{Username: "u", Password: "another"})
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token := write("token", "marker-of-the-token-1234\n")
	write(".env", fmt.Sprintf("MQTT_URL=mqtt://u:marker-of-the-broker@%s\nDATABASE_URL=postgresql://u:marker-of-the-database@127.0.0.1:%d/db?sslpassword=marker-of-the-key\n",
		b.Address(), testenv.FreePort(t)))
	set, _, err := settings.Load(settings.Source{Dir: dir, Environ: []string{"HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + dir, "ADMIN_TOKEN_FILE=" + token}})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a := start(t, set, &log)
	testenv.WaitFor(t, patience, func() bool { return serverOf(t, a).Broker.Problem != nil })
	got := serverOf(t, a)
	if got.Database.Status != "unavailable" || !strings.Contains(*got.Broker.Problem, "refused") {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string][2]string{
		"ADMIN_TOKEN":   {"•••", "environment (ADMIN_TOKEN_FILE)"},
		"MQTT_PASSWORD": {"•••", "MQTT_URL"},
		"MQTT_URL":      {"mqtt://" + b.Address(), ".env"},
	} {
		if value, source := got.setting(t, name); value != want[0] || source != want[1] {
			t.Errorf("%s is %s from %s", name, value, source)
		}
	}
	if value, _ := got.setting(t, "DATABASE_URL"); !strings.Contains(value, "u:•••@127.0.0.1") {
		t.Errorf("DATABASE_URL is %s", value)
	}
	for _, path := range []string{"/api/server", "/readyz", "/api/health", "/metrics", "/", "/api/docs/openapi.json"} {
		if _, body := request(t, http.MethodGet, "http://"+a.Addr()+path, ""); strings.Contains(body, "marker") || body == "" {
			t.Errorf("%s tells a secret: %s", path, body)
		}
	}
	stop(t, a)
	if strings.Contains(log.String(), "marker") {
		t.Errorf("the log tells a secret: %s", log.String())
	}
}

func TestDeviceURLs(t *testing.T) {
	var own []netip.Addr
	for _, text := range []string{"127.0.0.1", "fd00::7", "192.168.1.20", "fe80::1", "::1", "10.0.0.7", "169.254.3.3", "192.168.1.20"} {
		own = append(own, netip.MustParseAddr(text))
	}
	for at, want := range map[string][]string{
		"[::]:3201":               {"http://192.168.1.20:3201/", "http://10.0.0.7:3201/", "http://[fd00::7]:3201/"},
		"0.0.0.0:80":              {"http://192.168.1.20:80/", "http://10.0.0.7:80/", "http://[fd00::7]:80/"},
		"10.0.0.7:3201":           {"http://10.0.0.7:3201/"},
		"[::ffff:10.0.0.7]:3201":  {"http://10.0.0.7:3201/"},
		"[fd00::7%eth0]:3201":     {"http://[fd00::7]:3201/"},
		"127.0.0.1:3201":          nil,
		"[::1]:3201":              nil,
		"[fe80::1%eth0]:3201":     nil,
		"[::ffff:127.0.0.1]:3201": nil,
	} {
		if diff := cmp.Diff(want, deviceURLs(netip.MustParseAddrPort(at), own)); diff != "" {
			t.Errorf("%s: %s", at, diff)
		}
	}
}
