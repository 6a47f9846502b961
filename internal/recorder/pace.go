package recorder

import (
	"encoding/binary"
	"slices"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// What is news is written with the next flush, however much it is. That a device showed the same again, which only moves the
// time at which it was last seen, has this much of the time between two flushes, so that a fleet that asks faster than
// a database can count does not take the machine from those who ask; but always the time for a thousand devices a second.
const (
	shareOfTime = 25 // the part of flushEvery: a 25th
	leastAgain  = 2000
	mostAgain   = 16000
)

// sweep goes round the devices in the order of their MAC addresses, which is that of the database: neighbours share its pages.
type sweep struct {
	cost   time.Duration // of a row, lately
	cursor uint64        // what was taken last
	keys   []uint64
}

// spent takes how long rows took.
func (s *sweep) spent(took time.Duration, rows int) {
	if rows < 100 {
		return // mostly the transaction's own cost
	}
	each := took / time.Duration(rows)
	if s.cost == 0 {
		s.cost = each
	}
	s.cost = (3*s.cost + each) / 4
}

// budget is how many devices that show the same again are written with a flush.
func (s *sweep) budget() int {
	if s.cost <= 0 {
		return mostAgain
	}
	return min(max(int(flushEvery/shareOfTime/s.cost), leastAgain), mostAgain)
}

// due answers which of what waits is to be written now: all that is news, and of the rest the next in turn.
func (s *sweep) due(devices *shards) func(*shown) bool {
	s.keys = s.keys[:0]
	for i := range devices {
		s.keys = devices[i].again(s.keys)
	}
	budget := s.budget()
	if len(s.keys) <= budget {
		return all
	}
	slices.Sort(s.keys)
	first, _ := slices.BinarySearch(s.keys, s.cursor+1)
	last := (first + budget - 1) % len(s.keys)
	from, to := s.keys[first%len(s.keys)], s.keys[last]
	s.cursor = to
	return func(d *shown) bool {
		key := keyOf(d.last.MAC)
		within := from <= key && key <= to
		if to < from { // round the end
			within = key >= from || key <= to
		}
		return d.state == news || within
	}
}

func all(*shown) bool { return true }

// again adds the keys of those that show the same again.
func (s *shard) again(keys []uint64) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, place := range s.waiting {
		if d := &s.devices[place]; d.state == again {
			keys = append(keys, keyOf(d.last.MAC))
		}
	}
	return keys
}

// keyOf is a MAC address as a number, in its order.
func keyOf(mac fleet.MAC) uint64 {
	return uint64(binary.BigEndian.Uint16(mac[:]))<<32 | uint64(binary.BigEndian.Uint32(mac[2:]))
}
