package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The kinds of event. The last two are about the stream itself.
const (
	EventCreated  = "created"
	EventUpdated  = "updated"
	EventDeleted  = "deleted"
	EventRestored = "restored" // an older revision, or a configuration that was deleted
	EventReplaced = "replaced" // the hardware
	EventCheckIn  = "check-in"
	EventReport   = "report"
	EventSync     = "sync" // how the device stands to its document may be another now

	// EventReady comes once, first: what happens from now on is in the stream.
	EventReady = "ready"
	// EventReset says that events are missing before the next one: what was read before must be read anew.
	EventReset = "reset"
)

// Event is one thing that happened to a configuration or its device. Fields that are nil say nothing.
type Event struct {
	Kind string `json:"event"`
	// ID is the position behind the event, for EventOptions.After.
	ID       string    `json:"id"`
	MAC      string    `json:"mac_address,omitempty"`
	ConfigID int64     `json:"config_id,omitempty"`
	Revision int64     `json:"revision,omitempty"` // the one that a change made, and the current one otherwise
	At       time.Time `json:"at,omitzero"`
	// Sync, LastSeen, DeviceRevision, Overdue and Online are those of Config, as of now rather than of the event.
	Sync           string     `json:"sync,omitempty"`
	LastSeen       *time.Time `json:"last_seen,omitempty"`
	DeviceRevision *int64     `json:"device_revision,omitempty"`
	Overdue        bool       `json:"overdue"`
	Online         *bool      `json:"online,omitempty"`
	// Principal, Address and Message are of changes; Address also of EventCheckIn.
	Principal *string `json:"principal,omitempty"`
	Address   *string `json:"address,omitempty"`
	Message   *string `json:"message,omitempty"`
	// OtherMAC is the former MAC address, of EventReplaced.
	OtherMAC *string      `json:"other_mac_address,omitempty"`
	Report   *ShownReport `json:"report,omitempty"` // of EventReport
	Reason   string       `json:"reason,omitempty"` // of EventReset
}

// EventOptions choose events.
type EventOptions struct {
	// Kinds keeps events of these kinds; none keeps all. EventReady and EventReset come always.
	Kinds []string
	// MAC keeps the events of one device.
	MAC string
	// After is the ID of the last event that was seen; "" begins now.
	After string
	// Lost hears that the connection broke, and how long it is until it is tried again; it may be nil. Nothing is missing
	// after it: the stream goes on where it was.
	Lost func(err error, wait time.Duration)
}

// silence is how long a stream may be without a sign of the server, which gives one each 15 seconds.
const silence = 50 * time.Second

// Events yields what happens, as it happens, until ctx ends; that end is no error. A connection that breaks is made again,
// and the stream goes on behind the last event; where the server cannot do that, an EventReset says so. An error is yielded
// once, as the last: the server could not be reached in the first place, or does not let the caller in any more.
func (c *Client) Events(ctx context.Context, o EventOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := &subscription{client: c, options: o, after: o.After, yield: yield}
		var err error
		first := c.repeat(ctx, http.MethodGet, func(ctx context.Context) error {
			if err = s.read(ctx); s.ready {
				return nil
			}
			return err
		})
		if first == nil {
			err = s.goOn(ctx, err)
		}
		if err != nil && !s.over && ctx.Err() == nil {
			yield(Event{}, err)
		}
	}
}

// goOn connects again for as long as that may help.
func (s *subscription) goOn(ctx context.Context, err error) error {
	for n := 0; !s.over && lasting(err); n++ {
		if s.heard {
			n, s.heard = 0, false
		}
		wait := pause(n)
		if e, ok := errors.AsType[*Error](err); ok {
			wait = max(wait, min(e.RetryAfter, longestWait))
		}
		if ctx.Err() == nil && s.options.Lost != nil {
			s.options.Lost(err, wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		err = s.read(ctx)
	}
	return err
}

// lasting tells of an error that another attempt may be without.
func lasting(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok && e.Status < 500 {
		return errors.Is(err, ErrTooManyRequests)
	}
	return !errors.Is(err, ErrUnreadable)
}

// subscription is the state of Events from one connection to the next.
type subscription struct {
	client  *Client
	options EventOptions
	after   string // the last position
	ready   bool   // there was an EventReady
	heard   bool   // something came on this connection
	over    bool   // the caller wants no more
	yield   func(Event, error) bool
}

// read reads one connection to its end, which is an error unless the caller wants no more.
func (s *subscription) read(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watchdog.Stop()
	resp, err := s.client.send(ctx, s.request())
	if err != nil {
		return s.ended(ctx, err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return fmt.Errorf("%w (%d %s); is this URL right?", ErrUnreadable, resp.StatusCode, kind)
	}
	err = eachMessage(resp.Body, func() { watchdog.Reset(silence) }, s.take)
	if s.over {
		return nil
	}
	return s.ended(ctx, err)
}

// Why a stream ended.
var (
	errSilent = errors.New("it gave no sign of life")
	errEnded  = errors.New("it ended the stream")
)

// ended is why a connection ended.
func (s *subscription) ended(ctx context.Context, err error) error {
	_, refused := errors.AsType[*Error](err)
	switch {
	case errors.Is(context.Cause(ctx), errSilent):
		err = errSilent
	case refused, errors.Is(err, ErrUnreachable), errors.Is(err, ErrUnreadable):
		return err
	case errors.Is(err, io.EOF):
		err = errEnded
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, s.client.base, err)
}

func (s *subscription) request() request {
	query := url.Values{}
	if len(s.options.Kinds) > 0 {
		query.Set("kinds", strings.Join(s.options.Kinds, ","))
	}
	if s.options.MAC != "" {
		query.Set("mac_address", s.options.MAC)
	}
	r := request{method: http.MethodGet, path: "/api/events", query: query,
		header: http.Header{"Accept": {"text/event-stream"}, "Cache-Control": {"no-cache"}}}
	if s.after != "" {
		r.header.Set("Last-Event-Id", s.after)
	}
	return r
}

// take hands over one message of the stream; false wants no more.
func (s *subscription) take(m message) (bool, error) {
	var e Event
	if err := json.Unmarshal([]byte(m.data), &e); err != nil {
		return false, fmt.Errorf("%w: an event is no JSON", ErrUnreadable)
	}
	e.Kind, e.ID = m.kind, m.id
	s.after, s.heard = m.id, true
	if e.Kind == EventReady {
		if s.ready {
			return true, nil
		}
		s.ready = true
	}
	s.over = !s.yield(e, nil)
	return !s.over, nil
}
