package simulator

import (
	"strings"
	"testing"
	"time"
)

// The documents of a device in these tests: A, B, A again and C, by the number of their write, from 1. Revisions are ten times
// that.
var letters = []byte("?ABAC")

func bytesOf(n int64) [32]byte { return [32]byte{letters[n]} }

// written is the record of a device whose document is at the n-th of these.
func written(n int64) *device {
	d := &device{s: &simulation{o: Options{Bound: time.Second}}, made: true}
	for i := int64(1); i <= n; i++ {
		d.record.sent(state{n: i, stamp: i, sum: bytesOf(i)})
		d.record.write(change{n: i, sum: bytesOf(i)})
		d.record.confirm(i, 10*i, time.Now())
	}
	d.truth = newTruth(1, true)
	return d
}

func TestWhatMayBeKnown(t *testing.T) {
	start := time.Now().Add(-time.Second)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	show := func(kind string, n int64, seconds int) fact {
		return fact{kind: kind, sum: bytesOf(n), of: span{n, n}, at: at(seconds)}
	}
	perhaps := func(f fact) fact { f.maybe = true; return f }
	mqtt := func(f fact) fact { f.mqtt = true; return f }
	named := func(f fact) fact { f.named = true; return f }
	for name, test := range map[string]struct {
		newest int64
		facts  []fact
		want   string
	}{
		"never started":                        {1, nil, "unknown of revision null"},
		"connected only":                       {1, []fact{{at: at(0)}}, "pending of revision null"},
		"fetched":                              {1, []fact{show(fetched, 1, 0)}, "fetched of revision 10"},
		"held":                                 {1, []fact{show(fetched, 1, 0), show(held, 1, 1)}, "held of revision 10"},
		"fetched again":                        {1, []fact{show(held, 1, 0), show(fetched, 1, 1)}, "held of revision 10"},
		"applied":                              {1, []fact{show(fetched, 1, 0), show(applied, 1, 1)}, "applied of revision 10"},
		"refused":                              {1, []fact{show(applied, 1, 0), show(failed, 1, 1), show(held, 1, 2)}, "error of revision 10"},
		"changed":                              {2, []fact{show(applied, 1, 0)}, "pending of revision 10"},
		"changed back":                         {3, []fact{show(applied, 1, 0)}, "applied of revision 30"},
		"changed back, with others meanwhile":  {3, []fact{show(applied, 1, 0), show(fetched, 2, 1)}, "pending of revision 20"},
		"changed on, had the first twice":      {4, []fact{show(applied, 1, 0), show(held, 3, 1)}, "pending of revision 30"},
		"changed on, had the first once":       {4, []fact{show(applied, 1, 0)}, "pending of revision 10 or 30"},
		"refused, and holds what it had":       {2, []fact{show(held, 1, 0), show(fetched, 2, 1), show(failed, 2, 2), show(held, 1, 3), show(fetched, 2, 3)}, "error of revision 20"},
		"broken off":                           {2, []fact{show(fetched, 1, 0), perhaps(show(fetched, 2, 1))}, "pending of revision 10, or fetched of revision 20"},
		"broken off, then whole":               {2, []fact{show(fetched, 1, 0), perhaps(show(fetched, 2, 1)), show(held, 2, 2)}, "held of revision 20"},
		"a report without an answer":           {1, []fact{show(fetched, 1, 0), perhaps(show(applied, 1, 1))}, "fetched of revision 10, or applied of revision 10"},
		"a report on what is not known, again": {3, []fact{show(fetched, 1, 0), show(fetched, 2, 1), perhaps(show(held, 3, 2)), show(applied, 3, 3)}, "pending of revision 20, or applied of revision 30"},
		"a report on what is not known, new":   {2, []fact{show(fetched, 1, 0), perhaps(show(fetched, 2, 1)), show(applied, 2, 2)}, "applied of revision 20"},
		"a report on the first time by number": {3, []fact{show(fetched, 3, 0), named(show(applied, 1, 1))}, "fetched of revision 30, or applied of revision 30"},
		"a late report by MQTT":                {3, []fact{show(fetched, 1, 0), mqtt(show(applied, 1, 0)), show(fetched, 2, 1), show(fetched, 3, 2)}, "fetched of revision 30, or applied of revision 30"},
		"a report by MQTT of long ago":         {3, []fact{show(fetched, 1, 0), mqtt(show(applied, 1, 0)), show(fetched, 2, 1), show(fetched, 3, 10)}, "fetched of revision 30"},
		"a report by HTTP of before":           {3, []fact{show(fetched, 1, 0), show(applied, 1, 0), show(fetched, 2, 1), show(fetched, 3, 2)}, "fetched of revision 30"},
	} {
		d := written(test.newest)
		d.truth.show(at(11), d.record.written, test.facts...)
		if got := expectation(d.expected()); got != test.want {
			t.Errorf("%s: %s; want %s", name, got, test.want)
		}
		// What no crash can take any more is as before.
		d.truth.settle(at(11).Add(2*kept), d.record.written)
		if got := expectation(d.expected()); got != test.want || len(d.truth.recent) > 0 {
			t.Errorf("%s, later: %s; want %s", name, got, test.want)
		}
	}
}

