package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// edit is one change of a document, in one of the ways that there are.
type edit struct {
	way  way
	n    int64
	text []byte
	from int64  // revision to restore
	key  string // under which a repetition is known as one
	mark json.RawMessage
}

type way int

const (
	replace way = iota // PUT
	merge              // PATCH of the mark
	revert             // POST of a restore
	renew              // DELETE, and POST of a new configuration
)

// Of so many changes one is of that kind.
const (
	backOdds  = 5 // the bytes of a former state
	mergeOdds = 6
	renewOdds = 15
)

// plan decides on the next change of a document, and notes it. Now and then a former state comes back, so that what a
// device has already is right again without its doing.
func (s *simulation) plan(d *device, now time.Time) edit {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := state{n: d.next, stamp: d.next, at: now}
	if s.o.single {
		return s.prepare(d, next, replace, 0)
	}
	if former := d.record.former(); len(former) > 0 && s.random(backOdds) == 0 {
		back := former[s.random(len(former))]
		next.stamp, next.at = back.stamp, back.at
		if revisions, _ := d.record.revisions(back.sum, back.n); len(revisions) > 0 && s.random(2) == 0 {
			return s.prepare(d, next, revert, revisions[0])
		}
	}
	switch {
	case s.random(renewOdds) == 0:
		return s.prepare(d, next, renew, 0)
	case s.random(mergeOdds) == 0:
		return s.prepare(d, next, merge, 0)
	}
	return s.prepare(d, next, replace, 0)
}

// planNew is a state that never was.
func (s *simulation) planNew(d *device) edit {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.prepare(d, state{n: d.next, stamp: d.next, at: time.Now()}, replace, 0)
}

// planBack has the document be again what the device has got last; false where that is not kept any more.
func (s *simulation) planBack(d *device, how way) (edit, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, back := range d.record.states {
		revisions, _ := d.record.revisions(back.sum, back.n)
		if back.sum == d.record.held.sum && len(revisions) > 0 {
			return s.prepare(d, state{n: d.next, stamp: back.stamp, at: back.at}, how, revisions[0]), true
		}
	}
	return edit{}, false
}

// prepare notes a change that is about to be made. The mutex is held.
func (s *simulation) prepare(d *device, next state, how way, from int64) edit {
	d.next++
	e := edit{way: how, n: next.n, from: from, key: fmt.Sprintf("simulated-%s-%d-%s-%d", s.name, s.begun, d.mac, next.n)}
	if how == merge {
		e.mark = fmt.Appendf(nil, `{"espalierSimulation":{"n":%d,"at":"%s"}}`, next.stamp, next.at.UTC().Format(time.RFC3339Nano))
	}
	e.text = d.template.stamp(s.mark, next.stamp, next.at)
	next.sum = sha256.Sum256(e.text)
	d.record.sent(next)
	now := time.Now()
	d.record.write(change{n: e.n, sum: next.sum, sent: now})
	if e.way == renew {
		d.absent, d.creating = true, e.n
		// What is not written yet of the device has nobody to be about.
		d.truth.doubt(now.Add(-s.o.unflushed), func(f fact) bool { return !f.durable })
		d.truth.link.fog = d.truth.link.fog || now.Sub(d.truth.link.since) < s.o.unflushed
	}
	return e
}

// make has a server make a change, which may have been made already. It answers the revision that the document became.
func (e *edit) make(ctx context.Context, a *admin, d *device) (revision int64, err error) {
	d.mu.Lock()
	id := d.id
	d.mu.Unlock()
	switch e.way {
	case merge:
		return a.patch(ctx, id, e.mark)
	case revert:
		return a.restore(ctx, id, e.from, e.key)
	case renew:
		if err := a.remove(ctx, id); err != nil {
			return 0, err
		}
		made, err := a.create(ctx, d.mac, e.text, e.key)
		if err != nil {
			return 0, err
		}
		d.mu.Lock()
		d.id = made.ID
		d.mu.Unlock()
		return made.Revision, nil
	}
	return a.update(ctx, id, e.text)
}

// change makes a change, and repeats that until the server confirms it: the same bytes again change nothing. It gives up
// where the configuration is gone, or the run.
func (s *simulation) change(ctx context.Context, d *device, e edit) {
	wait := firstRetry
	for try := 0; ; try++ {
		server := s.servers[(s.random(len(s.servers))+try)%len(s.servers)]
		revision, err := e.make(ctx, server.admin, d)
		switch {
		case err == nil:
			s.stats.changes.Add(1)
			s.confirm(d, e.n, revision)
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
	d.absent = false
	d.mu.Unlock()
	for _, v := range verdicts {
		s.incident(d, staleDocument, v.what)
	}
}
