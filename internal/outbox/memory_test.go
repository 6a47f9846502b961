package outbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// memory is a fleet.Outbox, and the documents behind it, in memory.
type memory struct {
	now func() time.Time

	mu        sync.Mutex
	documents map[fleet.MAC]*document
	rows      map[fleet.MAC]*row
	queue     []fleet.MAC // of rows, in the order in which they came; some are gone
	watermark time.Time
	failing   bool   // every call fails
	onClaim   func() // called while messages are claimed
	claims    int    // messages that were claimed, in all
	announces []announcement
}

type document struct {
	revision int64
	changed  time.Time
	deleted  bool
}

type row struct {
	fleet.Message
	due     time.Time
	claimed time.Time // until when; zero: by nobody
}

type announcement struct{ since, broadcastSince time.Time }

var errStore = errors.New("the store is broken for the test")

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, documents: map[fleet.MAC]*document{}, rows: map[fleet.MAC]*row{}}
}

func mac(n int) fleet.MAC {
	return fleet.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
}

// change makes a new revision of a device's document, as a transaction of the store would.
func (m *memory) change(device fleet.MAC) int64 { return m.write(device, false) }

func (m *memory) remove(device fleet.MAC) int64 { return m.write(device, true) }

func (m *memory) write(device fleet.MAC, deleted bool) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.documents[device]
	if d == nil {
		d = &document{}
		m.documents[device] = d
	}
	d.revision, d.changed, d.deleted = d.revision+1, micro(m.now()), deleted
	m.put(device, d, !deleted)
	m.rows[device].Attempts, m.rows[device].due = 0, time.Time{}
	return d.revision
}

func (m *memory) put(device fleet.MAC, d *document, broadcast bool) {
	r := m.rows[device]
	if r == nil {
		r = &row{Message: fleet.Message{MAC: device, ChangedAt: d.changed}}
		m.rows[device] = r
		m.queue = append(m.queue, device)
	}
	r.Revision, r.Deleted, r.Size, r.SHA256 = d.revision, d.deleted, 10, sha256.Sum256([]byte{byte(d.revision)})
	r.Broadcast = (r.Broadcast || broadcast) && !d.deleted
	r.Generation++
	if d.changed.Before(r.ChangedAt) {
		r.ChangedAt = d.changed
	}
}

func (m *memory) enter() (func(), error) {
	m.mu.Lock()
	if m.failing {
		m.mu.Unlock()
		return nil, errStore
	}
	return m.mu.Unlock, nil
}

func (m *memory) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]fleet.Message, error) {
	leave, err := m.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if m.onClaim != nil {
		m.onClaim()
	}
	m.queue = slices.DeleteFunc(m.queue, func(device fleet.MAC) bool { return m.rows[device] == nil })
	var out []fleet.Message
	for _, device := range m.queue {
		r := m.rows[device]
		if len(out) == limit || r.due.After(now) || r.claimed.After(now) {
			continue
		}
		r.claimed = now.Add(lease)
		r.Attempts++
		out = append(out, r.Message)
	}
	m.claims += len(out)
	return out, ctx.Err() // a commit that was not confirmed may have been made
}

func (m *memory) Clear(_ context.Context, sent []fleet.Message) error {
	leave, err := m.enter()
	if err != nil {
		return err
	}
	defer leave()
	for _, s := range sent {
		r := m.rows[s.MAC]
		switch {
		case r == nil:
		case r.Generation == s.Generation:
			delete(m.rows, s.MAC)
		default:
			r.claimed = time.Time{}
		}
	}
	return nil
}

func (m *memory) Postpone(_ context.Context, failed []fleet.Message, until time.Time) error {
	leave, err := m.enter()
	if err != nil {
		return err
	}
	defer leave()
	for _, f := range failed {
		if r := m.rows[f.MAC]; r != nil {
			r.claimed = time.Time{}
			if r.Generation == f.Generation {
				r.due = until
			}
		}
	}
	return nil
}

func (m *memory) Backlog(context.Context) (int64, time.Time, error) {
	leave, err := m.enter()
	if err != nil {
		return 0, time.Time{}, err
	}
	defer leave()
	var oldest time.Time
	for _, r := range m.rows {
		if oldest.IsZero() || r.ChangedAt.Before(oldest) {
			oldest = r.ChangedAt
		}
	}
	return int64(len(m.rows)), oldest, nil
}

func (m *memory) Announce(_ context.Context, since, broadcastSince time.Time) (int64, error) {
	leave, err := m.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	m.announces = append(m.announces, announcement{since, broadcastSince})
	n := int64(0)
	for device, d := range m.documents {
		if d.changed.Before(since) || (since.IsZero() && d.deleted) {
			continue
		}
		m.put(device, d, !d.changed.Before(broadcastSince))
		n++
	}
	return n, nil
}

