package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"espalier.dev/espalier/internal/fleet"
)

// database is a fleet.Witness and a fleet.Auditor that remembers, and fails as a test wants.
type database struct {
	mu      sync.Mutex
	batches [][]fleet.Evidence
	audit   [][]fleet.AuditEntry
	calls   int
	fail    func([]fleet.Evidence) error
	refuse  func([]fleet.AuditEntry) error
	took    time.Duration // of each transaction
	forgets bool          // what it was given
}

func (d *database) Record(ctx context.Context, evidence []fleet.Evidence) error {
	if d.took > 0 {
		select {
		case <-time.After(d.took):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.fail != nil {
		if err := d.fail(evidence); err != nil {
			return err
		}
	}
	if !d.forgets {
		d.batches = append(d.batches, evidence)
	}
	return nil
}

func (d *database) Lose(context.Context, time.Time, time.Time) error { return nil }

func (d *database) Refused(_ context.Context, entries []fleet.AuditEntry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse != nil {
		if err := d.refuse(entries); err != nil {
			return err
		}
	}
	d.audit = append(d.audit, entries)
	return nil
}

// set changes how the database behaves.
func (d *database) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// of is what was written of one device, in order.
func (d *database) of(mac fleet.MAC) (all []fleet.Evidence) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, batch := range d.batches {
		for _, e := range batch {
			if e.MAC == mac {
				all = append(all, e)
			}
		}
	}
	return all
}

func (d *database) transactions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.batches)
}

type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// bench is a Recorder over a database, in the clock of a synctest bubble.
type bench struct {
	*Recorder
	db       *database
	log      *logbook
	registry *prometheus.Registry
}

func start(t testing.TB, o Options) bench {
	t.Helper()
	b := bench{db: &database{}, log: &logbook{}, registry: prometheus.NewRegistry()}
	o.Witness, o.Auditor, o.Registerer = b.db, b.db, b.registry
	o.Logger = slog.New(slog.NewTextHandler(b.log, nil))
	var err error
	if b.Recorder, err = New(o); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return b
}

// end stops the recorder and expects nothing to be left.
func (b bench) end(t testing.TB) {
	t.Helper()
	if err := b.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if n := b.devices.pending(); n != 0 {
		t.Errorf("%d devices wait after Stop", n)
	}
}

func (b bench) dropped() float64 { return testutil.ToFloat64(b.metrics.dropped) }

func mac(n int) fleet.MAC {
	return fleet.MAC{0xaa, 0xbb, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

func fetched(n int, tag string) fleet.Evidence {
	return fleet.Evidence{MAC: mac(n), Kind: fleet.EvidenceFetched, ETag: tag, Revision: 1}
}

func held(n int, tag string) fleet.Evidence {
	return fleet.Evidence{MAC: mac(n), Kind: fleet.EvidenceHeld, ETag: tag, Revision: 1}
}

func reported(n int, code string) fleet.Evidence {
	return fleet.Evidence{MAC: mac(n), Kind: fleet.EvidenceReported, ETag: "a", Revision: 1, Report: &fleet.DeviceReport{Code: code}}
}

var away = fleet.Unavailable(errors.New("the database is away"))

// kinds are evidence in short: what says most about order.
func kinds(all []fleet.Evidence) (short []string) {
	for _, e := range all {
		short = append(short, string(e.Kind)+" "+e.ETag)
	}
	return short
}

// The done-when of the whole: a thousand fetches a second for a minute are less than a hundred transactions, and each is
// written within five seconds.
func TestAThousandFetchesASecond(t *testing.T) {
	for _, devices := range []int{200, 60_000} {
		t.Run(fmt.Sprint(devices), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, Options{})
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for n := range 60_000 {
					<-tick.C
					b.Saw(fetched(n%devices, "a"))
				}
				b.end(t)
				if n := b.db.transactions(); n >= 100 || n < 12 {
					t.Errorf("%d transactions", n)
				}
				if n := testutil.ToFloat64(b.metrics.flushes); int(n) != b.db.transactions() {
					t.Errorf("espalier_checkin_flushes_total is %v", n)
				}
				if all := b.db.of(mac(7)); len(all) == 0 || devices == 60_000 && len(all) != 1 {
					t.Errorf("of one device %d pieces of evidence were written", len(all))
				}
			})
		})
	}
}

func TestEvidenceIsWrittenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		defer b.end(t)
		time.Sleep(flushEvery + time.Millisecond) //nolint:forbidigo // the clock of the bubble
		b.Saw(fetched(1, "a"))
		time.Sleep(5 * time.Second) //nolint:forbidigo // the clock of the bubble
		if n := len(b.db.of(mac(1))); n != 1 {
			t.Errorf("%d pieces of evidence after five seconds", n)
		}
	})
}

func TestWhatRepeatsIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		for range 3 {
			b.Saw(held(1, "old"))
			b.Saw(fetched(1, "new"))
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the clock of the bubble
		}
		last := time.Now()
		b.Saw(held(1, "new"))
		b.Saw(held(1, "new"))
		b.Saw(fetched(2, "new"))
		b.end(t)
		if diff := cmp.Diff([]string{"held old", "fetched new", "held new"}, kinds(b.db.of(mac(1)))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if e := b.db.of(mac(1))[2]; !e.At.Equal(last) || e.At.Location() != time.UTC {
			t.Errorf("the last evidence is of %v, want %v", e.At, last)
		}
		if e := b.db.of(mac(1))[0]; e.At.Before(last.Add(-150 * time.Millisecond)) {
			t.Errorf("the repeated evidence has its first time, %v", e.At)
		}
		if b.db.transactions() != 1 {
			t.Errorf("%d transactions", b.db.transactions())
		}
	})
}

func TestEachDeviceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		for n := range 100 {
			b.Saw(held(1, fmt.Sprint(n)))
		}
		b.end(t)
		all := b.db.of(mac(1))
		if len(all) != mostShown || all[0].ETag != "92" || all[mostShown-1].ETag != "99" {
			t.Errorf("kept %v", kinds(all))
		}
	})
}

func TestAllDevicesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.fail = func([]fleet.Evidence) error { return away } })
		const many = 2 * shardCount * mostDevices
		for n := range many {
			b.Saw(fetched(n, "a"))
		}
		pending := b.devices.pending()
		if pending > shardCount*mostDevices || pending < shardCount*mostDevices*9/10 {
			t.Errorf("%d devices are held", pending)
		}
		if n := int(b.dropped()) + pending; n != many {
			t.Errorf("%d are dropped or held, of %d", n, many)
		}
		b.Saw(fetched(0, "b")) // of a device that is held, more is taken
		b.db.set(func() { b.db.fail = nil })
		b.end(t)
		if diff := cmp.Diff([]string{"fetched a", "fetched b"}, kinds(b.db.of(mac(0)))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		for _, batch := range b.db.batches {
			if len(batch) > mostRows {
				t.Errorf("a transaction has %d rows", len(batch))
			}
		}
	})
}

// While the database is away evidence is kept in its order, the newest of each device wins, and the log says so once.
func TestTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notices := 0
		b := start(t, Options{Recorded: func() { notices++ }})
		b.db.set(func() { b.db.fail = func([]fleet.Evidence) error { return away } })
		for n := range 2 * mostRows {
			b.Saw(fetched(n, "a"))
		}
		for n := range 20 {
			b.Saw(held(1, fmt.Sprint(n)))
			time.Sleep(flushEvery) //nolint:forbidigo // the clock of the bubble
		}
		if err := b.Flush(t.Context()); fleet.CodeOf(err) != fleet.CodeUnavailable {
			t.Errorf("Flush: %v", err)
		}
		if n := b.log.count("cannot be written"); n != 1 {
			t.Errorf("%d lines in the log of one outage", n)
		}
		if n := testutil.ToFloat64(b.metrics.flushes); n != 0 || notices != 0 {
			t.Errorf("%v flushes are counted, %d told of", n, notices)
		}
		if n, err := testutil.GatherAndCount(b.registry, "espalier_checkin_pending"); n != 1 || err != nil || b.devices.pending() != 2*mostRows {
			t.Errorf("%d devices wait; %d %v", b.devices.pending(), n, err)
		}
		b.db.set(func() { b.db.fail = nil })
		if err := b.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"held 12", "held 13", "held 14", "held 15", "held 16", "held 17", "held 18", "held 19"}, kinds(b.db.of(mac(1)))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if n := len(b.db.of(mac(2))); n != 1 || b.log.count("is written again") != 1 || notices != b.db.transactions() {
			t.Errorf("%d of another device; log:\n%s; told %d times of %d", n, b.log.text.String(), notices, b.db.transactions())
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%v were dropped", n)
		}
		b.end(t)
	})
}

