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
	due    time.Time
}

func newPostponed() *postponed {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &postponed{timer: timer, of: map[fleet.MAC]postponement{}}
}

// replace takes a report in the place of an older one of its device, and answers false where there is none.
func (p *postponed) replace(r report) bool {
	one, there := p.of[r.mac]
	if there {
		p.keep(r, one.due)
	}
	return there
}

// add keeps a report for so long; false where there is no room.
func (p *postponed) add(r report, wait time.Duration) bool {
	if len(p.of) >= mostPostponed {
		return false
	}
	p.keep(r, time.Now().Add(wait))
	p.arm()
	return true
}

func (p *postponed) keep(r report, due time.Time) {
	r.done = func() {} // it was called
	p.of[r.mac] = postponement{r, due}
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
