package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// scrapeTimeout bounds a scrape, and countTimeout a query in it.
const (
	scrapeTimeout = 5 * time.Second
	countTimeout  = 2 * time.Second
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
