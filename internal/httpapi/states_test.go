package httpapi

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// devices are the lines of the metrics that count devices.
func (f *fixture) devices() string {
	f.t.Helper()
	var found strings.Builder
	for line := range strings.Lines(f.get("/metrics").want(f.t, 200).body) {
		if strings.HasPrefix(line, "espalier_devices") {
			found.WriteString(line)
		}
	}
	return found.String()
}

// timed is a fixture whose API has the clock too.
func timed(t *testing.T) *fixture {
	t.Helper()
	var f *fixture
	f = newFixture(t, func(o *Options) { o.Now = func() time.Time { return f.clock.Now() } })
	return f
}

func TestDevicesByState(t *testing.T) {
	f := timed(t)
	const none = `espalier_devices{sync="applied"} 0
espalier_devices{sync="error"} 0
espalier_devices{sync="fetched"} 0
espalier_devices{sync="held"} 0
espalier_devices{sync="pending"} 0
espalier_devices{sync="unknown"} 0
espalier_devices_online 0
espalier_devices_overdue 0
`
	if diff := cmp.Diff(none, f.devices()); diff != "" {
		t.Error(diff)
	}
	f.keep(odd)
	tag := f.memory().configs[1].ETag
	if diff := cmp.Diff(none, f.devices()); diff != "" {
		t.Errorf("it is counted anew at each scrape: %s", diff)
	}
	f.clock.pass(statesFor)
	if got := f.devices(); !strings.Contains(got, `{sync="unknown"} 1`) {
		t.Errorf("it is not counted anew: %s", got)
	}
	f.show(fleet.Evidence{Kind: fleet.EvidenceHeld, ETag: tag, Revision: 1}, fleet.Evidence{Kind: fleet.EvidenceOnline})
	f.clock.pass(statesFor)
	want := strings.NewReplacer(`"held"} 0`, `"held"} 1`, "online 0", "online 1").Replace(none)
	if diff := cmp.Diff(want, f.devices()); diff != "" {
		t.Error(diff)
	}
	f.clock.pass(-time.Hour)
	f.send("DELETE", "/api/configs/1", "").want(t, 204)
	if diff := cmp.Diff(none, f.devices()); diff != "" {
		t.Errorf("a clock that was set back keeps an old count: %s", diff)
	}
	if !strings.Contains(f.get("/metrics").body, "iot_config_files_count 0\n") {
		t.Error("no count of configurations")
	}
}

// What cannot be counted is missing rather than wrong, and comes back.
func TestDevicesThatCannotBeCounted(t *testing.T) {
	f := timed(t)
	f.keep(odd)
	f.memory().breakWith(fleet.Unavailable(errors.New("away")))
	if got := f.devices(); got != "" {
		t.Error(got)
	}
	f.memory().breakWith(nil)
	f.clock.pass(statesFor)
	if got := f.devices(); !strings.Contains(got, `{sync="unknown"} 1`) {
		t.Error(got)
	}
}

// However many scrape at a time, the fleet is counted once.
func TestScrapesShareACount(t *testing.T) {
	f := timed(t)
	s := newStates(f.service, f.clock.Now)
	f.keep(odd)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			sum, err := s.summary()
			if err != nil || sum.Total != 1 {
				t.Errorf("%+v, %v", sum, err)
			}
		})
	}
	all.Wait()
	f.fill(5)
	if sum, err := s.summary(); err != nil || sum.Total != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
}
