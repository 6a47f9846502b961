package intake

import (
	"fmt"
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
	for n := range mostPostponed {
		if !p.add(report{mac: fleet.MAC{4: byte(n >> 8), 5: byte(n)}}, time.Hour) {
			t.Fatalf("no room for %d", n)
		}
	}
	if p.add(report{mac: fleet.MAC{1}}, 0) || p.replace(report{mac: fleet.MAC{1}}) {
		t.Error("room for more than are kept")
	}
	if !p.replace(report{mac: fleet.MAC{}}) || len(p.due()) != 0 {
		t.Error("one that is kept is not replaced, or is due")
	}
}
