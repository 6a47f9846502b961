package app

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/testenv"
)

func samplesOf(t *testing.T, a *App) int {
	t.Helper()
	status, body := request(t, "GET", fmt.Sprintf("http://%s/api/fleet/history", a.Addr()), "")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	return len(decoded[struct{ Samples []struct{ Total int } }](t, body).Samples)
}

func TestTheFleetIsSampled(t *testing.T) {
	eachEngine(t, func(t *testing.T, env []string) {
		set := loaded(t, append(env, "MQTT_URL=off")...)
		a := start(t, set, io.Discard)
		testenv.WaitFor(t, patience, func() bool { return samplesOf(t, a) > 0 })
	})
}

// However long samples cannot be kept, the log says so once, and once that they are again.
func TestSamplesThatFailAreToldOfOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, env []string) {
		var log bytes.Buffer
		a, err := New(Options{Settings: loaded(t, env...), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.openStore(t.Context(), t.Context()); err != nil {
			t.Fatal(err)
		}
		st := a.store
		closed, err := openStore(t.Context(), Options{Settings: loaded(t)}, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		failing := a.sample(t.Context(), false)
		if failing || strings.Contains(log.String(), "history") {
			t.Errorf("while all is well: %v %s", failing, &log)
		}
		for _, step := range []struct {
			with         *store.Store
			fails        bool
			told, untold int
		}{{closed, true, 1, 0}, {closed, true, 1, 0}, {closed, true, 1, 0}, {st, false, 1, 1}, {st, false, 1, 1}, {closed, true, 2, 1}} {
			a.store = step.with
			failing = a.sample(t.Context(), failing)
			told, untold := strings.Count(log.String(), "cannot be kept for its history"), strings.Count(log.String(), "kept again for its history")
			if failing != step.fails || told != step.told || untold != step.untold {
				t.Errorf("failing %v, told %d and %d times, want %+v", failing, told, untold, step)
			}
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestUntilNext(t *testing.T) {
	at := time.Date(2026, 3, 9, 8, 7, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Duration{0: time.Minute, time.Second: 59 * time.Second, time.Minute - 1: 1, time.Minute: time.Minute} {
		if got := untilNext(at.Add(after), time.Minute); got != want {
			t.Errorf("%s after the minute: %s, want %s", after, got, want)
		}
	}
}
