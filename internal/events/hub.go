// Package events hands the stream of events to those who follow it: one reader of a [fleet.Journal] for each server, and any
// number of subscribers, which begin where they left off and are dropped rather than waited for.
//
// It may import fleet and nothing else of ours. Start reading at [Hub]'s run method; subscription.go says how one that catches
// up joins the others without a gap.
package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// Options say what to read. The durations and numbers have defaults where they are 0.
type Options struct {
	Journal    fleet.Journal
	Logger     *slog.Logger
	Registerer prometheus.Registerer

	Poll   time.Duration // between looks for what other servers did: 250 ms
	Rest   time.Duration // between two looks at least, however often the hub is woken: 20 ms
	Idle   time.Duration // between looks while nobody subscribes, for changes to get their place in the stream: 5 s
	Page   int           // events read at once, about: 1000
	Buffer int           // events that a subscriber may be behind: 20,000
	Most   int           // subscribers: 1000
}

func (o *Options) setDefaults() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.Poll, 250 * time.Millisecond}, {&o.Rest, 20 * time.Millisecond}, {&o.Idle, 5 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, n := range []struct {
		field *int
		value int
	}{{&o.Page, 1000}, {&o.Buffer, 20_000}, {&o.Most, 1000}} {
		if *n.field == 0 {
			*n.field = n.value
		}
	}
}

const (
	readTimeout = 20 * time.Second
	retryMin    = 100 * time.Millisecond
	retryMax    = 5 * time.Second
)

// Hub is a [fleet.EventSource]. Its subscribers share what it reads.
type Hub struct {
	Options
	wake    chan struct{} // there may be events
	arrived chan struct{} // there is a subscriber
	cancel  context.CancelFunc
	ended   context.Context // of the hub: ends with Stop
	done    chan struct{}
	reading trouble

	mu          sync.Mutex
	live        bool                // at is where the reader is
	at          fleet.EventPosition // where the reader is
	subscribers map[*subscription]struct{}
	places      int // of subscribers, also of those that are about to be
}

var _ fleet.EventSource = (*Hub)(nil)

// New registers the hub's metric. It starts nothing.
func New(options Options) (*Hub, error) {
	options.setDefaults()
	h := &Hub{Options: options, wake: make(chan struct{}, 1), arrived: make(chan struct{}, 1), subscribers: map[*subscription]struct{}{},
		reading: trouble{logger: options.Logger, what: "the events cannot be read"}}
	return h, options.Registerer.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "espalier_event_subscribers", Help: "Readers of the live events that are connected to this server.",
	}, func() float64 { return float64(h.Subscribers()) }))
}

// Subscribers is how many follow the events now.
func (h *Hub) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subscribers)
}

// Start begins to read and returns at once. Only Stop ends it; ctx lends its values and nothing else.
func (h *Hub) Start(ctx context.Context) error {
	if h.cancel != nil {
		return errors.New("the hub of events was started before")
	}
	h.mu.Lock()
	h.ended, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.mu.Unlock()
	h.done = make(chan struct{})
	go func() {
		defer close(h.done)
		h.run(h.ended)
		h.end(fleet.ErrClosed)
	}()
	return nil
}

// Stop ends every subscription with ErrClosed, and returns when the reader has ended or ctx ends.
func (h *Hub) Stop(ctx context.Context) error {
	if h.cancel == nil {
		return nil
	}
	h.cancel()
	select {
	case <-h.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the hub of events did not end in time: %w", ctx.Err())
	}
}

// Wake makes the hub look for events now: call it after each change. It never waits.
func (h *Hub) Wake() { signal(h.wake) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run reads for as long as there are subscribers, and looks now and then while there are none. Its failures are told to the
// log when they begin and end; it goes on after a pause that grows.
func (h *Hub) run(ctx context.Context) {
	pause := retryMin
	for ctx.Err() == nil {
		more, err := h.step(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			h.reading.begin(err)
			h.sleep(ctx, pause/2+rand.N(pause), nil, nil)
			pause = min(pause*2, retryMax)
		default:
			h.reading.over()
			pause = retryMin
			if !more {
				h.rest(ctx)
			}
		}
	}
}

// rest waits for the time to look again.
func (h *Hub) rest(ctx context.Context) {
	if !h.wanted() {
		h.sleep(ctx, h.Idle/2+rand.N(h.Idle), h.arrived, nil)
		return
	}
	h.sleep(ctx, h.Rest, nil, nil)
	h.sleep(ctx, h.Poll, h.arrived, h.wake)
}

// sleep waits for a time, or for one of two signals.
func (h *Hub) sleep(ctx context.Context, d time.Duration, first, second <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-first:
	case <-second:
	}
}

// wanted tells whether anybody subscribes.
func (h *Hub) wanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subscribers) > 0
}

// step reads once, and answers whether there may be more.
func (h *Hub) step(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	h.mu.Lock()
	h.live = h.live && len(h.subscribers) > 0
	at, live := h.at, h.live
	h.mu.Unlock()
	if !live {
		at, err := h.Journal.Head(ctx)
		if err == nil {
			h.begin(at)
		}
		return err == nil && h.wanted(), err
	}
	events, next, err := h.Journal.Events(ctx, at, h.Page)
	if errors.Is(err, fleet.ErrGap) {
		h.end(err)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	h.deliver(batch{from: at, to: next, events: events})
	return len(events) >= h.Page || next.Change-at.Change >= int64(h.Page), nil
}

// begin is where the reader begins, where anybody subscribes.
func (h *Hub) begin(at fleet.EventPosition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.live = at, len(h.subscribers) > 0
	for s := range h.subscribers {
		s.join(at)
	}
}

// deliver hands a batch to every subscriber, and lets go of those that are too far behind.
func (h *Hub) deliver(b batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = b.to
	if len(b.events) == 0 {
		return
	}
	for s := range h.subscribers {
		if !s.offer(b, h.Buffer) {
			h.drop(s, fleet.ErrSlow)
		}
	}
}

// end ends every subscription: the reader cannot go on from where it is.
func (h *Hub) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live = false
	for s := range h.subscribers {
		h.drop(s, err)
	}
}

// drop ends a subscription. The lock is held.
func (h *Hub) drop(s *subscription, err error) {
	if _, there := h.subscribers[s]; !there {
		return
	}
	delete(h.subscribers, s)
	h.places--
	s.err, s.waiting, s.behind = err, nil, 0
	signal(s.news)
}
