package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var someTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// shows is evidence in short: when (after someTime), what, which bytes, and the revision.
func shows(after time.Duration, kind EvidenceKind, etag string, revision int64) Evidence {
	return Evidence{MAC: MAC{1}, Kind: kind, ETag: etag, Revision: revision, Current: revision, At: someTime.Add(after)}
}

// asking is a device that asks with the bytes of a revision while another is current.
func asking(after time.Duration, etag string, revision, current int64) Evidence {
	e := shows(after, EvidenceHeld, etag, revision)
	e.Current = current
	return e
}

func reports(after time.Duration, applied bool, etag string, revision int64) Evidence {
	e := shows(after, EvidenceReported, etag, revision)
	e.Report, e.Numbered = &DeviceReport{Applied: applied, Firmware: "1.0"}, true
	return e
}

// reportsBytes is a report that names its bytes; the revision is what the server took them for.
func reportsBytes(after time.Duration, applied bool, etag string, revision int64) Evidence {
	e := reports(after, applied, etag, revision)
	e.Numbered = false
	return e
}

func fetches(after time.Duration, etag string, revision int64) Evidence {
	return shows(after, EvidenceFetched, etag, revision)
}

func holds(after time.Duration, etag string, revision int64) Evidence {
	return shows(after, EvidenceHeld, etag, revision)
}

