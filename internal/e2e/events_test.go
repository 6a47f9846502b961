package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/testenv"
)

// change is one change of a document: as a reader of events was told of it, or as it was acknowledged (then without place).
type change struct {
	place    int64 // among all changes
	mac      string
	revision int64
	kind     string
	former   string // MAC address, of hardware that was replaced
}

func (c change) String() string {
	return fmt.Sprintf("%d: revision %d of %s %s", c.place, c.revision, c.mac, c.kind)
}

var changeKinds = []string{client.EventCreated, client.EventUpdated, client.EventDeleted, client.EventRestored, client.EventReplaced}

// reader follows the changes of one server. It breaks off now and then, and goes on behind the last event that it has.
type reader struct {
	client *client.Client
	mu     sync.Mutex
	seen   []change
	breaks int
	resets int
	err    error
}

// startReader has a reader follow a server until ctx ends, and waits until it does.
func startReader(ctx context.Context, t *testing.T, s *server, following *sync.WaitGroup) *reader {
	t.Helper()
	c, err := client.New(s.url(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, ready := &reader{client: c}, make(chan struct{})
	following.Go(func() { r.follow(ctx, ready) })
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatal("no events")
	}
	return r
}

// follow reads until ctx ends. ready is closed when the first event has come.
func (r *reader) follow(ctx context.Context, ready chan<- struct{}) {
	lost := func(error, time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.breaks++
	}
	begun, last := false, ""
	for ctx.Err() == nil {
		left := 20 + rand.IntN(60)
		for e, err := range r.client.Events(ctx, client.EventOptions{Kinds: changeKinds, After: last, Lost: lost}) {
			if begun && errors.Is(err, client.ErrUnreachable) {
				lost(err, 0) // it broke off while the server was away for long
				break
			}
			if err != nil {
				r.mu.Lock()
				r.err = errors.Join(r.err, err)
				r.mu.Unlock()
				return
			}
			last = e.ID
			r.take(e)
			if !begun && e.Kind == client.EventReady {
				begun = true
				close(ready)
			}
			if left--; left == 0 {
				lost(nil, 0)
				break
			}
		}
	}
}

func (r *reader) take(e client.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case client.EventReady:
	case client.EventReset:
		r.resets++
	default:
		place, _ := strconv.ParseInt(strings.Split(e.ID, "-")[1], 10, 64)
		c := change{place: place, mac: e.MAC, revision: e.Revision, kind: e.Kind}
		if e.OtherMAC != nil {
			c.former = *e.OtherMAC
		}
		r.seen = append(r.seen, c)
	}
}

// changes are those that the reader was told of so far.
func (r *reader) changes() []change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// failed is why the reader does not follow any more.
func (r *reader) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// wrongWithEvents tells what a reader from the beginning should not have seen so: each acknowledged change once and as what it
// was; and of each MAC address every revision once and in order, also those whose writers got no answer.
func wrongWithEvents(acknowledged []change, seen []change) (wrong []string) {
	type key struct {
		mac      string
		revision int64
	}
	told := map[key][]change{}
	last := map[string]int64{}
	place := int64(0)
	for _, c := range seen {
		if c.place <= place {
			wrong = append(wrong, fmt.Sprintf("%v: came behind %d", c, place))
		}
		place = c.place
		if before, known := last[c.mac]; known && c.revision != before+1 {
			wrong = append(wrong, fmt.Sprintf("%v: came behind revision %d", c, before))
		}
		last[c.mac] = c.revision
		if _, known := last[c.former]; known {
			last[c.former]++ // the address that the document left has a revision without content
		}
		told[key{c.mac, c.revision}] = append(told[key{c.mac, c.revision}], c)
	}
	for _, c := range acknowledged {
		switch got := told[key{c.mac, c.revision}]; {
		case len(got) != 1:
			wrong = append(wrong, fmt.Sprintf("%v: told %d times", c, len(got)))
		case got[0].kind != c.kind:
			wrong = append(wrong, fmt.Sprintf("%v: told as %v", c, got[0]))
		}
	}
	return wrong
}

// wrongWithOrder tells where two readers from the beginning were told of other changes, or in another order.
func wrongWithOrder(one, other []change) (wrong []string) {
	for i := range max(len(one), len(other)) {
		switch {
		case i >= len(one), i >= len(other):
			return append(wrong, fmt.Sprintf("one was told of %d changes, the other of %d", len(one), len(other)))
		case one[i] != other[i]:
			return append(wrong, fmt.Sprintf("change %d: one was told of %v, the other of %v", i+1, one[i], other[i]))
		}
	}
	return wrong
}

