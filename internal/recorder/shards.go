package recorder

import (
	"encoding/binary"
	"slices"
	"sync"

	"espalier.dev/espalier/internal/fleet"
)

const (
	shardCount = 64
	// mostDevices bounds the devices of one shard: a quarter of a million in all, some 50 MB.
	mostDevices = 4096
	// mostShown bounds what is kept of one device; the oldest of it goes.
	mostShown = 8
)

// shards hold evidence by MAC address. There are many, so that those who hand it in do not wait for each other.
type shards [shardCount]shard

type shard struct {
	mu      sync.Mutex
	places  map[fleet.MAC]int32 // in devices
	devices []shown
	waiting []int32  // places of what is not written
	hand    int      // where idle looks next
	_       [64]byte // its lock is on no other shard's cache line
}

// shown is what a device showed last, and what it showed before that and was not written yet, each thing once. The order in
// which things were last shown is kept. What was written stays, so that it is seen what is new.
type shown struct {
	last   fleet.Evidence
	before []fleet.Evidence
	state  showing
}

// showing is what is to be done with what a device showed.
type showing uint8

const (
	written showing = iota
	again           // it showed the same again as was written: only the time is new
	news
)

func (s *shards) of(mac fleet.MAC) *shard {
	// The last bytes count up in a fleet; multiplied, the upper bits differ.
	return &s[binary.BigEndian.Uint32(mac[2:])*0x9E3779B1>>26]
}

// Saw takes one thing that a device showed. It never blocks on anything that does. Where At is zero it is now. Of what
// a device shows again before it was written, the newest time counts.
func (r *Recorder) Saw(e fleet.Evidence) {
	if e.At.IsZero() {
		e.At = r.options.Now()
	}
	if !r.devices.of(e.MAC).add(e) {
		r.metrics.dropped.Inc()
	}
}

// add answers false where there is no room for one more device.
func (s *shard) add(e fleet.Evidence) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	place, known := s.places[e.MAC]
	if !known {
		return s.make(shown{last: e, state: news})
	}
	if s.devices[place].add(e) {
		s.waiting = append(s.waiting, place)
	}
	return true
}

// make begins to hold evidence of a device; false where there is no room.
func (s *shard) make(d shown) bool {
	place := int32(len(s.devices)) //nolint:gosec // at most mostDevices
	if len(s.devices) < mostDevices {
		s.devices = append(s.devices, d)
	} else if place = s.idle(); place < 0 {
		return false
	} else {
		delete(s.places, s.devices[place].last.MAC)
		s.devices[place] = d
	}
	if s.places == nil {
		s.places = map[fleet.MAC]int32{}
	}
	s.places[d.last.MAC] = place
	s.waiting = append(s.waiting, place)
	return true
}

// idle is the place of a device that has shown nothing that is not written, and -1 where there is none.
func (s *shard) idle() int32 {
	if len(s.waiting) >= len(s.devices) {
		return -1
	}
	for {
		s.hand = (s.hand + 1) % len(s.devices)
		if s.devices[s.hand].state == written {
			return int32(s.hand) //nolint:gosec // at most mostDevices
		}
	}
}

// add puts evidence behind the rest; what says the same goes. It answers whether something waits now and did not before.
func (d *shown) add(e fleet.Evidence) (begins bool) {
	begins = d.state == written
	if same(&d.last, &e) {
		d.last.At, d.last.Address = e.At, e.Address
		d.state = max(d.state, again)
		return begins
	}
	if begins {
		d.last, d.state = e, news
		return true
	}
	d.state = news
	for i := range d.before {
		if same(&d.before[i], &e) {
			d.before = append(d.before[:i], d.before[i+1:]...)
			break
		}
	}
	if len(d.before) >= mostShown-1 {
		d.before = append(d.before[:0], d.before[1:]...)
	}
	d.before = append(d.before, d.last)
	d.last = e
	return false
}

// same tells whether two pieces of evidence of a device say the same but for when and from where.
func same(a, b *fleet.Evidence) bool {
	return a.Kind == b.Kind && a.Revision == b.Revision && a.ETag == b.ETag && a.Report == nil && b.Report == nil
}

// items adds what waits of a device to the end of out.
func (d *shown) items(out []item) []item {
	if d.state == written {
		return out
	}
	for _, e := range d.before {
		out = append(out, item{evidence: e})
	}
	return append(out, item{evidence: d.last})
}

// take moves what is wanted of what waits to the end of out.
func (s *shard) take(wanted func(*shown) bool, out []item) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	stays := s.waiting[:0]
	for _, place := range s.waiting {
		d := &s.devices[place]
		switch {
		case d.state == written: // taken for a report
		case wanted(d):
			out = d.items(out)
			d.before, d.state = nil, written
		default:
			stays = append(stays, place)
		}
	}
	s.waiting = stays
	return out
}

// takeOf is take for one device.
func (s *shard) takeOf(mac fleet.MAC, out []item) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	place, known := s.places[mac]
	if !known || s.devices[place].state == written {
		return out
	}
	d := &s.devices[place]
	out = d.items(out)
	d.before, d.state = nil, written
	s.waiting = slices.DeleteFunc(s.waiting, func(p int32) bool { return p == place })
	return out
}

// restore puts evidence that could not be written in front of what came since. It answers how much of it had no room.
func (s *shards) restore(items []item) (dropped int) {
	older := map[fleet.MAC][]fleet.Evidence{}
	for _, i := range items {
		older[i.evidence.MAC] = append(older[i.evidence.MAC], i.evidence)
	}
	for mac, evidence := range older {
		if !s.of(mac).restore(mac, evidence) {
			dropped += len(evidence)
		}
	}
	return dropped
}

func (s *shard) restore(mac fleet.MAC, older []fleet.Evidence) bool {
	d := shown{last: older[0], state: news}
	for _, e := range older[1:] {
		d.add(e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	place, known := s.places[mac]
	if !known {
		return s.make(d)
	}
	if s.devices[place].state == written {
		s.waiting = append(s.waiting, place)
	}
	for _, newer := range s.devices[place].items(nil) {
		d.add(newer.evidence)
	}
	s.devices[place] = d
	return true
}

// pending is how many devices have shown something that waits.
func (s *shards) pending() (n int) {
	for i := range s {
		s[i].mu.Lock()
		n += len(s[i].waiting)
		s[i].mu.Unlock()
	}
	return n
}
