package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// overdue counts the changes that a device ought to have by now and has not, each once. It is called now and then
// while the run lasts.
func (s *simulation) overdue(now time.Time) {
	for _, d := range s.made {
		d.mu.Lock()
		k, what, found := d.late(now)
		d.mu.Unlock()
		if found {
			s.incident(d, k, what)
		}
	}
}

// late finds the changes that are overdue now and were not before. The mutex is held.
func (d *device) late(now time.Time) (k kind, what string, found bool) {
	if d.gone || d.absent || d.record.foreign || !d.booted {
		return 0, "", false
	}
	for i := range d.record.open {
		c := &d.record.open[i]
		if c.acked.IsZero() || c.inHand || c.counted {
			continue
		}
		due, known := d.due(c.acked)
		if !known || now.Before(due) {
			continue
		}
		c.counted, found = true, true
		k, what = d.blame(c)
	}
	return k, what, found
}

// blame says whether a device that lacks a change was told of it.
func (d *device) blame(c *change) (kind, string) {
	if d.record.toldAt.After(c.sent) {
		return staleDocument, fmt.Sprintf("it was told after state %d of its document was written, and %v later it still holds state %d",
			c.n, d.s.o.Bound, d.record.heldN)
	}
	return missed, fmt.Sprintf("it was not told of state %d of its document within %v", c.n, d.s.o.Bound)
}

// settled tells whether nothing is due any more: each device has what was confirmed, or its time is over.
func (s *simulation) settled(now time.Time) bool {
	for _, d := range s.devices {
		d.mu.Lock()
		waits := d.fetching && !d.gone || d.cut == nil && !d.off
		if !waits && d.made && !d.gone && !d.record.foreign && !d.record.current() {
			due, known := d.due(d.record.newest.acked)
			waits = !known || now.Before(due)
		}
		d.mu.Unlock()
		if waits {
			return false
		}
	}
	return true
}

// prove waits until all is quiet, and then compares what each device holds with what the server has.
func (s *simulation) prove(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, 3*s.o.Bound+2*s.o.Poll+20*time.Second)
	defer cancel()
	await(limit, func() bool {
		now := time.Now()
		s.overdue(now)
		return s.settled(now)
	})
	check, cancel := context.WithTimeout(ctx, s.o.Bound+2*time.Minute)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(writers / 2)
	for _, d := range s.devices {
		group.Go(func() error {
			s.proveOne(check, d)
			return nil
		})
	}
	_ = group.Wait() // what is wrong is an incident
}

// proveOne judges one device. One that lacks a document which somebody else wrote a moment ago gets the time to hear of it.
func (s *simulation) proveOne(ctx context.Context, d *device) {
	var k kind
	var what string
	wait, cancel := context.WithTimeout(ctx, s.patience(d))
	defer cancel()
	for {
		var good bool
		if good, k, what = s.compare(ctx, d); good {
			return
		}
		if !pause(wait, 200*time.Millisecond) {
			break
		}
	}
	d.mu.Lock()
	counted := false
	for _, c := range d.record.open {
		counted = counted || c.counted
	}
	d.mu.Unlock()
	if !counted {
		s.incident(d, k, what)
	}
}

// patience is how long a device may yet take for a change. For what the run wrote that time is over.
func (s *simulation) patience(d *device) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made && !d.record.foreign {
		return time.Second
	}
	return s.o.Bound
}

