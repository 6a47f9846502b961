package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// A broker's acknowledgement is not durability: a broker without persistence forgets its retained messages when it ends,
// one with persistence those since it last wrote its file. The relay notices by a retained message of its own, the
// watermark, that it reads back at each new connection and compares with what it keeps in the outbox:
//
//	published  {"through":"2026-01-02T03:04:05.000006Z"}: every change up to then was acknowledged by this broker. It is
//	           the time of the oldest change that still waits, or now where none does. It is published after messages
//	           were, at most every few seconds.
//	stored     the same value, stored after the broker acknowledged it.
//
// What it finds, and does:
//
//	none stored                   broker and database do not know each other: announce every configuration, and
//	                              broadcast nothing (a first start must not wake the fleet)
//	none published (or garbage)   the broker lost everything: announce every configuration, and broadcast what changed
//	                              since the stored one, or since this process was last connected
//	published before stored       the broker lost the latest: announce and broadcast what changed since the published one
//	published long after stored   the database is older than the broker, as one from a backup is: announce every
//	                              configuration, so that no retained message tells of a document that is gone
//	otherwise                     nothing is known to be lost. What was acknowledged after the last watermark may be,
//	                              though, where this process is new or sent something after it: announce what changed
//	                              shortly before. A new process broadcasts what changed since: it may have been
//	                              changed while MQTT was switched off
//
// Each "since" is less a margin, for clocks that differ and transactions that commit late. To announce means to put
// messages in the outbox, where they are durable; a new watermark is published at once after that, so that other
// servers, and we after a restart, do not do it again.
//
// Devices that only know the broadcast need one thing more. After a broker's restart they are back seconds later than
// the server, and a broadcast to nobody is acknowledged too. So after each outage what changed from shortly before it
// until devices had the time to come back is broadcast once more. All of this is at least once, and each bounded: at most
// one message a device and an outage, for each server.

// never is later than every change.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant that Go cannot spell

const (
	askTimeout  = 10 * time.Second // for the broker to say what it has retained
	askAgainMax = time.Minute
)

// mark is what is known of the watermark over one connection.
type mark struct {
	seen      bool      // it was read back and compared once in this process
	known     bool      // and over this connection, so it may be written again
	asked     int       // times that reading it failed
	askAt     time.Time // not before
	unsaid    bool      // messages were acknowledged since it was published
	published time.Time // when
}

// repeat is the broadcast that is due once more when devices have come back.
type repeat struct {
	lastUp time.Time // when the connection was last known to be there; zero before the first
	since  time.Time // zero: nothing to repeat
	at     time.Time
}

// watermark is the payload of the retained message.
type watermark struct {
	Through time.Time `json:"through"`
}

// micro is a time as databases keep it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func (w watermark) payload() []byte {
	return fmt.Appendf(nil, `{"through":%q}`, w.Through.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
}

// connected begins a connection.
func (r *Relay) connected() {
	r.mark = mark{seen: r.mark.seen, unsaid: r.mark.unsaid}
	if !r.repeat.lastUp.IsZero() {
		r.repeatFrom(r.repeat.lastUp.Add(-r.Margin))
	}
}

// disconnected ends one.
func (r *Relay) disconnected() { r.repeat.lastUp = r.Now() }

// repeatFrom has what changed since then broadcast again after the time to settle.
func (r *Relay) repeatFrom(since time.Time) {
	if !r.Broadcast {
		return // the retained messages say all
	}
	if r.repeat.since.IsZero() || since.Before(r.repeat.since) {
		r.repeat.since = since
	}
	r.repeat.at = r.Now().Add(r.Settle)
}

// repeatBroadcast does so when it is time. Errors are of the outbox.
func (r *Relay) repeatBroadcast(ctx context.Context) error {
	if r.repeat.since.IsZero() || r.Now().Before(r.repeat.at) {
		return nil
	}
	because := "devices have had the time to reconnect"
	if r.repeat.at.IsZero() { // see park
		because = "this server ends before devices have had the time to reconnect"
	}
	if err := r.announce(ctx, r.repeat.since, r.repeat.since, because); err != nil {
		return err
	}
	r.repeat.since = time.Time{}
	return nil
}

// reconcile compares the broker's watermark with the stored one, once for each connection, and announces what the broker
// may have lost. Messages are sent meanwhile also when the broker does not say. Errors are of the outbox.
func (r *Relay) reconcile(ctx context.Context) error {
	if r.mark.known || r.Now().Before(r.mark.askAt) {
		return nil
	}
	published, stored, ok, err := r.compare(ctx)
	if err == nil && ok && published.Before(stored) {
		// Of several servers that see a loss, one should announce, and its watermark may be on its way.
		select {
		case <-time.After(rand.N(r.Poll)):
		case <-ctx.Done():
		}
		published, stored, ok, err = r.compare(ctx)
	}
	if err != nil || !ok {
		return err
	}
	return r.restore(ctx, published, stored)
}

