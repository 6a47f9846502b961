package recorder

import (
	"encoding/binary"
	"sync"

	"espalier.dev/espalier/internal/fleet"
)

const (
	shardCount = 64
	// mostDevices bounds the devices of one shard: a quarter of a million in all, some 60 MB while the database is away.
	mostDevices = 4096
	// mostShown bounds what is kept of one device; the oldest of it goes.
	mostShown = 8
	// mostSpare bounds the memory that is kept for the next flush.
	mostSpare = 2048
)

// shards hold evidence by MAC address. There are many, so that those who hand it in do not wait for each other.
type shards [shardCount]shard

type shard struct {
	mu      sync.Mutex
	devices map[fleet.MAC]*shown
	spare   []*shown
	_       [64]byte // its lock is on no other shard's cache line
}

// shown is what a device showed and was not written yet, oldest first, each thing once.
type shown struct{ evidence []fleet.Evidence }

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
	d := s.devices[e.MAC]
	if d == nil {
		if d = s.make(e.MAC); d == nil {
			return false
		}
	}
	d.add(e)
	return true
}

// make begins to hold evidence of a device; nil where there is no room.
func (s *shard) make(mac fleet.MAC) *shown {
	if len(s.devices) >= mostDevices {
		return nil
	}
	if s.devices == nil {
		s.devices = map[fleet.MAC]*shown{}
	}
	var d *shown
	if last := len(s.spare) - 1; last >= 0 {
		d, s.spare = s.spare[last], s.spare[:last]
	} else {
		d = &shown{evidence: make([]fleet.Evidence, 0, 1)}
	}
	s.devices[mac] = d
	return d
}

// add puts evidence behind the rest; what says the same goes. The order in which things were last shown stays.
func (d *shown) add(e fleet.Evidence) {
	for i := len(d.evidence) - 1; i >= 0; i-- {
		if have := &d.evidence[i]; have.Kind == e.Kind && have.Revision == e.Revision && have.ETag == e.ETag && have.Report == nil && e.Report == nil {
			copy(d.evidence[i:], d.evidence[i+1:])
			d.evidence[len(d.evidence)-1] = e
			return
		}
	}
	if len(d.evidence) >= mostShown {
		copy(d.evidence, d.evidence[1:])
		d.evidence[len(d.evidence)-1] = e
		return
	}
	d.evidence = append(d.evidence, e)
}

// take moves everything that waits to the end of out.
func (s *shard) take(out []item) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		out = s.empty(d, out)
	}
	clear(s.devices)
	return out
}

// takeOf is take for one device.
func (s *shard) takeOf(mac fleet.MAC, out []item) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[mac]
	if d == nil {
		return out
	}
	delete(s.devices, mac)
	return s.empty(d, out)
}

func (s *shard) empty(d *shown, out []item) []item {
	for _, e := range d.evidence {
		out = append(out, item{evidence: e})
	}
	clear(d.evidence)
	if d.evidence = d.evidence[:0]; len(s.spare) < mostSpare {
		s.spare = append(s.spare, d)
	}
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
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[mac]
	if d == nil {
		if d = s.make(mac); d == nil {
			return false
		}
	}
	newer := d.evidence
	d.evidence = older
	for _, e := range newer {
		d.add(e)
	}
	return true
}

// pending is how many devices have shown something that waits.
func (s *shards) pending() (n int) {
	for i := range s {
		s[i].mu.Lock()
		n += len(s[i].devices)
		s[i].mu.Unlock()
	}
	return n
}