// world is a fleet that several change at a time, each as far as it knows it.
type world struct {
	mu           sync.Mutex
	slots        []slot
	last         int // MAC addresses given so far
	content      int
	acknowledged []change
	refused      int // somebody else was faster, and nothing was found by what is known
	unanswered   int
}

// slot is what is known of one configuration.
type slot struct {
	mac      string
	id       int64 // 0: there was none yet
	revision int64
	deleted  bool
}

func newWorld(n int) *world {
	w := &world{}
	for range n {
		w.slots = append(w.slots, slot{mac: w.address()})
	}
	return w
}

func (w *world) address() string {
	w.last++
	return fmt.Sprintf("02:00:00:00:%02x:%02x", w.last>>8, w.last&0xff)
}

// count is how many changes were acknowledged.
func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acknowledged)
}

// change has a server change a configuration that is picked at random, somehow.
func (w *world) change(ctx context.Context, c *client.Client) {
	w.mu.Lock()
	at := rand.IntN(len(w.slots))
	known, fresh := w.slots[at], w.address()
	w.content++
	content := fmt.Appendf(nil, `{"n":%d}`, w.content) // never what is there
	w.mu.Unlock()
	now, kind, err := attempt(ctx, c, known, fresh, content)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, client.ErrUnavailable):
		w.unanswered++
	case err != nil:
		w.refused++
	case kind != "":
		w.acknowledged = append(w.acknowledged, change{mac: now.mac, revision: now.revision, kind: kind})
	}
	if have := w.slots[at]; err == nil && (now.mac != have.mac && have == known || now.mac == have.mac && now.revision > have.revision) {
		w.slots[at] = now
	}
}

// attempt changes a configuration as far as it is known, and answers what is known of it then: kind is "" where nothing was
// changed, because it had the content already, or somebody else was faster.
func attempt(ctx context.Context, c *client.Client, known slot, fresh string, content []byte) (now slot, kind string, err error) {
	var made client.Config
	switch dice := rand.IntN(100); {
	case known.id == 0 || known.deleted && dice < 50:
		made, err = c.Create(ctx, known.mac, content)
		kind = client.EventCreated
	case known.deleted:
		made, err = c.Undelete(ctx, known.id)
		kind = client.EventRestored
	case dice < 45:
		made, err = c.Update(ctx, known.id, content)
		kind = client.EventUpdated
	case dice < 60:
		made, err = c.Patch(ctx, known.id, content)
		kind = client.EventUpdated
	case dice < 75 && known.revision > 1:
		made, err = c.Restore(ctx, known.id, 1+rand.Int64N(known.revision-1), client.IfRevision(known.revision))
		kind = client.EventRestored
		if made.Revision == known.revision {
			kind = "" // it had these bytes
		}
	case dice < 85:
		err = c.Delete(ctx, known.id, client.IfRevision(known.revision))
		known.revision++
		known.deleted = true
		kind = client.EventDeleted
	default:
		made, err = c.ReplaceDevice(ctx, known.id, fresh)
		kind = client.EventReplaced
	}
	switch {
	case err == nil && kind == client.EventDeleted:
		return known, kind, nil
	case err == nil:
		return slot{mac: made.MAC, id: made.ID, revision: made.Revision}, kind, nil
	case errors.Is(err, client.ErrPrecondition), errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrExists):
		return look(ctx, c, known.mac, err)
	}
	return known, "", err
}

// look finds what is there of a MAC address.
func look(ctx context.Context, c *client.Client, mac string, err error) (slot, string, error) {
	for _, deleted := range []bool{false, true} {
		for found, missing := range c.All(ctx, client.ListOptions{Search: mac, Deleted: deleted}) {
			if missing != nil {
				return slot{}, "", err
			}
			return slot{mac: mac, id: found.ID, revision: found.Revision, deleted: deleted}, "", nil
		}
	}
	return slot{}, "", err
}

