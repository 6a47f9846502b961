// Package intake makes evidence of what devices say by MQTT: their reports go the way of those by HTTP, and whether they
// are connected is seen, and taken back where nobody knows it any more.
//
// Of ours it may import fleet. Start reading at [Intake.Hear], for each message, and [Intake.Session], for each connection
// to the broker; reports.go has the reports on their way to the store.
package intake

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

const (
	// quiet is how long no state may have come for the broker to have sent what it has retained, and mostQuiet how long is
	// waited for that.
	quiet     = 2 * time.Second
	mostQuiet = time.Minute
	// clockTolerance is how much the clock may go otherwise than time does while states come.
	clockTolerance = time.Second
	// loseAgain is how soon is tried again where the database is away.
	loseAgain = 2 * time.Second
)

// Options are what an Intake needs. All but Now and Logger are required.
type Options struct {
	Topics fleet.Topics
	// Report is fleet.Service.Report.
	Report func(ctx context.Context, mac string, rev int64, etag string, r fleet.DeviceReport, address string) error
	// Saw takes evidence without blocking, and Flush writes what it has taken.
	Saw   func(fleet.Evidence)
	Flush func(ctx context.Context) error
	// Lose is that of a fleet.Witness.
	Lose func(ctx context.Context, before, at time.Time) error
	// Now is the clock that evidence bears, which may jump; nil is the system's.
	Now        func() time.Time
	Logger     *slog.Logger // nil hears nothing
	Registerer prometheus.Registerer
}

// Intake takes what devices say. It is safe for concurrent use.
type Intake struct {
	options Options
	stated  atomic.Int64 // when a state came last, since born
	born    time.Time
	queues  [workers]chan report
	dropped prometheus.Counter
	flooded onceInAWhile

	stopping chan struct{}
	once     sync.Once
	ctx      context.Context // of what the workers do
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// New registers the metric and begins to take. Stop ends it.
func New(o Options) (*Intake, error) {
	if o.Report == nil || o.Saw == nil || o.Flush == nil || o.Lose == nil || o.Registerer == nil {
		return nil, errors.New("intake: one of the required Options is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	i := &Intake{options: o, born: time.Now(), stopping: make(chan struct{}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "espalier_reports_dropped_total", Help: "Reports by MQTT that were not looked at because too many waited."})}
	if err := o.Registerer.Register(i.dropped); err != nil {
		return nil, err
	}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	for n := range i.queues {
		i.queues[n] = make(chan report, mostQueued)
		i.running.Go(func() { i.work(i.queues[n]) })
	}
	return i, nil
}

// Stop lets the reports that wait be written, and returns when they are or ctx ends. Nothing may be heard any more when
// it is called.
func (i *Intake) Stop(ctx context.Context) error {
	i.once.Do(func() { close(i.stopping) })
	defer i.cancel()
	ended := make(chan struct{})
	go func() {
		i.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	i.cancel()
	<-ended
	return ctx.Err()
}

// Hear takes one message of a device. It does not block. done is called when the message need not come again.
func (i *Intake) Hear(topic string, payload []byte, done func()) {
	mac, what, ok := i.options.Topics.Said(topic)
	switch {
	case ok && what == "report":
		i.queue(report{mac, payload, done})
		return
	case ok:
		i.state(mac, payload)
	}
	done()
}

// state takes whether a device is connected. An empty message is how a retained one is taken away: nobody knows any more.
func (i *Intake) state(mac fleet.MAC, payload []byte) {
	i.stated.Store(int64(time.Since(i.born)))
	e := fleet.Evidence{MAC: mac, At: i.options.Now()}
	switch strings.ToLower(strings.TrimSpace(string(payload[:min(len(payload), 64)]))) {
	case "online":
		e.Kind = fleet.EvidenceOnline
	case "offline":
		e.Kind = fleet.EvidenceOffline
	case "":
		e.Kind = fleet.EvidenceLost
	default:
		return
	}
	i.options.Saw(e)
}

// Session subscribes, and takes back that devices are connected of which the broker says nothing any more. It returns nil
// when that is done, or the error of subscribe.
func (i *Intake) Session(ctx context.Context, subscribe func(ctx context.Context) error) error {
	before, err := i.settle(ctx, subscribe)
	if err != nil || ctx.Err() != nil {
		return err
	}
	for ctx.Err() == nil {
		// First what came: else it would be taken back too.
		err := i.options.Flush(ctx)
		if err == nil {
			err = i.options.Lose(ctx, before, i.options.Now())
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
		i.options.Logger.Debug("what the broker does not say any more could not be taken back; trying again", "error", err)
		pause(ctx, loseAgain)
	}
	return nil
}

// settle subscribes and waits for what is retained. It answers a time before all of that. Where the clock was set meanwhile
// there is no such time, and everything is asked for again.
func (i *Intake) settle(ctx context.Context, subscribe func(ctx context.Context) error) (before time.Time, err error) {
	for {
		before, began := i.options.Now(), time.Now()
		i.stated.Store(int64(time.Since(i.born)))
		if err := subscribe(ctx); err != nil {
			return before, err
		}
		i.awaitQuiet(ctx, began)
		went := i.options.Now().Sub(before) - time.Since(began)
		if ctx.Err() != nil || went.Abs() < clockTolerance {
			return before, nil
		}
	}
}

// awaitQuiet returns when no state has come for a while, or when they do not end.
func (i *Intake) awaitQuiet(ctx context.Context, began time.Time) {
	for ctx.Err() == nil && time.Since(began) < mostQuiet {
		rest := quiet - (time.Since(i.born) - time.Duration(i.stated.Load()))
		if rest <= 0 {
			return
		}
		pause(ctx, rest)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
