package outbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"espalier.dev/espalier/internal/testenv"
)

func TestWatermarkPayload(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	if got, want := string(watermark{at}.payload()), `{"through":"2026-01-02T02:04:05.000006Z"}`; got != want {
		t.Errorf("payload = %s, want %s", got, want)
	}
}

// TestReconcile walks through what a broker and an outbox may say at a new connection.
func TestReconcile(t *testing.T) {
	at := micro(time.Now().Add(-time.Hour))
	earlier := at.Add(-time.Minute)
	const margin = 2 * time.Minute
	ahead := at.AddDate(1, 0, 0)
	cases := map[string]struct {
		published string // "" for none
		stored    time.Time
		want      []announcement
	}{
		"first start":            {"", time.Time{}, []announcement{{time.Time{}, never}}},
		"database new to broker": {string(watermark{at}.payload()), time.Time{}, []announcement{{time.Time{}, never}}},
		"broker lost everything": {"", at, []announcement{{time.Time{}, at.Add(-margin)}}},
		"not understood":         {"tomorrow", at, []announcement{{time.Time{}, at.Add(-margin)}}},
		"broker lost the latest": {string(watermark{earlier}.payload()), at,
			[]announcement{{earlier.Add(-margin), earlier.Add(-margin)}}},
		"nothing lost": {string(watermark{at}.payload()), at, []announcement{{at.Add(-margin), at}}},
		"database from a backup": {string(watermark{at.Add(margin + time.Second)}.payload()), at,
			[]announcement{{time.Time{}, never}, {at.Add(-margin), never}}},
		"clock was ahead":        {string(watermark{at}.payload()), ahead, []announcement{{at.Add(-margin), at.Add(-margin)}}},
		"another server's newer": {string(watermark{at.Add(time.Second)}.payload()), at, []announcement{{at.Add(-margin), at}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			b.outbox.watermark = c.stored
			if c.published != "" {
				b.wire.retained[topics.Watermark()] = c.published
			}
			b.wire.connect()
			r := b.relay(t)
			b.outbox.change(mac(1))
			r.Wake()
			b.settled(t)
			if diff := cmp.Diff(c.want, b.outbox.announced(), cmp.AllowUnexported(announcement{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("announced (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFirstStartBroadcastsNothingOld(t *testing.T) {
	b := newBench()
	for n := range 5 {
		b.outbox.change(mac(n))
	}
	claimed, _ := b.outbox.Claim(t.Context(), b.clock.now(), time.Minute, 10)
	if err := b.outbox.Clear(t.Context(), claimed); err != nil { // as after an import by another program
		t.Fatal(err)
	}
	b.wire.connect()
	b.relay(t)
	b.settled(t)
	for n := range 5 {
		if _, ok := b.wire.kept(topics.Config(mac(n))); !ok {
			t.Errorf("device %d has no retained message", n)
		}
	}
	if heard := b.wire.heard(topics.Broadcast()); len(heard) > 0 {
		t.Errorf("a first start broadcasts %v", heard)
	}
}

func TestBrokerThatForgetsIsToldAgain(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t)
	b.outbox.change(mac(1))
	r.Wake()
	b.settled(t)
	b.clock.advance(time.Hour)
	b.outbox.change(mac(2))
	r.Wake()
	b.settled(t)
	b.wire.cut()
	b.wire.forget()
	b.wire.connect()
	testenv.WaitFor(t, patience, func() bool {
		_, one := b.wire.kept(topics.Config(mac(1)))
		_, two := b.wire.kept(topics.Config(mac(2)))
		return one && two && len(b.wire.heard(topics.Broadcast())) >= 3
	})
	b.settled(t)
	want := []string{ // the old change is not broadcast again
		`{"filename":"02:00:00:00:00:01.json"}`, `{"filename":"02:00:00:00:00:02.json"}`, `{"filename":"02:00:00:00:00:02.json"}`,
	}
	if diff := cmp.Diff(want, b.wire.heard(topics.Broadcast())); diff != "" {
		t.Errorf("broadcasts (-want +got):\n%s", diff)
	}
}

// TestOldChangesAreNotBroadcastAgain: long after the last change the watermark is as old, and a broker that ends then
// must not have the server wake those devices again.
func TestOldChangesAreNotBroadcastAgain(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.Settle = time.Millisecond })
	b.outbox.change(mac(1))
	r.Wake()
	b.settled(t)
	again := func() {
		t.Helper()
		testenv.WaitFor(t, patience, func() bool { _, ok := b.wire.kept(topics.Config(mac(1))); return ok })
		b.settled(t)
		if n := len(b.wire.heard(topics.Broadcast())); n != 1 {
			t.Errorf("%d broadcasts of one old change", n)
		}
	}
	b.clock.advance(time.Hour)
	b.wire.cut()
	testenv.WaitFor(t, patience, b.wire.abandoned)
	b.wire.forget()
	b.wire.connect()
	again()
	b.clock.advance(time.Hour)
	stopRelay(t, r)
	b.wire.forget() // as the embedded broker, which ends with the server
	b.relay(t, func(o *Options) { o.Settle = time.Millisecond })
	again()
}

// TestBrokerThatLosesWhatCameAfterItsWatermark is a broker with persistence that was killed before it wrote its file: its
// watermark equals the last one that was published, and yet something is missing.
func TestBrokerThatLosesWhatCameAfterItsWatermark(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.WatermarkEvery = time.Hour })
	b.settled(t)
	b.outbox.change(mac(1))
	r.Wake()
	testenv.WaitFor(t, patience, func() bool { return b.outbox.waiting() == 0 })
	b.wire.cut()
	b.wire.set(func(w *wire) { delete(w.retained, topics.Config(mac(1))) })
	b.wire.connect()
	testenv.WaitFor(t, patience, func() bool { _, ok := b.wire.kept(topics.Config(mac(1))); return ok })
}

func TestBrokerAndServerEndTogether(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t)
	b.outbox.change(mac(1))
	b.settled(t)
	stopRelay(t, r)
	b.wire.forget()
	b.relay(t, func(o *Options) { o.Settle = time.Minute })
	told := func(times int) func() bool {
		return func() bool {
			_, ok := b.wire.kept(topics.Config(mac(1)))
			return ok && len(b.wire.heard(topics.Broadcast())) == times
		}
	}
	testenv.WaitFor(t, patience, told(2)) // first, and again at once
	b.clock.advance(time.Minute)
	testenv.WaitFor(t, patience, told(3)) // and when devices are back
}

func TestIntactBrokerAtStart(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t)
	b.outbox.change(mac(1))
	b.settled(t)
	stopRelay(t, r)
	b.clock.advance(time.Hour)
	before := len(b.wire.order())
	r = b.relay(t, func(o *Options) { o.Settle = time.Millisecond })
	b.outbox.change(mac(2))
	r.Wake()
	b.settled(t)
	want := []string{topics.Config(mac(2)), topics.Broadcast()}
	got := slices.DeleteFunc(b.wire.order()[before:], func(topic string) bool {
		return topic == topics.Watermark() || topic == topics.Config(mac(1)) // changed shortly before the last watermark
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a start with an intact broker sent more than the change (-want +got):\n%s", diff)
	}
}

func TestConnectionThatBreaksAnnouncesNothing(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.Broadcast = false })
	b.outbox.change(mac(1))
	r.Wake()
	b.settled(t)
	before := len(b.outbox.announced())
	for range 3 {
		b.wire.cut()
		testenv.WaitFor(t, patience, b.wire.abandoned)
		b.wire.connect()
	}
	b.outbox.change(mac(2))
	b.settled(t)
	if n := len(b.outbox.announced()); n != before {
		t.Errorf("announced again: %v", b.outbox.announced()[before:])
	}
}

