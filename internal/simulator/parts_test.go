package simulator

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestHistogramIsExactTo1Point6Percent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &histogram{}
		// Times of every magnitude, not only the large ones that an even choice would give.
		values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, 1<<rapid.IntRange(1, 44).Draw(t, "magnitude")).Draw(t, "ns"))
		}), 1, 200).Draw(t, "values")
		for _, v := range values {
			h.add(v)
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			exact := values[max(0, min(len(values)-1, int(q*float64(len(values))+0.9999999)-1))]
			got := h.quantile(q)
			if got < exact || float64(got) > float64(exact)*1.017+float64(unit) {
				t.Fatalf("quantile %v of %v: got %v, want %v", q, values, got, exact)
			}
		}
		if h.quantile(1) != values[len(values)-1] {
			t.Fatalf("the longest is %v, not %v", h.quantile(1), values[len(values)-1])
		}
	})
}

func TestHistogramAtItsEnds(t *testing.T) {
	h := &histogram{}
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	h.add(-time.Second)
	h.add(1 << 62)
	if lo, hi := h.quantile(0.1), h.quantile(1); lo >= unit || hi != 1<<62 {
		t.Errorf("got %v and %v", lo, hi)
	}
}

func TestStampKeepsEverythingElse(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	m := newMark(0xab)
	for _, test := range []struct{ text, want string }{
		{`{}`, `{MARK}`},
		{" {\r\n\t} \n", " {MARK\r\n\t} \n"},
		{`{"a":1.0}`, `{MARK,"a":1.0}`},
		{"{\n  \"n\" : 1e400 }", "{MARK,\n  \"n\" : 1e400 }"},
		{`{"deviceName" : "K\"ü","deviceEntityId":"k"}`, `{MARK,"deviceName" : "K\"ü (simulated 8)","deviceEntityId":"k_simulated_8"}`},
		{`{"deviceName":null,"deviceEntityId":""}`, `{MARK,"deviceName":null,"deviceEntityId":"_simulated_8"}`},
	} {
		template, err := newTemplate([]byte(test.text), 7)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		got := template.stamp(m, 42, at)
		want := strings.Replace(test.want, "MARK", `"espalierSimulation":{"run":"00ab","n":42,"at":"2026-01-02T03:04:05.000006Z"}`, 1)
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
		if !json.Valid(got) || m.read(got) != 42 || newMark(0xac).read(got) != unmarked {
			t.Errorf("%q is not valid, or its mark is not read: %s", test.text, got)
		}
	}
}

func TestMarksThatAreNone(t *testing.T) {
	m := newMark(1)
	for _, text := range []string{``, `{}`, string(m), string(m) + `x,`, string(m) + `-4,`, string(m) + `5`} {
		if n := m.read([]byte(text)); n != unmarked {
			t.Errorf("%q is read as state %d", text, n)
		}
	}
}

func TestMACAddresses(t *testing.T) {
	m, err := parseMAC("02:e5:0f:00:01:ff")
	if err != nil || m.String() != "02:e5:0f:00:01:ff" || m.join('-') != "02-e5-0f-00-01-ff" || m != madeMAC(0x0f00, 0x01ff) {
		t.Errorf("got %v, %v", m, err)
	}
	for _, text := range []string{"", "02-e5-0f-00-01-ff", "02:e5:0f:00:01:f", "02:e5:0f:00:01:fg", "02:e5:0f:00:01:ff:"} {
		if _, err := parseMAC(text); err == nil {
			t.Errorf("%q is taken for a MAC address", text)
		}
	}
}

func TestMessagesAsFirmwareReadsThem(t *testing.T) {
	if m, err := parseBroadcast([]byte(`{"filename":"aa:bb:cc:dd:ee:ff.json"}`)); err != nil || m != (mac{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}) {
		t.Errorf("broadcast: %v, %v", m, err)
	}
	for _, payload := range []string{``, `{}`, `{"filename":"aa:bb:cc:dd:ee:ff"}`, `{"filename":"aa-bb-cc-dd-ee-ff.json"}`, `[]`} {
		if _, err := parseBroadcast([]byte(payload)); err == nil {
			t.Errorf("broadcast %q is read", payload)
		}
	}
	got, err := parseTold([]byte(`{"rev":7,"etag":"ab","size":612}`))
	if want := (told{Revision: 7, ETag: "ab", Size: 612}); err != nil || got != want {
		t.Errorf("retained: %+v, %v", got, err)
	}
	for _, payload := range []string{``, `{}`, `{"rev":0,"etag":"ab"}`, `{"rev":7}`, `{"rev":"7","etag":"ab"}`} {
		if _, err := parseTold([]byte(payload)); err == nil {
			t.Errorf("retained %q is read", payload)
		}
	}
}

// step is one thing that happens to a record; what it says must be as wanted.
type step struct {
	do    func(*record) bool // answers whether a document was found stale
	stale bool
}

