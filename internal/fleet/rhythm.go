package fleet

import (
	"slices"
	"time"
)

// The measure of a device's rhythm.
const (
	keptIntervals = 5
	// leastIntervals are needed before a device is said to have a rhythm.
	leastIntervals = 3
	// leastInterval in seconds: signs that are closer are one, as of a device that retries or fetches when it is told.
	leastInterval = 5
	// overdueAfter is how many times its rhythm a device may be silent.
	overdueAfter = 3
)

// alive takes a sign of life. The clock may have been set back since the last one: then the new time counts.
//
// A rhythm is what a device does of its own accord. That it connects, or answers a document with a report, is none of that;
// and the interval to its first request since the document was changed says how often that is changed: most devices are
// told of it.
func (d *Device) alive(e Evidence) {
	if late(d.LastSeen, e.At) {
		return
	}
	d.LastSeen = e.At
	if e.Kind == EvidenceOnline || e.Kind == EvidenceReported && !d.repeats(e) {
		return
	}
	prompted := max(e.Current, e.Revision) > max(d.Fetched.Revision, d.Held.Revision, d.Reported.Revision)
	seconds := int64(e.At.Sub(d.Beat) / time.Second)
	switch {
	case d.Beat.IsZero() || seconds < 0 || prompted && seconds >= leastInterval:
		d.Beat = e.At
		return
	case seconds < leastInterval:
		return
	}
	d.Beat = e.At
	d.Intervals = append(slices.Clone(d.Intervals), seconds)
	if more := len(d.Intervals) - keptIntervals; more > 0 {
		d.Intervals = d.Intervals[more:]
	}
}

// repeats tells whether a report says what the device has reported before, as one that reports at intervals does.
func (d *Device) repeats(e Evidence) bool {
	return e.Report != nil && e.ETag == d.Reported.ETag && e.Revision == d.Reported.Revision && e.Report.Applied == d.Report.Applied
}

// Rhythm is the time that the device lets pass from one sign of life to the next, and 0 where it has shown none: too few
// signs, or irregular ones. It is the median of the last few, of which all but one must be near it, so that neither an
// outage nor a burst counts as one.
func (d Device) Rhythm() time.Duration {
	if len(d.Intervals) < leastIntervals {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d.Intervals))
	median := sorted[len(sorted)/2]
	near := 0
	for _, one := range sorted {
		// Whole seconds are kept: one that lacks a fraction is as near.
		if 3*(one+1) >= 2*median && 2*(one-1) <= 3*median {
			near++
		}
	}
	if near < max(leastIntervals, len(sorted)-1) {
		return 0
	}
	return time.Duration(median) * time.Second
}

// OverdueAt is when the device will have been silent for too long; zero where it has shown no rhythm, or is connected to
// the broker, which would say if it went away. One that the broker said has gone was there until then.
func (d Device) OverdueAt() time.Time {
	rhythm := d.Rhythm()
	if rhythm == 0 || d.Online != nil && *d.Online {
		return time.Time{}
	}
	last := d.LastSeen
	if d.Online != nil && d.OnlineAt.After(last) {
		last = d.OnlineAt
	}
	return last.Add(overdueAfter * rhythm)
}
