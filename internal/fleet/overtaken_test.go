package fleet

import (
	"testing"
	"time"
)

// A report on bytes that the device has had before may be there before it is noted that they were served again, by the clock of
// another server even with an earlier time. A report of the first time says nothing of the second.
func TestAReportThatOvertakesItsFetch(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	fetch := func(rev int64, etag string, ms int) Evidence {
		return Evidence{Kind: EvidenceFetched, Revision: rev, ETag: etag, At: at(ms)}
	}
	hold := func(rev int64, etag string, ms int) Evidence {
		return Evidence{Kind: EvidenceHeld, Revision: rev, ETag: etag, At: at(ms)}
	}
	report := func(rev int64, etag string, ms int) Evidence {
		return Evidence{Kind: EvidenceReported, Revision: rev, ETag: etag, At: at(ms), Report: &DeviceReport{Applied: true}}
	}
	for name, test := range map[string]struct {
		evidence []Evidence
		want     Sync
	}{
		"after the fetch":           {[]Evidence{fetch(1, "a", 0), fetch(2, "b", 1000), report(1, "a", 2005), fetch(3, "a", 2000)}, SyncApplied},
		"noted before the fetch":    {[]Evidence{fetch(1, "a", 0), fetch(2, "b", 1000), report(1, "a", 2000), fetch(3, "a", 2005)}, SyncApplied},
		"after a report on others":  {[]Evidence{fetch(1, "a", 0), fetch(2, "b", 1000), report(2, "b", 1005), report(1, "a", 2005), fetch(3, "a", 2000)}, SyncApplied},
		"asked for with others":     {[]Evidence{fetch(1, "a", 0), fetch(2, "b", 1000), report(1, "a", 2005), hold(2, "b", 2000), fetch(3, "a", 2000)}, SyncApplied},
		"found too early":           {[]Evidence{fetch(1, "a", 0), fetch(2, "b", 1000), report(2, "b", 1005), fetch(3, "a", 2000), report(1, "a", 2005)}, SyncApplied},
		"of the first time":         {[]Evidence{fetch(1, "a", 0), report(1, "a", 5), fetch(2, "b", 1000), fetch(3, "a", 2000)}, SyncFetched},
		"of the first time, in one": {[]Evidence{fetch(1, "a", 0), fetch(2, "b", 10), report(1, "a", 5), fetch(3, "a", 20)}, SyncFetched},
	} {
		var d Device
		for _, e := range test.evidence {
			d.Take(e)
		}
		if got := d.Standing("a", 3, at(3000)).Sync; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
