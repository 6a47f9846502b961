package events

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// subscription reads the journal from its own position until it is where the hub's reader was when it joined; what the hub has read
// since waits for it by then.
type subscription struct {
	hub  *Hub
	from fleet.EventPosition
	news chan struct{} // something below has changed

	// These are of the one who reads.
	at    fleet.EventPosition // behind what Next has answered
	first []fleet.Event       // what Subscribe has read already

	// These are under the hub's lock; caught is read without it by the one who reads, who alone sets it.
	joined  bool
	base    fleet.EventPosition // where the hub was when what waits begins
	caught  bool                // base was reached: it follows the hub
	waiting []batch
	behind  int // events that wait
	err     error
}

// Subscribe implements [fleet.EventSource]. Errors: besides ErrGap, TOO_MANY_REQUESTS, ErrClosed and those of the journal.
func (h *Hub) Subscribe(ctx context.Context, after *fleet.EventPosition) (fleet.Subscription, error) {
	if err := h.takePlace(); err != nil {
		return nil, err
	}
	s, err := h.open(ctx, after)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && h.ended.Err() != nil {
		err = fleet.ErrClosed
	}
	if err != nil {
		h.places--
		return nil, err
	}
	h.subscribers[s] = struct{}{}
	if h.live {
		s.join(h.at)
	}
	signal(h.arrived)
	return s, nil
}

// Head implements [fleet.EventSource].
func (h *Hub) Head(ctx context.Context) (fleet.EventPosition, error) { return h.Journal.Head(ctx) }

func (h *Hub) takePlace() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil || h.ended.Err() != nil {
		return fleet.ErrClosed
	}
	if h.places >= h.Most {
		return &fleet.Error{Code: fleet.CodeTooManyRequests, Message: "Too many readers follow the events of this server",
			Detail: "Close one that is not needed, ask another server, or try again in a while"}
	}
	h.places++
	return nil
}

// open finds where a subscription begins, and whether it can.
func (h *Hub) open(ctx context.Context, after *fleet.EventPosition) (*subscription, error) {
	s := &subscription{hub: h, news: make(chan struct{}, 1)}
	if after == nil {
		at, err := h.Journal.Head(ctx)
		s.from, s.at = at, at
		return s, err
	}
	s.from = *after
	var err error
	s.first, s.at, err = h.Journal.Events(ctx, s.from, h.Page)
	if errors.Is(err, fleet.ErrGap) {
		err = fleet.ErrGap
	}
	return s, err
}

// From implements [fleet.Subscription].
func (s *subscription) From() fleet.EventPosition { return s.from }

// Close implements [fleet.Subscription].
func (s *subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.drop(s, fleet.ErrClosed)
}

// Next implements [fleet.Subscription]. What it answers is shared between subscriptions, and not to be written to.
func (s *subscription) Next(ctx context.Context) ([]fleet.Event, error) {
	if events := s.first; len(events) > 0 {
		s.first = nil
		return events, nil
	}
	for {
		if err := s.over(ctx); err != nil {
			return nil, err
		}
		var events []fleet.Event
		var err error
		if s.caught {
			events = s.follow()
		} else {
			events, err = s.catchUp(ctx)
		}
		if err != nil || len(events) > 0 {
			return events, err
		}
		if !s.caught || s.pending() {
			continue
		}
		select {
		case <-s.news:
		case <-ctx.Done():
		case <-s.hub.ended.Done():
		}
	}
}

// over tells why there is nothing more.
func (s *subscription) over(ctx context.Context) error {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case ctx.Err() != nil:
		return ctx.Err()
	case s.hub.ended.Err() != nil:
		return fleet.ErrClosed
	}
	return nil
}

func (s *subscription) pending() bool {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return len(s.waiting) > 0
}

// catchUp reads the journal once. Where that fails it waits for a while: the hub's reader tells the log.
func (s *subscription) catchUp(ctx context.Context) ([]fleet.Event, error) {
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stop := context.AfterFunc(s.hub.ended, cancel)
	defer stop()
	events, next, err := s.hub.Journal.Events(reading, s.at, s.hub.Page)
	switch {
	case errors.Is(err, fleet.ErrGap):
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		s.hub.drop(s, fleet.ErrGap)
		return nil, fleet.ErrGap
	case err != nil:
		s.pause(ctx, 4*s.hub.Poll+rand.N(4*s.hub.Poll))
		return nil, nil
	}
	idle := next.Change == s.at.Change && next.Device == s.at.Device
	s.at = next
	if !s.reached() && idle && len(events) == 0 {
		s.pause(ctx, s.hub.Poll) // the hub's reader has not begun yet; it wakes us
	}
	return events, nil
}

func (s *subscription) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.news:
	case <-ctx.Done():
	case <-s.hub.ended.Done():
	}
}

// reached tells whether there is nothing between what was read and what waits, and goes on with the latter where that is so. Where
// the clock was set back, the hub's reader has gone back with it.
func (s *subscription) reached() bool {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.caught = s.joined && s.at.Change >= s.base.Change && s.at.Device >= s.base.Device &&
		s.at.Overdue >= min(s.base.Overdue, s.hub.at.Overdue)
	return s.caught
}

// join says where the hub is; what it reads from there on is kept for the subscription. The hub's lock is held.
func (s *subscription) join(at fleet.EventPosition) {
	if !s.joined {
		s.joined, s.base = true, at
		signal(s.news)
	}
}

// offer keeps a batch for the subscription, and is false where too much waits already. One that has not reached what waits yet
// reads that from the journal instead. The hub's lock is held.
func (s *subscription) offer(b batch, most int) bool {
	if s.behind > 0 && s.behind+len(b.events) > most {
		if s.caught {
			return false
		}
		s.waiting, s.behind, s.base = nil, 0, b.to
		return true
	}
	s.waiting, s.behind = append(s.waiting, b), s.behind+len(b.events)
	signal(s.news)
	return true
}

// follow takes a batch that waits, but for what was read from the journal.
func (s *subscription) follow() []fleet.Event {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil
	}
	b := s.waiting[0]
	s.waiting, s.behind = s.waiting[1:], s.behind-len(b.events)
	events := b.behind(s.at)
	s.at = latest(s.at, b.to)
	return events
}