// TestEventsOfTwoServers changes a fleet through two servers at a time, one of which is killed and comes back: a reader of each
// is told of every change once and in order, and both in the same order.
func TestEventsOfTwoServers(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	env := []string{"DATABASE_URL=" + testenv.NewDatabase(t), "MQTT_URL=off", "LOG_LEVEL=error"}
	servers := []*server{startServer(t, env...), startServer(t, env...)}
	ctx, cancel := context.WithCancel(t.Context())
	var following, writing sync.WaitGroup
	defer following.Wait()
	defer cancel()
	var readers []*reader
	for _, s := range servers {
		readers = append(readers, startReader(ctx, t, s, &following))
	}

	w := newWorld(12)
	writes, enough := context.WithCancel(ctx)
	defer enough()
	for range 6 {
		writing.Go(func() {
			for writes.Err() == nil {
				// What was begun is ended, so that it is known whether it was acknowledged.
				w.change(ctx, servers[rand.IntN(2)].Client)
			}
		})
	}
	reached := func(n int) { t.Helper(); testenv.WaitFor(t, patience, func() bool { return w.count() >= n }) }
	reached(150)
	servers[1].kill()
	reached(w.count() + 100)
	servers[1].start()
	reached(w.count() + 200)
	servers[0].kill()
	servers[0].start()
	reached(w.count() + 50)
	enough()
	writing.Wait()

	fence := w.address()
	if _, err := servers[0].Create(ctx, fence, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	for i, r := range readers {
		testenv.WaitFor(t, patience, func() bool {
			return r.failed() != nil || slices.ContainsFunc(r.changes(), func(c change) bool { return c.mac == fence })
		})
		for _, wrong := range wrongWithEvents(w.acknowledged, r.changes()) {
			t.Errorf("the reader of server %d: %s", i+1, wrong)
		}
		if r.resets > 0 || r.err != nil || r.breaks < 2 {
			t.Errorf("the reader of server %d: %d resets, %d breaks, %v", i+1, r.resets, r.breaks, r.err)
		}
	}
	for _, wrong := range wrongWithOrder(readers[0].changes(), readers[1].changes()) {
		t.Error(wrong)
	}
	t.Logf("%d changes were acknowledged, %d refused, %d without an answer; each reader was told of %d, with %d and %d breaks",
		len(w.acknowledged), w.refused, w.unanswered, len(readers[0].changes()), readers[0].breaks, readers[1].breaks)
	kinds := map[string]int{}
	for _, c := range w.acknowledged {
		kinds[c.kind]++
	}
	for _, kind := range changeKinds {
		if kinds[kind] == 0 {
			t.Errorf("no change was %s: this shows too little", kind)
		}
	}
}

// Who follows the events does not hold up a server that is to stop, and finds its successor.
func TestEventsDoNotHoldUpAStop(t *testing.T) {
	eachDatabase(t, func(t *testing.T, env []string) {
		s := startServer(t, append(env, "MQTT_URL=off")...)
		ctx, cancel := context.WithCancel(t.Context())
		var following sync.WaitGroup
		defer following.Wait()
		defer cancel()
		r := startReader(ctx, t, s, &following)
		create(t, s, device, 1)
		began := time.Now()
		if status := s.stop(); status != 0 {
			t.Errorf("exit status %d", status)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the stop took %v", took)
		}
		s.start()
		update(t, s, 1, 2)
		testenv.WaitFor(t, patience, func() bool { return len(r.changes()) == 2 })
		want := []change{{place: 1, mac: device, revision: 1, kind: client.EventCreated}, {place: 2, mac: device, revision: 2, kind: client.EventUpdated}}
		for _, wrong := range append(wrongWithEvents(want, r.changes()), wrongWithOrder(want, r.changes())...) {
			t.Error(wrong)
		}
	})
}

// A stream with a fault must be found out, wherever the fault is.
func TestTheCheckOfEventsCanFail(t *testing.T) {
	var good []change
	revisions := map[string]int64{}
	for i := range 60 {
		mac := fmt.Sprintf("02:00:00:00:00:%02x", i*i%7)
		revisions[mac]++
		kind := client.EventUpdated
		if revisions[mac] == 1 {
			kind = client.EventCreated
		}
		good = append(good, change{place: int64(i + 1), mac: mac, revision: revisions[mac], kind: kind})
	}
	wrong := func(seen []change) int { return len(wrongWithEvents(good, seen)) + len(wrongWithOrder(good, seen)) }
	if n := wrong(slices.Clone(good)); n != 0 {
		t.Fatalf("%d faults in what has none", n)
	}
	for i := range good {
		faults := map[string][]change{
			"removed":         slices.Delete(slices.Clone(good), i, i+1),
			"doubled":         slices.Insert(slices.Clone(good), i, good[i]),
			"doubled at last": append(slices.Clone(good), good[i]),
		}
		for name, fault := range map[string]func(*change){
			"another kind": func(c *change) { c.kind = client.EventRestored }, "another revision": func(c *change) { c.revision++ },
			"another device": func(c *change) { c.mac = "02:00:00:00:00:ff" }, "another place": func(c *change) { c.place += 100 }} {
			faults[name] = slices.Clone(good)
			fault(&faults[name][i])
		}
		if i > 0 {
			swapped := slices.Clone(good)
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			faults["swapped"] = swapped
		}
		for name, seen := range faults {
			if len(wrongWithOrder(good, seen)) == 0 {
				t.Errorf("%s, at %d: it is the same order", name, i)
			}
			if len(wrongWithEvents(good, seen)) == 0 && name != "another place" { // which nobody was told when it was acknowledged
				t.Errorf("%s, at %d: nothing is wrong with it", name, i)
			}
		}
	}
}
