package intake

import (
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// mostPostponed is of how many devices a worker keeps a report that has to wait.
const mostPostponed = 256

// postponed are reports of devices that speak more often than they may: of each the newest, until its time has come. The last
// word of a device counts, and by MQTT nobody can tell it to say that again. They are acknowledged, since a broker holds
// back what comes behind a few that are not.
type postponed struct {
	timer *time.Timer
	of    map[fleet.MAC]postponement
}

type postponement struct {
	report report
	about  about
	due    time.Time
}

// about is the revision that a report names. Whether there is such a one is what decides, of a report whose texts are sound,
// whether it can be taken.
type about struct {
	rev  int64
	etag string
}

func newPostponed() *postponed {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &postponed{timer: timer, of: map[fleet.MAC]postponement{}}
}

// replace takes a report in the place of an older one of its device that is about the same revision, and answers false
// where there is none. One about another revision might be refused, and would then have taken the place of a good one.
func (p *postponed) replace(r report, of about) bool {
	one, there := p.of[r.mac]
	if !there || one.about != of {
		return false
	}
	p.keep(r, of, one.due)
	return true
}

// add keeps a report for so long, in the place of an older one of its device; false where there is no room.
func (p *postponed) add(r report, of about, wait time.Duration) bool {
	if _, there := p.of[r.mac]; !there && len(p.of) >= mostPostponed {
		return false
	}
	p.keep(r, of, time.Now().Add(wait))
	p.arm()
	return true
}

// drop forgets the report of a device that has said something newer.
func (p *postponed) drop(mac fleet.MAC) { delete(p.of, mac) }

func (p *postponed) keep(r report, of about, due time.Time) {
	r.done = func() {} // it was called
	p.of[r.mac] = postponement{r, of, due}
}

// arm has the timer go off when the next is due.
func (p *postponed) arm() {
	var next time.Time
	for _, one := range p.of {
		if next.IsZero() || one.due.Before(next) {
			next = one.due
		}
	}
	if !next.IsZero() {
		p.timer.Reset(time.Until(next))
	}
}

// due takes out what has its time.
func (p *postponed) due() (ready []report) {
	now := time.Now()
	for mac, one := range p.of {
		if !one.due.After(now) {
			ready = append(ready, one.report)
			delete(p.of, mac)
		}
	}
	p.arm()
	return ready
}
