package events

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"espalier.dev/espalier/internal/fleet"
)

const epoch = "0123abcd"

var errJournal = errors.New("the journal is broken for the test")

// memory is a fleet.Journal in memory.
type memory struct {
	mu      sync.Mutex
	changes []fleet.Event // the first has the place pruned+1
	pruned  int64
	seq     int64
	seqs    map[fleet.MAC]int64 // of devices
	now     int64
	failing bool
	refuses func(fleet.EventPosition) error // what Events says of a position
	heads   int
	reads   int
}

func newMemory() *memory { return &memory{seqs: map[fleet.MAC]int64{}, now: 1000} }

func mac(n int) fleet.MAC { return fleet.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)} }

// change makes a change of a device's configuration, and answers its place.
func (m *memory) change(n int) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now++ // so that positions differ in more than one number
	m.changes = append(m.changes, fleet.Event{Kind: fleet.EventUpdated, MAC: mac(n), Revision: m.pruned + int64(len(m.changes)) + 1})
	return m.last()
}

func (m *memory) last() int64 { return m.pruned + int64(len(m.changes)) }

// show makes a batch of what devices showed.
func (m *memory) show(devices ...int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	for _, n := range devices {
		m.seqs[mac(n)] = m.seq
	}
}

func (m *memory) prune() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pruned, m.changes = m.last(), nil
}

func (m *memory) fail(failing bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = failing
}

func (m *memory) refuse(fn func(fleet.EventPosition) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuses = fn
}

// asked is how often the head, and events, were read.
func (m *memory) asked() (heads, reads int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heads, m.reads
}

func (m *memory) Head(ctx context.Context) (fleet.EventPosition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heads++
	if m.failing {
		return fleet.EventPosition{}, errJournal
	}
	return fleet.EventPosition{Epoch: epoch, Change: m.last(), Device: m.seq, Overdue: m.now}, ctx.Err()
}

func (m *memory) Events(ctx context.Context, after fleet.EventPosition, limit int) ([]fleet.Event, fleet.EventPosition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	at := after
	switch {
	case m.failing:
		return nil, after, errJournal
	case ctx.Err() != nil:
		return nil, after, ctx.Err()
	case after.Epoch != epoch || after.Change < m.pruned || after.Change > m.last() || after.Device > m.seq:
		return nil, after, fleet.ErrGap
	}
	if m.refuses != nil {
		if err := m.refuses(after); err != nil {
			return nil, after, err
		}
	}
	var found []fleet.Event
	for at.Change < m.last() && len(found) < limit {
		e := m.changes[at.Change-m.pruned]
		at.Change++
		e.After = at
		found = append(found, e, fleet.Event{Kind: fleet.EventSync, MAC: e.MAC, After: at})
	}
	if len(found) < limit {
		found, at.Device = append(found, m.shown(at)...), m.seq
	}
	at.Overdue = m.now
	return found, at, nil
}

// shown are events of the devices behind a position: the last of a batch says the position behind it.
func (m *memory) shown(at fleet.EventPosition) []fleet.Event {
	var found []fleet.Event
	var seqs []int64
	for device, seq := range m.seqs {
		if seq > at.Device {
			found, seqs = append(found, fleet.Event{Kind: fleet.EventCheckIn, MAC: device, Revision: seq}), append(seqs, seq)
		}
	}
	slices.SortFunc(found, func(a, b fleet.Event) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), slices.Compare(a.MAC[:], b.MAC[:]))
	})
	slices.Sort(seqs)
	for i, seq := range seqs {
		if i+1 == len(seqs) || seqs[i+1] != seq {
			at.Device = seq
		}
		found[i].After = at
	}
	return found
}

func TestMoments(t *testing.T) {
	m := newMemory()
	from, _ := m.Head(context.Background())
	m.change(1)
	m.show(1, 2, 3)
	m.change(1)
	m.show(2, 4)
	all, to, err := m.Events(context.Background(), from, 100)
	if err != nil {
		t.Fatal(err)
	}
	b := batch{from: from, to: to, events: all}
	var sizes []int
	var ends [][2]int64
	for _, one := range b.moments() {
		sizes = append(sizes, len(one.events))
		ends = append(ends, [2]int64{one.end.Change, one.end.Device})
	}
	if want := []int{2, 2, 2, 2}; !slices.Equal(sizes, want) {
		t.Errorf("moments of %v events, want %v", sizes, want)
	}
	if want := [][2]int64{{1, 0}, {2, 0}, {2, 1}, {2, 2}}; !slices.Equal(ends, want) {
		t.Errorf("moments end at %v, want %v", ends, want)
	}
	count := func(change, device int64) int {
		at := from
		at.Change, at.Device = change, device
		return len(b.behind(at))
	}
	for _, c := range []struct {
		change, device int64
		want           int
	}{{0, 0, 8}, {1, 0, 6}, {2, 0, 4}, {2, 1, 2}, {2, 2, 0}, {0, 1, 6}, {0, 2, 4}, {1, 2, 2}, {9, 9, 0}} {
		if got := count(c.change, c.device); got != c.want {
			t.Errorf("%d events behind %d-%d, want %d", got, c.change, c.device, c.want)
		}
	}
	at := from
	at.Device = 2
	for _, e := range b.behind(at) {
		if e.After.Device != 2 {
			t.Errorf("an event says to go on from %s, where devices until 2 are known already", e.After)
		}
	}
	if all[0].After.Device != 0 {
		t.Error("what subscriptions share was written to")
	}
}

// A delete has no companion: what the device showed next is another moment.
func TestMomentsBehindADelete(t *testing.T) {
	from := fleet.EventPosition{Epoch: epoch}
	deleted, shown := from, from
	deleted.Change = 1
	shown.Change, shown.Device = 1, 1
	b := batch{from: from, to: shown, events: []fleet.Event{
		{Kind: fleet.EventDeleted, MAC: mac(1), After: deleted}, {Kind: fleet.EventSync, MAC: mac(1), After: deleted},
		{Kind: fleet.EventCheckIn, MAC: mac(2), After: shown}}}
	if got := b.behind(deleted); len(got) != 2 {
		t.Errorf("%d events behind the delete, want the 2 of the devices", len(got))
	}
	b.events = b.events[:2] // a journal that leaves the end of a moment open
	if got := b.moments(); len(got) != 2 || got[1].end != shown {
		t.Errorf("moments %+v", got)
	}
}
