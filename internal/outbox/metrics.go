package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// scrapeTimeout is how long a scrape waits for the outbox before it shows what was last known.
const scrapeTimeout = 2 * time.Second

type metrics struct {
	claimed, sent, failed, again prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer, outbox fleet.Outbox, now func() time.Time) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		claimed: counter("espalier_outbox_claimed_total", "Messages that this server took from the outbox to send."),
		sent:    counter("espalier_outbox_sent_total", "Messages that the broker acknowledged."),
		failed:  counter("espalier_outbox_failures_total", "Messages that were not acknowledged and will be tried again."),
		again: counter("espalier_outbox_announced_again_total",
			"Messages that were put in the outbox again because devices or the broker may have lost them."),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.claimed, m.sent, m.failed, m.again, newBacklog(outbox, now)} {
		errs = append(errs, registerer.Register(c))
	}
	return m, errors.Join(errs...)
}

// backlog shows what waits in the outbox, as it is when it is asked; when the database does not answer, as it was.
type backlog struct {
	outbox      fleet.Outbox
	now         func() time.Time
	size, since *prometheus.Desc

	mu     sync.Mutex
	count  int64
	oldest time.Time
}

func newBacklog(outbox fleet.Outbox, now func() time.Time) *backlog {
	return &backlog{
		outbox: outbox, now: now,
		size: prometheus.NewDesc("espalier_outbox_backlog",
			"Devices that are to be told of a change and have not been.", nil, nil),
		since: prometheus.NewDesc("espalier_outbox_oldest_seconds",
			"Age of the oldest change that a device has not been told of.", nil, nil),
	}
}

// Describe names the metrics.
func (b *backlog) Describe(out chan<- *prometheus.Desc) { out <- b.size; out <- b.since }

// Collect asks the outbox.
func (b *backlog) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	count, oldest, err := b.outbox.Backlog(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.count, b.oldest = count, oldest
	}
	age := 0.0
	if !b.oldest.IsZero() {
		age = max(0, b.now().Sub(b.oldest).Seconds())
	}
	out <- prometheus.MustNewConstMetric(b.size, prometheus.GaugeValue, float64(b.count))
	out <- prometheus.MustNewConstMetric(b.since, prometheus.GaugeValue, age)
}