// TestStanding has what devices show, and how they then stand to a document.
func TestStanding(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct {
		name     string
		evidence []Evidence
		etag     string // of the current document
		revision int64
		want     Sync
		has      int64 // the revision that the device is said to have
	}{
		{"never seen", nil, "A", 3, SyncUnknown, 0},
		{"asked, and was answered nothing of use", []Evidence{shows(s, EvidenceSeen, "", 3)}, "A", 3, SyncPending, 0},
		{"connected only", []Evidence{shows(s, EvidenceOnline, "", 0)}, "A", 3, SyncPending, 0},
		{"served", []Evidence{fetches(s, "A", 3)}, "A", 3, SyncFetched, 3},
		{"served, then the document changed", []Evidence{fetches(s, "A", 3)}, "B", 4, SyncPending, 3},
		{"asks with it", []Evidence{fetches(s, "A", 3), holds(m, "A", 3)}, "A", 3, SyncHeld, 3},
		{"served once more after it had proved", []Evidence{fetches(s, "A", 3), holds(m, "A", 3), fetches(h, "A", 3)}, "A", 3, SyncHeld, 3},
		{"reports", []Evidence{fetches(s, "A", 3), reports(2*s, true, "A", 3)}, "A", 3, SyncApplied, 3},
		{"the report overtakes the fetch", []Evidence{reports(2*s, true, "A", 3), fetches(s, "A", 3)}, "A", 3, SyncApplied, 3},
		{"reports an error, and fetches again", []Evidence{fetches(s, "A", 3), reports(2*s, false, "A", 3), fetches(m, "A", 3), holds(2*m, "A", 3)}, "A", 3, SyncError, 3},
		{"an error, and then it went", []Evidence{reports(s, false, "A", 3), reports(m, true, "A", 3)}, "A", 3, SyncApplied, 3},
		{"it went, and then an error", []Evidence{reports(s, true, "A", 3), reports(m, false, "A", 3)}, "A", 3, SyncError, 3},
		{"two reports of one moment in the wrong order", []Evidence{reports(2*s, true, "A", 3), reports(s, false, "A", 3)}, "A", 3, SyncApplied, 3},
		{"two reports, and the clock was set back by an hour", []Evidence{reports(2*h, true, "A", 3), reports(h, false, "A", 3)}, "A", 3, SyncError, 3},
		{"an error with the old one, and the new one is out", []Evidence{reports(s, false, "A", 3), fetches(m, "B", 4)}, "B", 4, SyncFetched, 4},

		{"an older report comes late", []Evidence{fetches(s, "A", 3), fetches(m, "B", 4), reports(2*m, true, "A", 3)}, "B", 4, SyncFetched, 4},
		{"an older fetch comes late", []Evidence{fetches(m, "B", 4), fetches(s, "A", 3)}, "B", 4, SyncFetched, 4},
		{"the clock was set back by hours", []Evidence{fetches(9*h, "A", 3), fetches(s, "B", 4)}, "B", 4, SyncFetched, 4},
		{"the clock was ahead by hours", []Evidence{fetches(s, "A", 3), fetches(9*h, "B", 4), fetches(m, "C", 5)}, "C", 5, SyncFetched, 5},

		{"the bytes that it has are put back", []Evidence{reports(s, true, "A", 3)}, "A", 5, SyncApplied, 5},
		{"put back, and it asks with them", []Evidence{reports(s, true, "A", 3), holds(m, "A", 5)}, "A", 5, SyncApplied, 5},
		{"put back after it took others", []Evidence{reports(s, true, "A", 3), fetches(m, "B", 4)}, "A", 5, SyncPending, 4},
		{"put back after it took others, and fetched", []Evidence{reports(s, true, "A", 3), fetches(m, "B", 4), fetches(2*m, "A", 5)}, "A", 5, SyncFetched, 5},
		{"the same, and the clock was set back", []Evidence{reports(9*h, true, "A", 3), fetches(m, "B", 4), fetches(2*m, "A", 5)}, "A", 5, SyncFetched, 5},
		{"the same, and the others are heard of last", []Evidence{reports(s, true, "A", 3), fetches(2*m, "A", 5), fetches(m, "B", 4)}, "A", 5, SyncFetched, 5},
		{"the same, with proof of the ones put back", []Evidence{reports(s, true, "A", 3), holds(2*m, "A", 5), fetches(m, "B", 4)}, "A", 5, SyncHeld, 5},
		{"the same, with a report of the ones put back", []Evidence{reports(s, true, "A", 3), reports(2*m, false, "A", 5), fetches(m, "B", 4)}, "A", 5, SyncError, 5},
		{"a report by its bytes overtakes the fetch of the ones put back",
			[]Evidence{holds(s, "A", 3), fetches(m, "B", 4), reportsBytes(2*m+s, true, "A", 3), fetches(2*m, "A", 5)}, "A", 5, SyncApplied, 5},
		{"a report by its bytes was looked up before the fetch of the ones put back was written",
			[]Evidence{holds(s, "A", 3), fetches(m, "B", 4), fetches(2*m, "A", 5), reportsBytes(2*m+s, true, "A", 3)}, "A", 5, SyncApplied, 5},
		{"a report on the number that these bytes had before",
			[]Evidence{holds(s, "A", 3), fetches(m, "B", 4), fetches(2*m, "A", 5), reports(2*m+s, true, "A", 3)}, "A", 5, SyncFetched, 5},
		{"a late report on the number that these bytes had before, behind one on others",
			[]Evidence{holds(s, "A", 3), fetches(m, "B", 4), reports(m+s, true, "B", 4), reports(2*m+s, true, "A", 3), fetches(2*m, "A", 5)}, "A", 5, SyncFetched, 5},
		{"a late report by its bytes, before it took the ones put back",
			[]Evidence{holds(s, "A", 3), fetches(m, "B", 4), reportsBytes(2*m+s, true, "A", 3)}, "A", 5, SyncPending, 4},
		{"deleted and made again with what it has", []Evidence{holds(s, "A", 3)}, "A", 6, SyncHeld, 6},
		{"deleted and made again with others", []Evidence{holds(s, "A", 3)}, "B", 6, SyncPending, 3},

		{"served a new one, and goes on with the old", []Evidence{asking(s, "A", 3, 4), fetches(s, "B", 4), asking(h, "A", 3, 4), fetches(h, "B", 4)}, "B", 4, SyncFetched, 4},
		{"cannot apply the new one, and goes on with the old",
			[]Evidence{fetches(s, "B", 4), reports(2*s, false, "B", 4), asking(h, "A", 3, 4), fetches(h, "B", 4)}, "B", 4, SyncError, 4},
		{"had the new one, and fell back", []Evidence{holds(s, "B", 4), asking(h, "A", 3, 4)}, "B", 4, SyncPending, 3},
		{"ran the new one, and fell back", []Evidence{reports(s, true, "B", 4), asking(h, "A", 3, 4)}, "B", 4, SyncPending, 3},
		{"fell back, and was served again", []Evidence{reports(s, true, "B", 4), asking(h, "A", 3, 4), fetches(h, "B", 4)}, "B", 4, SyncFetched, 4},
		{"fell back, though served each minute",
			[]Evidence{reports(s, true, "B", 4), fetches(30*s, "B", 4), asking(2*m, "A", 3, 4), fetches(2*m, "B", 4)}, "B", 4, SyncFetched, 4},
		{"fell back, and came up again", []Evidence{holds(s, "B", 4), asking(h, "A", 3, 4), fetches(h, "B", 4), holds(2*h, "B", 4)}, "B", 4, SyncHeld, 4},
		{"its request with the old one comes late", []Evidence{reports(s, true, "B", 4), asking(2*s, "A", 3, 4), fetches(2*s, "B", 4)}, "B", 4, SyncApplied, 4},
		{"its request of before the change comes late", []Evidence{reports(s, true, "B", 4), asking(h, "A", 3, 3)}, "B", 4, SyncApplied, 4},
		{"what it asks with is not known", []Evidence{holds(s, "B", 4), asking(h, "Z", 0, 4)}, "B", 4, SyncHeld, 4},
		{"a document that another program wrote", []Evidence{fetches(s, "A", 3)}, "", 4, SyncPending, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d Device
			for _, e := range c.evidence {
				d.Take(e)
			}
			got := d.Standing(c.etag, c.revision, someTime.Add(24*time.Hour))
			if got.Sync != c.want || got.Revision != c.has {
				t.Errorf("got %s with revision %d, want %s with %d; %+v", got.Sync, got.Revision, c.want, c.has, d)
			}
			for i := range c.evidence { // what was said comes twice
				d.Take(c.evidence[len(c.evidence)-1])
				if again := d.Standing(c.etag, c.revision, someTime.Add(24*time.Hour)); again.Sync != got.Sync || again.Revision != got.Revision {
					t.Fatalf("after the %d. repetition of the last: %+v", i+1, again)
				}
			}
		})
	}
}

