package recorder

import (
	"context"
	"errors"
	"sync"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// A device reports when it has applied a document, or could not: some reports in a row while somebody edits, and one every
// ten seconds in the long run, is more than any needs.
const (
	reportBurst = 10
	reportEvery = 10 * time.Second
	// mostLimits bounds the devices whose rate is remembered.
	mostLimits = 16384
	// mostWaiting bounds the reports that wait for a transaction.
	mostWaiting = 4096
)

// waiting is a report whose sender waits.
type waiting struct {
	evidence fleet.Evidence
	done     chan error // has room for the answer
}

// reports are those that wait for the next flush.
type reports struct {
	more chan struct{} // something waits

	mu     sync.Mutex
	list   []*waiting
	closed bool
}

var errBusy = errors.New("too many reports wait to be written")

func (r *reports) add(w *waiting) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errEnded
	case len(r.list) >= mostWaiting:
		return errBusy
	}
	r.list = append(r.list, w)
	select {
	case r.more <- struct{}{}:
	default:
	}
	return nil
}

func (r *reports) take() (list []*waiting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, r.list = r.list, nil
	return list
}

func (r *reports) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// Report implements fleet.Reporter. What else the device showed before is written before it. The database is asked at once;
// reports that come while it is at work share the next transaction. Errors: TOO_MANY_REQUESTS with Wait, beyond 10 reports of
// a device in a row and one in 10 seconds; SERVICE_UNAVAILABLE.
func (r *Recorder) Report(ctx context.Context, e fleet.Evidence) error {
	now := r.options.Now()
	if wait := r.limits.wait(e.MAC, now); wait > 0 {
		return fleet.TooManyReports(e.MAC, wait)
	}
	if e.At.IsZero() {
		e.At = now
	}
	w := &waiting{evidence: e, done: make(chan error, 1)}
	if err := r.reports.add(w); err != nil {
		r.unwritten(w, fleet.Unavailable(err))
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unwritten answers a report that is not kept, which then does not count. One whose sender is gone is kept, and counts: who
// hangs up at once would have no limit otherwise.
func (r *Recorder) unwritten(w *waiting, err error) {
	r.limits.forgive(w.evidence.MAC)
	w.done <- err
}

// limits pace the reports of each device. They remember a bounded number of devices.
type limits struct {
	mu      sync.Mutex
	devices map[fleet.MAC]pace
}

// pace is how many reports were counted as it was at a time; it shrinks by one each reportEvery.
type pace struct {
	count float64
	at    time.Time
}

// left is the count at a later time. A clock that was set back forgives nothing until it goes on.
func (p pace) left(now time.Time) float64 {
	return max(0, p.count-max(0, now.Sub(p.at).Seconds())/reportEvery.Seconds())
}

// wait counts a report and answers 0, or how long the device has to wait.
func (l *limits) wait(mac fleet.MAC, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.devices[mac]
	left := one.left(now)
	if over := left + 1 - reportBurst; over > 0 {
		l.devices[mac] = pace{left, now}
		return time.Duration(over * float64(reportEvery))
	}
	if !known && len(l.devices) >= mostLimits {
		l.forget(now)
	}
	if l.devices == nil {
		l.devices = map[fleet.MAC]pace{}
	}
	l.devices[mac] = pace{left + 1, now}
	return 0
}

// forgive takes back that a report was counted.
func (l *limits) forgive(mac fleet.MAC) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one, known := l.devices[mac]; known {
		one.count--
		l.devices[mac] = one
	}
}

// forget makes room: devices that may report as if they never had go, and if they are few, an eighth of the others, so
// that not every new device has to look for one to go.
func (l *limits) forget(now time.Time) {
	for mac, one := range l.devices {
		if one.left(now) <= 0 {
			delete(l.devices, mac)
		}
	}
	for mac := range l.devices {
		if len(l.devices) <= mostLimits*7/8 {
			return
		}
		delete(l.devices, mac)
	}
}
