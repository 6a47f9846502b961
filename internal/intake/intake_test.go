package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"espalier.dev/espalier/internal/fleet"
)

var topics = fleet.Topics{Prefix: "iot"}

func topic(n int, what string) string { return fmt.Sprintf("iot/devices/%012x/%s", n, what) }

// server is what an Intake works for.
type server struct {
	mu      sync.Mutex
	done    []string // what happened, in order
	fail    error    // of reports
	flush   error
	lose    error
	losses  [][2]time.Time
	ahead   time.Duration // of the clock
	took    time.Duration // by a report
	log     strings.Builder
	metrics *prometheus.Registry
}

func (s *server) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, text)
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// noted empties the list of what happened.
func (s *server) noted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.done
	s.done = nil
	return done
}

func (s *server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

func (s *server) report(ctx context.Context, mac string, rev int64, etag string, r fleet.DeviceReport, address string) error {
	s.mu.Lock()
	err, took := s.fail, s.took
	s.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.note(fmt.Sprintf("report %s %d %q %v %q %q %v", mac, rev, etag, r.Applied, r.Message, address, err))
	return err
}

func (s *server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func start(t *testing.T) (*Intake, *server) {
	t.Helper()
	s := &server{metrics: prometheus.NewRegistry()}
	i, err := New(Options{Topics: topics, Report: s.report, Now: s.now, Registerer: s.metrics,
		Logger: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Saw:    func(e fleet.Evidence) { s.note(string(e.Kind) + " " + e.MAC.Hex()) },
		Flush: func(context.Context) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.done = append(s.done, fmt.Sprint("flush ", s.flush))
			return s.flush
		},
		Lose: func(_ context.Context, before, at time.Time) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.done = append(s.done, fmt.Sprint("lose ", s.lose))
			s.losses = append(s.losses, [2]time.Time{before, at})
			return s.lose
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return i, s
}

func stop(t *testing.T, i *Intake) {
	t.Helper()
	if err := i.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestHearStates(t *testing.T) {
	i, s := start(t)
	defer stop(t, i)
	acknowledged := 0
	for _, m := range []struct{ topic, payload, want string }{
		{topic(1, "state"), "online", "online 000000000001"},
		{topic(1, "state"), "offline", "offline 000000000001"},
		{topic(1, "state"), " ONLINE\n", "online 000000000001"},
		{topic(1, "state"), "Offline", "offline 000000000001"},
		{topic(1, "state"), "", "lost 000000000001"},
		{"iot/devices/00000000000A/state", "online", "online 00000000000a"},
		{topic(1, "state"), "on", ""},
		{topic(1, "state"), "online" + strings.Repeat("x", 100_000), ""},
		{topic(1, "state"), "\xff\x00", ""},
		{topic(1, "config"), "online", ""},
		{"iot/devices/00:00:00:00:00:01/state", "online", ""},
		{"other/devices/000000000001/state", "online", ""},
		{"", "online", ""},
	} {
		i.Hear(m.topic, []byte(m.payload), func() { acknowledged++ })
		if got := strings.Join(s.noted(), "; "); got != m.want {
			t.Errorf("%s %.20q: %q, want %q", m.topic, m.payload, got, m.want)
		}
	}
	if acknowledged != 13 {
		t.Errorf("%d messages were acknowledged", acknowledged)
	}
}

// session runs a Session whose broker has retained the states of some devices.
func session(ctx context.Context, i *Intake, retained int, every time.Duration) error {
	return i.Session(ctx, func(ctx context.Context) error {
		go func() {
			for n := range retained {
				time.Sleep(every) //nolint:forbidigo // the clock of the bubble
				i.Hear(topic(n, "state"), []byte("online"), func() {})
			}
		}()
		return ctx.Err()
	})
}

// What the broker does not say any more is taken back when it has said all, after that was written.
func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		defer stop(t, i)
		began := time.Now()
		if err := session(t.Context(), i, 3, quiet/2); err != nil {
			t.Fatal(err)
		}
		want := []string{"online 000000000000", "online 000000000001", "online 000000000002", "flush <nil>", "lose <nil>"}
		if diff := cmp.Diff(want, s.noted()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if loss := s.losses[0]; !loss[0].Equal(began) || !loss[1].Equal(time.Now()) || time.Since(began) != 5*quiet/2 {
			t.Errorf("began at %v, lost %v after %v", began, loss, time.Since(began))
		}
	})
}

func TestSessionOfABrokerThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		defer stop(t, i)
		began := time.Now()
		if err := session(t.Context(), i, 1000, quiet/4); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < mostQuiet || took > mostQuiet+quiet || len(s.losses) != 1 {
			t.Errorf("%d losses after %v", len(s.losses), took)
		}
		time.Sleep(1000 * quiet) //nolint:forbidigo // the clock of the bubble
	})
}

func TestSessionWhileTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		defer stop(t, i)
		s.set(func() { s.flush = errors.New("away") })
		began := time.Now()
		time.AfterFunc(time.Minute, func() { s.set(func() { s.flush, s.lose = nil, errors.New("away") }) })
		time.AfterFunc(2*time.Minute, func() { s.set(func() { s.lose = nil }) })
		if err := session(t.Context(), i, 1, 0); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 2*time.Minute+2*loseAgain {
			t.Errorf("it took %v", took)
		}
		all := s.noted()
		if first := slices.Index(all, "lose away"); first < 0 || slices.Contains(all[first:], "flush away") || slices.Contains(all[:first], "flush <nil>") && all[first-1] != "flush <nil>" {
			t.Errorf("order: %v", all)
		}
		if last := s.losses[len(s.losses)-1]; !last[0].Equal(began) {
			t.Errorf("the last loss is of what was before %v, and it began at %v", last[0], began)
		}
	})
}

// A clock that is set while states come leaves no time that is before all of them.
func TestSessionWhileTheClockIsSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back": -time.Hour, "on": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, s := start(t)
				defer stop(t, i)
				asked := 0
				err := i.Session(t.Context(), func(context.Context) error {
					if asked++; asked == 1 {
						time.AfterFunc(quiet/2, func() { s.set(func() { s.ahead = jump }) })
					}
					return nil
				})
				if err != nil || asked != 2 || len(s.losses) != 1 {
					t.Fatalf("%v; asked %d times, %d losses", err, asked, len(s.losses))
				}
				if before := s.losses[0][0]; s.now().Sub(before) != quiet {
					t.Errorf("lost what was before %v, and it is %v", before, s.now())
				}
			})
		})
	}
}

func TestSessionThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		defer stop(t, i)
		refused := errors.New("refused")
		if err := i.Session(t.Context(), func(context.Context) error { return refused }); !errors.Is(err, refused) {
			t.Errorf("err = %v", err)
		}
		for _, after := range []time.Duration{quiet / 2, 10 * quiet} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			s.set(func() { s.flush = errors.New("away") })
			if err := session(ctx, i, 0, 0); err != nil {
				t.Errorf("a connection that was lost: %v", err)
			}
			cancel()
		}
		if len(s.losses) != 0 {
			t.Errorf("%d losses", len(s.losses))
		}
	})
}

func TestHearReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		var acknowledged sync.WaitGroup
		hear := func(payload string) {
			acknowledged.Add(1)
			i.Hear(topic(1, "report"), []byte(payload), acknowledged.Done)
		}
		hear(`{"rev":7,"status":"applied","message":"fine"}`)
		hear(`{"etag":"0123456789abcdef0123456789abcdef","status":"error","message":"too loud"}`)
		hear(`{"status":"secret text of a device"}`)
		hear(`not JSON`)
		hear(strings.Repeat("x", fleet.MaxReport+1))
		acknowledged.Wait()
		stop(t, i)
		want := []string{
			`report 00:00:00:00:00:01 7 "" true "fine" "" <nil>`,
			`report 00:00:00:00:00:01 0 "0123456789abcdef0123456789abcdef" false "too loud" "" <nil>`,
		}
		if diff := cmp.Diff(want, s.noted()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		log := s.log.String()
		if strings.Count(log, "level=DEBUG") != 3 || strings.Contains(log, "secret text") || strings.Contains(log, "level=WARN") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// A report is not acknowledged while the database is away, and written when it is back. What else is wrong is final.
func TestReportsWhileTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		s.set(func() { s.fail = fleet.Unavailable(errors.New("away")) })
		acknowledged := make(chan struct{}, 1)
		i.Hear(topic(1, "report"), []byte(`{"rev":7,"status":"applied"}`), func() { acknowledged <- struct{}{} })
		time.Sleep(time.Minute) //nolint:forbidigo // the clock of the bubble
		if len(acknowledged) > 0 {
			t.Error("it was acknowledged")
		}
		s.set(func() { s.fail = nil })
		<-acknowledged
		s.set(func() { s.fail = fleet.TooManyReports(fleet.MAC{}, time.Second) })
		i.Hear(topic(1, "report"), []byte(`{"rev":7,"status":"applied"}`), func() { acknowledged <- struct{}{} })
		<-acknowledged
		stop(t, i)
		all := s.noted()
		if last := all[len(all)-1]; !strings.Contains(last, "TOO_MANY_REQUESTS") {
			t.Errorf("%v", all)
		}
	})
}

// Too many reports are dropped and counted, the log says so once, and whoever hands them in is not held up.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		s.set(func() { s.took = time.Millisecond })
		const many = 3 * workers * mostQueued
		var acknowledged sync.WaitGroup
		acknowledged.Add(many)
		began := time.Now()
		for n := range many {
			i.Hear(topic(n, "report"), fmt.Appendf(nil, `{"rev":%d,"status":"applied"}`, n+1), acknowledged.Done)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("handing them in took %v", took)
		}
		acknowledged.Wait()
		stop(t, i)
		written := len(s.noted())
		dropped := int(testutil.ToFloat64(i.dropped))
		if written+dropped != many || written < workers*mostQueued || dropped < many/2 {
			t.Errorf("%d were written and %d dropped, of %d", written, dropped, many)
		}
		if n := strings.Count(s.log.String(), "some are dropped"); n != 1 {
			t.Errorf("the log says so %d times", n)
		}
	})
}

// Reports of a device stay in their order.
func TestReportsOfADeviceStayInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		s.set(func() { s.took = time.Millisecond })
		for n := range 100 {
			i.Hear(topic(n%3, "report"), fmt.Appendf(nil, `{"rev":%d,"status":"applied"}`, n+1), func() {})
		}
		stop(t, i) // writes what waits
		last := map[string]int{}
		for _, text := range s.noted() {
			var mac string
			var rev int
			if _, err := fmt.Sscanf(text, "report %s %d", &mac, &rev); err != nil || rev <= last[mac] {
				t.Errorf("%s after revision %d: %v", text, last[mac], err)
			}
			last[mac] = rev
		}
		if len(last) != 3 || last["00:00:00:00:00:00"] != 100 {
			t.Errorf("last: %v", last)
		}
	})
}

func TestStopThatHasNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		s.set(func() { s.took = time.Hour })
		acknowledged := false
		i.Hear(topic(1, "report"), []byte(`{"rev":7,"status":"applied"}`), func() { acknowledged = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := i.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || acknowledged {
			t.Errorf("Stop: %v; acknowledged %v", err, acknowledged)
		}
	})
}

func TestNew(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("nothing is required")
	}
	i, s := start(t)
	defer stop(t, i)
	o := i.options
	o.Registerer = s.metrics
	if _, err := New(o); err == nil {
		t.Error("two share a registry")
	}
}