// TestTakeWithoutWorth has evidence that says nothing of any bytes.
func TestTakeWithoutWorth(t *testing.T) {
	for name, e := range map[string]Evidence{
		"no bytes":    {Kind: EvidenceFetched, Revision: 3, At: someTime},
		"no revision": {Kind: EvidenceHeld, ETag: "A", At: someTime},
		"no report":   {Kind: EvidenceReported, ETag: "A", Revision: 3, At: someTime},
		"no kind":     {ETag: "A", Revision: 3, At: someTime},
	} {
		var d Device
		if fact, news := d.Take(e); news || fact.Kind != "" {
			t.Errorf("%s: brought %+v", name, fact)
		}
		if d.Has != (Shown{}) || d.Level != "" || d.Fetched != d.Held || d.LastSeen != someTime {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// TestFacts has which evidence brings a fact.
func TestFacts(t *testing.T) {
	var d Device
	for _, c := range []struct {
		evidence Evidence
		kind     FactKind // "" brings none
		has      string
		level    Sync
	}{
		{shows(0, EvidenceSeen, "", 3), "", "", ""},
		{fetches(1*time.Second, "A", 3), FactFetched, "A", SyncFetched},
		{fetches(9*time.Second, "A", 3), "", "A", SyncFetched},
		{holds(20*time.Second, "A", 3), FactHeld, "A", SyncHeld},
		{holds(30*time.Second, "A", 3), "", "A", SyncHeld},
		{reports(40*time.Second, false, "A", 3), FactError, "A", SyncError},
		{reports(41*time.Second, false, "A", 3), "", "A", SyncError},
		{reports(42*time.Second, true, "A", 3), FactApplied, "A", SyncApplied},
		{holds(50*time.Second, "A", 5), FactHeld, "A", SyncApplied}, // the bytes were put back
		{fetches(45*time.Second, "B", 4), FactFetched, "A", SyncHeld},
		{reports(44*time.Second, true, "A", 3), "", "A", SyncHeld},
		{shows(51*time.Second, EvidenceOnline, "", 0), FactOnline, "A", SyncHeld},
		{shows(52*time.Second, EvidenceOnline, "", 0), "", "A", SyncHeld},
		{shows(50*time.Second, EvidenceOffline, "", 0), "", "A", SyncHeld}, // late
		{shows(54*time.Second, EvidenceOffline, "", 0), FactOffline, "A", SyncHeld},
		{shows(55*time.Second, EvidenceLost, "", 0), FactLost, "A", SyncHeld},
		{shows(56*time.Second, EvidenceLost, "", 0), "", "A", SyncHeld},
		{shows(54*time.Second, EvidenceOnline, "", 0), "", "A", SyncHeld}, // late
		{fetches(60*time.Second, "C", 6), FactFetched, "C", SyncFetched},
	} {
		fact, news := d.Take(c.evidence)
		if news != (c.kind != "") || news && fact.Kind != c.kind {
			t.Errorf("%+v brought %t, %+v; want %q", c.evidence, news, fact, c.kind)
		}
		if d.Has.ETag != c.has || d.Level != c.level {
			t.Errorf("after %+v it has %q, %s; want %q, %s", c.evidence, d.Has.ETag, d.Level, c.has, c.level)
		}
		if news && (fact.Has != d.Has || fact.Level != d.Level || !fact.At.Equal(c.evidence.At) || fact.MAC != d.MAC) {
			t.Errorf("the fact %+v does not say what the device has: %+v", fact, d)
		}
	}
}

// TestConnection has the words of the broker, of which no order can be relied on, and what they make of a device.
func TestConnection(t *testing.T) {
	up, down := true, false
	on := func(after time.Duration) Evidence { return shows(after, EvidenceOnline, "", 0) }
	off := func(after time.Duration) Evidence { return shows(after, EvidenceOffline, "", 0) }
	lost := func(after time.Duration) Evidence { return shows(after, EvidenceLost, "", 0) }
	for _, c := range []struct {
		name     string
		evidence []Evidence
		want     *bool
		since    time.Duration
		seen     time.Duration // the last sign of life
	}{
		{"comes", []Evidence{on(1)}, &up, 1, 1},
		{"comes, goes", []Evidence{on(1), off(2)}, &down, 2, 1},
		{"stays", []Evidence{on(1), on(7)}, &up, 1, 7},
		{"comes back", []Evidence{on(1), off(2), on(3)}, &up, 3, 3},
		{"that it went comes late", []Evidence{on(1), on(3), off(2)}, &up, 1, 3},
		{"nobody knows", []Evidence{on(1), lost(5)}, nil, 5, 1},
		{"nobody knows, twice", []Evidence{on(1), lost(5), lost(9)}, nil, 5, 1},
		{"that it came is heard after nobody knows", []Evidence{on(1), lost(5), on(4)}, nil, 5, 4},
		{"is heard of again", []Evidence{on(1), lost(5), on(6)}, &up, 6, 6},
		{"goes, after the clock was set back", []Evidence{on(time.Hour), off(1)}, &down, 1, time.Hour},
	} {
		var d Device
		for _, e := range c.evidence {
			d.Take(e)
		}
		if diff := cmp.Diff(c.want, d.Online); diff != "" || !d.OnlineAt.Equal(someTime.Add(c.since)) || !d.LastSeen.Equal(someTime.Add(c.seen)) {
			t.Errorf("%s: %s since %s, seen %s", c.name, diff, d.OnlineAt.Sub(someTime), d.LastSeen.Sub(someTime))
		}
	}
}

// life is a device that lives through revisions of its document: evidence in the order in which it happened.
type life struct {
	evidence []Evidence
	bytes    map[int64]string
}

// liveThrough draws a life in which each revision has bytes of its own, or, with reuse, may have those of another.
func liveThrough(t *rapid.T, reuse bool) life {
	l := life{bytes: map[int64]string{}}
	after := time.Duration(0)
	for revision := int64(1); revision <= 5; revision++ {
		etag := fmt.Sprintf("bytes of %d", revision)
		if reuse {
			etag = rapid.SampledFrom([]string{"A", "B"}).Draw(t, "bytes")
		}
		l.bytes[revision] = etag
		for range rapid.IntRange(0, 3).Draw(t, "evidence") {
			after += time.Duration(rapid.IntRange(1, 3).Draw(t, "seconds")) * time.Second
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				l.evidence = append(l.evidence, holds(after, etag, revision))
			case 1:
				l.evidence = append(l.evidence, reports(after, rapid.Bool().Draw(t, "applied"), etag, revision))
			default:
				l.evidence = append(l.evidence, fetches(after, etag, revision))
			}
		}
	}
	return l
}

func taken(evidence []Evidence) Device {
	var d Device
	for _, e := range evidence {
		d.Take(e)
	}
	return d
}

// shuffled is evidence in an order that no device made.
func shuffled(t *rapid.T, evidence []Evidence) []Evidence {
	out := slices.Clone(evidence)
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// TestOrderDoesNotMatter: batches of several servers arrive in any order.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := liveThrough(t, false)
		want, got := taken(l.evidence), taken(shuffled(t, l.evidence))
		if got.Has.ETag != want.Has.ETag || got.Has.Revision != want.Has.Revision || got.Level != want.Level {
			t.Fatalf("it has %+v, %s; in order %+v, %s", got.Has, got.Level, want.Has, want.Level)
		}
		if got.Fetched != want.Fetched || got.Held != want.Held || got.Reported != want.Reported || got.Report != want.Report {
			t.Fatalf("the facts are %+v; in order %+v", got, want)
		}
		if !got.LastSeen.Equal(want.LastSeen) || !got.FirstSeen.Equal(want.FirstSeen) {
			t.Fatalf("seen from %s to %s; in order from %s to %s", got.FirstSeen, got.LastSeen, want.FirstSeen, want.LastSeen)
		}
	})
}

