package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// A client may be wrong a few times; from then on each answer to a wrong token is delayed, and after some more it is not
// even looked at until a while has passed. A failure is forgiven in time.
const (
	freeFailures  = 5
	mostFailures  = 20
	forgiveEvery  = 3 * time.Second
	failureDelay  = 500 * time.Millisecond
	mostDelayed   = 32   // requests that wait at a time
	mostAddresses = 4096 // that are remembered
)

// throttle slows down those who guess tokens, by the address they come from (IPv6: the network of 64 bits, which is one
// customer's). It remembers a bounded number of addresses.
type throttle struct {
	now   func() time.Time
	wait  func(ctx context.Context, d time.Duration)
	slots chan struct{}

	mu     sync.Mutex
	owners map[netip.Addr]failures
}

// failures are a count as it was at a time; it shrinks by one each forgiveEvery.
type failures struct {
	count float64
	at    time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, wait: pause, slots: make(chan struct{}, mostDelayed), owners: map[netip.Addr]failures{}}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f failures) left(now time.Time) float64 {
	return max(0, f.count-now.Sub(f.at).Seconds()/forgiveEvery.Seconds())
}

// blocked is how long the address must wait before a token of it is looked at; 0: not at all.
func (t *throttle) blocked(from netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	over := t.owners[owner(from)].left(t.now()) - (mostFailures - 1)
	return max(0, time.Duration(over*float64(forgiveEvery)))
}

// failed counts a wrong token and, if there were several, lets the caller wait. Where too many wait already it answers
// how long this one should stay away.
func (t *throttle) failed(ctx context.Context, from netip.Addr) time.Duration {
	if t.count(owner(from)) <= freeFailures {
		return 0
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
		t.wait(ctx, failureDelay)
		return 0
	default:
		return forgiveEvery
	}
}

func (t *throttle) count(who netip.Addr) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if _, known := t.owners[who]; !known && len(t.owners) >= mostAddresses {
		t.forget(now)
	}
	f := failures{t.owners[who].left(now) + 1, now}
	t.owners[who] = f
	return f.count
}

// forget makes room: those that are forgiven go, and if they are few, an eighth of the others, so that not every new
// address has to look for one to go.
func (t *throttle) forget(now time.Time) {
	for who, f := range t.owners {
		if f.left(now) == 0 {
			delete(t.owners, who)
		}
	}
	for who := range t.owners {
		if len(t.owners) <= mostAddresses*7/8 {
			return
		}
		delete(t.owners, who)
	}
}

func owner(from netip.Addr) netip.Addr {
	if from.Is6() {
		if network, err := from.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return from
}

func tooMany(w http.ResponseWriter, wait time.Duration) error {
	seconds := int(wait/time.Second) + 1
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return &fleet.Error{Code: fleet.CodeTooManyRequests, Message: "Too many wrong admin tokens came from this address",
		Detail: "Wait for as many seconds as Retry-After says, and check the token"}
}
