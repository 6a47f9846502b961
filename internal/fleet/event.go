package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// EventKind is what an event tells.
type EventKind string

// The kinds of event. Each change is told of once, in the order in which the changes were made. What devices show is told by
// its newest: of a device that checks in twice in a moment, once.
const (
	EventCreated  EventKind = "created"
	EventUpdated  EventKind = "updated"
	EventDeleted  EventKind = "deleted"
	EventRestored EventKind = "restored" // an older revision, or a configuration that was deleted
	EventReplaced EventKind = "replaced" // the hardware
	EventCheckIn  EventKind = "check-in"
	EventReport   EventKind = "report"
	EventSync     EventKind = "sync" // how the device stands to its document may be another now
)

// EventKinds lists every EventKind.
var EventKinds = []EventKind{EventCreated, EventUpdated, EventDeleted, EventRestored, EventReplaced, EventCheckIn, EventReport, EventSync}

// Event is one thing that happened to a configuration or its device.
type Event struct {
	Kind EventKind
	// After is the position behind the event: whoever has seen it goes on from there.
	After    EventPosition
	At       time.Time
	MAC      MAC
	ConfigID int64
	// Revision is the one that a change made, and the current one otherwise.
	Revision int64
	// Standing is how the device stands now, which may be later than the event.
	Standing Standing

	By      Actor  // of changes
	Message string // of changes
	Other   *MAC   // the former MAC address, of EventReplaced

	Address  string        // of EventCheckIn
	Report   *DeviceReport // of EventReport
	Reported Shown         // of EventReport
}

// EventPosition is a place in the stream of events, which is the same on every server of a database.
type EventPosition struct {
	Epoch string // of the database, 8 hex digits: another database has another
	// Change counts changes, Device batches of what devices showed, and Overdue is until when it was looked who is overdue,
	// in Unix seconds.
	Change, Device, Overdue int64
}

// String is the position as an event's id.
func (p EventPosition) String() string {
	return fmt.Sprintf("%s-%d-%d-%d", p.Epoch, p.Change, p.Device, p.Overdue)
}

// ParseEventPosition reads what String wrote; false for anything else.
func ParseEventPosition(text string) (EventPosition, bool) {
	parts := strings.Split(text, "-")
	if len(parts) != 4 || len(parts[0]) != 8 {
		return EventPosition{}, false
	}
	var numbers [3]int64
	for i, part := range parts[1:] {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < 0 {
			return EventPosition{}, false
		}
		numbers[i] = n
	}
	p := EventPosition{Epoch: parts[0], Change: numbers[0], Device: numbers[1], Overdue: numbers[2]}
	return p, p.String() == text
}

// Journal is the part of a store that the stream of events is read from.
type Journal interface {
	// Head is the position behind everything that is there now.
	Head(ctx context.Context) (EventPosition, error)
	// Events are those behind a position, at least one change or moment of devices at a time and not many more than
	// limit, and the position behind them; it is after itself where there is nothing. ErrGap: what followed the position
	// is not kept any more, is more than anybody would read, or the position is of another database.
	Events(ctx context.Context, after EventPosition, limit int) ([]Event, EventPosition, error)
}

// ErrGap says that events cannot be continued from a position.
var ErrGap = errors.New("the events behind this position are not there any more")

// EventSource is where subscribers get events.
type EventSource interface {
	// Subscribe begins behind a position, or now (nil). ErrGap as Journal.Events.
	Subscribe(ctx context.Context, after *EventPosition) (Subscription, error)
	// Head is the position behind everything that is there now, as Journal.Head.
	Head(ctx context.Context) (EventPosition, error)
}

// Subscription is one reader of the events. It is for one goroutine.
type Subscription interface {
	// From is where it began.
	From() EventPosition
	// Next waits for events. ErrSlow: the reader was dropped because it did not keep up; ErrClosed: the server stops;
	// ErrGap as Journal.Events. A ctx that ends is returned as it is.
	Next(ctx context.Context) ([]Event, error)
	Close()
}

// The ends of a subscription.
var (
	ErrSlow   = errors.New("the reader of the events did not keep up")
	ErrClosed = errors.New("the server stops")
)
