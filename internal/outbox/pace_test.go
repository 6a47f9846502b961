package outbox

import (
	"context"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

func TestPace(t *testing.T) {
	p := newPace(100)
	const limit = 10 * time.Second
	for i, step := range []struct {
		claimed, late int
		took          time.Duration
		want          int
	}{
		{16, 0, time.Millisecond, 32}, {5, 0, time.Millisecond, 32}, {32, 0, 2 * time.Second, 32},
		{32, 0, time.Millisecond, 64}, {64, 0, time.Millisecond, 100}, {100, 0, 4 * time.Second, 50},
		{50, 40, limit, 5}, {5, 5, limit, 1}, {1, 1, limit, 1}, {1, 0, 9 * time.Second, 1}, {1, 0, time.Millisecond, 2},
	} {
		if p.sent(step.claimed, step.late, step.took, limit); p.now != step.want {
			t.Errorf("step %d: %d at once, want %d", i, p.now, step.want)
		}
	}
	if p := newPace(3); p.now != 3 {
		t.Errorf("begins with %d of at most 3", p.now)
	}
}

// slow is a broker that takes a while for each message, one after the other, whether it is still waited for or not.
type slow struct {
	*wire
	each time.Duration

	mu   sync.Mutex
	free time.Time // when it is through with all that it has
	took int       // messages, in all
}

func (s *slow) Publish(ctx context.Context, messages []fleet.Publication) []error {
	s.mu.Lock()
	ends := make([]time.Time, len(messages))
	for i := range messages {
		if now := time.Now(); s.free.Before(now) {
			s.free = now
		}
		s.free = s.free.Add(s.each)
		ends[i] = s.free
	}
	s.took += len(messages)
	s.mu.Unlock()
	errs := s.wire.Publish(ctx, messages)
	for i, end := range ends {
		timer := time.NewTimer(time.Until(end))
		select {
		case <-timer.C:
		case <-ctx.Done():
			errs[i] = ctx.Err()
		}
		timer.Stop()
	}
	return errs
}

// TestRelayDoesNotFloodASlowBroker: it has time for 50 messages of a claim; 256 are claimed at most.
func TestRelayDoesNotFloodASlowBroker(t *testing.T) {
	const devices = 500
	b := newBench()
	broker := &slow{wire: b.wire, each: 8 * time.Millisecond}
	b.wire.connect()
	r := b.relay(t, func(o *Options) {
		o.Publisher, o.Lease, o.Broadcast, o.RetryMin = broker, 600*time.Millisecond, false, 10*time.Millisecond
	})
	b.settled(t)
	for n := range devices {
		b.outbox.change(mac(n))
	}
	r.Wake()
	testenv.WaitFor(t, patience, func() bool { return b.outbox.waiting() == 0 })
	broker.mu.Lock()
	defer broker.mu.Unlock()
	if broker.took > 2*devices {
		t.Errorf("the broker was sent %d messages for %d devices", broker.took, devices)
	}
}
