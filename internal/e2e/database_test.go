package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/testenv"
)

// TestDatabaseStoppedUnderLoad: while PostgreSQL is away requests get 503, and when it is back all is well by itself.
func TestDatabaseStoppedUnderLoad(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	cluster := testenv.NewCluster(t, testenv.ClusterOptions{})
	s := startServer(t, "DATABASE_URL="+cluster.NewDatabase(t), "MQTT_URL=off")
	storm := newStorm(t, s, 4)
	run := storm.begin(s)
	testenv.WaitFor(t, patience, func() bool { return storm.acknowledged.Load() > 50 })
	cluster.Stop(t)
	run.end()
	testenv.WaitFor(t, patience, func() bool { return s.status("/api/health") == http.StatusServiceUnavailable })
	for path, want := range map[string]int{
		"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK, "/metrics": http.StatusOK,
		"/api/configs": http.StatusServiceUnavailable, "/api/configs/1": http.StatusServiceUnavailable,
		"/api/configs/" + storm.writers[0].mac + ".json": http.StatusServiceUnavailable,
	} {
		if got := s.status(path); got != want {
			t.Errorf("%s answers %d while the database is away, want %d", path, got, want)
		}
	}
	cluster.Start(t)
	testenv.WaitFor(t, patience, func() bool { return s.status("/api/health") == http.StatusOK })
	storm.check(s)
	before := storm.acknowledged.Load()
	run = storm.begin(s)
	testenv.WaitFor(t, patience, func() bool { return storm.acknowledged.Load() > before+50 })
	run.end()
	storm.check(s)
}

// TestDatabaseCrashesInAWriteStorm: PostgreSQL ends while it commits, again and again, and the server goes on. What was
// acknowledged is there, whole, and in the outbox; what was not is there whole or not at all.
func TestDatabaseCrashesInAWriteStorm(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	cluster := testenv.NewCluster(t, testenv.ClusterOptions{})
	url := cluster.NewDatabase(t)
	nobody := fmt.Sprintf("MQTT_URL=mqtt://127.0.0.1:%d", testenv.FreePort(t))
	s := startServer(t, "DATABASE_URL="+url, nobody, "LOG_LEVEL=error")
	storm := newStorm(t, s, 8)
	for range 5 {
		before := storm.acknowledged.Load()
		run := storm.begin(s)
		testenv.WaitFor(t, patience, func() bool { return storm.acknowledged.Load() > before+30 })
		cluster.Stop(t)
		run.end()
		cluster.Start(t)
		testenv.WaitFor(t, patience, func() bool { return s.status("/readyz") == http.StatusOK })
		storm.check(s)
		for _, wrong := range audit(t, url, true) {
			t.Error(wrong)
		}
	}
	t.Logf("%d acknowledged writes, %d lost, %d without an answer", storm.acknowledged.Load(), storm.lost, storm.unanswered.Load())
}

// TestDatabaseAwayAtStart: the server starts, says 503, and migrates as soon as the database is there.
func TestDatabaseAwayAtStart(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	cluster := testenv.NewCluster(t, testenv.ClusterOptions{})
	url := cluster.NewDatabase(t)
	cluster.Stop(t)
	s := newServer(t, "DATABASE_URL="+url, "MQTT_URL=off")
	s.launch()
	testenv.WaitFor(t, patience, func() bool { return s.status("/api/health") == http.StatusServiceUnavailable })
	cluster.Start(t)
	testenv.WaitFor(t, patience, func() bool { return s.status("/readyz") == http.StatusOK })
	create(t, s, device, 1)
}

// TestSecondServerOnOneFile: a second server on a SQLite file refuses, and says who has it.
func TestSecondServerOnOneFile(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	first := startServer(t, "MQTT_URL=off")
	second := newServer(t, "MQTT_URL=off", "DATA_DIR="+first.setting("DATA_DIR"))
	second.launch()
	testenv.WaitFor(t, patience, second.exited)
	pid := fmt.Sprint(first.cmd.Process.Pid)
	if text := second.log.String(); !strings.Contains(text, pid) {
		t.Errorf("the refusal does not name process %s:\n%s", pid, text)
	}
	if status := second.signal(0); status == 0 {
		t.Error("the second server ended with status 0")
	}
	first.kill()
	second.start()
}

// TestTwoServersOnOneDatabase: what one acknowledged, the other serves at once.
func TestTwoServersOnOneDatabase(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	testenv.Ran(t, testenv.MosquittoName)
	m := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	env := []string{"DATABASE_URL=" + testenv.NewDatabase(t), "MQTT_URL=" + m.URL()}
	one, two := newServer(t, env...), newServer(t, env...)
	one.launch() // both migrate at once
	two.start()
	testenv.WaitFor(t, patience, func() bool { return one.status("/readyz") == http.StatusOK })
	l := listen(t, m.URL(), nil, "iotsupport/#")
	id := create(t, one, device, 1)
	servers := []*server{one, two}
	for n := int64(2); n < 60; n++ {
		update(t, servers[n%2], id, n)
		for _, s := range servers {
			if _, content := s.document(device); number(content) != n {
				t.Fatalf("after write %d was acknowledged a server read %s", n, content)
			}
		}
	}
	testenv.WaitFor(t, patience, func() bool { return l.rev(device) == 59 && l.toldOf(device) })
	one.kill()
	update(t, two, id, 60)
	testenv.WaitFor(t, patience, func() bool { return l.rev(device) == 60 })
}
