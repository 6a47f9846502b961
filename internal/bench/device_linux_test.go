// Package bench holds the benchmarks that need more than one process: the program as it ships, held against another
// in the same run. It has no code to import, and may import testenv and nothing else of ours: what it measures, it
// measures from outside. Start reading at BenchmarkDevice.
package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Rounds alternate between the servers, so that what else the machine does meets both. The figures are medians.
const (
	rounds      = 5
	roundTime   = 500 * time.Millisecond
	connections = 32
	sampled     = 2000 // configurations that are asked for, spread over all
)

// BenchmarkDevice fetches documents of 600 bytes from espalier, on SQLite and with its metrics, and from an nginx that
// serves the same bytes from files. Where the machine allows, both servers are held to one core, and the load to another.
//
// nginx-ratio is espalier's requests a second over nginx's. cpu-ratio is nginx's CPU time a request over espalier's, which
// the load generator cannot limit. More is better in both, and 1 is nginx.
func BenchmarkDevice(b *testing.B) {
	for _, configurations := range []int{200, 100_000} {
		b.Run(fmt.Sprint(configurations), func(b *testing.B) {
			fleet := newDevices(configurations)
			espalier := startEspalier(b, fleet)
			nginx := startNginx(b, fleet)
			for _, c := range []struct {
				name    string
				pattern load
			}{
				{"kept-alive", load{status: "200", octet: 1}},
				{"not-modified", load{status: "304", conditional: true, octet: 2}},
				{"new-connection", load{status: "200", lines: "Connection: close\r\n", fresh: true, octet: 3}},
				{"new-connection-client-closes", load{status: "200", fresh: true, hangUp: true, octet: 4}},
			} {
				b.Run(c.name, func(b *testing.B) { compare(b, fleet, c.pattern, espalier, nginx) })
			}
		})
	}
}

// figure is what one round of load says about a server.
type figure struct {
	rate float64 // requests a second
	cpu  float64 // µs of CPU a request
}

func compare(b *testing.B, fleet devices, pattern load, espalier, nginx target) {
	ours, theirs := pattern.against(b, fleet, espalier), pattern.against(b, fleet, nginx)
	var measured, yardstick []figure
	for b.Loop() {
		for range rounds {
			yardstick = append(yardstick, measure(b, theirs, nginx))
			measured = append(measured, measure(b, ours, espalier))
		}
	}
	var rates, costs []float64
	for i := range measured {
		rates = append(rates, measured[i].rate/yardstick[i].rate)
		costs = append(costs, yardstick[i].cpu/measured[i].cpu)
	}
	b.ReportMetric(0, "ns/op") // a loop is a number of rounds: it says nothing
	b.ReportMetric(median(rates), "nginx-ratio")
	b.ReportMetric(median(costs), "cpu-ratio")
	b.ReportMetric(median(each(measured, func(f figure) float64 { return f.rate })), "req/s")
	b.ReportMetric(median(each(measured, func(f figure) float64 { return f.cpu })), "cpu-µs/req")
	b.ReportMetric(median(each(yardstick, func(f figure) float64 { return f.cpu })), "nginx-cpu-µs/req")
}

func measure(b *testing.B, l *generator, t target) figure {
	before := t.cpu(b)
	requests, took, err := l.run(roundTime)
	if err != nil {
		b.Fatalf("%s: %v", t.name, err)
	}
	return figure{
		rate: float64(requests) / took.Seconds(),
		cpu:  float64((t.cpu(b) - before).Microseconds()) / float64(requests),
	}
}

func each(figures []figure, of func(figure) float64) (values []float64) {
	for _, f := range figures {
		values = append(values, of(f))
	}
	return values
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