// compare reads both watermarks, zero where there is none. It answers false where the broker does not say.
func (r *Relay) compare(ctx context.Context) (published, stored time.Time, ok bool, err error) {
	if stored, err = r.Outbox.Watermark(ctx); err != nil {
		return published, stored, false, err
	}
	published, ok = r.ask(ctx)
	// One from a clock that was ahead, and has been set right, says no more than one of now.
	now := micro(r.Now())
	return earlier(published, now), earlier(micro(stored), now), ok, nil
}

// restore announces what the broker may have lost, and leaves a watermark. Zero times mean that there is none.
func (r *Relay) restore(ctx context.Context, published, stored time.Time) error {
	since, broadcastSince := time.Time{}, never
	newSince := never // what was changed while no server relayed is broadcast for the first time, and not once more
	reason := ""
	switch {
	case stored.IsZero():
		reason = "the broker and the database do not know each other"
	case published.IsZero():
		// Up to the end of the last connection whoever was there heard the broadcasts, however old the watermark is.
		broadcastSince, reason = later(stored, r.repeat.lastUp).Add(-r.Margin), "the broker has lost all that it retained"
	case published.Before(stored):
		since = published.Add(-r.Margin)
		broadcastSince, reason = since, "the broker has lost what it acknowledged last"
	case published.Sub(stored) > r.Margin:
		if err := r.announce(ctx, since, never, olderDatabase); err != nil { // without the deletes of late
			return err
		}
		since, reason = stored.Add(-r.Margin), olderDatabase
	case r.mark.seen && !r.mark.unsaid:
		r.mark.known = true
		return nil
	default:
		since, reason = stored.Add(-r.Margin), "the broker may have lost what followed its watermark"
		if !r.mark.seen {
			newSince = stored
		}
	}
	if err := r.announce(ctx, since, earlier(broadcastSince, newSince), reason); err != nil {
		return err
	}
	if broadcastSince != never {
		r.repeatFrom(broadcastSince)
	}
	r.mark.seen, r.mark.known, r.mark.unsaid = true, true, true
	return r.publishWatermark(ctx, true)
}

const olderDatabase = "the broker was told more than the database knows of, which may be from a backup"

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (r *Relay) announce(ctx context.Context, since, broadcastSince time.Time, reason string) error {
	if !r.Broadcast {
		broadcastSince = never
	}
	n, err := r.Outbox.Announce(ctx, since, broadcastSince)
	if err != nil {
		return err
	}
	r.metrics.again.Add(float64(n))
	if n > 0 {
		r.Logger.Info("announcing configurations again", "count", n, "because", reason)
	}
	return nil
}

// ask reads the watermark from the broker: the zero time where it has none that can be understood. It answers false,
// and sets a time for the next try, where the broker does not say.
func (r *Relay) ask(ctx context.Context) (time.Time, bool) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	payload, found, err := r.Publisher.Retained(asking, r.Topics.Watermark())
	if err != nil {
		if ctx.Err() == nil {
			r.reading.begin(err)
		}
		r.mark.asked++
		r.mark.askAt = r.Now().Add(min(r.Poll<<min(r.mark.asked, 10), askAgainMax))
		return time.Time{}, false
	}
	r.reading.over()
	var w watermark
	if !found || json.Unmarshal(payload, &w) != nil {
		return time.Time{}, true
	}
	return micro(w.Through), true
}

// publishWatermark tells the broker, and then the outbox, up to when all is acknowledged: when something was since the
// last time, and some seconds after that, or at once where atOnce. Errors are of the outbox.
func (r *Relay) publishWatermark(ctx context.Context, atOnce bool) error {
	began := r.Now() // keeps its monotonic part: the clock may be set back
	now := micro(began)
	if !r.mark.known || !r.mark.unsaid || (!atOnce && began.Sub(r.mark.published) < r.WatermarkEvery) {
		return nil
	}
	_, oldest, err := r.Outbox.Backlog(ctx)
	if err != nil {
		return err
	}
	through := now
	if !oldest.IsZero() && oldest.Before(now) {
		through = micro(oldest)
	}
	sending, cancel := context.WithTimeout(ctx, r.Lease*2/3)
	defer cancel()
	errs := r.Publisher.Publish(sending, []fleet.Publication{
		{Topic: r.Topics.Watermark(), Payload: watermark{through}.payload(), Retain: true},
	})
	r.mark.published = began
	if errs[0] != nil {
		if ctx.Err() == nil {
			r.reading.begin(errs[0])
		}
		return nil
	}
	if err := r.Outbox.SetWatermark(ctx, through); err != nil {
		return err
	}
	r.reading.over()
	r.mark.unsaid = false
	return nil
}
