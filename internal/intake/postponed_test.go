package intake

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

func hearReport(i *Intake, device int, message string, done *int) {
	i.Hear(topic(device, "report"), fmt.Appendf(nil, `{"rev":1,"status":"applied","message":%q}`, message), func() { *done++ })
}

// What a device said last counts, however often it spoke: by MQTT it does not learn that it was refused.
func TestTheLastWordOfADeviceCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		defer stop(t, i)
		done := 0
		s.set(func() { s.fail = fleet.TooManyReports(fleet.MAC{5: 1}, 7*time.Second) })
		for _, word := range []string{"first", "second", "third"} {
			hearReport(i, 1, word, &done)
			synctest.Wait()
		}
		i.Hear(topic(1, "report"), []byte(`{`), func() { done++ }) // takes nobody's place
		synctest.Wait()
		if said := s.noted(); done != 4 || len(said) != 1 || !strings.Contains(said[0], "first") {
			t.Errorf("%d are acknowledged, tried were %v; want 4 and the first", done, said)
		}
		s.set(func() { s.fail = nil })
		<-time.After(7*time.Second - time.Millisecond)
		synctest.Wait()
		hearReport(i, 33, "of another", &done) // by the same worker
		synctest.Wait()
		<-time.After(2 * time.Millisecond)
		synctest.Wait()
		want := []string{"of another", "third"}
		var got []string
		for _, line := range s.noted() {
			for _, word := range []string{"first", "second", "third", "of another"} {
				if strings.Contains(line, word) {
					got = append(got, word)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || done != 5 {
			t.Errorf("%d are acknowledged; reported (-want +got):\n%s", done, diff)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		hearReport(i, 1, "afterwards", &done)
		synctest.Wait()
		if said := s.noted(); len(said) != 1 || !strings.Contains(said[0], "afterwards") {
			t.Errorf("afterwards %v", said)
		}
	})
}

// One that is refused again waits again, and a Stop does not wait for it.
func TestPostponedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		done := 0
		s.set(func() { s.fail = fleet.TooManyReports(fleet.MAC{5: 1}, 10*time.Second) })
		hearReport(i, 1, "word", &done)
		<-time.After(25 * time.Second)
		synctest.Wait()
		if said := s.noted(); len(said) != 3 || done != 1 {
			t.Errorf("tried %v, acknowledged %d; want three times, and once", said, done)
		}
		began := time.Now()
		stop(t, i)
		if took := time.Since(began); took != 0 {
			t.Errorf("the stop took %v", took)
		}
	})
}

func TestPostponedAreBounded(t *testing.T) {
	p := newPostponed()
	one, other := about{rev: 1}, about{rev: 2}
	for n := range mostPostponed {
		if !p.add(report{mac: fleet.MAC{4: byte(n >> 8), 5: byte(n)}}, one, time.Hour) {
			t.Fatalf("no room for %d", n)
		}
	}
	if p.add(report{mac: fleet.MAC{1}}, one, 0) || p.replace(report{mac: fleet.MAC{1}}, one) {
		t.Error("room for more than are kept")
	}
	if !p.replace(report{mac: fleet.MAC{}}, one) || p.replace(report{mac: fleet.MAC{}}, other) || len(p.due()) != 0 {
		t.Error("one that is kept is not replaced, is replaced by one of another revision, or is due")
	}
	if !p.add(report{mac: fleet.MAC{}}, other, time.Hour) || len(p.of) != mostPostponed {
		t.Error("one that is kept has no room for a newer one")
	}
}

// words are the messages of what was reported, in order.
func (s *server) words(t *testing.T) (words []string) {
	t.Helper()
	for _, line := range s.noted() {
		var mac, etag, applied, word string
		var rev int64
		if _, err := fmt.Sscanf(line, "report %s %d %q %s %q", &mac, &rev, &etag, &applied, &word); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		words = append(words, word)
	}
	return words
}

// What waits for its time is not held up by others that never cease to report.
func TestPostponedBesideASteadyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, s := start(t)
		defer stop(t, i)
		done := 0
		s.set(func() { s.fail = fleet.TooManyReports(fleet.MAC{5: 1}, time.Second) })
		hearReport(i, 1, "postponed", &done)
		synctest.Wait()
		s.noted()
		s.set(func() { s.fail, s.took = nil, 10*time.Millisecond })
		ofAnother := func() { i.Hear(topic(33, "report"), []byte(`{"rev":1,"status":"applied"}`), func() {}) } // by the same worker
		for range mostQueued {
			ofAnother()
		}
		for range 300 {
			<-time.After(10 * time.Millisecond)
			ofAnother()
		}
		if !slices.Contains(s.words(t), "postponed") {
			t.Error("it waits for a queue that is never empty")
		}
	})
}

// A report that is refused leaves the one that waits as it is, and one that is taken is newer than it.
func TestWhatComesWhileAReportIsPostponed(t *testing.T) {
	const other = `{"rev":2,"status":"applied","message":"other"}`
	for name, c := range map[string]struct {
		payload string
		fail    error
		want    []string
	}{
		"of no revision that there is":      {other, fleet.NoRevision(fleet.MAC{5: 1}, 2), []string{"other", "good"}},
		"with a text that is not allowed":   {`{"rev":1,"status":"applied","code":"a\nb","message":"other"}`, nil, []string{"good"}},
		"of another revision":               {other, nil, []string{"other"}},
		"of another revision, too soon too": {other, fleet.TooManyReports(fleet.MAC{5: 1}, time.Second), []string{"other", "other"}},
		"of the same revision":              {`{"rev":1,"status":"applied","message":"other"}`, nil, []string{"other"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, s := start(t)
				defer stop(t, i)
				done := 0
				s.set(func() { s.fail = fleet.TooManyReports(fleet.MAC{5: 1}, time.Second) })
				hearReport(i, 1, "good", &done)
				synctest.Wait()
				s.noted()
				s.set(func() { s.fail = c.fail })
				i.Hear(topic(1, "report"), []byte(c.payload), func() { done++ })
				synctest.Wait()
				s.set(func() { s.fail = nil })
				<-time.After(time.Minute)
				synctest.Wait()
				if diff := cmp.Diff(c.want, s.words(t)); diff != "" || done != 2 {
					t.Errorf("%d are acknowledged; tried (-want +got):\n%s", done, diff)
				}
			})
		})
	}
}
