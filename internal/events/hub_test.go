package events

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

const patience = 20 * time.Second

type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// bench is a hub over a journal.
type bench struct {
	*Hub
	log      *logbook
	registry *prometheus.Registry
}

// start starts a hub with quick settings, and ends it with the test. Nothing of it may be left behind.
func start(t testing.TB, journal fleet.Journal, adjust ...func(*Options)) *bench {
	t.Helper()
	b := newBench(t, journal, adjust...)
	left := goleak.IgnoreCurrent()
	if err := b.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.stop(t)
		testenv.NoLeaks(t, left, goleak.IgnoreAnyFunction("internal/poll.runtime_pollWait"))
	})
	return b
}

func newBench(t testing.TB, journal fleet.Journal, adjust ...func(*Options)) *bench {
	t.Helper()
	b := &bench{log: &logbook{}, registry: prometheus.NewRegistry()}
	options := Options{Journal: journal, Logger: slog.New(slog.NewTextHandler(b.log, nil)), Registerer: b.registry,
		Poll: 5 * time.Millisecond, Rest: time.Microsecond, Idle: 5 * time.Millisecond}
	for _, a := range adjust {
		a(&options)
	}
	var err error
	if b.Hub, err = New(options); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) stop(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func (b *bench) subscribe(t testing.TB, after *fleet.EventPosition) *subscription {
	t.Helper()
	s, err := b.Subscribe(context.Background(), after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.(*subscription)
}

// next is the next events, or what ended the subscription.
func next(t testing.TB, s fleet.Subscription) ([]fleet.Event, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events, err := s.Next(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("no event came in time")
	}
	return events, err
}

// until reads until a change has the place, and answers the changes, and the last position.
func until(t testing.TB, s fleet.Subscription, place int64) (changes []int64, at fleet.EventPosition) {
	t.Helper()
	for at.Change < place {
		events, err := next(t, s)
		if err != nil {
			t.Fatalf("after %v: %v", changes, err)
		}
		for _, e := range events {
			if at = e.After; e.Kind == fleet.EventUpdated {
				changes = append(changes, e.Revision)
			}
		}
	}
	return changes, at
}

func wantRun(t testing.TB, got []int64, first, last int64) {
	t.Helper()
	var want []int64
	for n := first; n <= last; n++ {
		want = append(want, n)
	}
	if !slices.Equal(got, want) {
		t.Errorf("changes %v, want each of %d to %d once and in order", got, first, last)
	}
}

func TestHubFindsChangesOfOthers(t *testing.T) {
	m := newMemory()
	m.change(1)
	b := start(t, m)
	s := b.subscribe(t, nil)
	if s.From().Change != 1 {
		t.Errorf("begins at %s, want behind what is there", s.From())
	}
	for n := range 3 {
		got, _ := until(t, s, m.change(n)) // nobody wakes the hub
		wantRun(t, got, int64(n+2), int64(n+2))
	}
}

func TestHubIsWoken(t *testing.T) {
	m := newMemory()
	b := start(t, m, func(o *Options) { o.Poll = time.Hour })
	s := b.subscribe(t, nil)
	testenv.WaitFor(t, patience, func() bool { return following(b, s) })
	for n := range 20 {
		place := m.change(n)
		b.Wake()
		got, _ := until(t, s, place)
		wantRun(t, got, place, place)
	}
}

// following tells whether the hub is live, and the subscription is to hear of what it reads.
func following(b *bench, s *subscription) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live && s.joined
}

func TestHubRestsHoweverOftenItIsWoken(t *testing.T) {
	m := newMemory()
	b := start(t, m, func(o *Options) { o.Rest, o.Poll = time.Hour, time.Hour })
	s := b.subscribe(t, nil)
	testenv.WaitFor(t, patience, func() bool { return following(b, s) })
	testenv.WaitFor(t, patience, func() bool { _, reads := m.asked(); return reads > 0 })
	_, before := m.asked()
	for range 1000 {
		b.Wake()
	}
	if _, after := m.asked(); after > before+1 {
		t.Errorf("%d reads within the time of rest", after-before)
	}
}

func TestSubscriberGoesOnFromAPosition(t *testing.T) {
	m := newMemory()
	start0, _ := m.Head(context.Background())
	for n := range 50 {
		m.change(n)
		m.show(n, n+1)
	}
	b := start(t, m, func(o *Options) { o.Page = 7 })
	at := start0
	for at.Change < 50 { // a reader that is cut off after every piece
		s := b.subscribe(t, &at)
		if s.From() != at {
			t.Errorf("begins at %s, want %s", s.From(), at)
		}
		events, err := next(t, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Kind == fleet.EventUpdated && e.Revision != at.Change+1 {
				t.Fatalf("change %d behind %s", e.Revision, at)
			}
			at = e.After
		}
		s.Close()
	}
	s := b.subscribe(t, &at)
	got, _ := until(t, s, m.change(1))
	wantRun(t, got, 51, 51)
}

// Whoever joins in the middle of a stream of changes gets each behind its position once, and every device that showed something
// behind it, whatever it read from the journal and what from the hub.
func TestSubscribersJoinWithoutGapOrRepetition(t *testing.T) {
	m := newMemory()
	b := start(t, m, func(o *Options) { o.Page, o.Poll = 5, time.Millisecond })
	const changes, readers, end = 3000, 40, 1 << 20
	origin, _ := m.Head(context.Background())
	var group sync.WaitGroup
	turn, joined := make(chan struct{}), make(chan struct{})
	group.Go(func() {
		for n := range changes {
			if n%(changes/readers) == changes/readers/2 {
				turn <- struct{}{}
			}
			m.change(n)
			m.show(n%50, changes+n) // the second one shows itself this once
			b.Wake()
		}
		<-joined
		m.show(end)
		b.Wake()
	})
	for n := range readers {
		<-turn // the writer goes on while this one joins
		from := origin
		var after *fleet.EventPosition
		if n%3 > 0 {
			from, _ = m.Head(context.Background())
			if n%3 == 1 {
				from.Change, from.Device = from.Change/2, from.Device/2
			}
			after = &from
		}
		s := b.subscribe(t, after)
		group.Go(func() { follow(t, s, changes, end) })
	}
	close(joined)
	group.Wait()
}

// follow reads until a device that shows itself last.
func follow(t *testing.T, s *subscription, changes, end int) {
	at := s.From()
	var got []int64
	shown := map[fleet.MAC]int{}
	for shown[mac(end)] == 0 {
		events, err := next(t, s)
		if err != nil {
			t.Errorf("from %s at %s: %v", s.From(), at, err)
			return
		}
		for _, e := range events {
			if latest(at, e.After) != e.After {
				t.Errorf("%s follows %s", e.After, at)
			}
			at = e.After
			switch e.Kind {
			case fleet.EventUpdated:
				got = append(got, e.Revision)
			case fleet.EventCheckIn:
				shown[e.MAC]++
			}
		}
	}
	wantRun(t, got, s.From().Change+1, int64(changes))
	for n := range changes { // the batch n+1
		want := 0
		if int64(n+1) > s.From().Device {
			want = 1
		}
		if got := shown[mac(changes+n)]; got != want {
			t.Errorf("from %s the device of batch %d was told of %d times, want %d", s.From(), n+1, got, want)
		}
	}
}

// caughtUp tells whether a subscription follows the hub.
func caughtUp(b *bench, s *subscription) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.caught
}

