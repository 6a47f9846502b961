package events

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

func TestGap(t *testing.T) {
	m := newMemory()
	b := start(t, m)
	for n := range 5 {
		m.change(n)
	}
	old := fleet.EventPosition{Epoch: epoch, Change: 2}
	s := b.subscribe(t, &old)
	m.prune()
	for _, bad := range []fleet.EventPosition{old, {Epoch: "ffffffff", Change: 5}, {Epoch: epoch, Change: 6}, {Epoch: epoch, Change: 5, Device: 1}} {
		if _, err := b.Subscribe(context.Background(), &bad); err != fleet.ErrGap { //nolint:errorlint // it is answered as it is
			t.Errorf("from %s: %v, want ErrGap", bad, err)
		}
	}
	if n := testutil.CollectAndCount(b.registry); n != 1 {
		t.Errorf("%d metrics", n)
	}
	if events, err := next(t, s); err != nil || len(events) == 0 { // was read before
		t.Errorf("%d events, %v", len(events), err)
	}
	until(t, s, m.change(1))
}

// A gap while a subscriber catches up ends that one; a gap in the live tail ends all, and those who come next begin anew.
func TestGapEndsSubscriptions(t *testing.T) {
	m := newMemory()
	for n := range 6 {
		m.change(n)
	}
	b := start(t, m, func(o *Options) { o.Page = 2 })
	far := fleet.EventPosition{Epoch: epoch}
	behind, live := b.subscribe(t, &far), b.subscribe(t, nil)
	for !caughtUp(b, live) {
		until(t, live, m.change(1))
	}
	until(t, behind, 1)
	testenv.WaitFor(t, patience, func() bool { return b.reached(m) })
	m.prune()
	testenv.WaitFor(t, patience, func() bool { _, err := next(t, behind); return errors.Is(err, fleet.ErrGap) })
	until(t, live, m.change(1))
	m.refuse(func(fleet.EventPosition) error { return fmt.Errorf("read: %w", fleet.ErrGap) })
	testenv.WaitFor(t, patience, func() bool { _, err := next(t, live); return errors.Is(err, fleet.ErrGap) })
	m.refuse(nil)
	again := b.subscribe(t, nil)
	until(t, again, m.change(1))
	if b.log.count("level=WARN") > 0 {
		t.Error("a gap was told to the log: it is nobody's trouble")
	}
}

func TestMostSubscribers(t *testing.T) {
	m := newMemory()
	b := start(t, m, func(o *Options) { o.Most = 3 })
	gauge := func() float64 {
		families, err := b.registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetName() != "espalier_event_subscribers" {
			t.Fatalf("metrics %v, %v", families, err)
		}
		return families[0].GetMetric()[0].GetGauge().GetValue()
	}
	var all []*subscription
	for range 3 {
		all = append(all, b.subscribe(t, nil))
	}
	_, err := b.Subscribe(context.Background(), nil)
	if fleet.CodeOf(err) != fleet.CodeTooManyRequests || gauge() != 3 {
		t.Errorf("a fourth of three: %v, and %v are counted", err, gauge())
	}
	all[0].Close()
	all[0].Close()
	if _, err := next(t, all[0]); !errors.Is(err, fleet.ErrClosed) {
		t.Errorf("a closed subscription answers %v", err)
	}
	for range 5 { // a place that could not be used is free again
		if _, err := b.Subscribe(context.Background(), &fleet.EventPosition{Epoch: "other"}); !errors.Is(err, fleet.ErrGap) {
			t.Error(err)
		}
	}
	all[0] = b.subscribe(t, nil)
	if gauge() != 3 {
		t.Errorf("%v subscribers are counted, want 3", gauge())
	}
	for _, s := range all {
		s.Close()
	}
	if gauge() != 0 {
		t.Errorf("%v subscribers are counted, want none", gauge())
	}
}

func TestJournalFailsAndRecovers(t *testing.T) {
	m := newMemory()
	m.change(1)
	b := start(t, m)
	behind := fleet.EventPosition{Epoch: epoch}
	live, late := b.subscribe(t, nil), b.subscribe(t, &behind)
	until(t, live, m.change(1))
	m.fail(true)
	if _, err := b.Subscribe(context.Background(), nil); !errors.Is(err, errJournal) {
		t.Errorf("subscribed to a journal that fails: %v", err)
	}
	tries := func() int { heads, reads := m.asked(); return heads + reads }
	before := tries()
	testenv.WaitFor(t, patience, func() bool { return tries() > before+3 })
	place := m.change(1)
	m.fail(false)
	until(t, live, place)
	got, _ := until(t, late, place)
	wantRun(t, got, 1, place)
	testenv.WaitFor(t, patience, func() bool { return b.log.count(": over") == 1 })
	if n := b.log.count("level=WARN"); n != 1 {
		t.Errorf("%d warnings of one failure", n)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	m := newMemory()
	b := start(t, m)
	s := b.subscribe(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { _, err := s.Next(ctx); ended <- err }()
	cancel()
	if err := <-ended; err != context.Canceled { //nolint:errorlint // it is answered as it is
		t.Errorf("got %v", err)
	}
	until(t, s, m.change(1)) // and it can go on
	m.fail(true)
	behind := fleet.EventPosition{Epoch: epoch}
	m.fail(false)
	late := b.subscribe(t, &behind)
	m.fail(true)
	late.first = nil
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := late.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v while the journal fails", err)
	}
}

func TestStop(t *testing.T) {
	m := newMemory()
	b := newBench(t, m)
	if _, err := b.Subscribe(context.Background(), nil); !errors.Is(err, fleet.ErrClosed) {
		t.Errorf("subscribed before the start: %v", err)
	}
	if err := b.Stop(context.Background()); err != nil {
		t.Errorf("a hub that was not started: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := b.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel() // it lends its values only
	if err := b.Start(context.Background()); err == nil {
		t.Error("started twice")
	}
	waiting := b.subscribe(t, nil)
	until(t, waiting, m.change(1))
	ended := make(chan error, 1)
	go func() { _, err := waiting.Next(context.Background()); ended <- err }()
	b.stop(t)
	if err := <-ended; !errors.Is(err, fleet.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if _, err := b.Subscribe(context.Background(), nil); !errors.Is(err, fleet.ErrClosed) {
		t.Errorf("subscribed after the stop: %v", err)
	}
	b.Wake()
	waiting.Close()
}

// stuck is a journal that answers only when it is let go.
type stuck struct {
	*memory
	asked, held chan struct{}
}

func (s stuck) Head(context.Context) (fleet.EventPosition, error) {
	close(s.asked)
	<-s.held
	return fleet.EventPosition{}, errJournal
}

func TestStopDoesNotWaitForever(t *testing.T) {
	s := stuck{newMemory(), make(chan struct{}), make(chan struct{})}
	b := newBench(t, s)
	if err := b.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	<-s.asked
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := b.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(s.held)
	b.stop(t)
}
