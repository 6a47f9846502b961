package fleet

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// polling is a device that asks for its document at intervals, each time with the bytes that it has.
type polling struct {
	Device
	at       time.Duration
	revision int64
}

// polls goes on for so many times.
func (p *polling) polls(every time.Duration, times int) *polling {
	for range times {
		p.at += every
		p.Take(holds(p.at, "A", max(p.revision, 1)))
	}
	return p
}

// told is a change of the document, which the device is told of, fetches a moment later, and reports on.
func (p *polling) told(after time.Duration, report bool) *polling {
	p.at += after
	p.revision = max(p.revision, 1) + 1
	p.Take(fetches(p.at, "A", p.revision))
	if report {
		p.Take(reports(p.at+20*time.Second, true, "A", p.revision))
	}
	return p
}

func TestRhythm(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct {
		name string
		live func(p *polling)
		want time.Duration
	}{
		{"never seen", func(*polling) {}, 0},
		{"seen once", func(p *polling) { p.polls(m, 1) }, 0},
		{"two intervals", func(p *polling) { p.polls(m, 3) }, 0},
		{"three intervals", func(p *polling) { p.polls(m, 4) }, m},
		{"regular", func(p *polling) { p.polls(10*m, 30) }, 10 * m},
		{"a fraction of a second", func(p *polling) { p.polls(61*s+999*time.Millisecond, 30) }, 61 * s},
		{"closer than signs are told apart", func(p *polling) { p.polls(2*s, 30) }, 6 * s},
		{"jitter", func(p *polling) {
			for range 10 {
				p.polls(50*s, 1).polls(70*s, 1).polls(60*s, 1)
			}
		}, m},
		{"each request twice", func(p *polling) {
			for range 10 {
				p.polls(m, 1).polls(1*s, 2)
			}
		}, m + 2*s},
		{"an outage", func(p *polling) { p.polls(m, 10).polls(9*h, 1).polls(m, 2) }, m},
		{"two outages on end leave it open", func(p *polling) { p.polls(m, 10).polls(9*h, 1).polls(8*h, 1) }, 0},
		{"a changed rhythm, seen once", func(p *polling) { p.polls(m, 10).polls(h, 1) }, m},
		{"a changed rhythm, twice", func(p *polling) { p.polls(m, 10).polls(h, 2) }, 0},
		{"a changed rhythm", func(p *polling) { p.polls(m, 10).polls(h, 4) }, h},
		{"a changed rhythm, to faster", func(p *polling) { p.polls(h, 10).polls(m, 4) }, m},
		{"irregular", func(p *polling) {
			p.polls(m, 1).polls(9*m, 1).polls(2*m, 1).polls(40*m, 1).polls(5*m, 1).polls(17*m, 1)
		}, 0},
		{"told of many changes", func(p *polling) {
			for p.polls(h, 10); p.revision < 9; {
				p.told(2*m, true)
			}
		}, h},
		{"asks only when it is told", func(p *polling) {
			for range 20 {
				p.told(m, false)
			}
		}, 0},
		{"asks only when it is told, and reports", func(p *polling) {
			for range 20 {
				p.told(m, true)
			}
		}, 0},
		{"changes between its polls", func(p *polling) {
			for range 10 {
				p.told(20*s, true).polls(h, 4)
			}
		}, h},
		{"reports at intervals", func(p *polling) {
			for i := range 10 {
				p.Take(reports(time.Duration(i)*10*m, true, "A", 1))
			}
		}, 10 * m},
		{"connects at intervals", func(p *polling) {
			for i := range 10 {
				p.Take(shows(time.Duration(i)*10*m, EvidenceOnline, "", 0))
				p.Take(shows(time.Duration(i)*10*m+m, EvidenceOffline, "", 0))
			}
		}, 0},
		{"the clock was set ahead by hours", func(p *polling) { p.polls(m, 10).polls(5*h, 1).polls(m, 4) }, m},
		{"the clock was set back by hours", func(p *polling) { p.polls(m, 10).polls(-5*h, 1).polls(m, 4) }, m},
		{"another rhythm since the clock was set back", func(p *polling) { p.polls(m, 10).polls(-50*h, 1).polls(h, 4) }, h},
		{"the clock jumps on and on", func(p *polling) {
			for range 4 {
				p.polls(m, 3).polls(5*h, 1).polls(m, 3).polls(-5*h, 1)
			}
		}, m},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p polling
			c.live(&p)
			if got := p.Rhythm(); got != c.want {
				t.Errorf("got %s, want %s; intervals %v", got, c.want, p.Intervals)
			}
			if len(p.Intervals) > keptIntervals {
				t.Errorf("%d intervals are kept", len(p.Intervals))
			}
		})
	}
}

