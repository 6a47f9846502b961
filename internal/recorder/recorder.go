// Package recorder keeps what devices show and who was refused, on the way to the store: a [fleet.Reporter], and what
// the ports [fleet.Witness] and [fleet.Auditor] are fed by. Check-ins of a whole fleet become a transaction every two
// seconds; a report is durable when it is answered; refused attempts are counted within a second.
//
// Of ours it may import fleet. Start reading at [Recorder.Saw]; shards.go holds what waits, flush.go writes it, report.go
// and refused.go have the other two ways in.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

const (
	// flushEvery is how long evidence waits at most that says something new, while the database is there.
	flushEvery = 2 * time.Second
	// refusedEvery is how long refused attempts are counted together.
	refusedEvery = time.Second
	// mostRows is how many pieces of evidence one transaction takes.
	mostRows = 4000
	// writeTimeout bounds one transaction.
	writeTimeout = 10 * time.Second
)

// Options are what a Recorder needs. Witness, Auditor and Registerer are required.
type Options struct {
	Witness fleet.Witness
	Auditor fleet.Auditor
	// Now is the clock of evidence that bears no time, and of the rate of reports; nil is the system's.
	Now func() time.Time
	// Recorded is called after evidence was written; it must not block. nil does nothing.
	Recorded func()
	// Logger hears when the database is away, and when it is back; nil hears nothing.
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Recorder keeps evidence and refused attempts until they are written. It is safe for concurrent use.
type Recorder struct {
	options Options
	devices shards
	sweep   sweep // of the goroutine that writes alone
	reports reports
	limits  limits
	refused refusals
	metrics metrics
	trouble trouble

	asked  chan chan error // whoever waits for a flush of everything
	stop   chan struct{}
	once   sync.Once
	ended  chan struct{} // after the last flush
	began  bool
	cancel context.CancelFunc
}

var _ fleet.Reporter = (*Recorder)(nil)

// New registers the metrics and starts nothing.
func New(o Options) (*Recorder, error) {
	if o.Witness == nil || o.Auditor == nil || o.Registerer == nil {
		return nil, errors.New("recorder: Options.Witness, Auditor or Registerer is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Recorded == nil {
		o.Recorded = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{options: o, asked: make(chan chan error), stop: make(chan struct{}), ended: make(chan struct{})}
	r.reports.more = make(chan struct{}, 1)
	r.trouble.logger = o.Logger
	var err error
	r.metrics, err = newMetrics(o.Registerer, r.devices.pending)
	return r, err
}

// Start begins to write and returns at once. Only Stop ends it; ctx lends its values and nothing else.
func (r *Recorder) Start(ctx context.Context) error {
	if r.began {
		return errors.New("the recorder was started before")
	}
	r.began = true
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { r.keepFlushing(ctx) })
	running.Go(func() { r.keepRefused(ctx) })
	go func() {
		running.Wait()
		close(r.ended)
	}()
	return nil
}

// Stop writes everything that waits, and returns when that is done or ctx ends. What is handed in afterwards is not kept.
func (r *Recorder) Stop(ctx context.Context) error {
	if !r.began {
		return nil
	}
	r.once.Do(func() { close(r.stop) })
	defer r.cancel()
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
	}
	r.cancel()
	<-r.ended
	return fmt.Errorf("what devices showed last was not written in time: %w", ctx.Err())
}

// keepFlushing writes evidence every two seconds, and at once where a report waits.
func (r *Recorder) keepFlushing(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = r.flush(ctx, r.sweep.due(&r.devices)) // the log has it, and what was not written is kept
		case <-r.reports.more:
			r.flushReports(ctx)
		case done := <-r.asked:
			done <- r.flush(ctx, all)
		case <-r.stop:
			r.reports.close()
			r.flushReports(ctx)
			_ = r.flush(ctx, func(d *shown) bool { return d.state == news }) // there may be no time for more
			_ = r.flush(ctx, all)
			return
		}
	}
}

// Flush writes everything that waits at present. Errors: SERVICE_UNAVAILABLE, where some of it was not written; it is
// kept, and tried again.
func (r *Recorder) Flush(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case r.asked <- done:
	case <-r.ended:
		return fleet.Unavailable(errEnded)
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errEnded = errors.New("the recorder has ended")

// metrics count what was written and what waits.
type metrics struct {
	flushes, dropped prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, pending func() int) (metrics, error) {
	m := metrics{
		flushes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "espalier_checkin_flushes_total", Help: "Transactions that wrote what devices had shown."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "espalier_checkin_dropped_total", Help: "What devices showed and could not be kept: too much of it waited."}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "espalier_checkin_pending", Help: "Devices that have shown something that is not written yet."},
		func() float64 { return float64(pending()) })
	return m, errors.Join(registerer.Register(m.flushes), registerer.Register(m.dropped), registerer.Register(waiting))
}

// trouble tells the log once that the database takes nothing, and once that it does again. It is for one goroutine.
type trouble struct {
	logger *slog.Logger
	since  time.Time
}

func (t *trouble) tell(what string, err error, now time.Time) {
	switch {
	case err != nil && t.since.IsZero():
		t.since = now
		t.logger.Warn(what+" cannot be written; it is kept and tried again", "error", err)
	case err == nil && !t.since.IsZero():
		t.logger.Info(what+" is written again", "after", now.Sub(t.since).Round(time.Second))
		t.since = time.Time{}
	}
}
