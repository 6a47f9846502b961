package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What is true of a device, and which states of the API are right for it. A server cannot know all that is true: what did not
// reach it, or what it was killed over. The rules, of which nothing here allows more:
//
//	what happened                                  what the server may know of it
//	---------------------------------------------  -------------------------------------------------------------------------
//	made, and never started                        nothing: unknown
//	GET answered 200, whole                        fetched those bytes, unless it knows more of the same bytes
//	GET answered 304                               held those bytes, unless it knows more of the same bytes
//	If-None-Match with other bytes, answered 200   held those, if no newer revision is known; then fetched the new ones
//	GET broken off                                 each document that can have been the answer: fetched, or not
//	report answered 204                            applied or error of those bytes, and no crash takes it
//	report answered 4xx, or lost before sending    nothing
//	report without an answer                       as with 204, or nothing
//	report taken by the broker                     applied or error of those bytes; if the bytes went and came back within
//	                                               lateness, of the bytes that came back as well
//	the document changes                           nothing of the device: pending, or what is known of these bytes
//	connected                                      online; before that, null
//	cut off                                        not online, by the last will; null if the server or broker failed meanwhile
//	connection lost with the broker                not online, or null
//
// Where a server was killed, it may have forgotten what was not durable: each fact since unflushed before it was last seen
// well, except reports that were answered. Where the broker failed, what went by it from unflushed before until all had
// the bound to come back. A configuration that was deleted takes with it what was not yet written of its device.
//
// What is left open is closed by the next whole exchange.
const (
	unflushed = 6 * time.Second  // the five seconds that a crash may lose, and one for what is measured
	kept      = 20 * time.Second // how long a fact may still turn out to be lost
	lateness  = 5 * time.Second  // of a report by the broker, against what comes by HTTP
)

// The states that the API shows.
const (
	unknown = "unknown"
	pending = "pending"
	fetched = "fetched"
	held    = "held"
	applied = "applied"
	failed  = "error"
)

// span is the writes that bytes can be of, which have the same bytes: the first and the last of them.
type span struct{ first, last int64 }

// belief is one thing that a server may know of what a device has.
type belief struct {
	seen  bool
	level string // fetched, held, applied, failed; "" where no bytes are known
	sum   [32]byte
	of    span
	open  bool // nothing is known of what it was before the run: anything is right
}

// fact is one thing that a device showed.
type fact struct {
	kind  string // fetched, held, applied, failed; "" is a sign of life alone
	sum   [32]byte
	of    span
	named bool // a report that names its revision, rather than the bytes
	at    time.Time

	maybe   bool // the server may know it or not
	durable bool // no crash takes it
	mqtt    bool // it went by the broker
}

// truth is what the server can know of one device. It is guarded by its device's mutex.
type truth struct {
	base   []belief
	recent []fact
	life   life
	link   link
}

func newTruth(revision int64, speaks bool) truth {
	// A MAC address that had revisions before may have had a device as well.
	return truth{base: []belief{{open: revision > 1}}, link: link{speaks: speaks, fog: revision > 1}}
}

// show takes facts in their order. written answers where bytes were written, up to a write.
func (t *truth) show(now time.Time, written func(sum [32]byte, upTo int64) bool, facts ...fact) {
	for _, f := range facts {
		if !f.maybe {
			t.life.sign(f.at)
		}
		t.recent = append(t.recent, f)
	}
	t.settle(now, written)
}

// settle moves facts that no crash can take any more.
func (t *truth) settle(now time.Time, written func([32]byte, int64) bool) {
	n := 0
	for n < len(t.recent) && now.Sub(t.recent[n].at) > kept {
		n++
	}
	if n == 0 {
		return
	}
	t.base = fold(t.base, t.recent[:n], written)
	t.recent = slices.Delete(t.recent, 0, n)
}

// beliefs are what the server may know now.
func (t *truth) beliefs(written func([32]byte, int64) bool) []belief {
	return fold(t.base, t.recent, written)
}

// doubt says that what was shown since a time may be forgotten.
func (t *truth) doubt(since time.Time, which func(fact) bool) {
	for i := range t.recent {
		if f := &t.recent[i]; !f.at.Before(since) && which(*f) {
			f.maybe = true
		}
	}
	t.life.doubt(since)
	t.link.shaken = true
}

// last says what the device showed last, for people.
func (t *truth) last(now time.Time) string {
	var shown []string
	for _, f := range t.recent[max(0, len(t.recent)-6):] {
		text := "a sign of life"
		if f.kind != "" {
			text = fmt.Sprintf("%s %d", f.kind, f.of.last)
		}
		if f.mqtt {
			text += " by MQTT"
		}
		if f.named {
			text += " by revision"
		}
		if f.maybe {
			text += " perhaps"
		}
		shown = append(shown, fmt.Sprintf("%s (%s ago)", text, now.Sub(f.at).Round(time.Millisecond)))
	}
	if len(shown) == 0 {
		return ""
	}
	return "; it showed last: " + strings.Join(shown, ", ")
}

func fold(from []belief, facts []fact, written func([32]byte, int64) bool) []belief {
	now := slices.Clone(from)
	for i, f := range facts {
		var next []belief
		add := func(b belief) {
			if !slices.Contains(next, b) {
				next = append(next, b)
			}
		}
		for _, b := range now {
			if f.maybe {
				add(b)
			}
			for _, after := range b.take(f, written) {
				add(after)
				if late := lateReport(facts[:i], f); late != "" && after.sum == f.sum && after.level != "" {
					after.level = late
					add(after)
				}
			}
		}
		now = next
	}
	return now
}

