package simulator

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// change is one state that the run wrote.
type change struct {
	n        int64
	sum      [sha256.Size]byte
	sent     time.Time
	acked    time.Time // zero while the server has not confirmed it
	revision int64     // as the server numbers it; 0 while unknown
	inHand   bool      // the device has it, or a newer one
	counted  bool      // it was late, and that has been counted
}

// doubt is a document that is not the one that the device was told of. It may be newer, which the device cannot see: what the server
// says of later changes decides.
type doubt struct {
	told   told
	n      int64  // of the document that came
	etag   string // of the document that came
	before string // etag of what the device held before
}

// record is what a device should have, what it has, and what it was told. It is guarded by its device's mutex.
type record struct {
	newest    change   // the newest that the server confirmed
	states    []state  // the last few that were sent
	open      []change // sent, and not yet both confirmed and in hand; oldest first
	confirmed []change // the last few that were confirmed, to find a state by its revision
	held      document // without text
	heldN     int64
	told      told
	toldAt    time.Time // when the device last heard of a change
	doubts    []doubt
	foreign   bool // somebody else wrote this document during the run
}

const keptConfirmed = keptStates

// verdict is what is wrong with a document that came; the zero value is nothing.
type verdict struct {
	stale bool
	what  string
}

func stale(format string, args ...any) verdict {
	return verdict{stale: true, what: fmt.Sprintf(format, args...)}
}

// got judges a document that came, with the mark n, to a request that began when the floor was the newest confirmed state
// and t was the newest that the device had been told. It answers how long the changes took that are now in hand.
func (r *record) got(doc document, n, floor int64, t told, at time.Time) (v verdict, took []time.Duration) {
	before, beforeN := r.held, r.heldN
	doc.text = nil
	if n != unmarked {
		n = r.resolve(doc.sum, n)
	}
	r.held, r.heldN = doc, n
	if n == unmarked {
		r.foreign = r.foreign || len(r.confirmed) > 0
		return r.compareTold(doc, n, before, t), nil
	}
	for i := range r.open {
		if c := &r.open[i]; c.n <= n && !c.inHand {
			c.inHand = true
			took = append(took, at.Sub(c.sent))
		}
	}
	r.prune()
	switch {
	case n < floor:
		return stale("it got state %d of its document although %d had been acknowledged before it asked", n, floor), took
	case n < beforeN && doc.sum != before.sum:
		return stale("it got state %d of its document after %d", n, beforeN), took
	case n == r.newest.n && doc.sum != r.newest.sum:
		r.foreign = true
	}
	return r.compareTold(doc, n, before, t), took
}

// compareTold checks that a document is the one that the device was told of, or a newer one.
func (r *record) compareTold(doc document, n int64, before document, t told) verdict {
	if t.ETag == "" || doc.etag == "" {
		return verdict{}
	}
	if doc.etag == t.ETag {
		r.doubts = slices.DeleteFunc(r.doubts, func(d doubt) bool { return d.told.Revision <= t.Revision })
		return verdict{}
	}
	d := doubt{told: t, n: n, etag: doc.etag, before: before.etag}
	for _, c := range r.confirmed {
		if c.revision == t.Revision && n != unmarked {
			return d.against(c)
		}
	}
	if n != unmarked || doc.etag == before.etag {
		r.doubts = append(r.doubts, d)
	}
	return verdict{}
}

// against decides a doubt by the state that the told revision turned out to be.
func (d doubt) against(c change) verdict {
	if d.n < c.n {
		return stale("it was told of revision %d, which is state %d, and got state %d", d.told.Revision, c.n, d.n)
	}
	return verdict{}
}

// hear notes what a retained message says; ok is false for one that is older than what was heard already.
func (r *record) hear(t told) {
	if t.Revision < r.told.Revision {
		return
	}
	r.told = t
	r.doubts = slices.DeleteFunc(r.doubts, func(d doubt) bool { return d.etag == t.ETag && t.Revision > d.told.Revision })
}

// write notes a state that is about to be sent.
func (r *record) write(c change) { r.open = append(r.open, c) }

// confirm notes that the server acknowledged a state.
func (r *record) confirm(n, revision int64, at time.Time) (verdicts []verdict) {
	for i := range r.open {
		c := &r.open[i]
		if c.n != n {
			continue
		}
		c.acked, c.revision = at, revision
		r.newest = *c
		r.confirmed = append(r.confirmed, *c)
		if len(r.confirmed) > keptConfirmed {
			r.confirmed = slices.Delete(r.confirmed, 0, 1)
		}
		r.doubts = slices.DeleteFunc(r.doubts, func(d doubt) bool {
			if d.told.Revision != revision || d.n == unmarked {
				return false
			}
			if v := d.against(*c); v.stale {
				verdicts = append(verdicts, v)
			}
			return true
		})
	}
	r.prune()
	return verdicts
}

func (r *record) prune() {
	r.open = slices.DeleteFunc(r.open, func(c change) bool { return c.inHand && !c.acked.IsZero() })
}

// current tells whether the device has every state that was confirmed.
func (r *record) current() bool { return r.heldN >= r.newest.n || r.held.sum == r.newest.sum }
