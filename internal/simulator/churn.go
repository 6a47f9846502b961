package simulator

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	writers     = 64  // writes at once
	burstOdds   = 4   // one change of so many is followed at once by others of the same document
	burstLength = 3   // writes in such a burst
	pickTries   = 200 // documents looked at to find one that may be changed
)

// churn changes documents until ctx ends, and then waits for the writes that are under way, for which they have the bound.
//
// A document is changed again only once its device has the change before: else the next change would hide that one
// was never announced. Now and then several follow each other at once, so that announcing a newer change while an
// older one is being announced is tried too.
func (s *simulation) churn(ctx, whole context.Context) {
	limit := rate.NewLimiter(rate.Limit(s.o.Churn), 1)
	writes, giveUp := context.WithCancel(whole)
	defer giveUp()
	var writing sync.WaitGroup
	defer func() {
		grace := time.AfterFunc(s.o.Bound, giveUp)
		defer grace.Stop()
		writing.Wait()
	}()
	slots := make(chan struct{}, writers)
	for limit.Wait(ctx) == nil && s.fatal() == nil {
		d := s.pick()
		if d == nil {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			d.mu.Lock()
			d.writing = false
			d.mu.Unlock()
			return
		}
		length := 1
		if !s.o.single && s.random(burstOdds) == 0 {
			length = burstLength
		}
		writing.Go(func() {
			defer func() { <-slots }()
			s.change(writes, d, s.plan(d, time.Now()))
			for i := 1; i < length && limit.Wait(ctx) == nil; i++ {
				s.change(writes, d, s.plan(d, time.Now()))
			}
			d.mu.Lock()
			d.writing = false
			d.mu.Unlock()
		})
	}
}

// pick finds a document that may be changed, and marks it as being written. Where no device is up to date, one that
// is not connected is taken: a fleet that is away still has its documents changed.
func (s *simulation) pick() *device {
	for range pickTries {
		d := s.made[s.random(len(s.made))]
		d.mu.Lock()
		away := len(d.topics) > 0 && d.online.IsZero()
		ready := !d.writing && !d.gone && !d.absent && !d.record.foreign && (d.record.current() || away)
		if ready {
			d.writing = true
		}
		d.mu.Unlock()
		if ready {
			return d
		}
	}
	return nil
}

// restarts cuts the power of devices until ctx ends. Each comes back after a moment.
func (s *simulation) restarts(ctx context.Context) {
	limit := rate.NewLimiter(rate.Limit(s.o.Restarts), 1)
	for limit.Wait(ctx) == nil {
		s.devices[s.random(len(s.devices))].powerCut(false)
	}
}

// powerCut ends a device's life; forGood is one that it does not come back from.
func (d *device) powerCut(forGood bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut == nil || d.off {
		return
	}
	d.off = forGood
	d.cut(errPower)
	d.cut = nil
	if !forGood {
		d.s.stats.restarts.Add(1)
	}
}
