package cli_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/client"
)

func TestServeAndStop(t *testing.T) {
	s := start(t)
	run(t, s.env(), "healthcheck").want(t, 0, "well")
	run(t, s.env(), "healthcheck", "--ready").want(t, 0, "well")
	if status := s.stop(); status != 0 {
		t.Errorf("ended with %d:\n%s", status, s.log)
	}
	run(t, s.env(), "healthcheck").want(t, 1)
}

func TestServeSaysWhereToGo(t *testing.T) {
	for _, tc := range []struct {
		env  []string
		says []string
	}{
		{nil, []string{"Espalier v1.2.3 is running.", "http://127.0.0.1:", "/api/docs", "MQTT        off", "sqlite:///", "this machine only"}},
		{[]string{"ADMIN_TOKEN=correct-horse-battery-staple"}, []string{"from the network with the ADMIN_TOKEN"}},
		{[]string{"TRUST_NETWORK=yes"}, []string{"OPEN TO EVERYONE"}},
	} {
		log := startText(t, tc.env...)
		if _, rest, _ := strings.Cut(log, "is running.\n\n"); !regexp.MustCompile(`^  Open        http://127\.0\.0\.1:\d+/\n`).MatchString(rest) {
			t.Errorf("%v: does not say first where the page is:\n%s", tc.env, log)
		}
		for _, part := range tc.says {
			if !strings.Contains(log, part) {
				t.Errorf("%v: does not say %q:\n%s", tc.env, part, log)
			}
		}
		if strings.Contains(log, "correct-horse") {
			t.Errorf("shows the token:\n%s", log)
		}
	}
	if s := start(t, "TRUST_NETWORK=true"); !strings.Contains(s.log.String(), "everyone who reaches this server") {
		t.Errorf("JSON: no warning:\n%s", s.log)
	}
}

func TestLogSaysTheUnitOfADuration(t *testing.T) {
	s := start(t)
	run(t, s.env(), "import", folder(t, map[string]string{"aa-bb-cc-dd-ee-01.json": "{}"})).want(t, 0)
	s.stop()
	seen := map[string]int{}
	for line := range strings.Lines(s.log.String()) {
		var logged struct {
			Msg      string
			Duration any
		}
		if err := json.Unmarshal([]byte(line), &logged); err != nil || logged.Duration == nil {
			continue
		}
		text, _ := logged.Duration.(string)
		if _, err := time.ParseDuration(text); err != nil {
			t.Errorf("%v is no duration with a unit in %s", logged.Duration, line)
		}
		seen[logged.Msg]++
	}
	if seen["migrated the database"] == 0 || seen["request"] == 0 {
		t.Errorf("saw %v in:\n%s", seen, s.log)
	}
}

func TestServeFails(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"HOST=127.0.0.1", "PORT=" + port, "MQTT_URL=off", "DATA_DIR=" + t.TempDir()}
	run(t, env, "serve").want(t, 1, "listen on 127.0.0.1:"+port, "set PORT")
	s := start(t)
	run(t, []string{"HOST=127.0.0.1", "PORT=0", "MQTT_URL=off", "DATA_DIR=" + s.dir}, "serve").want(t, 6, "in use")
}

func TestHealthcheckOfAServerThatIsNotReady(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(503)
			_, _ = w.Write([]byte(`{"status":"not ready","database":"unavailable","migrations":"unknown","broker":"disabled"}`))
			return
		}
		_, _ = w.Write([]byte(`{"status":"alive"}`))
	}))
	defer server.Close()
	env := []string{"SERVER_URL=" + server.URL}
	run(t, env, "healthcheck").want(t, 0, "well")
	run(t, env, "healthcheck", "--ready").want(t, 1, "not ready: database unavailable")
}

func TestDatabase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	env := []string{"DATA_DIR=" + dir}
	run(t, env, "db", "upgrade").want(t, 0, "001  ", "applied 2")
	run(t, env, "db", "upgrade").want(t, 0, "up to date")
	run(t, env, "db", "status").want(t, 0, "001  ", "applied 2")
	run(t, env, "db", "load-test-data").want(t, 0, "Imported: 24 created")
	run(t, env, "db", "load-test-data").want(t, 0, "24 unchanged")
	runWith(t, env, "yes\n", "db", "upgrade", "--recreate").want(t, 2, "--yes")
	run(t, env, "db", "load-test-data").want(t, 0, "24 unchanged")
	run(t, env, "db", "upgrade", "--recreate", "--yes").want(t, 0, "001  ")
	run(t, env, "db", "load-test-data", "-o", "json").want(t, 0, `"created": 24`, `"refused": []`)
}

func TestDatabaseOfARunningServer(t *testing.T) {
	s := start(t)
	run(t, s.env(), "db", "upgrade").want(t, 6, "in use")
	run(t, s.env(), "db", "load-test-data").want(t, 0, "a server has the database", "Imported: 24 created")
	run(t, s.env(), "db", "load-test-data").want(t, 0, "24 unchanged")
}

// A look must not leave an empty database where somebody mistyped DATA_DIR.
func TestStatusMakesNoDatabase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mistyped")
	run(t, []string{"DATA_DIR=" + dir}, "db", "status").want(t, 0, "pending")
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", dir, err)
	}
}

func TestDatabaseIsAway(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := taken.Addr().String()
	taken.Close()
	got := run(t, []string{"DATABASE_URL=postgresql://u:hunter2hunter2@" + address + "/db"}, "db", "status")
	got.want(t, 6)
	if strings.Contains(got.out+got.errors, "hunter2") {
		t.Errorf("shows the password: %s", got.errors)
	}
}

func TestSimulate(t *testing.T) {
	s := start(t)
	got := run(t, s.env(), "simulate", "--devices", "3", "--churn", "5", "--duration", "1s", "--poll", "100ms", "-o", "json")
	got.want(t, 0)
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	var last struct {
		Phase          string
		Devices, Stale int
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Phase != "done" || last.Devices != 3 || last.Stale != 0 {
		t.Errorf("%v: %s", err, got.out)
	}
	c, err := client.New(s.url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if page, err := c.Configs(t.Context(), client.ListOptions{}); err != nil || len(page.Configs) != 0 {
		t.Errorf("the run left %d configurations, %v", len(page.Configs), err)
	}
	run(t, s.env(), "simulate", "--devices", "0").want(t, 2, "devices: 0 is not between 1 and")
	run(t, s.env(), "simulate", "--also", "ftp://x").want(t, 2, "ftp://x")
}
