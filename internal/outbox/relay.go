// Package outbox is the relay between what was changed and who is told: it claims messages from a [fleet.Outbox],
// publishes them through a [fleet.Publisher], and clears those that the broker acknowledged. Any number of relays, in as
// many servers, share one outbox.
//
// It may import fleet and nothing else of ours. Start reading at [Relay]'s work method; watermark.go says how it notices
// that a broker has lost what it acknowledged, and what it then announces again.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// Options say what to relay. The durations and numbers have defaults where they are 0.
type Options struct {
	Outbox     fleet.Outbox
	Publisher  fleet.Publisher
	Topics     fleet.Topics
	Broadcast  bool // whether the message that every device hears is sent at all
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // time.Now where nil

	Batch          int           // messages claimed at once, at most: 256
	Lease          time.Duration // for which a claim keeps others away: 15 s; acknowledgements are awaited for two thirds
	Poll           time.Duration // between looks for other servers' changes: 1 s
	RetryMin       time.Duration // before the second try of a message that was refused: 0.5 s
	RetryMax       time.Duration // between later tries: 60 s
	WatermarkEvery time.Duration // between watermarks while messages are sent: 5 s
	Margin         time.Duration // how far clocks and deliveries may be apart when something is announced again: 2 min
	Settle         time.Duration // after a reconnect, until devices are back too: 30 s
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Batch == 0 {
		o.Batch = 256
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Lease, 15 * time.Second}, {&o.Poll, time.Second}, {&o.RetryMin, 500 * time.Millisecond},
		{&o.RetryMax, time.Minute}, {&o.WatermarkEvery, 5 * time.Second}, {&o.Margin, 2 * time.Minute},
		{&o.Settle, 30 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

const (
	storeRetryMin = 100 * time.Millisecond
	storeRetryMax = 10 * time.Second
	claimTimeout  = 5 * time.Second
	parkTimeout   = 3 * time.Second // to clear or give back what was claimed, also when the relay stops
)

// Relay sends what is in the outbox for as long as there is a connection to the broker. While there is none it claims
// nothing: messages wait in the outbox, one a device.
type Relay struct {
	Options
	metrics *metrics
	wake    chan struct{}
	cancel  context.CancelFunc
	done    chan struct{}
	lost    <-chan struct{} // closes with the present connection

	pace    pace    // how many are sent at once
	mark    mark    // what is known of the broker's watermark
	repeat  repeat  // what is to be broadcast once more
	storing trouble // with the outbox
	sending trouble // with the broker
	reading trouble // with the watermark
}

// New registers the relay's metrics. It starts nothing.
func New(options Options) (*Relay, error) {
	options.setDefaults()
	m, err := newMetrics(options.Registerer, options.Outbox, options.Now)
	if err != nil {
		return nil, err
	}
	return &Relay{
		Options: options, metrics: m, wake: make(chan struct{}, 1), pace: newPace(options.Batch),
		storing: trouble{logger: options.Logger, what: "the outbox cannot be read or written"},
		sending: trouble{logger: options.Logger, what: "the MQTT broker does not take messages"},
		reading: trouble{logger: options.Logger, what: "the MQTT broker's watermark cannot be read or written"},
	}, nil
}

// Start begins to relay and returns at once. Only Stop ends it; ctx lends its values and nothing else.
func (r *Relay) Start(ctx context.Context) error {
	if r.cancel != nil {
		return errors.New("the relay was started before")
	}
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		r.run(ctx)
	}()
	return nil
}

// Stop gives claimed messages back, for any server to send at once, and returns when that is done or ctx ends.
func (r *Relay) Stop(ctx context.Context) error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the relay did not end in time: %w", ctx.Err())
	}
}

// Wake makes an idle relay look into the outbox now: call it after each change. It never waits.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Relay) run(ctx context.Context) {
	for {
		session, err := r.Publisher.Connected(ctx)
		if err != nil {
			return // ctx ended
		}
		r.connected()
		r.work(ctx, session)
		if ctx.Err() != nil {
			return
		}
		r.disconnected()
	}
}

// work relays over one connection, until it is lost or ctx ends. Its failures, with the outbox and with the broker, are
// told to the log when they begin and end; it goes on after a pause that grows.
func (r *Relay) work(ctx context.Context, session fleet.Session) {
	linked, cancel := context.WithCancel(ctx)
	defer cancel()
	r.lost = session.Lost
	watch := make(chan struct{})
	go func() {
		defer close(watch)
		select {
		case <-session.Lost:
			cancel()
		case <-linked.Done():
		}
	}()
	defer func() { cancel(); <-watch }()
	pause := storeRetryMin
	for linked.Err() == nil {
		more, err := r.step(linked)
		wait := r.Poll/2 + rand.N(r.Poll)
		switch {
		case linked.Err() != nil:
		case err != nil:
			wait, pause = pause/2+rand.N(pause), min(pause*2, storeRetryMax)
		default:
			r.storing.over()
			pause = storeRetryMin
		}
		if more && err == nil {
			continue
		}
		r.idle(linked, wait, err == nil)
	}
	r.park(ctx)
}

// step does what is due, and answers whether there may be more. Errors are of the outbox.
func (r *Relay) step(ctx context.Context) (more bool, err error) {
	for _, due := range []func(context.Context) error{r.reconcile, r.repeatBroadcast} {
		if err := due(ctx); err != nil {
			return false, r.failed(ctx, err)
		}
	}
	more, err = r.deliver(ctx)
	if err != nil {
		return false, r.failed(ctx, err)
	}
	if err := r.publishWatermark(ctx, false); err != nil {
		return false, r.failed(ctx, err)
	}
	return more, nil
}

// failed tells the log of trouble with the outbox, unless it only comes from ending.
func (r *Relay) failed(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		r.storing.begin(err)
	}
	return err
}

// idle waits for a change of this server's, or for the time to look for those of others.
func (r *Relay) idle(ctx context.Context, wait time.Duration, mayWake bool) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	wake := r.wake
	if !mayWake {
		wake = nil // the outbox fails: more changes are no reason to ask it more often
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// park ends the work over a connection. When it is the relay that ends, a broadcast that was to be repeated later is put
// in the outbox now, for the next server to send; and a watermark is left that says what is acknowledged, so that the
// next one has nothing to announce again.
func (r *Relay) park(ctx context.Context) {
	if ctx.Err() == nil {
		return // the connection was lost
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parkTimeout)
	defer cancel()
	r.repeat.at, r.mark.unsaid = time.Time{}, true // the time of this watermark counts where the broker ends with us
	if err := errors.Join(r.repeatBroadcast(ctx), r.publishWatermark(ctx, true)); err != nil {
		r.Logger.Debug("the relay could not finish its work; the next one will", "error", err)
	}
}