func TestJudgement(t *testing.T) {
	start := time.Now()
	write := func(n int64) step {
		return step{do: func(r *record) bool { r.write(change{n: n, sum: [32]byte{byte(n)}, sent: start}); return false }}
	}
	confirm := func(n, revision int64, wrong bool) step {
		return step{do: func(r *record) bool { return len(r.confirm(n, revision, start)) > 0 }, stale: wrong}
	}
	hear := func(revision int64, etag string) step {
		return step{do: func(r *record) bool { r.hear(told{Revision: revision, ETag: etag}); return false }}
	}
	got := func(n, floor int64, etag string, wrong bool) step {
		return step{do: func(r *record) bool {
			v, _ := r.got(document{sum: [32]byte{byte(n)}, etag: etag}, n, floor, r.told, start)
			return v.stale
		}, stale: wrong}
	}
	for name, steps := range map[string][]step{
		"the newest":                   {write(1), confirm(1, 2, false), hear(2, "e1"), got(1, 1, "e1", false)},
		"before it is confirmed":       {write(1), hear(2, "e1"), got(1, 0, "e1", false), confirm(1, 2, false)},
		"older than confirmed":         {write(1), confirm(1, 2, false), got(0, 1, "e0", true)},
		"older than was held":          {write(1), got(1, 0, "e1", false), got(0, 0, "e0", true)},
		"newer than told":              {write(1), confirm(1, 2, false), write(2), confirm(2, 3, false), hear(2, "e1"), got(2, 1, "e2", false)},
		"older than told":              {write(1), confirm(1, 2, false), hear(2, "e1"), got(0, 0, "e0", true)},
		"told before it was confirmed": {write(1), hear(2, "e1"), got(0, 0, "e0", false), confirm(1, 2, true)},
		"newer than told, found later": {write(1), write(2), hear(2, "e1"), got(2, 0, "e2", false), confirm(1, 2, false), confirm(2, 3, false)},
		"told of the same again":       {write(1), confirm(1, 2, false), hear(2, "e1"), got(1, 1, "e1", false), hear(2, "e1"), got(1, 1, "e1", false)},
	} {
		var r record
		for i, s := range steps {
			if found := s.do(&r); found != s.stale {
				t.Errorf("%s: step %d: found stale: %t", name, i, found)
			}
		}
	}
}

func TestChangesAreMeasuredOnceEach(t *testing.T) {
	var r record
	start := time.Now()
	for n := range int64(3) {
		r.write(change{n: n + 1, sum: [32]byte{byte(n + 1)}, sent: start.Add(time.Duration(n) * time.Second)})
		r.confirm(n+1, n+2, start)
	}
	fetch := func(n int64) []time.Duration {
		_, took := r.got(document{sum: [32]byte{byte(n)}}, n, 0, told{}, start.Add(10*time.Second))
		return took
	}
	want := []time.Duration{10 * time.Second, 9 * time.Second}
	if diff := cmp.Diff(want, fetch(2)); diff != "" {
		t.Errorf("two changes at once (-want +got):\n%s", diff)
	}
	if again := fetch(2); len(again) > 0 {
		t.Errorf("measured twice: %v", again)
	}
	if r.current() || len(fetch(3)) != 1 || !r.current() || len(r.open) > 0 {
		t.Errorf("the last change: %+v", r.open)
	}
}

// What is kept of a device must not grow with the length of a run.
func TestRecordIsBounded(t *testing.T) {
	var r record
	for n := range int64(10_000) {
		etag := string(rune('a' + rand.IntN(26)))
		r.write(change{n: n + 1, sum: [32]byte{byte(n)}, sent: time.Now()})
		r.hear(told{Revision: n + 2, ETag: etag})
		r.got(document{sum: [32]byte{byte(n)}, etag: "x"}, n+1, n, r.told, time.Now())
		r.confirm(n+1, n+2, time.Now())
	}
	if len(r.open)+len(r.doubts)+len(r.confirmed) > 2*keptConfirmed {
		t.Errorf("%d open, %d doubts, %d confirmed", len(r.open), len(r.doubts), len(r.confirmed))
	}
}

func TestTableOnATerminalIsDrawnOver(t *testing.T) {
	var out bytes.Buffer
	r := newReport(Options{Out: &out, Terminal: true})
	now := Result{Devices: 3, Phase: "running", LastError: "fetch: one\ntwo " + strings.Repeat("x", 200)}
	r.show(now)
	first := out.String()
	lines := strings.Count(first, "\n")
	r.show(now)
	if strings.Contains(first, "\x1b[14A") || !strings.HasPrefix(out.String()[len(first):], "\x1b["+"14A") || lines != 14 {
		t.Errorf("%d lines, then %q", lines, out.String()[len(first):])
	}
	for line := range strings.Lines(first) {
		if len([]rune(line)) > 120 {
			t.Errorf("the line would wrap: %q", line)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, r := range []Result{{}, {Phase: "running"}, {Phase: "done", Stale: 1}, {Phase: "done", Missed: 1}, {Phase: "done", Corrupt: 1},
		{Phase: "done", Unproven: 1}, {Phase: "done", Disagreements: 1}} {
		if r.OK() {
			t.Errorf("%+v is well", r)
		}
	}
	if !(Result{Phase: "done", FetchErrors: 3, Reconnects: 2}).OK() {
		t.Error("what was tried again with success is not well")
	}
}
