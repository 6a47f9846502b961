package outbox

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

var topics = fleet.Topics{Prefix: "iotsupport"}

const patience = 20 * time.Second

// clock is a time that tests move.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// bench is a relay with an outbox and a broker in memory.
type bench struct {
	clock    *clock
	outbox   *memory
	wire     *wire
	log      *logbook
	registry *prometheus.Registry
}

func newBench() *bench {
	c := &clock{}
	return &bench{clock: c, outbox: newMemory(c.now), wire: newWire(), log: &logbook{}}
}

// relay starts a relay with quick settings, and ends it with the test.
func (b *bench) relay(t *testing.T, adjust ...func(*Options)) *Relay {
	t.Helper()
	b.registry = prometheus.NewRegistry()
	options := Options{
		Outbox: b.outbox, Publisher: b.wire, Topics: topics, Broadcast: true,
		Logger:     slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: b.registry, Now: b.clock.now,
		Poll: 20 * time.Millisecond, RetryMin: 10 * time.Millisecond, WatermarkEvery: 20 * time.Millisecond,
		Settle: time.Hour,
	}
	for _, a := range adjust {
		a(&options)
	}
	return startRelay(t, options)
}

func startRelay(t testing.TB, options Options) *Relay {
	t.Helper()
	r, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopRelay(t, r) })
	return r
}

func stopRelay(t testing.TB, r *Relay) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// settled waits until nothing is in the outbox and the watermark says so.
func (b *bench) settled(t *testing.T) {
	t.Helper()
	testenv.WaitFor(t, patience, func() bool {
		kept, ok := b.wire.kept(topics.Watermark())
		stored := b.outbox.stored()
		return b.outbox.waiting() == 0 && ok && kept == string(watermark{stored}.payload()) && stored.After(b.outbox.latest())
	})
}

func TestRelaySendsTheDevicesOwnMessageFirst(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t)
	b.settled(t)
	b.outbox.change(mac(1))
	r.Wake()
	testenv.WaitFor(t, patience, func() bool { return len(b.wire.heard(topics.Broadcast())) == 1 })
	order := slices.DeleteFunc(b.wire.order(), func(topic string) bool { return topic == topics.Watermark() })
	if diff := cmp.Diff([]string{topics.Config(mac(1)), topics.Broadcast()}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`{"filename":"02:00:00:00:00:01.json"}`}, b.wire.heard(topics.Broadcast())); diff != "" {
		t.Errorf("broadcast (-want +got):\n%s", diff)
	}
	b.outbox.remove(mac(1))
	r.Wake()
	testenv.WaitFor(t, patience, func() bool { _, ok := b.wire.kept(topics.Config(mac(1))); return !ok })
	b.settled(t)
	if n := len(b.wire.heard(topics.Broadcast())); n != 1 {
		t.Errorf("a delete was broadcast: %d messages", n)
	}
}

func TestRelayWithoutBroadcast(t *testing.T) {
	b := newBench()
	b.wire.connect()
	b.relay(t, func(o *Options) { o.Broadcast = false })
	b.outbox.change(mac(1))
	b.settled(t)
	if heard := b.wire.heard(topics.Broadcast()); len(heard) > 0 {
		t.Errorf("broadcast although it is off: %v", heard)
	}
	if _, ok := b.wire.kept(topics.Config(mac(1))); !ok {
		t.Error("the device's own message is missing")
	}
}

func TestRelayFindsChangesOfOtherServers(t *testing.T) {
	b := newBench()
	b.wire.connect()
	b.relay(t)
	b.settled(t)
	b.outbox.change(mac(1)) // nobody wakes the relay
	testenv.WaitFor(t, patience, func() bool { _, ok := b.wire.kept(topics.Config(mac(1))); return ok })
}

func TestRelayClaimsNothingWithoutConnection(t *testing.T) {
	b := newBench()
	r := b.relay(t)
	for n := range 10 {
		b.outbox.change(mac(n))
		r.Wake()
	}
	b.wire.connect()
	b.settled(t)
	b.wire.cut()
	testenv.WaitFor(t, patience, b.wire.abandoned)
	if n := b.outbox.claimed(); n != 10 {
		t.Errorf("%d claims for 10 messages", n)
	}
	b.outbox.change(mac(1))
	r.Wake()
	families, err := b.registry.Gather() // asks the outbox, as everything goes on but the relay
	if err != nil || len(families) == 0 {
		t.Fatal(err)
	}
	if n := b.outbox.claimed(); n != 10 || !b.wire.abandoned() {
		t.Errorf("%d messages were claimed while there was no connection", n-10)
	}
	b.wire.connect()
	testenv.WaitFor(t, patience, func() bool { return b.outbox.waiting() == 0 })
}