// lateReport is what the broker may yet hand over of bytes that a device shows again.
func lateReport(before []fact, f fact) string {
	if f.kind != fetched && f.kind != held {
		return ""
	}
	for _, r := range slices.Backward(before) {
		if r.mqtt && r.sum == f.sum && (r.kind == applied || r.kind == failed) && f.at.Sub(r.at) < lateness {
			return r.kind
		}
	}
	return ""
}

// take answers what the server may know after a fact, of which it was told.
func (b belief) take(f fact, written func([32]byte, int64) bool) []belief {
	before := b
	b.seen = true
	if f.kind == "" {
		return []belief{b}
	}
	report := f.kind == applied || f.kind == failed
	if b.level != "" && b.sum == f.sum {
		if report && f.named && f.of.last < b.of.first {
			return []belief{b, b.raised(f.kind)} // a report on the same bytes at an earlier time
		}
		if !report && f.of.first > b.of.first {
			b.of = f.of
		}
		return []belief{b.raised(f.kind)}
	}
	had := belief{seen: true, level: f.kind, sum: f.sum, of: f.of}
	switch {
	case b.open && f.kind != fetched:
		return []belief{b, had} // it is not known what the former device had
	case b.level == "":
		return []belief{had}
	case report && !f.named:
		// Bytes that the device has had before it had those that are known are taken for what it had then.
		if written(f.sum, b.of.first) {
			return []belief{b}
		}
		if written(f.sum, b.of.last) {
			return []belief{b, had}
		}
		return []belief{had}
	case f.of.last < b.of.first:
		before.seen = true
		return []belief{before}
	case f.of.first > b.of.last:
		return []belief{had}
	}
	return []belief{b, had}
}

// raised keeps the strongest that is known of the same bytes; of what the device reported, the last word.
func (b belief) raised(level string) belief {
	if level == applied || level == failed || b.level == fetched {
		b.level = level
	}
	return b
}

// link is what the device says of its connection to the broker.
type link struct {
	speaks bool // its firmware has a last will
	state  linkState
	shaken bool // the server or the broker failed since
	fog    bool // nobody knows: it changed while there was no configuration, or is of before the run
	since  time.Time
}

type linkState int

const (
	neverUp linkState = iota
	up
	cutOff // its last will says so
	dropped
)

// set notes a change; absent says that there was no configuration, so that the server passed it over.
func (l *link) set(state linkState, absent bool, now time.Time) {
	if !l.speaks {
		return
	}
	l.fog = absent && (l.fog || l.state != state)
	l.state, l.shaken, l.since = state, false, now
}

// right tells whether what the API says of the connection is.
func (l link) right(online *bool) bool {
	switch {
	case l.fog:
		return true
	case !l.speaks || l.state == neverUp:
		return online == nil
	case online == nil:
		return l.state == dropped || l.state == cutOff && l.shaken
	case *online:
		return l.state == up
	}
	return l.state == cutOff || l.state == dropped
}

func (l link) String() string {
	switch {
	case l.fog:
		return "anything"
	case !l.speaks || l.state == neverUp:
		return "null"
	case l.state == up:
		return "true"
	case l.state == cutOff && !l.shaken:
		return "false"
	}
	return "false or null"
}

// life is when a device showed that it lives.
type life struct {
	signs       []time.Time // the last few
	gaps        int
	short, long time.Duration // the shortest and the longest gap
	doubtful    bool          // the newest signs may be forgotten
}

const (
	keptSigns = 8
	// oneSign is how close signs are taken for one, as of a device that fetches when it starts and again when it is told.
	oneSign = 5 * time.Second
)

func (l *life) sign(at time.Time) {
	if n := len(l.signs); n > 0 {
		gap := at.Sub(l.signs[n-1])
		if l.gaps == 0 || gap < l.short {
			l.short = gap
		}
		l.long = max(l.long, gap)
		l.gaps++
	}
	l.signs, l.doubtful = append(l.signs, at), false
	if len(l.signs) > keptSigns {
		l.signs = slices.Delete(l.signs, 0, 1)
	}
}

// doubt says that signs since a time may be forgotten.
func (l *life) doubt(since time.Time) {
	n := len(l.signs)
	for n > 0 && !l.signs[n-1].Before(since) {
		n--
	}
	l.doubtful = l.doubtful || n < len(l.signs)
	l.signs = l.signs[:n]
}

// last is the newest sign of life that is not newer than a time.
func (l *life) last(until time.Time) (at time.Time, found bool) {
	for _, sign := range slices.Backward(l.signs) {
		if !sign.After(until) {
			return sign, true
		}
	}
	return at, false
}

// overdue answers what the API may say: that the device is overdue, and that it is not. connected is a device of which
// the broker would say if it went away.
//
// A device is overdue after three times its rhythm. What its rhythm is taken for lies between the shortest and the longest
// gap, where signs that are close count as one.
func (l *life) overdue(now time.Time, connected bool, slack time.Duration) (yes, no bool) {
	last, found := l.last(now)
	silence := now.Sub(last)
	regular := l.gaps >= 4 && l.short > oneSign && l.long < l.short*3/2
	switch {
	case connected || l.gaps < 3 && !l.doubtful:
		return false, true
	case !found || l.doubtful:
		return true, true
	case silence < 3*(max(l.short, oneSign)-time.Second): // whole seconds are measured
		return false, true
	case regular && silence > 3*l.long+slack:
		return true, false
	}
	return true, true
}