func (m *memory) Watermark(context.Context) (time.Time, error) {
	leave, err := m.enter()
	if err != nil {
		return time.Time{}, err
	}
	defer leave()
	return m.watermark, nil
}

func (m *memory) SetWatermark(_ context.Context, at time.Time) error {
	leave, err := m.enter()
	if err != nil {
		return err
	}
	defer leave()
	m.watermark = at
	return nil
}

func (m *memory) fail(failing bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = failing
}

func (m *memory) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

func (m *memory) claimed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.claims
}

func (m *memory) announced() []announcement {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.announces)
}

// latest is when the last change was made.
func (m *memory) latest() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	var latest time.Time
	for _, d := range m.documents {
		if d.changed.After(latest) {
			latest = d.changed
		}
	}
	return latest
}

func (m *memory) stored() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.watermark
}

// wire is a fleet.Publisher with a broker behind it, in memory.
type wire struct {
	mu       sync.Mutex
	up       bool
	idle     int // relays that wait for a connection
	lost     chan struct{}
	changed  chan struct{}
	retained map[string]string
	sent     []fleet.Publication
	refuse   func(fleet.Publication) error // nil: nothing
	before   func()                        // called before each Publish
	gate     chan struct{}                 // where set, Publish waits for it, the connection's end, or ctx
}

func newWire() *wire {
	return &wire{retained: map[string]string{}, changed: make(chan struct{})}
}

var (
	errNoLink  = errors.New("no connection")
	errRefused = errors.New("refused for the test")
)

func (w *wire) connect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up, w.lost = true, make(chan struct{})
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up = false
	close(w.lost)
}

// forget is a broker without persistence that starts again.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.retained)
}

func (w *wire) Publish(ctx context.Context, messages []fleet.Publication) []error {
	w.mu.Lock()
	before, gate, lost, up := w.before, w.gate, w.lost, w.up
	w.mu.Unlock()
	errs := make([]error, len(messages))
	fill := func(err error) []error {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	if !up {
		return fill(errNoLink)
	}
	if before != nil {
		before()
	}
	if gate != nil {
		select {
		case <-gate:
		case <-lost:
			return fill(errNoLink)
		case <-ctx.Done():
			return fill(ctx.Err())
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.up {
		return fill(errNoLink)
	}
	for i, m := range messages {
		if w.refuse != nil {
			errs[i] = w.refuse(m)
		}
		if errs[i] != nil {
			continue
		}
		w.sent = append(w.sent, m)
		if m.Retain {
			w.retained[m.Topic] = string(m.Payload)
			if len(m.Payload) == 0 {
				delete(w.retained, m.Topic)
			}
		}
	}
	return errs
}

func (w *wire) Retained(_ context.Context, topic string) ([]byte, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.up {
		return nil, false, errNoLink
	}
	payload, ok := w.retained[topic]
	return []byte(payload), ok, nil
}

func (w *wire) Connected(ctx context.Context) (fleet.Session, error) {
	for {
		w.mu.Lock()
		up, lost, changed := w.up, w.lost, w.changed
		w.mu.Unlock()
		if up {
			return fleet.Session{Lost: lost}, nil
		}
		w.set(func(w *wire) { w.idle++ })
		select {
		case <-changed:
		case <-ctx.Done():
		}
		w.set(func(w *wire) { w.idle-- })
		if ctx.Err() != nil {
			return fleet.Session{}, ctx.Err()
		}
	}
}

// heard are the messages of a topic that were sent, in order.
func (w *wire) heard(topic string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, m := range w.sent {
		if m.Topic == topic {
			out = append(out, string(m.Payload))
		}
	}
	return out
}

func (w *wire) kept(topic string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	payload, ok := w.retained[topic]
	return payload, ok
}

func (w *wire) order() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, m := range w.sent {
		out = append(out, m.Topic)
	}
	return out
}

// abandoned tells whether a relay waits for a connection.
func (w *wire) abandoned() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.idle > 0
}

func (w *wire) set(change func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

var _ interface {
	fleet.Outbox
} = (*memory)(nil)

var _ fleet.Publisher = (*wire)(nil)

func TestMemoryHoldsGenerations(t *testing.T) {
	m := newMemory(time.Now)
	m.change(mac(1))
	claimed, err := m.Claim(t.Context(), time.Now(), time.Minute, 10)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("Claim: %v, %v", claimed, err)
	}
	m.change(mac(1))
	if again, _ := m.Claim(t.Context(), time.Now(), time.Minute, 10); len(again) != 0 {
		t.Error("a claimed message was claimed again")
	}
	if err := m.Clear(t.Context(), claimed); err != nil {
		t.Fatal(err)
	}
	if m.waiting() != 1 {
		t.Error("an old generation cleared a newer one")
	}
}

func refuseOnly(topic string) func(fleet.Publication) error {
	return func(p fleet.Publication) error {
		if p.Topic == topic {
			return errRefused
		}
		return nil
	}
}