func TestRelayDoesNotClearANewerChange(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t)
	b.settled(t)
	var once sync.Once
	b.wire.set(func(w *wire) {
		w.before = func() { once.Do(func() { b.outbox.change(mac(1)) }) }
	})
	b.outbox.change(mac(1))
	r.Wake()
	b.settled(t)
	kept, _ := b.wire.kept(topics.Config(mac(1)))
	if !strings.Contains(kept, `"rev":2`) {
		t.Errorf("the broker has %s, want revision 2", kept)
	}
	if heard := b.wire.heard(topics.Config(mac(1))); len(heard) != 2 {
		t.Errorf("%d messages were sent, want both: %v", len(heard), heard)
	}
}

func TestRelayBacksOffFromARefusal(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.RetryMin = time.Minute })
	b.settled(t)
	b.wire.set(func(w *wire) {
		w.refuse = func(p fleet.Publication) error {
			if p.Topic == topics.Config(mac(1)) {
				return errRefused
			}
			return nil
		}
	})
	claimed := b.outbox.claimed()
	b.outbox.change(mac(1))
	b.outbox.change(mac(2))
	r.Wake()
	testenv.WaitFor(t, patience, func() bool { return b.outbox.waiting() == 1 && b.log.count("refused for the test") == 1 })
	polls := func() bool { return b.log.count("trying again") > 0 && b.outbox.claimed() == claimed+2 }
	testenv.WaitFor(t, patience, polls)
	if _, ok := b.wire.kept(topics.Config(mac(2))); !ok {
		t.Error("one refused message held up another")
	}
	b.wire.set(func(w *wire) { w.refuse = nil })
	b.clock.advance(2 * time.Minute)
	b.settled(t)
	if n := b.outbox.claimed(); n != claimed+3 {
		t.Errorf("%d claims, want 3: it was tried again before its time", n-claimed)
	}
	if b.log.count("refused for the test") != 1 || b.log.count("does not take messages: over") != 1 {
		t.Errorf("the log tells it otherwise than once:\n%s", b.log.text.String())
	}
}

func TestRelayIsPatientWithABrokerThatRefusesAll(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.Batch, o.RetryMin, o.Poll = 10, time.Hour, time.Minute })
	b.settled(t)
	b.wire.set(func(w *wire) { w.refuse = func(fleet.Publication) error { return errRefused } })
	for n := range 100 {
		b.outbox.change(mac(n))
	}
	r.Wake()
	testenv.WaitFor(t, patience, func() bool { return b.log.count("does not take messages") == 1 })
	stopRelay(t, r)
	if n := b.outbox.claimed(); n > 20 {
		t.Errorf("%d of 100 messages were tried at once", n)
	}
}

func TestRelayBackoffGrows(t *testing.T) {
	r := &Relay{Options: Options{RetryMin: 500 * time.Millisecond, RetryMax: time.Minute}}
	for attempts, most := range map[int]time.Duration{
		0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second, 4: 4 * time.Second, 8: time.Minute, 1000: time.Minute,
	} {
		for range 50 {
			if d := r.backoff(attempts); d > most || d < most*3/4 {
				t.Fatalf("backoff(%d) = %v, want %v less at most a quarter", attempts, d, most)
			}
		}
	}
}

// relayInTheMiddle is a relay that has claimed a message, for an hour, and waits for the broker to acknowledge it.
func (b *bench) relayInTheMiddle(t *testing.T) *Relay {
	t.Helper()
	r := b.relay(t, func(o *Options) { o.Lease = time.Hour })
	b.settled(t)
	began := make(chan struct{}, 10)
	b.wire.set(func(w *wire) {
		w.gate = make(chan struct{})
		w.before = func() { began <- struct{}{} }
	})
	b.outbox.change(mac(1))
	r.Wake()
	<-began
	return r
}

func TestRelayGivesClaimsBackWhenTheConnectionIsLost(t *testing.T) {
	b := newBench()
	b.wire.connect()
	b.relayInTheMiddle(t)
	b.wire.cut()
	testenv.WaitFor(t, patience, func() bool {
		b.outbox.mu.Lock()
		defer b.outbox.mu.Unlock()
		row := b.outbox.rows[mac(1)]
		return row.claimed.IsZero() && !row.due.After(b.clock.now())
	})
	b.wire.set(func(w *wire) { w.gate = nil })
	b.wire.connect()
	testenv.WaitFor(t, patience, func() bool { _, ok := b.wire.kept(topics.Config(mac(1))); return ok })
}

// TestRelayGetsPastAMessageThatEndsTheConnection: some brokers answer what they do not allow so.
func TestRelayGetsPastAMessageThatEndsTheConnection(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.RetryMin, o.RetryMax = time.Hour, time.Hour })
	b.settled(t)
	cuts := 0
	b.wire.set(func(w *wire) {
		w.refuse = func(p fleet.Publication) error {
			if p.Topic == topics.Config(mac(1)) {
				cuts++
				w.up = false
				close(w.lost)
			}
			if !w.up {
				return errNoLink
			}
			return nil
		}
	})
	for n := range 5 {
		b.outbox.change(mac(n))
	}
	r.Wake()
	testenv.WaitFor(t, patience, func() bool {
		if b.wire.abandoned() {
			b.wire.connect()
		}
		return b.outbox.waiting() == 1
	})
	if _, ok := b.wire.kept(topics.Config(mac(4))); !ok || cuts > 2 {
		t.Errorf("%d connections were ended by one message, and what came behind it was sent: %v", cuts, ok)
	}
	b.wire.set(func(w *wire) { w.refuse = nil })
	b.clock.advance(2 * time.Hour)
	b.settled(t)
}

