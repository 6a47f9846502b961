package recorder

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// A report is durable when it is answered, at once, behind what its device showed before and nothing of others.
func TestReportIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.took = 10 * time.Millisecond })
		b.Saw(held(1, "old"))
		b.Saw(fetched(1, "a"))
		b.Saw(fetched(2, "a"))
		began := time.Now()
		if err := b.Report(t.Context(), reported(1, "")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if diff := cmp.Diff([]string{"held old", "fetched a", "reported a"}, kinds(b.db.of(mac(1)))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if n := len(b.db.of(mac(2))); n != 0 {
			t.Error("another device's check-in did not wait for its batch")
		}
		b.end(t)
		if n := len(b.db.of(mac(2))); n != 1 {
			t.Errorf("%d of another device", n)
		}
	})
}

// Reports that come while the database is at work share the next transaction.
func TestReportsShareATransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.took = 50 * time.Millisecond })
		var all sync.WaitGroup
		for n := range 1000 {
			all.Go(func() {
				time.Sleep(time.Duration(n) * 100 * time.Microsecond) //nolint:forbidigo // the clock of the bubble
				if err := b.Report(t.Context(), reported(n, "")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := b.db.transactions(); n < 2 || n > 5 {
			t.Errorf("a thousand reports within 100 ms were %d transactions of 50 ms", n)
		}
		b.end(t)
	})
}

// Two reports of one device stay in their order and are both written, however alike.
func TestReportsAreNeverLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		for _, code := range []string{"x", "x", "y"} {
			if err := b.Report(t.Context(), reported(1, code)); err != nil {
				t.Fatal(err)
			}
		}
		b.end(t)
		var codes []string
		for _, e := range b.db.of(mac(1)) {
			codes = append(codes, e.Report.Code)
		}
		if diff := cmp.Diff([]string{"x", "x", "y"}, codes); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestReportWhileTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.fail = func([]fleet.Evidence) error { return away } })
		b.Saw(fetched(1, "a"))
		for range 2 * reportBurst { // what was not written does not count against the device
			if err := b.Report(t.Context(), reported(1, "")); fleet.CodeOf(err) != fleet.CodeUnavailable {
				t.Fatalf("Report: %v", err)
			}
		}
		b.db.set(func() { b.db.fail = nil })
		if err := b.Report(t.Context(), reported(1, "now")); err != nil {
			t.Fatal(err)
		}
		b.end(t)
		if diff := cmp.Diff([]string{"fetched a", "reported a"}, kinds(b.db.of(mac(1)))); diff != "" {
			t.Errorf("its sender was told that a report was not kept, and it was; or the rest was not. -want +got\n%s", diff)
		}
	})
}

func TestReportThatTheDatabaseRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		spoiled := errors.New("this row is spoiled")
		b.db.set(func() {
			b.db.fail = func(batch []fleet.Evidence) error {
				for _, e := range batch {
					if e.Report != nil {
						return spoiled
					}
				}
				return nil
			}
		})
		b.Saw(fetched(1, "a"))
		if err := b.Report(t.Context(), reported(1, "")); !errors.Is(err, spoiled) {
			t.Errorf("Report: %v", err)
		}
		if diff := cmp.Diff([]string{"fetched a"}, kinds(b.db.of(mac(1)))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		b.end(t)
	})
}

func TestReportThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.took = time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := b.Report(ctx, reported(1, "")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Report: %v", err)
		}
		b.end(t)
		if n := len(b.db.of(mac(1))); n != 1 {
			t.Errorf("it was written %d times", n)
		}
	})
}

// A report is written though its sender has gone, so it counts: else whoever hangs up at once has no limit.
func TestReportsThatNobodyWaitsForCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.took = time.Second })
		refused := 0
		for range 3 * reportBurst {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if fleet.CodeOf(b.Report(ctx, reported(1, ""))) == fleet.CodeTooManyRequests {
				refused++
			}
			cancel()
		}
		b.end(t)
		if n := len(b.db.of(mac(1))); n != reportBurst || refused != 2*reportBurst {
			t.Errorf("%d were written and %d refused", n, refused)
		}
	})
}

func TestTooManyReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		b := start(t, Options{Now: func() time.Time { return now }})
		pass := func(d time.Duration) {
			synctest.Wait() // the recorder reads the clock once more after it has answered
			now = now.Add(d)
		}
		report := func(n int) (wait time.Duration) {
			t.Helper()
			err := b.Report(t.Context(), reported(n, ""))
			if err == nil {
				return 0
			}
			e, ok := errors.AsType[*fleet.Error](err)
			if !ok || e.Code != fleet.CodeTooManyRequests || e.Wait <= 0 || !strings.Contains(e.Message, mac(n).String()) {
				t.Fatalf("Report: %v", err)
			}
			return e.Wait
		}
		for range reportBurst {
			if report(1) != 0 {
				t.Fatal("a burst is refused")
			}
		}
		if wait := report(1); wait != reportEvery {
			t.Errorf("has to wait %v", wait)
		}
		if report(2) != 0 {
			t.Error("another device has to wait too")
		}
		for range 3 {
			pass(reportEvery)
			if report(1) != 0 {
				t.Error("one report in ten seconds is refused")
			}
			if report(1) == 0 {
				t.Error("two reports in ten seconds are taken")
			}
		}
		pass(-time.Hour) // the clock was set back: nobody waits for that
		if wait := report(1); wait > 2*reportEvery {
			t.Errorf("after the clock was set back it has to wait %v", wait)
		}
		pass(reportEvery)
		if report(1) != 0 {
			t.Error("after the clock was set back, one report in ten seconds is refused")
		}
		pass(24 * time.Hour)
		for range reportBurst {
			if report(1) != 0 {
				t.Fatal("a burst after a long silence is refused")
			}
		}
		b.end(t)
	})
}

func TestLimitsAreBounded(t *testing.T) {
	var l limits
	now := time.Date(2026, 3, 9, 8, 7, 6, 0, time.UTC)
	for n := range 3 * mostLimits {
		l.wait(mac(n), now)
		if len(l.devices) > mostLimits {
			t.Fatalf("%d devices are remembered", len(l.devices))
		}
	}
	now = now.Add(time.Hour)
	l.wait(mac(-1), now)
	if l.forget(now); len(l.devices) != 1 {
		t.Errorf("%d devices are remembered after an hour", len(l.devices))
	}
}

func TestTooManyReportsWait(t *testing.T) {
	r := reports{more: make(chan struct{}, 1)}
	for range mostWaiting {
		if err := r.add(&waiting{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.add(&waiting{}); !errors.Is(err, errBusy) {
		t.Errorf("one more: %v", err)
	}
	if n := len(r.take()); n != mostWaiting {
		t.Errorf("%d wait", n)
	}
	if err := r.add(&waiting{}); err != nil {
		t.Error(err)
	}
	r.close()
	if err := r.add(&waiting{}); !errors.Is(err, errEnded) {
		t.Errorf("after the end: %v", err)
	}
}
