package recorder

import (
	"encoding/binary"
	"sync"

	"espalier.dev/espalier/internal/fleet"
)

const (
	shardCount = 64
	// mostDevices bounds the devices of one shard: a quarter of a million in all, some 50 MB while the database is away.
	mostDevices = 4096
	// mostShown bounds what is kept of one device; the oldest of it goes.
	mostShown = 8
)

// shards hold evidence by MAC address. There are many, so that those who hand it in do not wait for each other.
type shards [shardCount]shard

type shard struct {
	mu      sync.Mutex
	places  map[fleet.MAC]int // in devices
	devices []shown
	_       [64]byte // its lock is on no other shard's cache line
}

// shown is what a device showed and was not written yet, each thing once. The order in which things were last shown is kept.
type shown struct {
	last   fleet.Evidence // of no kind: nothing, the place was given up
	before []fleet.Evidence
}

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
	if known {
		s.devices[place].add(e)
		return true
	}
	return s.make(e.MAC, shown{last: e})
}

// make begins to hold evidence of a device; false where there is no room.
func (s *shard) make(mac fleet.MAC, d shown) bool {
	if len(s.devices) >= mostDevices {
		return false
	}
	if s.places == nil {
		s.places = map[fleet.MAC]int{}
	}
	s.places[mac] = len(s.devices)
	s.devices = append(s.devices, d)
	return true
}

// add puts evidence behind the rest; what says the same goes.
func (d *shown) add(e fleet.Evidence) {
	if same(&d.last, &e) {
		d.last.At, d.last.Address = e.At, e.Address
		return
	}
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
}

// same tells whether two pieces of evidence of a device say the same but for when and from where.
func same(a, b *fleet.Evidence) bool {
	return a.Kind == b.Kind && a.Revision == b.Revision && a.ETag == b.ETag && a.Report == nil && b.Report == nil
}

// items adds what a device showed to the end of out.
func (d *shown) items(out []item) []item {
	for _, e := range d.before {
		out = append(out, item{evidence: e})
	}
	if d.last.Kind != "" {
		out = append(out, item{evidence: d.last})
	}
	return out
}

// take moves everything that waits to the end of out.
func (s *shard) take(out []item) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.devices {
		out = s.devices[i].items(out)
	}
	clear(s.places)
	clear(s.devices)
	s.devices = s.devices[:0]
	return out
}

// takeOf is take for one device.
func (s *shard) takeOf(mac fleet.MAC, out []item) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	place, known := s.places[mac]
	if !known {
		return out
	}
	out = s.devices[place].items(out)
	s.devices[place] = shown{}
	delete(s.places, mac)
	return out
}

// restore puts evidence that could not be written in front of what came since. It answers how many had no room.
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
	var d shown
	for i, e := range older {
		if i == 0 {
			d.last = e
			continue
		}
		d.add(e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	place, known := s.places[mac]
	if !known {
		return s.make(mac, d)
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
		n += len(s[i].places)
		s[i].mu.Unlock()
	}
	return n
}