// reached tells whether the hub has read every change.
func (b *bench) reached(m *memory) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live && b.at.Change == m.last()
}

func TestSlowSubscriberIsDropped(t *testing.T) {
	m := newMemory()
	b := start(t, m, func(o *Options) { o.Buffer, o.Page = 20, 4 })
	slow, quick := b.subscribe(t, nil), b.subscribe(t, nil)
	for _, s := range []*subscription{slow, quick} {
		for !caughtUp(b, s) {
			until(t, s, m.change(0))
		}
	}
	for n := range 50 {
		place := m.change(n)
		b.Wake()
		until(t, quick, place)
	}
	if _, err := next(t, slow); !errors.Is(err, fleet.ErrSlow) {
		t.Errorf("got %v, want ErrSlow", err)
	}
	if _, err := next(t, slow); !errors.Is(err, fleet.ErrSlow) {
		t.Errorf("got %v the second time, want ErrSlow", err)
	}
	until(t, quick, m.change(1))
}

// A batch that is more than the buffer is no reason to drop whoever has read everything before.
func TestBatchLargerThanTheBuffer(t *testing.T) {
	m := newMemory()
	b := start(t, m, func(o *Options) { o.Buffer = 5 })
	s := b.subscribe(t, nil)
	for !caughtUp(b, s) {
		until(t, s, m.change(0))
	}
	devices := make([]int, 100)
	for n := range devices {
		devices[n] = n
	}
	m.show(devices...)
	seen := 0
	for seen < len(devices) {
		events, err := next(t, s)
		if err != nil {
			t.Fatalf("after %d devices: %v", seen, err)
		}
		for _, e := range events {
			if e.Kind == fleet.EventCheckIn {
				seen++
			}
		}
	}
}

// What is made while somebody catches up may be more than anybody keeps for it: it reads that from the journal too.
func TestSubscriberThatCatchesUpIsNotSlow(t *testing.T) {
	m := newMemory()
	from, _ := m.Head(context.Background())
	for n := range 10 {
		m.change(n)
	}
	b := start(t, m, func(o *Options) { o.Buffer, o.Page = 4, 2 })
	witness, s := b.subscribe(t, nil), b.subscribe(t, &from)
	for n := range 100 {
		until(t, witness, m.change(n))
	}
	got, _ := until(t, s, 110)
	wantRun(t, got, 1, 110)
	for n := range 20 {
		place := m.change(n)
		until(t, witness, place)
		got, _ := until(t, s, place)
		wantRun(t, got, place, place)
	}
}

// While nobody subscribes the hub only looks now and then, so that changes get their place.
func TestHubIdles(t *testing.T) {
	m := newMemory()
	b := start(t, m)
	testenv.WaitFor(t, patience, func() bool { heads, _ := m.asked(); return heads > 3 })
	if _, reads := m.asked(); reads > 0 {
		t.Errorf("events were read %d times for nobody", reads)
	}
	s := b.subscribe(t, nil)
	until(t, s, m.change(1))
	s.Close()
	heads, _ := m.asked()
	testenv.WaitFor(t, patience, func() bool { now, _ := m.asked(); return now > heads+2 })
	_, before := m.asked()
	testenv.WaitFor(t, patience, func() bool { now, _ := m.asked(); return now > heads+5 })
	if _, reads := m.asked(); reads > before {
		t.Errorf("events were read %d times after the last reader had left", reads-before)
	}
}

func TestHubIdlesUntilSomebodyComes(t *testing.T) {
	m := newMemory()
	b := start(t, m, func(o *Options) { o.Idle = time.Hour })
	testenv.WaitFor(t, patience, func() bool { heads, _ := m.asked(); return heads == 1 })
	m.change(1)
	s := b.subscribe(t, nil) // ends the pause
	testenv.WaitFor(t, patience, func() bool { return following(b, s) })
	until(t, s, m.change(1))
}

func TestMetricIsRegisteredOnce(t *testing.T) {
	m := newMemory()
	b := newBench(t, m)
	if _, err := New(b.Options); err == nil {
		t.Error("two hubs share a registry")
	}
}
