package store

import (
	"sync"

	"espalier.dev/espalier/internal/fleet"
)

// cache keeps documents that devices have read, up to a number of bytes. It is for a database that nobody else writes.
// The writer forgets a document after its commit and before the change is acknowledged; a reader that looked before
// that cannot put the old one back, because the shard's epoch has moved on.
type cache struct {
	most   int64 // bytes of one shard
	shards [cacheShards]cacheShard
}

const (
	cacheShards = 64
	// cacheOverhead is about what an entry costs besides its content.
	cacheOverhead = 200
)

type cacheShard struct {
	mu    sync.RWMutex
	epoch uint64
	bytes int64
	held  map[fleet.MAC]fleet.Served
}

func newCache(bytes int64) *cache {
	c := &cache{most: bytes / cacheShards}
	for i := range c.shards {
		c.shards[i].held = map[fleet.MAC]fleet.Served{}
	}
	return c
}

func (c *cache) shard(mac fleet.MAC) *cacheShard {
	// Makers number their devices in the last bytes.
	return &c.shards[(mac[5]^mac[4]<<3^mac[3])%cacheShards]
}

// find is the document, or else the epoch that keep wants for one that is read from now on.
func (c *cache) find(mac fleet.MAC) (served fleet.Served, ok bool, epoch uint64) {
	s := c.shard(mac)
	s.mu.RLock()
	defer s.mu.RUnlock()
	served, ok = s.held[mac]
	return served, ok, s.epoch
}

// keep holds a document that was read after find answered epoch.
func (c *cache) keep(mac fleet.MAC, served fleet.Served, epoch uint64) {
	cost := int64(len(served.Content)) + cacheOverhead
	if cost > c.most {
		return
	}
	s := c.shard(mac)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		return
	}
	s.drop(mac)
	for other := range s.held {
		if s.bytes+cost <= c.most {
			break
		}
		s.drop(other)
	}
	s.held[mac] = served
	s.bytes += cost
}

func (s *cacheShard) drop(mac fleet.MAC) {
	if old, ok := s.held[mac]; ok {
		s.bytes -= int64(len(old.Content)) + cacheOverhead
		delete(s.held, mac)
	}
}

// forget drops what was changed.
func (c *cache) forget(macs []fleet.MAC) {
	for _, mac := range macs {
		s := c.shard(mac)
		s.mu.Lock()
		s.epoch++
		s.drop(mac)
		s.mu.Unlock()
	}
}

// clear drops everything.
func (c *cache) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.epoch++
		s.bytes = 0
		clear(s.held)
		s.mu.Unlock()
	}
}
