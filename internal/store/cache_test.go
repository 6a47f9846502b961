package store

import (
	"testing"

	"espalier.dev/espalier/internal/fleet"
)

func TestCacheKeepsNothingThatWasReadBeforeAChange(t *testing.T) {
	c, mac := newCache(1<<20), fleet.MAC{1}
	_, _, epoch := c.find(mac)
	c.forget([]fleet.MAC{mac}) // the change, between the read and what follows it
	c.keep(mac, fleet.Served{Revision: 1}, epoch)
	if served, ok, _ := c.find(mac); ok {
		t.Errorf("the cache holds %+v, which was read before the change", served)
	}
	_, _, epoch = c.find(mac)
	c.keep(mac, fleet.Served{Revision: 2}, epoch)
	if served, ok, _ := c.find(mac); !ok || served.Revision != 2 {
		t.Errorf("the cache holds %+v, %v", served, ok)
	}
	c.clear()
	if _, ok, _ := c.find(mac); ok {
		t.Error("cleared, the cache still holds it")
	}
}

func TestCacheStaysWithinItsBytes(t *testing.T) {
	const bytes = 64 * 1000
	c := newCache(bytes)
	for i := range 5000 {
		mac := fleet.MAC{0, 0, 0, 0, byte(i >> 8), byte(i)}
		_, _, epoch := c.find(mac)
		c.keep(mac, fleet.Served{Content: make([]byte, i%400)}, epoch)
		c.keep(mac, fleet.Served{Content: make([]byte, i%300)}, epoch)
	}
	held, counted := int64(0), int64(0)
	for i := range c.shards {
		counted += c.shards[i].bytes
		for _, served := range c.shards[i].held {
			held += int64(len(served.Content)) + cacheOverhead
		}
	}
	if held > bytes || held != counted || held < bytes/3 {
		t.Errorf("the cache holds %d bytes and counts %d, of %d", held, counted, bytes)
	}
	big := fleet.MAC{9}
	_, _, epoch := c.find(big)
	c.keep(big, fleet.Served{Content: make([]byte, bytes)}, epoch)
	if _, ok, _ := c.find(big); ok {
		t.Error("a document larger than a shard drove out all others")
	}
}
