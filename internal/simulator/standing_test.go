package simulator

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// eventful are the choices of a run in which everything happens that a server can lie about.
func eventful(f *fakeServer) Options {
	o := brief(f)
	o.Devices, o.Bound, o.Restarts, o.LoseReports, o.Check = 20, 5*time.Second, 8, 0.2, 100*time.Millisecond
	o.unflushed = 300 * time.Millisecond
	return o
}

func TestAServerThatIsRightIsFoundRight(t *testing.T) {
	t.Parallel()
	for _, firmware := range []Firmware{FirmwareMixed, FirmwarePlain, FirmwarePolite, FirmwareFull} {
		t.Run(string(firmware), func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t, newFakeBroker(t), faults{})
			o := eventful(f)
			o.Firmware = firmware
			r := runFor(t, o, f, 80)
			if !r.OK() {
				t.Errorf("not well: %+v", r)
			}
			if r.Judged != 20 || r.Certain < 18 || r.Restarts == 0 || r.Checks < 5 {
				t.Errorf("too little was done to prove anything: %+v", r)
			}
			if polite := firmware != FirmwarePlain; polite != (r.Unmodified > 0) {
				t.Errorf("%d answers were 304", r.Unmodified)
			}
			full := firmware == FirmwareMixed || firmware == FirmwareFull
			if full != (r.Reports > 0) || full != (r.ReportsLost > 0) {
				t.Errorf("%d reports, and %d lost", r.Reports, r.ReportsLost)
			}
			want := 20
			if firmware == FirmwareMixed {
				want = 7
			}
			for one, n := range r.Firmware {
				if n != want && n != want-1 {
					t.Errorf("%d devices are %s", n, one)
				}
			}
		})
	}
}

func TestAServerThatIsRightIsFoundRightWithoutMQTT(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t, nil, faults{})
	if r := runFor(t, eventful(f), f, 60); !r.OK() || r.Judged != 20 || r.Certain < 18 || r.Unmodified == 0 || r.Reports == 0 {
		t.Errorf("not well: %+v", r)
	}
}

// Each server here lies about its devices in one way, and the run must say so.
func TestAServerThatLiesIsFoundOut(t *testing.T) {
	lies := map[lie]string{
		appliedByFetch:   "the API shows applied",
		heldByFetch:      "the API shows held",
		appliedByHolding: "the API shows applied",
		stuck:            "the API shows pending",
		byRevision:       "the API shows pending",
		neverPending:     "expected pending",
		forgetsErrors:    "expected error",
		dropsReports:     "expected applied",
		dropsByBroker:    "expected applied",
		errorsAreFine:    "expected error",
		keepsOnline:      "online false",
		neverOnline:      "the API shows online null",
		everybodyOnline:  "the API shows online true",
		newestRevision:   "expected pending",
		noRevision:       "of revision null",
		summaryWrong:     "its summary does not add up to the list: fetched",
		summaryShort:     "its summary does not add up to the list: all",
		overdueInTime:    "overdue true",
		firstSeen:        "before its last sign of life",
		seenAtOnce:       "expected unknown",
		noSync:           "the API shows no sync",
		hides:            "the API shows revision 0",
		refusesReports:   "its report was refused: 404",
		forgetsAtDelete:  "the API shows unknown",
	}
	results := map[lie]Result{}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(8) // these wait for most of their time
	for untrue, said := range lies {
		group.Go(func() error {
			var r Result
			// What happens in a run is chance: there may be no error in one that could be forgotten.
			for range 3 {
				if r = runWithLie(t, untrue); says(r, said) {
					break
				}
			}
			mu.Lock()
			defer mu.Unlock()
			results[untrue] = r
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for untrue, said := range lies {
		r := results[untrue]
		if r.OK() || r.Disagreements == 0 || !says(r, said) {
			t.Errorf("%s: want %q of %+v", untrue, said, r)
		}
		if r.Corrupt+r.Unproven > 0 { // a busy machine may be late
			t.Errorf("%s: what is true is found wrong: %+v", untrue, r)
		}
	}
}

func runWithLie(t *testing.T, untrue lie) Result {
	t.Helper()
	f := newFakeServer(t, newFakeBroker(t), faults{untrue: untrue})
	o := eventful(f)
	o.Bound = time.Second // what is wrong is waited out
	switch untrue {
	case errorsAreFine: // there must be errors
		o.Firmware, o.LoseReports, o.Devices = FirmwareFull, 0, 40
	case forgetsErrors: // and after these fetches without a report
		o.Firmware, o.LoseReports, o.Devices = FirmwareFull, 0.5, 40
	}
	return runFor(t, o, f, 80)
}

// says tells whether a disagreement was found that contains a text.
func says(r Result, text string) bool {
	return slices.ContainsFunc(r.Incidents, func(i Incident) bool {
		return i.Kind == "disagreement" && strings.Contains(i.What, text)
	})
}
