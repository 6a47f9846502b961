package simulator

import (
	"context"
	"crypto/sha256"
	"errors"
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
			s.change(writes, d)
			for i := 1; i < length && limit.Wait(ctx) == nil; i++ {
				s.change(writes, d)
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
		ready := !d.writing && !d.gone && !d.record.foreign && (d.record.current() || away)
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

// change writes the next state of a device's document, and repeats that until the server confirms it: the same bytes
// again change nothing. It gives up where the configuration is gone, or the run.
func (s *simulation) change(ctx context.Context, d *device) {
	now := time.Now()
	d.mu.Lock()
	c := change{n: d.next, sent: now}
	d.next++
	text := d.template.stamp(s.mark, c.n, now)
	c.sum = sha256.Sum256(text)
	d.record.write(c)
	d.mu.Unlock()
	wait := firstRetry
	for try := 0; ; try++ {
		server := s.servers[(s.random(len(s.servers))+try)%len(s.servers)]
		revision, err := server.admin.update(ctx, d.id, text)
		switch {
		case err == nil:
			s.stats.changes.Add(1)
			s.confirm(d, c.n, revision)
			return
		case errors.Is(err, errGone):
			d.mu.Lock()
			d.gone = true
			d.mu.Unlock()
			return
		case errors.Is(err, errRefused):
			s.fail(err)
			return
		}
		s.stats.writeErrors.Add(1)
		s.troubled("write", err)
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, lastRetry)
	}
}

func (s *simulation) confirm(d *device, n, revision int64) {
	d.mu.Lock()
	verdicts := d.record.confirm(n, revision, time.Now())
	d.mu.Unlock()
	for _, v := range verdicts {
		s.incident(d, staleDocument, v.what)
	}
}
