package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/simulator"
	"espalier.dev/espalier/internal/testenv"
)

// simulated is a fleet of all firmwares that lives while a test does things to the servers. Its devices lose power and
// reports, and their documents are changed, changed back, deleted and made again.
type simulated struct {
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}
	err    error

	mu   sync.Mutex
	now  simulator.Result
	last []byte // the beginning of a line
}

// simulate starts a fleet. servers are URLs, with commas between.
func simulate(t testing.TB, servers, broker string, change func(*simulator.Options)) *simulated {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &simulated{t: t, cancel: cancel, done: make(chan struct{})}
	o := simulator.Options{ServerURL: servers, MQTTURL: broker, Devices: 60, Churn: 15, Restarts: 4, LoseReports: 0.1,
		Check: time.Second, Bound: 8 * time.Second, Seed: 7, Out: f, JSON: true}
	if change != nil {
		change(&o)
	}
	go func() {
		defer close(f.done)
		r, err := simulator.Run(ctx, o)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now, f.err = r, err
	}()
	t.Cleanup(func() { cancel(); <-f.done })
	return f
}

// Write takes the lines that the simulator prints.
func (f *simulated) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = append(f.last, p...)
	for {
		line, rest, whole := bytes.Cut(f.last, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		_ = json.Unmarshal(line, &f.now)
		f.last = bytes.Clone(rest)
	}
}

func (f *simulated) result() simulator.Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// afterFaults gives messages the time that two programs need to start again on a busy machine, one after the other.
func afterFaults(o *simulator.Options) { o.Bound = 25 * time.Second }

// changes waits until so many more documents were changed.
func (f *simulated) changes(more int64) {
	f.t.Helper()
	before := f.result().Changes
	testenv.WaitFor(f.t, patience, func() bool {
		select {
		case <-f.done:
			f.t.Fatalf("the fleet ended: %+v, %v", f.result(), f.err)
		default:
		}
		return f.result().Changes >= before+more
	})
}

// end has the fleet come to rest and prove, and answers what it found.
func (f *simulated) end() simulator.Result {
	f.t.Helper()
	f.cancel()
	<-f.done
	if f.err != nil {
		f.t.Fatal(f.err)
	}
	return f.result()
}

// isTrue says what of a result is not as it has to be after faults: what the API shows of each device is true, and of almost
// each it is known for certain what that is. A report that the broker took while the server was away, and whose repetition
// was lost, leaves two states.
func isTrue(t testing.TB, r simulator.Result) {
	t.Helper()
	if !r.OK() {
		t.Errorf("%d disagreements, %d stale, %d missed, %d corrupt, %d unproven; the last that did not answer: %s",
			r.Disagreements, r.Stale, r.Missed, r.Corrupt, r.Unproven, r.LastError)
		for _, i := range r.Incidents {
			t.Errorf("%s %s: %s", i.Kind, i.MAC, i.What)
		}
	}
	if r.Judged < 60 || r.Certain < r.Judged*17/20 || r.Changes < 60 || r.Unmodified == 0 || r.Reports == 0 || r.Restarts == 0 {
		t.Errorf("too little happened to prove anything: %+v", r)
	}
}

// TestShownIsTrue: what the API shows of every device of a fleet is what is true of it, through a server that is killed, a
// broker that starts again and clocks that jump, beside devices that start again and reports that are lost.
func TestShownIsTrue(t *testing.T) {
	t.Parallel()
	// Servers on PostgreSQL go by its clock, whatever theirs says.
	through := func(t *testing.T, b broker, own bool, env ...string) {
		setting, clock := newClock(t)
		s := startServer(t, append(append(env, setting), b.env...)...)
		f := simulate(t, s.url(), s.brokerURL(), afterFaults)
		f.changes(30)
		s.kill()
		s.start()
		f.changes(20)
		clock.set(5 * time.Hour)
		if own {
			goesBy(t, s, 5*time.Hour)
		}
		f.changes(20)
		b.down(s)
		b.up(s)
		f.changes(20)
		clock.set(-3 * time.Hour)
		if own {
			goesBy(t, s, -3*time.Hour)
		}
		f.changes(20)
		s.kill()
		s.start()
		f.changes(10)
		isTrue(t, f.end())
	}
	t.Run("sqlite, embedded", func(t *testing.T) {
		t.Parallel()
		testenv.Ran(t, testenv.SQLite)
		testenv.Ran(t, testenv.EmbeddedBroker)
		through(t, embedded(t), true, "DATABASE_URL=sqlite:///"+filepath.Join(t.TempDir(), "espalier.db"))
	})
	t.Run("postgres, mosquitto", func(t *testing.T) {
		t.Parallel()
		testenv.Ran(t, testenv.PostgreSQL)
		testenv.Ran(t, testenv.MosquittoName)
		through(t, mosquitto(t), false, "DATABASE_URL="+testenv.NewDatabase(t))
	})
}

