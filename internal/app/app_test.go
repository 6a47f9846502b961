package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/testenv"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "broker" { // the supervisor gives its child no environment
		if err := RunBroker(context.Background(), os.Stdin, os.Stdout, os.Stderr); err != nil {
			os.Exit(1) //nolint:forbidigo // this is main, of the broker's process
		}
		os.Exit(0) //nolint:forbidigo // this is main, of the broker's process
	}
	if len(os.Args) == 5 && os.Args[1] == "load" { // of a benchmark, in a process of its own
		if err := generateLoad(os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:forbidigo // this is main, of the load's process
		}
		os.Exit(0) //nolint:forbidigo // this is main, of the load's process
	}
	testenv.Main(m)
}

func loaded(t testing.TB, env ...string) settings.Settings {
	t.Helper()
	set, _, err := settings.Load(settings.Source{Dir: t.TempDir(), Environ: append([]string{
		"HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "MQTT_LISTEN=127.0.0.1:0"}, env...)})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func start(t *testing.T, set settings.Settings, log io.Writer) *App {
	t.Helper()
	return startWith(t, Options{Settings: set, Logger: slog.New(slog.NewTextHandler(log, nil))})
}

func startWith(t testing.TB, o Options) *App {
	t.Helper()
	o.Version, o.BrokerCommand = "test", []string{os.Args[0], "broker"}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

func stop(t testing.TB, a *App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), StopTimeout)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func request(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// A client that never ends its request is cut, and the relay and the broker still end in order.
func TestASlowClientLeavesTimeForTheRest(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	testenv.Ran(t, testenv.EmbeddedBroker)
	var log bytes.Buffer
	a := start(t, loaded(t), &log)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /api/configs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // the handler wants the body
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), StopTimeout)
	defer cancel()
	err = a.Stop(ctx)
	if err == nil || !strings.Contains(err.Error(), "were cut") || strings.Contains(err.Error(), "\n") {
		t.Errorf("stopped with %v; want one error, of the request that was cut", err)
	}
	if ctx.Err() != nil {
		t.Error("the stop took all of its time")
	}
}

func TestStartServesAndStopEndsAll(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	testenv.Ran(t, testenv.EmbeddedBroker)
	defer testenv.NoLeaks(t, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
	var log bytes.Buffer
	a := start(t, loaded(t), &log)
	base := "http://" + a.Addr()
	if status, body := request(t, "POST", base+"/api/configs", `{"mac_address":"aa:bb:cc:dd:ee:ff","content":{"n":1.0}}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := request(t, "GET", base+"/api/configs/aabbccddeeff.json", ""); status != http.StatusOK || body != `{"n":1.0}` {
		t.Errorf("%d %s", status, body)
	}
	testenv.WaitFor(t, 30*time.Second, func() bool {
		_, metrics := request(t, "GET", base+"/metrics", "")
		return strings.Contains(metrics, "iot_mqtt_connection_state 1\n") && strings.Contains(metrics, "espalier_outbox_backlog 0\n") &&
			strings.Contains(metrics, "iot_config_files_count 1\n") && strings.Contains(metrics, `iot_config_operations_total{operation="get_raw",status="success"} 1`+"\n")
	})
	if _, port, err := net.SplitHostPort(a.BrokerAddr()); err != nil || port == "0" {
		t.Errorf("the broker is at %q", a.BrokerAddr())
	}
	addr := a.Addr()
	stop(t, a)
	if status, _ := request(t, "GET", "http://"+addr+"/healthz", ""); status != 0 {
		t.Errorf("after Stop somebody answers %d", status)
	}
}

func TestStartThatFailsLeavesNothing(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	defer testenv.NoLeaks(t, goleak.IgnoreCurrent())
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	set := loaded(t, "MQTT_URL=off", "PORT="+port)
	a, err := New(Options{Settings: set})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "PORT") {
		t.Errorf("got %v", err)
	}
	// Its database is free again.
	if _, err := DatabaseStatus(t.Context(), set); err != nil {
		t.Error(err)
	}
}

func TestDatabaseCommands(t *testing.T) {
	for _, engine := range []string{testenv.SQLite, testenv.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			testenv.Ran(t, engine)
			var env []string
			if engine == testenv.PostgreSQL {
				env = []string{"DATABASE_URL=" + testenv.NewDatabase(t)}
			}
			set, ctx := loaded(t, env...), t.Context()
			pending, err := DatabaseStatus(ctx, set)
			if err != nil || len(pending) == 0 || !pending[0].AppliedAt.IsZero() || pending[0].Title == "" {
				t.Fatalf("before: %+v, %v", pending, err)
			}
			applied, err := UpgradeDatabase(ctx, set, false)
			if err != nil || len(applied) != len(pending) {
				t.Fatalf("upgrade: %+v, %v", applied, err)
			}
			report, err := LoadSample(ctx, set)
			if diff := cmp.Diff(fleet.Report{Applied: true, Created: 24, Refused: []fleet.Refusal{}}, report); diff != "" || err != nil {
				t.Errorf("sample: %s %v", diff, err)
			}
			if again, err := LoadSample(ctx, set); err != nil || again.Unchanged != 24 {
				t.Errorf("sample again: %+v, %v", again, err)
			}
			if again, err := UpgradeDatabase(ctx, set, true); err != nil || len(again) != len(pending) {
				t.Errorf("recreate: %+v, %v", again, err)
			}
			if fresh, err := LoadSample(ctx, set); err != nil || fresh.Created != 24 {
				t.Errorf("sample after recreate: %+v, %v", fresh, err)
			}
		})
	}
}

func TestDatabaseInUse(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	set := loaded(t, "MQTT_URL=off")
	start(t, set, io.Discard)
	if _, err := LoadSample(t.Context(), set); !errors.Is(err, ErrDatabaseInUse) {
		t.Errorf("got %v", err)
	}
	if all, err := DatabaseStatus(t.Context(), set); err != nil || len(all) == 0 || all[0].AppliedAt.IsZero() {
		t.Errorf("status of a database in use: %+v, %v", all, err)
	}
}

func TestHealthNamesTheProblem(t *testing.T) {
	testenv.Ran(t, testenv.EmbeddedBroker)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	a := start(t, loaded(t, "MQTT_LISTEN="+taken.Addr().String()), io.Discard)
	testenv.WaitFor(t, patience, func() bool {
		status, body := request(t, "GET", "http://"+a.Addr()+"/readyz", "")
		if !json.Valid([]byte(body)) || status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		return strings.Contains(body, "MQTT_LISTEN")
	})
}
