package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// statesFor is how long a count of the devices is shown: to count reads the whole fleet, and everybody may scrape.
const statesFor = 5 * time.Second

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