// TestRelayGivesClaimsBackThatItMadeTooLate has the connection end while the database claims.
func TestRelayGivesClaimsBackThatItMadeTooLate(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.Lease = time.Hour })
	b.settled(t)
	b.outbox.mu.Lock()
	var once sync.Once
	b.outbox.onClaim = func() { once.Do(b.wire.cut) }
	b.outbox.mu.Unlock()
	b.outbox.change(mac(1))
	r.Wake()
	testenv.WaitFor(t, patience, b.wire.abandoned)
	b.wire.connect()
	testenv.WaitFor(t, patience, func() bool { return b.outbox.waiting() == 0 })
}

func TestRelayStopGivesClaimsBack(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relayInTheMiddle(t)
	b.wire.set(func(w *wire) { w.before, w.gate = nil, nil }) // for what comes after the message under way
	stopRelay(t, r)
	claimed, err := b.outbox.Claim(t.Context(), b.clock.now(), time.Minute, 10)
	if err != nil || len(claimed) != 1 {
		t.Errorf("after Stop another server claims %v, %v; want the one message", claimed, err)
	}
}

func TestRelaySurvivesABrokenStore(t *testing.T) {
	b := newBench()
	b.wire.connect()
	b.outbox.fail(true)
	r := b.relay(t)
	testenv.WaitFor(t, patience, func() bool { return b.log.count("broken for the test") == 1 })
	b.outbox.fail(false)
	b.outbox.change(mac(1))
	r.Wake()
	b.settled(t)
	b.outbox.fail(true)
	testenv.WaitFor(t, patience, func() bool { return b.log.count("broken for the test") == 2 })
	b.outbox.fail(false)
	testenv.WaitFor(t, patience, func() bool { return b.log.count("read or written: over") >= 2 })
	if n := b.log.count("broken for the test"); n != 2 {
		t.Errorf("two outages of the store have %d lines in the log", n)
	}
}

func TestRelaysShareTheWork(t *testing.T) {
	const devices = 2000
	b := newBench()
	b.wire.connect()
	b.relay(t)
	b.settled(t)
	b.relay(t)
	b.relay(t)
	// Each announces at its start what was changed lately.
	testenv.WaitFor(t, patience, func() bool { return len(b.outbox.announced()) == 3 })
	for n := range devices {
		b.outbox.change(mac(n))
	}
	b.settled(t)
	for n := range devices {
		if heard := b.wire.heard(topics.Config(mac(n))); len(heard) != 1 {
			t.Fatalf("device %d was told %d times by three relays", n, len(heard))
		}
	}
}

func TestRelayMetrics(t *testing.T) {
	b := newBench()
	r := b.relay(t)
	for n := range 3 {
		b.outbox.change(mac(n))
	}
	b.clock.advance(time.Minute)
	gauge := func(name string) float64 {
		families, err := b.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == name {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		t.Fatalf("no metric %s", name)
		return 0
	}
	if n, age := gauge("espalier_outbox_backlog"), gauge("espalier_outbox_oldest_seconds"); n != 3 || age < 60 || age > 90 {
		t.Errorf("backlog %v, oldest %v s; want 3 and 60", n, age)
	}
	b.outbox.fail(true)
	if n := gauge("espalier_outbox_backlog"); n != 3 {
		t.Errorf("backlog %v while the store is down, want the last known 3", n)
	}
	b.outbox.fail(false)
	b.wire.connect()
	b.settled(t)
	if n := gauge("espalier_outbox_backlog"); n != 0 {
		t.Errorf("backlog %v, want 0", n)
	}
	if sent, claimed := testutil.ToFloat64(r.metrics.sent), testutil.ToFloat64(r.metrics.claimed); sent < 3 || claimed != sent {
		t.Errorf("%v claimed, %v sent", claimed, sent)
	}
}

func TestRelayStartsOnce(t *testing.T) {
	b := newBench()
	r := b.relay(t)
	if err := r.Start(t.Context()); err == nil {
		t.Error("a second Start did not fail")
	}
	if err := (&Relay{}).Stop(t.Context()); err != nil {
		t.Errorf("Stop before Start: %v", err)
	}
	if _, err := New(Options{Outbox: b.outbox, Registerer: b.registry}); err == nil {
		t.Error("a second relay on one registry was not refused")
	}
}

func ExampleRelay_Wake() {
	m := newMemory(time.Now)
	m.change(mac(1))
	r := &Relay{Options: Options{Outbox: m}, wake: make(chan struct{}, 1)}
	r.Wake()
	r.Wake() // never waits, however often
	fmt.Println(len(r.wake))
	// Output: 1
}
