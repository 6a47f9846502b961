package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

const (
	// eventHeartbeat is how long a reader of events may hear nothing.
	eventHeartbeat = 15 * time.Second
	// eventSkips is after how many events that a reader does not want it is told how far it is.
	eventSkips = 500
	// eventRetry asks a reader whose stream ended to come back after two seconds.
	eventRetry = "retry: 2000\n\n"
	// eventsFull is after how many seconds a reader may try again for whom there is no place.
	eventsFull = "30"
)

// streamEvents sends what happens, as it happens, until the reader goes, does not keep up, or the server stops
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func (a *API) streamEvents(w http.ResponseWriter, r *http.Request) error {
	wanted, err := eventsWanted(r)
	if err != nil {
		return err
	}
	if a.events == nil {
		return &fleet.Error{Code: fleet.CodeUnavailable, Message: "This server has no live events", Detail: "Read the lists instead"}
	}
	s := &eventStream{stream: a.newStream(w, "text/event-stream"), wanted: wanted, heartbeat: a.heartbeat}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would gather events until it has a buffer full
	if r.Method == http.MethodHead {
		return s.flush()
	}
	sub, lost, err := a.subscribe(r.Context(), wanted)
	if err != nil {
		if fleet.CodeOf(err) == fleet.CodeTooManyRequests {
			w.Header().Set("Retry-After", eventsFull)
		}
		return err
	}
	defer sub.Close()
	if err := s.greet(sub.From(), lost); err != nil {
		return err
	}
	return s.follow(r.Context(), sub)
}

// eventsAsked is which events a reader wants, and from where.
type eventsAsked struct {
	kinds []fleet.EventKind // none: all
	macs  []fleet.MAC       // none: all
	after string            // the id of the last event that it has; "" for none
}

// eventsWanted reads the parameters. A browser that comes back has the newer id in the header.
func eventsWanted(r *http.Request) (asked eventsAsked, err error) {
	params, err := queryParams(r)
	if err != nil {
		return asked, err
	}
	for _, name := range separated(params, "kinds") {
		kind := fleet.EventKind(name)
		if !slices.Contains(fleet.EventKinds, kind) {
			return asked, fleet.Invalid("kinds", "must be a list of "+eventNames())
		}
		asked.kinds = append(asked.kinds, kind)
	}
	for _, text := range separated(params, "mac_address") {
		mac, err := fleet.ParseMAC(text)
		if err != nil {
			return asked, fleet.Invalid("mac_address", "must be a MAC address such as aa:bb:cc:dd:ee:ff")
		}
		asked.macs = append(asked.macs, mac)
	}
	if asked.after = r.Header.Get("Last-Event-ID"); asked.after == "" {
		asked.after = params.Get("last_event_id")
	}
	return asked, nil
}

func eventNames() string {
	names := make([]string, len(fleet.EventKinds))
	for i, kind := range fleet.EventKinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// separated are the values of a parameter that may be given more than once, and as lists with commas.
func separated(params url.Values, name string) []string {
	var all []string
	for _, list := range params[name] {
		for one := range strings.SplitSeq(list, ",") {
			if one = strings.TrimSpace(one); one != "" {
				all = append(all, one)
			}
		}
	}
	return all
}

func (asked eventsAsked) has(e fleet.Event) bool {
	return (len(asked.kinds) == 0 || slices.Contains(asked.kinds, e.Kind)) &&
		(len(asked.macs) == 0 || slices.Contains(asked.macs, e.MAC) || e.Other != nil && slices.Contains(asked.macs, *e.Other))
}

// subscribe begins where the reader was, or now. lost says why it cannot go on where it was, and is "" where it can.
func (a *API) subscribe(ctx context.Context, asked eventsAsked) (sub fleet.Subscription, lost string, err error) {
	var after *fleet.EventPosition
	if asked.after != "" {
		if at, ok := fleet.ParseEventPosition(asked.after); ok {
			after = &at
		} else {
			lost = "the id is not one of this server's events"
		}
	}
	sub, err = a.events.Subscribe(ctx, after)
	if after != nil && errors.Is(err, fleet.ErrGap) {
		lost = err.Error()
		sub, err = a.events.Subscribe(ctx, nil)
	}
	if errors.Is(err, fleet.ErrClosed) {
		err = &fleet.Error{Code: fleet.CodeUnavailable, Message: "The server stops", Detail: "Try again in a moment", Cause: err}
	}
	return sub, lost, err
}

// eventStream is one reader of events.
type eventStream struct {
	*stream
	wanted    eventsAsked
	heartbeat time.Duration
	silent    time.Time // until when the reader may hear nothing
	// behind is the position behind what the reader did not want and has not been told of; skipped counts that.
	behind  fleet.EventPosition
	skipped int
}

// greet tells the reader where it is. That something is missing comes first: a reader that breaks off in between must not think
// that it has heard of it.
func (s *eventStream) greet(at fleet.EventPosition, lost string) error {
	s.buf = append(s.buf, eventRetry...)
	if lost != "" {
		s.buf = appendEventHead(s.buf, "reset", at)
		s.buf = append(s.buf, `{"reason":`...)
		s.buf = appendString(s.buf, lost)
		s.buf = append(s.buf, "}\n\n"...)
	}
	s.buf = appendEventHead(s.buf, "ready", at)
	s.buf = append(s.buf, "{}\n\n"...)
	return s.send()
}

// follow sends events until there are no more for this reader. Where that is not its own doing, it comes back with the id of
// its last one.
func (s *eventStream) follow(ctx context.Context, sub fleet.Subscription) error {
	for {
		if left := time.Until(s.silent); left <= 0 {
			if err := s.beat(); err != nil {
				return err
			}
		}
		waiting, cancel := context.WithDeadline(ctx, s.silent)
		events, err := sub.Next(waiting)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, context.DeadlineExceeded):
		case errors.Is(err, fleet.ErrGap), errors.Is(err, fleet.ErrSlow), errors.Is(err, fleet.ErrClosed):
			return nil
		case err != nil:
			return err
		default:
			if err := s.take(events); err != nil {
				return err
			}
		}
	}
}