func TestOutageIsBroadcastAgainWhenDevicesAreBack(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.Settle = 30 * time.Second })
	b.outbox.change(mac(1))
	r.Wake()
	b.settled(t)
	b.clock.advance(time.Hour)
	b.wire.cut() // the broker keeps what it has, as mosquitto does when it is stopped
	b.outbox.change(mac(2))
	b.wire.connect()
	testenv.WaitFor(t, patience, func() bool { return len(b.wire.heard(topics.Broadcast())) == 2 })
	b.settled(t)
	if n := len(b.outbox.announced()); n != 1 {
		t.Fatalf("announced %d times before devices had time to come back", n)
	}
	b.outbox.change(mac(3))
	r.Wake()
	testenv.WaitFor(t, patience, func() bool { return len(b.wire.heard(topics.Broadcast())) == 3 })
	b.clock.advance(31 * time.Second)
	testenv.WaitFor(t, patience, func() bool { return len(b.wire.heard(topics.Broadcast())) == 5 })
	b.settled(t)
	again := b.wire.heard(topics.Broadcast())[3:]
	want := map[string]bool{`{"filename":"02:00:00:00:00:02.json"}`: true, `{"filename":"02:00:00:00:00:03.json"}`: true}
	for _, heard := range again {
		if !want[heard] {
			t.Errorf("broadcast again: %s", heard)
		}
	}
	b.clock.advance(time.Hour)
	r.Wake()
	b.settled(t)
	if n := len(b.wire.heard(topics.Broadcast())); n != 5 {
		t.Errorf("%d broadcasts, want the repetition once", n)
	}
}

