package events

import "espalier.dev/espalier/internal/fleet"

// batch is what the hub read at once. It is shared and never written to.
type batch struct {
	from, to fleet.EventPosition
	events   []fleet.Event
}

// latest is the position behind what is before either.
func latest(a, b fleet.EventPosition) fleet.EventPosition {
	a.Change, a.Device, a.Overdue = max(a.Change, b.Change), max(a.Device, b.Device), max(a.Overdue, b.Overdue)
	return a
}

// behind are the events of the batch that are not before a position, which is not before the batch in any of its numbers.
func (b batch) behind(at fleet.EventPosition) []fleet.Event {
	if latest(at, b.from) == b.from {
		return b.events
	}
	var found []fleet.Event
	before := b.from
	for _, m := range b.moments() {
		if latest(at, m.end) != latest(at, before) {
			for _, e := range m.events {
				e.After = latest(e.After, at)
				found = append(found, e)
			}
		}
		before = m.end
	}
	return found
}

// moment is what a position is before or behind as a whole: a change, or what devices showed together.
type moment struct {
	events []fleet.Event
	end    fleet.EventPosition
}

// moments splits a batch. The last event of a moment says the position behind it; the sync event of a change comes after that.
func (b batch) moments() []moment {
	var all []moment
	before, begin := b.from, 0
	for i, e := range b.events {
		switch {
		case e.After != before:
			all = append(all, moment{b.events[begin : i+1], e.After})
			before, begin = e.After, i+1
		case begin == i && i > 0 && companion(b.events[i-1], e):
			last := &all[len(all)-1]
			last.events, begin = b.events[i-len(last.events):i+1], i+1
		}
	}
	if begin < len(b.events) {
		all = append(all, moment{b.events[begin:], b.to})
	}
	return all
}

// companion tells whether the second event says how a device stands after the change that is the first.
func companion(change, sync fleet.Event) bool {
	switch change.Kind {
	case fleet.EventCreated, fleet.EventUpdated, fleet.EventRestored, fleet.EventReplaced:
		return sync.Kind == fleet.EventSync && sync.MAC == change.MAC && sync.After == change.After
	}
	return false
}
