package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/deviceserver"
	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/recorder"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/testenv"
)

func benchMAC(n int) fleet.MAC {
	return fleet.MAC{0x24, 0x6f, 0x28, byte(n >> 16), byte(n >> 8), byte(n)}
}

// benchStore is a store with configurations of 600 bytes.
func benchStore(b *testing.B, url string, count int) *store.Store {
	b.Helper()
	s, err := store.Open(b.Context(), store.Options{URL: url, Owner: "benchmark"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	service := fleet.NewService(s, fleet.Options{})
	document := []byte(`{"deviceName":"bench","text":"` + strings.Repeat("x", 570) + `"}`)
	const part = 10_000
	for from := 0; from < count; from += part {
		var items []fleet.Item
		for n := from; n < min(count, from+part); n++ {
			items = append(items, fleet.Item{Source: fmt.Sprint(n), MAC: benchMAC(n).String(), Content: document})
		}
		report, err := service.Import(b.Context(), items, fleet.ImportOptions{}, fleet.Attempt{By: fleet.Actor{Principal: fleet.ByConsole}})
		if err != nil || report.Created != len(items) {
			b.Fatalf("%+v %v", report, err)
		}
	}
	return s
}

// generateLoad is what the process of the load does: it fetches documents from an address, of so many devices, for a time,
// over 32 connections, and prints how many.
func generateLoad(args []string, out io.Writer) error {
	const connections = 32
	address := args[0]
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	var fetched atomic.Int64
	var all sync.WaitGroup
	errs := make(chan error, connections)
	until := time.Now().Add(d)
	for worker := range connections {
		all.Go(func() {
			conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
			if err != nil {
				errs <- err
				return
			}
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for n := worker * 7919; time.Now().Before(until); n += connections {
				if err := fetchOnce(conn, reader, benchMAC(n%count)); err != nil {
					errs <- err
					return
				}
				fetched.Add(1)
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	_, err = fmt.Fprintln(out, fetched.Load())
	return err
}

// fetchOnce asks and reads the whole reply, at little cost.
func fetchOnce(conn net.Conn, reader *bufio.Reader, mac fleet.MAC) error {
	if _, err := fmt.Fprintf(conn, "GET /api/configs/%s.json HTTP/1.1\r\nHost: server\r\n\r\n", mac.Dashed()); err != nil {
		return err
	}
	size := 0
	for first := true; ; first = false {
		line, err := reader.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !strings.HasPrefix(string(line), "HTTP/1.1 200 "):
			return fmt.Errorf("the server says %q", line)
		case len(line) == 2:
			_, err := reader.Discard(size)
			return err
		}
		if value, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if size, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
}

// runLoad has a process of its own make the load, and answers how many fetches there were and what CPU time each cost us.
func runLoad(b *testing.B, address string, count int, d time.Duration) (fetches float64, cost time.Duration) {
	b.Helper()
	before := cpuTime(b)
	out, err := exec.CommandContext(b.Context(), os.Args[0], "load", address, fmt.Sprint(count), d.String()).CombinedOutput()
	used := cpuTime(b) - before
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	if fetches, err = strconv.ParseFloat(strings.TrimSpace(string(out)), 64); err != nil || fetches == 0 {
		b.Fatalf("%q %v", out, err)
	}
	return fetches, time.Duration(float64(used) / fetches)
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRecording holds the device endpoint with the recording of what devices show against the same one without, in turn,
// over one SQLite store; the load comes from a process of its own. throughput and cpu are ratios of medians, with over
// without: 1 is no difference, and the endpoint is to keep 0.95.
func BenchmarkRecording(b *testing.B) {
	for _, count := range []int{200, 100_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			s := benchStore(b, "sqlite:///"+filepath.Join(b.TempDir(), "bench.db"), count)
			rec, err := recorder.New(recorder.Options{Witness: s, Auditor: s, Now: s.Now, Registerer: prometheus.NewRegistry()})
			if err != nil {
				b.Fatal(err)
			}
			if err := rec.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = rec.Stop(context.Background()) }()
			on, off := endpoint(b, s, rec.Saw), endpoint(b, s, nil)
			const rounds, each = 9, 3 * time.Second // more than one flush in each
			runLoad(b, off, count, each)
			for range 4 { // what every device shows for the first time
				runLoad(b, on, count, each)
			}
			if err := rec.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			var throughput, cost []float64
			for b.Loop() {
				for range rounds {
					without, withoutCPU := runLoad(b, off, count, each)
					with, withCPU := runLoad(b, on, count, each)
					if err := rec.Flush(b.Context()); err != nil { // the next round begins as this one did
						b.Fatal(err)
					}
					throughput = append(throughput, with/without)
					cost = append(cost, float64(withoutCPU)/float64(withCPU))
				}
			}
			slices.Sort(throughput)
			slices.Sort(cost)
			b.ReportMetric(0, "ns/op") // a loop is a number of rounds: it says nothing
			b.ReportMetric(throughput[len(throughput)/2], "throughput")
			b.ReportMetric(cost[len(cost)/2], "cpu")
		})
	}
}

// endpoint is a device endpoint over a store.
func endpoint(b *testing.B, s *store.Store, saw func(fleet.Evidence)) (address string) {
	b.Helper()
	inner, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	l := deviceserver.Listen(inner, deviceserver.Options{Document: s.Document, Saw: saw})
	b.Cleanup(func() { _ = l.Shutdown(context.Background()) })
	return inner.Addr().String()
}

// BenchmarkCheckIns has a thousand devices a second fetch for a minute from the whole server, on each database, and counts the
// transactions that were written meanwhile. It fails where they are a hundred.
func BenchmarkCheckIns(b *testing.B) {
	const perSecond, seconds, devices = 1000, 60, 5000
	for _, engine := range []string{testenv.SQLite, testenv.PostgreSQL} {
		b.Run(engine, func(b *testing.B) {
			url := "sqlite:///" + filepath.Join(b.TempDir(), "bench.db")
			if engine == testenv.PostgreSQL {
				url = testenv.NewDatabase(b)
			}
			if err := benchStore(b, url, devices).Close(); err != nil {
				b.Fatal(err)
			}
			a := startWith(b, Options{Settings: loaded(b, "MQTT_URL=off", "DATABASE_URL="+url)})
			flushes, transactions := scraped(b, a), written(b, engine, url)
			for b.Loop() {
				paced(b, a.Addr(), devices, perSecond, seconds)
			}
			b.ReportMetric(scraped(b, a)-flushes, "flushes")
			if engine == testenv.PostgreSQL { // the database's own count, of whatever wrote
				n := written(b, engine, url) - transactions
				if b.ReportMetric(n, "transactions"); n >= 100*float64(b.N) {
					b.Errorf("%v transactions wrote something", n)
				}
			}
			if n := scraped(b, a) - flushes; n >= 100*float64(b.N) || n < 12 {
				b.Errorf("%v flushes", n)
			}
		})
	}
}

// paced fetches so often a second, as evenly as it can.
func paced(b *testing.B, address string, devices, perSecond, seconds int) {
	b.Helper()
	const connections = 10
	var all sync.WaitGroup
	for worker := range connections {
		all.Go(func() {
			conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			reader := bufio.NewReader(conn)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for n, began := 0, time.Now(); n < perSecond*seconds/connections; <-tick.C {
				for due := int(time.Since(began).Seconds() * float64(perSecond) / connections); n < min(due, perSecond*seconds/connections); n++ {
					if err := fetchOnce(conn, reader, benchMAC((n*connections+worker)%devices)); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// scraped is how many flushes the server has counted.
func scraped(b *testing.B, a *App) float64 {
	b.Helper()
	families, err := a.registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "espalier_checkin_flushes_total" {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	b.Fatal("the metric is missing")
	return 0
}

// written is how many transactions have written something in a PostgreSQL cluster: only those are given a number.
func written(b *testing.B, engine, url string) float64 {
	b.Helper()
	if engine != testenv.PostgreSQL {
		return 0
	}
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var n int64
	if err := conn.QueryRow(b.Context(), `SELECT txid_snapshot_xmax(txid_current_snapshot())`).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return float64(n)
}