// TestOrderNeverSaysTooMuch: where bytes come back, late evidence of an earlier time may leave too little known.
func TestOrderNeverSaysTooMuch(t *testing.T) {
	rank := map[Sync]int{"": 0, SyncFetched: 1, SyncHeld: 2, SyncApplied: 3}
	rapid.Check(t, func(t *rapid.T) {
		l := liveThrough(t, true)
		want, got := taken(l.evidence), taken(shuffled(t, l.evidence))
		if got.Has.ETag != want.Has.ETag || got.Has.Revision != want.Has.Revision {
			t.Fatalf("it has %+v; in order %+v", got.Has, want.Has)
		}
		if got.Level == SyncError {
			if want.Level != SyncError {
				t.Fatalf("an error; in order %s", want.Level)
			}
		} else if want.Level != SyncError && rank[got.Level] > rank[want.Level] {
			t.Fatalf("%s; in order %s", got.Level, want.Level)
		}
	})
}

// TestNothingIsMadeUp: whatever comes, in whatever order and by whatever clock, a device is not said to have, hold or apply
// bytes that nothing said it did.
func TestNothingIsMadeUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B", "C"}), 7, 7).Draw(t, "bytes") // of each revision
		said := map[Sync]map[string]bool{SyncFetched: {}, SyncHeld: {}, SyncApplied: {}, SyncError: {}}
		var d Device
		for range rapid.IntRange(1, 25).Draw(t, "evidence") {
			after := time.Duration(rapid.IntRange(-100000, 100000).Draw(t, "seconds")) * time.Second
			revision := rapid.Int64Range(1, 6).Draw(t, "revision")
			etag := bytes[revision]
			var e Evidence
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				e = fetches(after, etag, revision)
			case 1, 2:
				e = asking(after, etag, revision, rapid.Int64Range(0, 6).Draw(t, "current"))
				said[SyncHeld][etag] = true
			case 3:
				e = reports(after, true, etag, revision)
				said[SyncApplied][etag], said[SyncHeld][etag] = true, true
			case 4:
				e = reports(after, false, etag, revision)
				said[SyncError][etag], said[SyncHeld][etag] = true, true
			default:
				kinds := []EvidenceKind{EvidenceSeen, EvidenceOnline, EvidenceOffline, EvidenceLost}
				e = shows(after, rapid.SampledFrom(kinds).Draw(t, "other"), "", 0)
			}
			said[SyncFetched][e.ETag] = true // the least that is said of bytes
			d.Take(e)
			if d.Level != "" && !said[d.Level][d.Has.ETag] {
				t.Fatalf("%s of %s, which nothing said: %+v", d.Level, d.Has.ETag, e)
			}
			for _, etag := range []string{"A", "B", "C", "Z", ""} {
				got := d.Standing(etag, 7, someTime).Sync
				insync := got != SyncUnknown && got != SyncPending
				if insync != (etag == d.Has.ETag && etag != "") || insync && !said[got][etag] {
					t.Fatalf("%s for %q of a device that has %+v, %s", got, etag, d.Has, d.Level)
				}
			}
		}
	})
}

// TestClocksDoNotMatter: the same life by clocks that jump by hours comes to the same bytes and level.
func TestClocksDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := liveThrough(t, rapid.Bool().Draw(t, "reuse"))
		jumped := slices.Clone(l.evidence)
		jump := time.Duration(0)
		for i := range jumped {
			if rapid.IntRange(0, 3).Draw(t, "jumps") == 0 {
				jump = time.Duration(rapid.IntRange(-9, 9).Draw(t, "hours")) * time.Hour
			}
			jumped[i].At = jumped[i].At.Add(jump)
		}
		want, got := taken(l.evidence), taken(jumped)
		if got.Has.ETag != want.Has.ETag || got.Has.Revision != want.Has.Revision || got.Level != want.Level {
			t.Fatalf("it has %+v, %s; by a good clock %+v, %s", got.Has, got.Level, want.Has, want.Level)
		}
		if n := len(jumped); n > 0 && !got.LastSeen.Equal(jumped[n-1].At) {
			t.Fatalf("last seen %s, and the last sign is of %s", got.LastSeen, jumped[n-1].At)
		}
	})
}