func TestLateSignsOfLife(t *testing.T) {
	var p polling
	p.polls(time.Minute, 10)
	want := p.Device
	for _, late := range []time.Duration{p.at - time.Second, p.at - 59*time.Second, p.at} {
		e := holds(late, "A", 1)
		e.Address = "192.0.2.9"
		p.Take(e)
		if !p.LastSeen.Equal(want.LastSeen) || !p.Beat.Equal(want.Beat) || p.Rhythm() != want.Rhythm() {
			t.Errorf("a sign of %s made it %s, rhythm %s", late, p.LastSeen.Sub(someTime), p.Rhythm())
		}
		if (p.Address == "") == (late == p.at) {
			t.Errorf("a sign of %s made its address %q", late, p.Address)
		}
	}
	p.Take(holds(-5*time.Hour, "A", 1))
	if got := p.LastSeen.Sub(someTime); got != -5*time.Hour {
		t.Errorf("after the clock was set back it was last seen at %s", got)
	}
}

func TestOverdue(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for _, c := range []struct {
		name  string
		live  func(p *polling)
		after time.Duration // the last poll; 0 is never
	}{
		{"no rhythm", func(p *polling) { p.polls(m, 3) }, 0},
		{"regular", func(p *polling) { p.polls(m, 9) }, 3 * m},
		{"a sign of another kind", func(p *polling) { p.polls(m, 9).Take(shows(p.at+m, EvidenceSeen, "", 1)) }, 4 * m},
		{"a report", func(p *polling) { p.polls(m, 9).Take(reports(p.at+m, false, "A", 1)) }, 4 * m},
		{"connected", func(p *polling) { p.polls(m, 9).Take(shows(p.at+m, EvidenceOnline, "", 0)) }, 0},
		{"connected for long, and gone", func(p *polling) {
			p.polls(m, 9).Take(shows(p.at+m, EvidenceOnline, "", 0))
			p.Take(shows(p.at+9*h, EvidenceOffline, "", 0))
		}, 9*h + 3*m},
		{"gone, and said so again", func(p *polling) {
			p.polls(m, 9).Take(shows(p.at+m, EvidenceOffline, "", 0))
			p.Take(shows(p.at+9*h, EvidenceOffline, "", 0))
		}, 4 * m},
		{"connected for long, and nobody knows", func(p *polling) {
			p.polls(m, 9).Take(shows(p.at+m, EvidenceOnline, "", 0))
			p.Take(shows(p.at+9*h, EvidenceOnline, "", 0))
			p.Take(shows(p.at+9*h+m, EvidenceLost, "", 0))
		}, 9*h + 3*m},
		{"the clock was set back by hours", func(p *polling) { p.polls(m, 9).polls(-5*h, 1) }, 3 * m},
		{"the clock was ahead by hours for a moment", func(p *polling) { p.polls(m, 9).polls(5*h, 1).polls(-5*h, 1) }, 3 * m},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p polling
			c.live(&p)
			at := p.OverdueAt()
			if c.after == 0 {
				if !at.IsZero() || p.Standing("A", 1, someTime.Add(1e6*h)).Overdue {
					t.Errorf("overdue at %s", at)
				}
				return
			}
			want := someTime.Add(p.at + c.after)
			if !at.Equal(want) {
				t.Errorf("overdue %s after its last poll, want %s", at.Sub(someTime)-p.at, c.after)
			}
			if p.Standing("A", 1, want).Overdue || !p.Standing("A", 1, want.Add(1)).Overdue {
				t.Error("not overdue from that moment on")
			}
			if sync := p.Standing("A", 1, want.Add(1)).Sync; sync == SyncPending || sync == SyncUnknown {
				t.Errorf("to be overdue made it %s", sync)
			}
		})
	}
}

// TestRegularDevicesHaveTheirRhythm: jitter by a fifth, and an outage now and then, hide no rhythm, and a device that goes
// on as it did is never overdue.
func TestRegularDevicesHaveTheirRhythm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.IntRange(10, 100_000).Draw(t, "seconds")) * time.Second
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "jitter"), 0))
		var p polling
		for i := range 40 {
			wait := every + time.Duration((r.Float64()-0.5)*0.4*float64(every))
			due := p.OverdueAt()
			if !due.IsZero() && due.Before(someTime.Add(p.at+wait)) {
				t.Fatalf("overdue before its %d. poll: rhythm %s of %s", i, p.Rhythm(), every)
			}
			if i%7 == 6 {
				wait += time.Duration(r.IntN(50)) * every
			}
			p.polls(wait, 1)
			if got := p.Rhythm(); i > 4 && (got < every*4/5-time.Second || got > every*6/5) {
				t.Fatalf("after %d polls the rhythm is %s of %s: %v", i+1, got, every, p.Intervals)
			}
		}
	})
}