func TestACrashTakesWhatIsNotDurable(t *testing.T) {
	start := time.Now()
	d := written(2)
	d.truth.show(start, d.record.written,
		fact{kind: fetched, sum: bytesOf(1), of: span{1, 1}, at: start},
		fact{kind: fetched, sum: bytesOf(2), of: span{2, 2}, at: start.Add(8 * time.Second)},
		fact{kind: applied, sum: bytesOf(2), of: span{2, 2}, at: start.Add(9 * time.Second), durable: true, mqtt: true})
	crash := start.Add(10 * time.Second)
	lost := func(f fact) bool { return !f.durable }
	for _, test := range []struct {
		which func(fact) bool
		want  string
	}{
		{lost, "applied of revision 20"}, // by the report alone
		{func(f fact) bool { return true }, "pending of revision 10, or fetched of revision 20, or applied of revision 20"},
	} {
		d.truth.doubt(crash.Add(-unflushed), test.which)
		if got := expectation(d.expected()); got != test.want {
			t.Errorf("got %s; want %s", got, test.want)
		}
	}
	d.truth.show(crash, d.record.written, fact{kind: held, sum: bytesOf(2), of: span{2, 2}, at: crash})
	if got, want := expectation(d.expected()), "held of revision 20, or applied of revision 20"; got != want {
		t.Errorf("after the next exchange: %s; want %s", got, want)
	}
}

func TestADeviceOfBeforeTheRunIsNotJudged(t *testing.T) {
	d := written(1)
	d.truth = newTruth(7, true)
	if got := expectation(d.expected()); got != "anything" {
		t.Errorf("got %s", got)
	}
	d.truth.show(time.Now(), d.record.written, fact{kind: fetched, sum: bytesOf(1), of: span{1, 1}, at: time.Now()})
	if got := expectation(d.expected()); got != "fetched of revision 10" {
		t.Errorf("after a fetch: %s", got)
	}
}

func TestConnectionsThatAreRight(t *testing.T) {
	yes, no := true, false
	set := func(states ...linkState) link {
		l := link{speaks: true}
		for _, state := range states {
			l.set(state, false, time.Now())
		}
		return l
	}
	shaken, absent := set(up, cutOff), set(up)
	shaken.shaken = true
	absent.set(cutOff, true, time.Now())
	for name, test := range map[string]struct {
		link           link
		null, true, no bool
	}{
		"firmware that says nothing": {link: link{}, null: true},
		"never connected":            {link: set(), null: true},
		"connected":                  {link: set(up), true: true},
		"cut off":                    {link: set(up, cutOff), no: true},
		"back":                       {link: set(up, cutOff, up), true: true},
		"gone with the broker":       {link: set(up, dropped), null: true, no: true},
		"cut off, and a crash":       {link: shaken, null: true, no: true},
		"while there is nobody":      {link: absent, null: true, true: true, no: true},
	} {
		if test.link.right(nil) != test.null || test.link.right(&yes) != test.true || test.link.right(&no) != test.no {
			t.Errorf("%s: null %t, true %t, false %t (%s)", name, test.link.right(nil), test.link.right(&yes), test.link.right(&no), test.link)
		}
	}
}

func TestOverdue(t *testing.T) {
	start := time.Now()
	const slack = 5 * time.Second
	signs := func(gaps ...int) *life {
		l, at := &life{}, start
		l.sign(at)
		for _, gap := range gaps {
			at = at.Add(time.Duration(gap) * time.Second)
			l.sign(at)
		}
		return l
	}
	for _, test := range []struct {
		name      string
		life      *life
		silence   int
		connected bool
		yes, no   bool
	}{
		{"no rhythm", signs(60), 100_000, false, false, true},
		{"in time", signs(60, 60, 60, 60, 60), 70, false, false, true},
		{"just in time", signs(60, 60, 60, 60, 60), 176, false, false, true},
		{"at the edge", signs(60, 60, 60, 60, 60), 181, false, true, true},
		{"too late", signs(60, 60, 60, 60, 60), 190, false, true, false},
		{"connected", signs(60, 60, 60, 60, 60), 190, true, false, true},
		{"signs in a burst, in time", signs(1, 0, 60, 1, 60), 11, false, false, true},
		{"signs in a burst", signs(1, 0, 60, 1, 60), 100, false, true, true},
	} {
		last, _ := test.life.last(start.Add(time.Hour))
		yes, no := test.life.overdue(last.Add(time.Duration(test.silence)*time.Second), test.connected, slack)
		if yes != test.yes || no != test.no {
			t.Errorf("%s: may be overdue %t, may not %t", test.name, yes, no)
		}
	}
	l := signs(60, 60, 60, 60, 60)
	last, _ := l.last(start.Add(time.Hour))
	l.doubt(last.Add(-time.Second))
	if yes, no := l.overdue(last, false, slack); !yes || !no {
		t.Error("after a crash that may have taken its last sign of life, one answer only is right")
	}
}

