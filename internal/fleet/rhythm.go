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
func (d *Device) alive(at time.Time) {
	gap := at.Sub(d.LastSeen)
	if gap < 0 && gap > -clockTolerance {
		return // late
	}
	d.LastSeen = at
	seconds := int64(at.Sub(d.Beat) / time.Second)
	if d.Beat.IsZero() || seconds < 0 {
		d.Beat = at
		return
	}
	if seconds < leastInterval {
		return
	}
	d.Beat = at
	d.Intervals = append(slices.Clone(d.Intervals), seconds)
	if more := len(d.Intervals) - keptIntervals; more > 0 {
		d.Intervals = d.Intervals[more:]
	}
}

// Rhythm is the time that the device lets pass from one sign of life to the next, and 0 where it has shown none: too few
// signs, or irregular ones. It is the median of the last few, so that neither an outage nor a burst counts as one.
func (d Device) Rhythm() time.Duration {
	if len(d.Intervals) < leastIntervals {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d.Intervals))
	median := sorted[len(sorted)/2]
	near := 0
	for _, one := range sorted {
		if one >= median/2 && one <= median+median/2 {
			near++
		}
	}
	if near < leastIntervals {
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
