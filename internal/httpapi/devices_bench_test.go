package httpapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// benchFleet makes configurations of some 2,000 bytes, in no order of their addresses, most of whose devices were seen.
func benchFleet(b *testing.B, s *store.Store, count int) {
	b.Helper()
	const piece = 2000
	order := rand.New(rand.NewPCG(1, 2)).Perm(count)
	for start := 0; start < count; start += piece {
		changes, evidence := make([]fleet.Change, 0, piece), make([]fleet.Evidence, 0, piece)
		for _, n := range order[start:min(start+piece, count)] {
			text := fmt.Sprintf(`{"deviceName":"Device %d in the hall","deviceEntityId":"device_%d","enableOTA":true,"pad":"%s"}`, n, n, strings.Repeat("x", 1900))
			c := fleet.Change{Kind: fleet.Create, MAC: storetest.MAC(n), Document: storetest.Document(b, text), Source: fleet.FromImport, At: storetest.Epoch()}
			changes = append(changes, c)
			if n%20 != 0 {
				evidence = append(evidence, fleet.Evidence{MAC: c.MAC, Kind: fleet.EvidenceFetched, ETag: c.Document.ETag(), Revision: 1, At: time.Now()})
			}
		}
		must(b, s.Update(b.Context(), func(ctx context.Context, tx fleet.Tx) error {
			_, err := tx.Apply(ctx, changes...)
			return err
		}))
		must(b, s.Record(b.Context(), evidence))
	}
}

// BenchmarkFleetDevices reads the whole of a hundred thousand, plain and compressed, over HTTP. First is how long the first
// bytes take.
func BenchmarkFleetDevices(b *testing.B) {
	const count = 100_000
	for _, engine := range storetest.Engines() {
		b.Run(engine, func(b *testing.B) {
			s := storetest.OpenMigrated(b, storetest.NewURL(b, engine))
			benchFleet(b, s, count)
			a, err := New(Options{Service: fleet.NewService(s, fleet.Options{}), Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
				Access: Access{LocalAddrs: func() ([]net.IP, error) { return nil, nil }}})
			must(b, err)
			server := httptest.NewServer(a.Handler())
			defer server.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			for _, coding := range []string{"identity", "gzip"} {
				b.Run(coding, func(b *testing.B) {
					var first time.Duration
					var bytes int64
					for b.Loop() {
						r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+"/api/fleet/devices", nil)
						must(b, err)
						r.Header.Set("Accept-Encoding", coding)
						began := time.Now()
						res, err := transport.RoundTrip(r)
						must(b, err)
						_, err = res.Body.Read(make([]byte, 1))
						must(b, err)
						first += time.Since(began)
						bytes, err = io.Copy(io.Discard, res.Body)
						must(b, err)
						must(b, res.Body.Close())
						if res.StatusCode != http.StatusOK || bytes < count*10 {
							b.Fatalf("status %d, %d bytes", res.StatusCode, bytes)
						}
					}
					b.ReportMetric(float64(first.Microseconds())/float64(b.N*1000), "ms/first")
					b.ReportMetric(float64(bytes)/1e6, "MB")
				})
			}
		})
	}
}