// compare looks at what the server has for a device, by the device's way and by the admin API, and at what the
// device holds.
func (s *simulation) compare(ctx context.Context, d *device) (good bool, k kind, what string) {
	at := s.servers[(d.server+1)%len(s.servers)]
	d.mu.Lock()
	id := d.id
	d.mu.Unlock()
	e, err := at.admin.config(ctx, id)
	if errors.Is(err, errGone) {
		return s.compareGone(d)
	}
	if err != nil {
		return false, unproven, "the server does not say what it should hold: " + err.Error()
	}
	fresh, err := s.readers.fetch(ctx, at.address, d.mac, ask{bystander: true})
	if err != nil {
		return false, unproven, "its document cannot be fetched: " + err.Error()
	}
	if !sameJSON(fresh.text, e.Content) {
		return false, corrupt, "the device endpoint and the admin API have different documents"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &d.record
	switch {
	case r.held.sum != fresh.sum && !r.toldAt.IsZero() && r.toldAt.After(r.newest.sent) && len(d.topics) > 0:
		return false, staleDocument, "it was told of a change and does not hold the newest document"
	case r.held.sum != fresh.sum:
		return false, missed, "it does not hold the newest document and was not told of it"
	case d.made && e.Revision == r.newest.revision && fresh.sum != r.newest.sum:
		return false, corrupt, "its document is not, byte for byte, what was written"
	case d.made && !r.foreign && fresh.sum != r.newest.sum && r.resolve(fresh.sum, s.mark.read(fresh.text)) <= r.newest.n:
		return false, corrupt, fmt.Sprintf("the server has revision %d of its document and confirmed %d", e.Revision, r.newest.revision)
	}
	for _, doubt := range r.doubts {
		if !d.made && doubt.etag == doubt.before && doubt.etag != fresh.etag {
			return false, staleDocument, fmt.Sprintf("it was told of revision %d and got the document that it had before", doubt.told.Revision)
		}
	}
	return true, 0, ""
}

func (s *simulation) compareGone(d *device) (good bool, k kind, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made && !d.absent {
		return false, corrupt, "its configuration is gone, and the run did not delete it"
	}
	return true, 0, ""
}

// offAtTheEnd is how many devices there are for each that is off at the end of a run with restarts.
const offAtTheEnd = 5

// proveStandings compares what the API shows with what is true: as the run left it; again when those of which several things
// may be right have shown anew what they have (with restarts: all), and some are off; and, where documents may be changed,
// when the documents of these are other ones, and when they are what they were.
func (s *simulation) proveStandings(ctx context.Context) {
	s.check.settle(ctx)
	limit, cancel := context.WithTimeout(ctx, 3*s.o.Bound+2*s.o.Poll+10*time.Second)
	defer cancel()
	await(limit, func() bool { return !s.brokerShaky(time.Now()) })
	for _, d := range s.made {
		d.mu.Lock()
		certain := d.certain()
		d.mu.Unlock()
		if !certain || s.o.Restarts > 0 {
			d.powerCut(false)
		}
	}
	await(limit, s.atRest)
	var off []*device
	for i, d := range s.made {
		if s.o.Restarts > 0 && i%offAtTheEnd == 1 {
			d.powerCut(true)
			off = append(off, d)
		}
	}
	s.check.settle(ctx)
	for _, d := range s.made {
		d.mu.Lock()
		s.stats.judged.Add(1)
		if d.certain() {
			s.stats.certain.Add(1)
		}
		d.mu.Unlock()
	}
	if s.o.Churn > 0 && len(off) > 0 && s.fatal() == nil {
		s.proveWithoutThem(ctx, off)
	}
}

// proveWithoutThem changes the documents of devices that are away, changes them back, and makes their configurations anew with
// the same bytes: what the server knows of a device is held against the bytes, whatever became of them meanwhile.
func (s *simulation) proveWithoutThem(ctx context.Context, off []*device) {
	ctx, cancel := context.WithTimeout(ctx, 10*s.o.Bound)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(writers)
	each := func(do func(d *device)) {
		for _, d := range off {
			group.Go(func() error {
				do(d)
				return nil
			})
		}
		_ = group.Wait()
		s.check.settle(ctx)
	}
	each(func(d *device) { s.change(ctx, d, s.planNew(d)) })
	for _, how := range []way{revert, renew} {
		// By then what the devices showed last is kept, and a delete takes none of it.
		pause(ctx, s.o.unflushed)
		each(func(d *device) {
			if e, found := s.planBack(d, how); found {
				s.change(ctx, d, e)
			}
		})
	}
}

// atRest tells whether every device that has power has what it fetches when it starts.
func (s *simulation) atRest() bool {
	for _, d := range s.made {
		up := d.up()
		d.mu.Lock()
		rests := d.off || d.gone || up && !d.fetching && !d.fresh
		d.mu.Unlock()
		if !rests {
			return false
		}
	}
	return true
}

// sameJSON compares documents that may differ in spacing.
func sameJSON(a, b []byte) bool {
	var left, right bytes.Buffer
	if json.Compact(&left, a) != nil || json.Compact(&right, b) != nil {
		return false
	}
	return bytes.Equal(left.Bytes(), right.Bytes())
}