// What the database refuses for another reason than being away must not hold up the rest.
func TestOneBadRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		bad := func(batch []fleet.Evidence) error {
			for _, e := range batch {
				if e.MAC == mac(1234) {
					return errors.New("this row is spoiled")
				}
			}
			return nil
		}
		b.db.set(func() { b.db.fail = bad })
		for n := range mostRows {
			b.Saw(fetched(n, "a"))
		}
		if err := b.Flush(t.Context()); err != nil {
			t.Errorf("Flush: %v", err)
		}
		if b.db.calls > 40 {
			t.Errorf("%d transactions were tried to find one row", b.db.calls)
		}
		if n := b.dropped(); n != 1 || b.log.count("refuses") != 1 || b.devices.pending() != 0 {
			t.Errorf("%v were dropped, %d wait", n, b.devices.pending())
		}
		if len(b.db.of(mac(1234))) != 0 || len(b.db.of(mac(1233))) != 1 || len(b.db.of(mac(1235))) != 1 {
			t.Error("another row than the bad one was lost")
		}
		// Where it refuses everything, it is no row's fault.
		b.db.set(func() {
			b.db.calls, b.db.fail = 0, func([]fleet.Evidence) error { return errors.New("the disk is full") }
		})
		for n := range mostRows {
			b.Saw(fetched(n, "b"))
		}
		if err := b.Flush(t.Context()); err == nil || b.db.calls > mostTries {
			t.Errorf("Flush: %v after %d tries", err, b.db.calls)
		}
		if n := b.devices.pending(); n != mostRows {
			t.Errorf("%d devices wait, want all", n)
		}
		b.db.set(func() { b.db.fail = nil })
		b.end(t)
		if n := len(b.db.of(mac(7))); n != 2 || b.dropped() != 1 {
			t.Errorf("%d of one device were written, %v dropped", n, b.dropped())
		}
	})
}

func TestStopThatHasNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.took = time.Hour })
		b.Saw(fetched(1, "a"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := b.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
			t.Errorf("Stop: %v after %v", err, time.Since(began))
		}
		if err := b.Flush(t.Context()); fleet.CodeOf(err) != fleet.CodeUnavailable {
			t.Errorf("Flush after Stop: %v", err)
		}
		if err := b.Report(t.Context(), reported(1, "")); fleet.CodeOf(err) != fleet.CodeUnavailable {
			t.Errorf("Report after Stop: %v", err)
		}
	})
}

func TestNewAndStart(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("nothing is required")
	}
	registry := prometheus.NewRegistry()
	o := Options{Witness: &database{}, Auditor: &database{}, Registerer: registry}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(o); err == nil {
		t.Error("two recorders share a registry")
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Errorf("Stop before Start: %v", err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
	for range 2 {
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Many goroutines hand in evidence while it is written; nothing is lost, and of each device the last comes last.
func TestSawFromEverywhere(t *testing.T) {
	b := start(t, Options{})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 20_000 {
				b.Saw(fetched(worker*1000+n%1000, fmt.Sprint(n/1000)))
				if n%5000 == 0 {
					_ = b.Flush(t.Context())
				}
			}
		})
	}
	all.Wait()
	b.end(t)
	last := map[fleet.MAC]fleet.Evidence{}
	for _, batch := range b.db.batches {
		for _, e := range batch {
			if e.At.Before(last[e.MAC].At) {
				t.Errorf("evidence of %s is out of order", e.MAC)
			}
			last[e.MAC] = e
		}
	}
	for device := range 8000 {
		if e := last[mac(device)]; e.ETag != "19" {
			t.Fatalf("of device %d came %q last", device, e.ETag)
		}
	}
}

func BenchmarkSaw(b *testing.B) {
	for _, devices := range []int{200, 100_000} {
		b.Run(fmt.Sprint(devices), func(b *testing.B) {
			r := start(b, Options{})
			defer r.end(b)
			r.db.forgets = true
			evidence := make([]fleet.Evidence, devices)
			for n := range evidence {
				evidence[n] = fetched(n, "0123456789abcdef0123456789abcdef")
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n++ {
					r.Saw(evidence[n%devices])
				}
			})
		})
	}
}
