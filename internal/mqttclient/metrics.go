package mqttclient

import (
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// enabledOptions describe iot_mqtt_enabled, which is registered with either value.
func enabledOptions() prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Name: "iot_mqtt_enabled", Help: "Whether changes are announced by MQTT: 1 yes, 0 no."}
}

// connectionOptions describe iot_mqtt_connection_state, which a server without MQTT has too: it stays 0.
func connectionOptions() prometheus.GaugeOpts {
	return prometheus.GaugeOpts{Name: "iot_mqtt_connection_state", Help: "Whether there is a connection to the MQTT broker: 1 yes, 0 no."}
}

// RegisterDisabled registers the metrics of a server that announces nothing by MQTT.
func RegisterDisabled(registerer prometheus.Registerer) error {
	return errors.Join(registerer.Register(prometheus.NewGauge(enabledOptions())),
		registerer.Register(prometheus.NewGauge(connectionOptions())))
}

// metrics are those of the contract's part 5. Every handle is made beforehand: the topics of devices count as one, by
// their pattern.
type metrics struct {
	up       prometheus.Gauge
	devices  string // what the topics of devices begin with
	byTopic  map[string]*topicMetrics
	ofDevice *topicMetrics
	ofOthers *topicMetrics
}

type topicMetrics struct {
	success, failure prometheus.Counter
	duration         prometheus.Observer
}

func newMetrics(registerer prometheus.Registerer, topics fleet.Topics) (*metrics, error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "iot_mqtt_publish_total", Help: "Messages published by MQTT, by topic and outcome.",
	}, []string{"topic", "status"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "iot_mqtt_publish_duration_seconds", Help: "Time from sending a message to its acknowledgement.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"topic"})
	up := prometheus.NewGauge(connectionOptions())
	enabled := prometheus.NewGauge(enabledOptions())
	enabled.Set(1)
	var errs []error
	for _, c := range []prometheus.Collector{total, duration, up, enabled} {
		errs = append(errs, registerer.Register(c))
	}
	handles := func(topic string) *topicMetrics {
		return &topicMetrics{
			success: total.WithLabelValues(topic, "success"), failure: total.WithLabelValues(topic, "failure"),
			duration: duration.WithLabelValues(topic),
		}
	}
	m := &metrics{
		up: up, devices: topics.Prefix + "/devices/",
		byTopic: map[string]*topicMetrics{
			topics.Broadcast(): handles(topics.Broadcast()), topics.Watermark(): handles(topics.Watermark()),
		},
		ofDevice: handles(topics.Prefix + "/devices/+/config"),
		ofOthers: handles("other"),
	}
	return m, errors.Join(errs...)
}

func (m *metrics) published(topic string, took time.Duration, err error) {
	t := m.byTopic[topic]
	switch {
	case t != nil:
	case strings.HasPrefix(topic, m.devices):
		t = m.ofDevice
	default:
		t = m.ofOthers
	}
	if err != nil {
		t.failure.Inc()
		return
	}
	t.success.Inc()
	t.duration.Observe(took.Seconds())
}

func (m *metrics) connected(up bool) {
	if up {
		m.up.Set(1)
	} else {
		m.up.Set(0)
	}
}
