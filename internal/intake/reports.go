package intake

import (
	"context"
	"errors"
	"sync"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

const (
	// workers is how many reports are on their way to the store at a time; they share its transactions. Those of one
	// device are one worker's, which keeps their order.
	workers = 32
	// mostQueued is how many wait for each worker.
	mostQueued = 128
	// reportTimeout bounds one try, and reportAgain is how soon is tried again where the database is away.
	reportTimeout = 30 * time.Second
	reportAgain   = 2 * time.Second
	tellAgain     = 10 * time.Minute
)

// report is a message that is on its way.
type report struct {
	mac     fleet.MAC
	payload []byte
	done    func()
}

func (i *Intake) queue(r report) {
	select {
	case i.queues[r.mac[5]%workers] <- r:
		return
	default:
	}
	i.dropped.Inc()
	if i.flooded.now(time.Now()) {
		i.options.Logger.Warn("devices report by MQTT faster than reports can be written; some are dropped")
	}
	r.done()
}

// work takes reports until Stop, and then those that wait in the queue. Those that were postponed have their turn beside a
// queue that is never empty.
func (i *Intake) work(queue <-chan report) {
	later := newPostponed()
	defer later.timer.Stop()
	for {
		select {
		case r := <-queue:
			i.take(r, later)
		case <-later.timer.C:
			for _, r := range later.due() {
				i.take(r, later)
			}
		case <-i.stopping:
			if len(queue) == 0 {
				return
			}
		}
	}
}

// take hands one report on, until the database is there. What is wrong with it is for whoever wrote the firmware, so it is
// told at debug level alone, without anything that the device wrote.
func (i *Intake) take(r report, later *postponed) {
	rev, etag, said, err := fleet.ParseReport(r.payload)
	if err == nil {
		err = said.Check()
	}
	of := about{rev, etag}
	if err == nil && later.replace(r, of) {
		r.done()
		return
	}
	if err == nil {
		err = i.report(r.mac, rev, etag, said)
	}
	if fleet.CodeOf(err) == fleet.CodeUnavailable || i.ctx.Err() != nil {
		return // the broker may send it again
	}
	r.done()
	if busy, ok := errors.AsType[*fleet.Error](err); ok && busy.Wait > 0 && later.add(r, of, busy.Wait) {
		return
	}
	if err != nil {
		i.options.Logger.Debug("a report by MQTT was refused", "mac", r.mac.String(), "error", err)
		return
	}
	later.drop(r.mac)
}

func (i *Intake) report(mac fleet.MAC, rev int64, etag string, said fleet.DeviceReport) error {
	for {
		ctx, cancel := context.WithTimeout(i.ctx, reportTimeout)
		err := i.options.Report(ctx, mac.String(), rev, etag, said, "")
		late := ctx.Err() != nil
		cancel()
		if err == nil || fleet.CodeOf(err) != fleet.CodeUnavailable && !late {
			return err
		}
		select {
		case <-i.stopping:
			return fleet.Unavailable(err)
		case <-time.After(reportAgain):
		}
	}
}

// onceInAWhile paces a line of the log.
type onceInAWhile struct {
	mu   sync.Mutex
	last time.Time
}

func (o *onceInAWhile) now(at time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.last.IsZero() && at.Sub(o.last) < tellAgain {
		return false
	}
	o.last = at
	return true
}