func TestADisagreementCountsOnceItLasts(t *testing.T) {
	start := time.Now()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	const bound = 5 * time.Second
	var o opinion
	for i, step := range []struct {
		wrong, want string
		at, since   int
		counts      bool
	}{
		{"x", "a", 0, -100, false},
		{"x", "a", 4, -100, false},
		{"y", "a", 6, -100, true}, // another thing wrong with the same
		{"y", "a", 20, -100, false},
		{"x", "b", 21, -100, false}, // something else is expected
		{"", "b", 25, -100, false},
		{"x", "b", 30, -100, false},
		{"x", "b", 36, 33, false}, // a server failed meanwhile
		{"x", "b", 38, 33, true},
	} {
		if got := o.note(step.wrong, step.want, at(step.at), at(step.since), bound); got != step.counts {
			t.Errorf("step %d: counts: %t", i, got)
		}
	}
}

func TestSummariesThatDoNotAddUp(t *testing.T) {
	yes, no, is := true, false, fetched
	var listed summary
	listed.count(shown{Sync: &is, Online: &yes, Overdue: &yes})
	listed.count(shown{Sync: &is, Online: &no, Overdue: &no})
	right := func() summary {
		return summary{Total: 2, Sync: map[string]int64{fetched: 2}, Overdue: 1, Online: 1, Offline: 1}
	}
	if text := listed.differs(right()); text != "" {
		t.Errorf("the right one: %s", text)
	}
	for want, wrong := range map[string]func(*summary){
		"all":     func(s *summary) { s.Total++ },
		"fetched": func(s *summary) { s.Sync[fetched]-- },
		"held":    func(s *summary) { s.Sync[held]++ },
		"overdue": func(s *summary) { s.Overdue = 0 },
		"online":  func(s *summary) { s.Online = 2 },
		"offline": func(s *summary) { s.Offline = 0 },
	} {
		s := right()
		wrong(&s)
		if text := listed.differs(s); !strings.HasPrefix(text, want+": ") {
			t.Errorf("%s: %q", want, text)
		}
	}
}

func TestClockThatJumps(t *testing.T) {
	start := time.Now()
	var c clock
	c.read(start.Add(time.Hour), start)
	c.read(start.Add(time.Hour+time.Second), start.Add(500*time.Millisecond))
	if !c.since.IsZero() || c.offset != time.Hour {
		t.Errorf("a clock that goes: %+v", c)
	}
	now := start.Add(time.Minute)
	c.read(now, now)
	if !c.since.Equal(now) || c.offset != 0 {
		t.Errorf("a clock that jumped: %+v", c)
	}
}

func TestBytesThatComeBack(t *testing.T) {
	r := &written(4).record
	if n := r.resolve(bytesOf(1), 1); n != 3 {
		t.Errorf("the bytes are of write %d", n)
	}
	if n := r.resolve([32]byte{'Z'}, 9); n != 9 {
		t.Errorf("bytes that are not kept are of write %d", n)
	}
	if of, found := r.span(bytesOf(1), 0, 4); !found || of != (span{1, 3}) {
		t.Errorf("of %v, %t", of, found)
	}
	if of, found := r.span(bytesOf(1), 2, 4); !found || of != (span{3, 3}) {
		t.Errorf("of %v, %t", of, found)
	}
	if _, found := r.span(bytesOf(4), 1, 3); found {
		t.Error("bytes are found where they were not written")
	}
	if n, known := r.writeOf(20); n != 2 || !known {
		t.Errorf("revision 20 is of write %d, %t", n, known)
	}
	if former := r.former(); len(former) != 3 {
		t.Errorf("%d former states", len(former))
	}
	facts := r.facts(stored{etag: "a", sum: bytesOf(1), n: 1}, document{sum: bytesOf(4)}, 3, time.Now())
	if len(facts) != 2 || facts[0].kind != held || facts[0].of != (span{3, 3}) || facts[1].kind != fetched || facts[1].of != (span{4, 4}) {
		t.Errorf("shown with a request: %+v", facts)
	}
	facts = r.broken(stored{etag: "a", sum: bytesOf(1), n: 1}, 2, time.Now())
	if len(facts) != 4 || facts[0].kind != held || facts[1].of.first != 2 || facts[2].of.first != 4 || !facts[3].maybe {
		t.Errorf("shown perhaps: %+v", facts)
	}
}
