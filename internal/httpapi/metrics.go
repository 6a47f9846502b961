package httpapi

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// scrapeTimeout bounds a scrape, and countTimeout a query in it. The states of devices are counted once in statesFor: that reads
// the whole fleet, and everybody may scrape.
const (
	scrapeTimeout = 5 * time.Second
	countTimeout  = 2 * time.Second
	statesFor     = 5 * time.Second
)

// operation is a value of the label of that name (contract, part 5).
type operation string

const (
	opList   operation = "list"
	opGet    operation = "get"
	opGetRaw operation = "get_raw"
	opCreate operation = "create"
	opUpdate operation = "update"
	opDelete operation = "delete"
)

// Metrics counts the six operations. It is safe for concurrent use.
type Metrics struct {
	raw    handles
	others map[operation]handles
}

// handles are one operation's metrics, looked up beforehand: a look-up costs more than the count.
type handles struct {
	success, failure prometheus.Counter
	duration         prometheus.Observer
}

func newMetrics(registry *prometheus.Registry, service *fleet.Service, now func() time.Time) (*Metrics, error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "iot_config_operations_total",
		Help: "Operations on configurations."}, []string{"operation", "status"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "iot_config_operation_duration_seconds",
		Help:    "Duration of operations on configurations.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}},
		[]string{"operation"})
	for _, c := range []prometheus.Collector{total, duration, newCount(service), newStates(service, now)} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("httpapi: registering metrics: %w", err)
		}
	}
	of := func(op operation) handles {
		name := string(op)
		return handles{total.WithLabelValues(name, "success"), total.WithLabelValues(name, "error"),
			duration.WithLabelValues(name)}
	}
	m := &Metrics{raw: of(opGetRaw), others: map[operation]handles{}}
	for _, op := range []operation{opList, opGet, opCreate, opUpdate, opDelete} {
		m.others[op] = of(op)
	}
	return m, nil
}

// RawGet counts one fetch of a document by a device; ok where it got the document or 304.
func (m *Metrics) RawGet(ok bool, d time.Duration) { m.raw.count(ok, d) }

func (m *Metrics) count(op operation, ok bool, d time.Duration) {
	if op == opGetRaw {
		m.raw.count(ok, d)
		return
	}
	if h, known := m.others[op]; known {
		h.count(ok, d)
	}
}

func (h handles) count(ok bool, d time.Duration) {
	if ok {
		h.success.Inc()
	} else {
		h.failure.Inc()
	}
	h.duration.Observe(d.Seconds())
}

// count asks the database for the number of configurations at each scrape, so that it is right after a restart and with
// several servers. Where the database does not answer, the metric is missing rather than wrong.
type count struct {
	service *fleet.Service
	desc    *prometheus.Desc
}

func newCount(service *fleet.Service) *count {
	return &count{service, prometheus.NewDesc("iot_config_files_count", "How many configurations there are.", nil, nil)}
}

// Describe implements prometheus.Collector.
func (c *count) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c *count) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	n, err := c.service.Count(ctx)
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n))
}

// states counts devices by how they stand to their documents, as count does configurations.
type states struct {
	service                   *fleet.Service
	now                       func() time.Time
	bySync, overdue, isOnline *prometheus.Desc

	mu      sync.Mutex
	counted time.Time
	sum     fleet.Summary
	err     error
}

func newStates(service *fleet.Service, now func() time.Time) *states {
	return &states{service: service, now: now,
		bySync: prometheus.NewDesc("espalier_devices", "Devices by how they stand to the document that they should have.",
			[]string{"sync"}, nil),
		overdue: prometheus.NewDesc("espalier_devices_overdue",
			"Devices that gave no sign of life for three times their own rhythm.", nil, nil),
		isOnline: prometheus.NewDesc("espalier_devices_online", "Devices that are connected to the broker.", nil, nil)}
}

// Describe implements prometheus.Collector.
func (s *states) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.bySync
	ch <- s.overdue
	ch <- s.isOnline
}

// Collect implements prometheus.Collector.
func (s *states) Collect(ch chan<- prometheus.Metric) {
	sum, err := s.summary()
	if err != nil {
		return
	}
	for _, state := range fleet.Syncs {
		ch <- prometheus.MustNewConstMetric(s.bySync, prometheus.GaugeValue, float64(sum.Sync[state]), string(state))
	}
	ch <- prometheus.MustNewConstMetric(s.overdue, prometheus.GaugeValue, float64(sum.Overdue))
	ch <- prometheus.MustNewConstMetric(s.isOnline, prometheus.GaugeValue, float64(sum.Online))
}

// summary is the count of a moment ago, or a new one. Scrapes that come together share one, also one that fails.
func (s *states) summary() (fleet.Summary, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := s.now().Sub(s.counted); !s.counted.IsZero() && age >= 0 && age < statesFor {
		return s.sum, s.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	s.sum, s.err = s.service.Summary(ctx)
	s.counted = s.now()
	return s.sum, s.err
}