// goesBy waits until a server goes by a clock that is so far from the system's.
func goesBy(t *testing.T, s *server, ahead time.Duration) {
	t.Helper()
	testenv.WaitFor(t, patience, func() bool {
		_, text, _ := fetch(t.Context(), s.url()+"/api/fleet/summary")
		var said struct{ At time.Time }
		return json.Unmarshal([]byte(text), &said) == nil && (time.Until(said.At)-ahead).Abs() < time.Minute
	})
}

// TestShownIsTrueByEachServer: the same with two servers of one database, of which devices and writers use either, and
// which both have to show it.
func TestShownIsTrueByEachServer(t *testing.T) {
	t.Parallel()
	testenv.Ran(t, testenv.PostgreSQL)
	testenv.Ran(t, testenv.MosquittoName)
	m := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	env := []string{"DATABASE_URL=" + testenv.NewDatabase(t), "MQTT_URL=" + m.URL()}
	one, two := startServer(t, env...), startServer(t, env...)
	f := simulate(t, one.url()+","+two.url(), m.URL(), afterFaults)
	f.changes(30)
	two.kill()
	f.changes(20)
	two.start()
	m.Kill(t)
	m.Start(t)
	f.changes(20)
	one.kill()
	one.start()
	f.changes(20)
	isTrue(t, f.end())
}

// TestWhatIsNotTrueIsSeen is the control of the two above: a server that does not hear of what devices fetch, one that
// shows another state of some, and one that counts wrongly.
func TestWhatIsNotTrueIsSeen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ask  func(*httputil.ProxyRequest)
		said func(*http.Response) error
		want string
	}{
		"what devices fetch is not recorded": {ask: func(r *httputil.ProxyRequest) {
			if strings.HasSuffix(r.In.URL.Path, ".json") {
				r.Out.Header.Set("X-No-Check-In", "1")
			}
		}, want: "the API shows unknown"},
		"applied is shown as held": {said: func(r *http.Response) error {
			return rewrite(r, "/api/configs", `"sync":"applied"`, `"sync":"held"`)
		}, want: "expected applied"},
		"the summary counts one less": {said: func(r *http.Response) error {
			return rewrite(r, "/api/fleet/summary", `"total":12`, `"total":11`)
		}, want: "does not add up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testenv.Ran(t, testenv.SQLite)
			r := throughLiar(t, test.ask, test.said)
			if r.OK() || r.Disagreements == 0 || !strings.Contains(incidents(r), test.want) {
				t.Errorf("is not seen: %+v", r)
			}
		})
	}
}

// throughLiar has a fleet speak to a server through one who changes what is asked, or what is answered.
func throughLiar(t *testing.T, ask func(*httputil.ProxyRequest), said func(*http.Response) error) simulator.Result {
	t.Helper()
	s := startServer(t, "MQTT_URL=off")
	target, err := url.Parse(s.url())
	if err != nil {
		t.Fatal(err)
	}
	liar := httptest.NewServer(&httputil.ReverseProxy{ModifyResponse: said, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		if ask != nil {
			ask(r)
		}
	}})
	t.Cleanup(liar.Close)
	f := simulate(t, liar.URL, "", func(o *simulator.Options) {
		o.Devices, o.Bound, o.Poll, o.Restarts = 12, 4*time.Second, time.Second, 0
	})
	f.changes(10)
	return f.end()
}

func incidents(r simulator.Result) string {
	var all strings.Builder
	for _, i := range r.Incidents {
		all.WriteString(i.Kind + " " + i.MAC + ": " + i.What + "\n")
	}
	return all.String()
}

// rewrite replaces a text in the answers of one path.
func rewrite(r *http.Response, path, from, to string) error {
	if r.Request.URL.Path != path {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if err := r.Body.Close(); err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, []byte(from), []byte(to))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}
