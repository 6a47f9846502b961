package outbox

import "time"

// firstBatch is how many messages are claimed at first.
const firstBatch = 16

// pace is how many messages are sent at once: as many as the broker acknowledges well within the time that a claim
// gives. A broker that hands a broadcast to thousands of devices before it takes the next acknowledges a few in a
// second. If more than it can do in time were sent, it would go on with messages that nobody waits for any more, and
// those that are sent again would wait behind them, for ever.
type pace struct{ now, most int }

func newPace(most int) pace { return pace{now: min(firstBatch, most), most: most} }

// sent learns from a batch: how many were claimed, how many of those were not acknowledged in time, and how long it took
// of the time that there was.
func (p *pace) sent(claimed, late int, took, limit time.Duration) {
	switch {
	case late > 0:
		p.now = (claimed - late) / 2
	case took > limit/3:
		p.now /= 2
	case took < limit/10 && claimed >= p.now:
		p.now *= 2
	}
	p.now = max(1, min(p.now, p.most))
}