func TestStopLeavesTheRepetitionInTheOutbox(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t)
	b.settled(t)
	b.wire.cut()
	b.outbox.change(mac(1))
	b.wire.connect()
	testenv.WaitFor(t, patience, func() bool { return len(b.wire.heard(topics.Broadcast())) == 1 })
	b.settled(t)
	stopRelay(t, r)
	if n := b.outbox.waiting(); n != 1 {
		t.Errorf("%d messages wait for the next server, want the one to repeat", n)
	}
	if text := b.log.text.String(); !strings.Contains(text, "this server ends before devices") || strings.Contains(text, `"devices have had the time`) {
		t.Errorf("the log gives another reason:\n%s", text)
	}
}

func TestWatermarkWaitsForTheOldestChange(t *testing.T) {
	b := newBench()
	b.wire.connect()
	r := b.relay(t, func(o *Options) { o.RetryMin = time.Hour; o.RetryMax = time.Hour })
	b.settled(t)
	b.wire.set(func(w *wire) { w.refuse = refuseOnly(topics.Config(mac(1))) })
	b.outbox.change(mac(1))
	b.outbox.mu.Lock()
	held := b.outbox.rows[mac(1)].ChangedAt
	b.outbox.mu.Unlock()
	b.clock.advance(time.Minute)
	b.outbox.change(mac(2))
	r.Wake()
	testenv.WaitFor(t, patience, func() bool {
		kept, _ := b.wire.kept(topics.Watermark())
		return kept == string(watermark{held}.payload())
	})
	b.wire.set(func(w *wire) { w.refuse = nil })
	b.clock.advance(2 * time.Hour)
	b.settled(t)
	if !b.outbox.stored().After(held) {
		t.Error("the watermark stays behind")
	}
}

// TestSeveralServersAnnounceOnce: of three that find an empty broker, not each announces the fleet.
func TestSeveralServersAnnounceOnce(t *testing.T) {
	b := newBench()
	b.wire.connect()
	first := b.relay(t)
	b.settled(t)
	stopRelay(t, first)
	b.wire.cut()
	b.wire.forget()
	whole := -1 // that of the first
	for range 3 {
		b.relay(t, func(o *Options) { o.Poll = 2 * time.Second })
	}
	b.wire.connect()
	b.settled(t)
	for _, a := range b.outbox.announced() {
		if a.since.IsZero() {
			whole++
		}
	}
	if whole < 1 || whole > 2 {
		t.Errorf("three servers announced the fleet %d times", whole)
	}
}
