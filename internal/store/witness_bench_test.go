package store_test

import (
	"context"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// checkIns are those of n devices from the first on, so many apart, to their documents.
func checkIns(first, apart, n int, at time.Time) []fleet.Evidence {
	evidence := make([]fleet.Evidence, n)
	for i := range evidence {
		device := (first + i*apart) % benchDevices
		evidence[i] = fetched(storetest.MAC(device), benchText(int64(device)), 1, at)
	}
	return evidence
}

// BenchmarkRecord writes check-ins of 2,000 devices that show nothing new, spread over the fleet: what a thousand fetches a
// second come to in two.
func BenchmarkRecord(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			s := storetest.OpenMigrated(b, storetest.NewURL(b, engine))
			benchFill(b, s)
			for round := range 5 {
				must(b, s.Record(context.Background(), checkIns(0, 1, benchDevices, minute(round))))
			}
			const devices = 2000
			round := 5
			for b.Loop() {
				b.StopTimer()
				evidence := checkIns(round*devices, 7, devices, minute(round))
				round++
				b.StartTimer()
				must(b, s.Record(context.Background(), evidence))
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*devices), "µs/device")
		})
	}
}

// BenchmarkList reads the whole list, in pages, of devices that were never seen and of ones that were: the second is what it
// costs to say how each stands.
func BenchmarkList(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			s := storetest.OpenMigrated(b, storetest.NewURL(b, engine))
			benchFill(b, s)
			b.Run("unseen", func(b *testing.B) { readAll(b, s) })
			must(b, s.Record(context.Background(), checkIns(0, 1, benchDevices, minute(0))))
			b.Run("seen", func(b *testing.B) { readAll(b, s) })
		})
	}
}

func readAll(b *testing.B, s *store.Store) {
	service := fleet.NewService(s, fleet.Options{})
	for b.Loop() {
		n := 0
		must(b, service.EachConfig(context.Background(), fleet.Query{}, false, func(fleet.Config) error { n++; return nil }))
		if n != benchDevices {
			b.Fatalf("%d of %d", n, benchDevices)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*benchDevices), "µs/configuration")
}

// BenchmarkEvents is what a server asks four times a second while nothing happens, of a fleet that has shown itself.
func BenchmarkEvents(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			s := storetest.OpenMigrated(b, storetest.NewURL(b, engine))
			benchFill(b, s)
			must(b, s.Record(context.Background(), checkIns(0, 1, benchDevices, minute(0))))
			at := head(b, s)
			for b.Loop() {
				if _, _, err := s.Events(context.Background(), at, 1000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
