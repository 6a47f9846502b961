package recorder

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// A fleet that asks faster than a database can count is written in turn, a thousand devices a second at least, neighbours
// together; what is news is not held up by that.
func TestWhatIsShownAgainIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const devices = 20_000
		b := start(t, Options{})
		b.db.took = flushEvery / 4 // of each transaction: far more than it may be
		everybody := func(tag string) {
			for n := range devices {
				b.Saw(fetched(n, tag))
			}
		}
		everybody("a")
		if err := b.Flush(t.Context()); err != nil { // all of it is news
			t.Fatal(err)
		}
		time.Sleep(flushEvery / 4) //nolint:forbidigo // the clock of the bubble: between two flushes
		times := map[fleet.MAC]int{}
		for round := range 2 * devices / leastAgain {
			b.db.set(func() { b.db.batches = nil })
			everybody("a")
			b.Saw(fetched(devices+round, "a"))
			b.Saw(held(round, "b"))
			time.Sleep(flushEvery) //nolint:forbidigo // the clock of the bubble
			synctest.Wait()
			if n := b.db.transactions(); n != 1 {
				t.Fatalf("%d transactions", n)
			}
			batch := b.db.batches[0]
			if n := len(batch); n < leastAgain || n > leastAgain+4 {
				t.Fatalf("%d rows", n)
			}
			if len(b.db.of(mac(devices+round))) != 1 || len(b.db.of(mac(round))) == 0 {
				t.Fatal("what is news was held up")
			}
			for i, e := range batch {
				times[e.MAC]++
				if i > 0 && bytes.Compare(batch[i-1].MAC[:], e.MAC[:]) > 0 {
					t.Fatal("the order is not that of the database")
				}
			}
		}
		for n := 100; n < devices; n++ { // those before had news
			if got := times[mac(n)]; got != 2 {
				t.Fatalf("device %d was written %d times in two rounds", n, got)
			}
		}
		b.db.set(func() { b.db.batches = nil })
		b.end(t) // writes the rest
		rows := 0
		for _, batch := range b.db.batches {
			rows += len(batch)
		}
		if rows < devices-2*leastAgain {
			t.Errorf("the last flush has %d rows", rows)
		}
	})
}

func TestBudget(t *testing.T) {
	for cost, want := range map[time.Duration]int{
		0: mostAgain, time.Nanosecond: mostAgain, 20 * time.Microsecond: 4000, 40 * time.Microsecond: leastAgain, time.Second: leastAgain,
	} {
		s := sweep{cost: cost}
		if got := s.budget(); got != want {
			t.Errorf("at %v a row: %d, want %d", cost, got, want)
		}
	}
	var s sweep
	s.spent(time.Second, 1) // says nothing of rows
	if s.cost != 0 {
		t.Errorf("one row costs %v", s.cost)
	}
	for range 20 {
		s.spent(100*time.Millisecond, 4000)
	}
	if s.cost < 24*time.Microsecond || s.cost > 25*time.Microsecond {
		t.Errorf("a row costs %v", s.cost)
	}
}

// Devices that were written make room for others; those that wait do not.
func TestIdleDevicesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.forgets = true
		for round := range 3 {
			for n := range shardCount * mostDevices * 3 / 4 {
				b.Saw(fetched(round*1_000_000+n, "a"))
			}
			if err := b.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%v were dropped", n)
		}
		known := 0
		for i := range b.devices {
			if s := &b.devices[i]; len(s.places) != len(s.devices) {
				t.Errorf("a shard has %d devices in %d places", len(s.places), len(s.devices))
			}
			known += len(b.devices[i].places)
		}
		if known < shardCount*mostDevices*9/10 {
			t.Errorf("%d devices are known", known)
		}
		b.end(t)
	})
}