// take sends those of the events that the reader wants.
func (s *eventStream) take(events []fleet.Event) error {
	for _, e := range events {
		if !s.wanted.has(e) {
			s.behind = e.After
			s.skipped++
			continue
		}
		s.skipped = 0
		s.buf = appendEventHead(s.buf, string(e.Kind), e.After)
		s.buf = appendEvent(s.buf, e)
		s.buf = append(s.buf, "\n\n"...)
		if err := s.flushIfFull(); err != nil {
			return err
		}
	}
	if s.skipped >= eventSkips {
		s.tell()
	}
	if len(s.buf) == 0 {
		return nil
	}
	return s.send()
}

// beat lets the reader hear something.
func (s *eventStream) beat() error {
	s.buf = append(s.buf, ":\n"...)
	if s.skipped > 0 {
		s.tell()
	} else {
		s.buf = append(s.buf, '\n')
	}
	return s.send()
}

// tell says how far the reader is, by an event without data: a reader keeps its id and makes nothing of it.
func (s *eventStream) tell() {
	s.buf = append(s.buf, "id: "...)
	s.buf = append(s.buf, s.behind.String()...)
	s.buf = append(s.buf, "\n\n"...)
	s.skipped = 0
}

// send writes what is gathered, and has it leave.
func (s *eventStream) send() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return &sendError{err}
	}
	s.silent = time.Now().Add(s.heartbeat)
	return nil
}

func appendEventHead(b []byte, kind string, at fleet.EventPosition) []byte {
	b = append(b, "event: "...)
	b = append(b, kind...)
	b = append(b, "\nid: "...)
	b = append(b, at.String()...)
	return append(b, "\ndata: "...)
}

// appendEvent writes the data of an event, which has no line break.
func appendEvent(b []byte, e fleet.Event) []byte {
	b = append(b, `{"mac_address":`...)
	b = appendString(b, e.MAC.String())
	b = append(b, `,"config_id":`...)
	b = appendNumber(b, e.ConfigID)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, e.Revision)
	b = append(b, `,"at":`...)
	b = appendTime(b, e.At)
	b = appendStanding(b, e.Standing)
	switch e.Kind {
	case fleet.EventCheckIn:
		b = append(b, `,"address":`...)
		b = appendText(b, e.Address)
	case fleet.EventReport:
		b = append(b, `,"report":`...)
		var said fleet.DeviceReport
		if e.Report != nil {
			said = *e.Report
		}
		b = appendReported(b, e.Reported, said)
	case fleet.EventSync:
	default:
		b = append(b, `,"principal":`...)
		b = appendText(b, string(e.By.Principal))
		b = append(b, `,"address":`...)
		b = appendText(b, e.By.Address)
		b = append(b, `,"message":`...)
		b = appendText(b, e.Message)
		b = append(b, `,"other_mac_address":`...)
		b = appendMAC(b, e.Other)
	}
	return append(b, '}')
}
