package simulator

import (
	"slices"
	"time"
)

// state is one write of a document. A later one may have the bytes of an earlier one: what was changed back.
type state struct {
	n     int64
	stamp int64     // which the bytes say; smaller than n where they were written before
	at    time.Time // which the bytes say
	sum   [32]byte
}

const keptStates = 32

// sent notes a state that is about to be sent.
func (r *record) sent(s state) {
	if len(r.states) >= keptStates {
		r.states = slices.Delete(r.states, 0, 1)
	}
	r.states = append(r.states, s)
}

// resolve is the newest write that bytes can be of, which say that they are of a certain one.
func (r *record) resolve(sum [32]byte, stamp int64) int64 {
	for _, s := range slices.Backward(r.states) {
		if s.sum == sum {
			return s.n
		}
	}
	return stamp
}

// span is the writes that bytes can be of, none before the first and none after the last one given; the bytes are of one
// that is not kept any more where it is found to be false.
func (r *record) span(sum [32]byte, first, last int64) (of span, found bool) {
	for _, s := range r.states {
		if s.sum != sum || s.n < first || s.n > last {
			continue
		}
		if !found {
			of.first, found = s.n, true
		}
		of.last = s.n
	}
	return of, found
}

// written tells whether bytes were written up to a write.
func (r *record) written(sum [32]byte, upTo int64) bool {
	_, found := r.span(sum, 0, upTo)
	return found
}

// writeOf is the write that became a revision.
func (r *record) writeOf(revision int64) (n int64, known bool) {
	for _, c := range r.confirmed {
		if c.revision == revision && revision > 0 {
			return c.n, true
		}
	}
	return 0, false
}

// revisions are those that bytes became, from a write on; all is false where older ones are not kept any more.
func (r *record) revisions(sum [32]byte, first int64) (found []int64, all bool) {
	for _, c := range r.confirmed {
		if c.sum == sum && c.n >= first && c.revision > 0 {
			found = append(found, c.revision)
		}
	}
	return found, len(r.confirmed) > 0 && r.confirmed[0].n <= first
}

// former are the states whose bytes may be written again: not those that the document has now.
func (r *record) former() (found []state) {
	for _, s := range r.states[max(0, len(r.states)-8):] {
		if s.sum != r.newest.sum && s.n < r.newest.n {
			found = append(found, s)
		}
	}
	return found
}

// facts are what a device shows with a request that is answered in whole: first that it holds what it has stored, and
// then that it was served doc. The request began when the floor was the newest confirmed write.
func (r *record) facts(had stored, doc document, floor int64, at time.Time) []fact {
	newest := r.newestSent()
	var facts []fact
	if had.etag != "" && had.sum != doc.sum {
		facts = append(facts, fact{kind: held, sum: had.sum, of: r.newestOf(had, floor, newest), at: at})
	}
	kind := fetched
	if doc.same {
		kind = held
	}
	of, found := r.span(doc.sum, floor, newest)
	if !found {
		of = span{floor, newest}
	}
	return append(facts, fact{kind: kind, sum: doc.sum, of: of, at: at})
}

// broken are what a device may have shown with a request whose answer it did not get in whole.
func (r *record) broken(had stored, floor int64, at time.Time) []fact {
	newest := r.newestSent()
	var facts []fact
	if had.etag != "" {
		facts = append(facts, fact{kind: held, sum: had.sum, of: r.newestOf(had, floor, newest), at: at, maybe: true})
	}
	for _, s := range r.states {
		if s.n >= floor && s.sum != had.sum {
			facts = append(facts, fact{kind: fetched, sum: s.sum, of: span{s.n, s.n}, at: at, maybe: true})
		}
	}
	return append(facts, fact{at: at, maybe: true})
}

// newestOf is the write that a server takes stored bytes for: the newest that has them.
func (r *record) newestOf(had stored, floor, newest int64) span {
	before, found := r.span(had.sum, 0, floor)
	of := span{had.n, had.n}
	if found {
		of = span{before.last, before.last}
	}
	if after, found := r.span(had.sum, floor+1, newest); found {
		of.last = after.last
	}
	return of
}

func (r *record) newestSent() int64 {
	if len(r.states) == 0 {
		return r.newest.n
	}
	return r.states[len(r.states)-1].n
}
