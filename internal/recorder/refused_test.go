package recorder

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

func refusal(address, target string) fleet.AuditEntry {
	return fleet.AuditEntry{By: fleet.Actor{Principal: fleet.ByAnonymous, Address: address, Correlation: "c"}, Action: fleet.ActionCreate,
		Code: fleet.CodeUnauthorized, Target: target}
}

// written are the entries that came to the database, and how often it was asked.
func (d *database) written() (all []fleet.AuditEntry, transactions int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, part := range d.audit {
		all = append(all, part...)
	}
	return all, len(d.audit)
}

func TestRefusedAttemptsOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		began := time.Now().UTC()
		for range 1000 {
			b.Refused(refusal("10.0.0.5", "/api/configs"))
		}
		other := refusal("10.0.0.5", "/api/configs")
		other.Code = fleet.CodeForbidden
		b.Refused(other)
		time.Sleep(1500 * time.Millisecond) //nolint:forbidigo // the clock of the bubble
		b.Refused(refusal("10.0.0.5", "/api/configs"))
		b.end(t)
		want := []fleet.AuditEntry{refusal("10.0.0.5", "/api/configs"), other, refusal("10.0.0.5", "/api/configs")}
		for i, times := range []int{1000, 1, 1} {
			want[i].Times, want[i].Result, want[i].At = times, fleet.ResultRefused, began
		}
		want[2].At = began.Add(1500 * time.Millisecond)
		all, n := b.db.written()
		if diff := cmp.Diff(want, all); diff != "" || n != 2 {
			t.Errorf("%d transactions; -want +got\n%s", n, diff)
		}
	})
}

func TestManyDifferentRefusedAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		const many = 5000
		for n := range many {
			b.Refused(refusal(fmt.Sprint("10.0.0.", n), fmt.Sprint("/api/configs/", n)))
		}
		b.Refused(refusal("10.0.0.3", "/api/configs/3")) // one that is known
		b.end(t)
		all, _ := b.db.written()
		if len(all) != mostOfStrangers+1 {
			t.Fatalf("%d entries", len(all))
		}
		sum := 0
		for _, e := range all {
			sum += e.Times
		}
		rest := all[mostOfStrangers]
		if sum != many+1 || all[3].Times != 2 || rest.By.Address != "" || rest.Target != "" || rest.By.Correlation != "" {
			t.Errorf("%d attempts; the rest is %+v", sum, rest)
		}
		if rest.By.Principal != fleet.ByAnonymous || rest.Action != fleet.ActionCreate || rest.Code != fleet.CodeUnauthorized {
			t.Errorf("the rest has lost what all had in common: %+v", rest)
		}
	})
}

// Whoever is refused a lot, on purpose, hides nobody else's attempts, and stays known himself.
func TestFloodOfRefusedAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		const many = 5000
		for n := range many {
			b.Refused(refusal("10.6.6.6", fmt.Sprint("/api/configs/", n)))
		}
		b.Refused(refusal("10.0.0.5", "/api/configs"))
		for n := range many {
			b.Refused(refusal(fmt.Sprint("10.7.", n), "/api/configs"))
		}
		known := refusal("10.0.0.9", "/api/configs/1")
		known.By.Principal, known.Code = fleet.ByToken, fleet.CodePreconditionFailed
		b.Refused(known)
		b.end(t)
		all, _ := b.db.written()
		times := map[string]int{}
		for _, e := range all {
			times[e.By.Address] += e.Times
		}
		if times["10.6.6.6"] != many || times["10.0.0.5"] != 1 || times["10.0.0.9"] != 1 || times[""] != many+mostOfAddress+2-mostOfStrangers {
			t.Errorf("%d of the one who floods, %d and %d of the others, %d of nobody", times["10.6.6.6"], times["10.0.0.5"], times["10.0.0.9"], times[""])
		}
		shared := all[mostOfAddress]
		if len(all) != mostOfStrangers+2 || shared.Action != ActionVarious || shared.Target != "" || shared.Code != fleet.CodeUnauthorized {
			t.Errorf("%d entries, the shared one is %+v", len(all), shared)
		}
	})
}

func TestMergeKeepsWhatIsCommon(t *testing.T) {
	var rest *fleet.AuditEntry
	one, two := refusal("a", "/a"), refusal("b", "/b")
	one.Times, two.Times = 2, 3
	two.By.Principal, two.Action, two.Code = fleet.ByToken, fleet.ActionDelete, fleet.CodePreconditionFailed
	device := mac(1)
	one.MAC, one.ConfigID, one.Message = &device, 7, "why"
	rest = merge(merge(rest, one), two)
	want := fleet.AuditEntry{By: fleet.Actor{Principal: fleet.BySystem}, Action: ActionVarious, Times: 5}
	if diff := cmp.Diff(want, *rest); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRefusedWhileTheDatabaseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() { b.db.refuse = func([]fleet.AuditEntry) error { return away } })
		const seconds = 2 * mostUnwritten / mostRefused
		for second := range seconds {
			for n := range mostRefused {
				e := refusal(fmt.Sprint(second), fmt.Sprint(n))
				e.By.Principal = fleet.ByToken
				b.Refused(e)
			}
			time.Sleep(refusedEvery) //nolint:forbidigo // the clock of the bubble
		}
		if n := b.log.count("refused attempts cannot be written"); n != 1 {
			t.Errorf("%d lines in the log", n)
		}
		b.db.set(func() { b.db.refuse = nil })
		b.end(t)
		all, _ := b.db.written()
		sum := 0
		for _, e := range all {
			sum += e.Times
		}
		if sum != seconds*mostRefused || len(all) > mostUnwritten+mostRefused || len(all) < mostUnwritten-1 {
			t.Errorf("%d attempts in %d entries", sum, len(all))
		}
		if all[0].By.Address != "0" || all[0].Times != 1 {
			t.Errorf("the oldest is %+v", all[0])
		}
	})
}

func TestRefusedThatTheDatabaseRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Options{})
		b.db.set(func() {
			b.db.refuse = func(entries []fleet.AuditEntry) error {
				for _, e := range entries {
					if e.Target == "bad" {
						return errors.New("this row is spoiled")
					}
				}
				return nil
			}
		})
		for _, target := range []string{"a", "b", "bad", "c"} {
			b.Refused(refusal("10.0.0.5", target))
		}
		b.end(t)
		var targets []string
		all, _ := b.db.written()
		for _, e := range all {
			targets = append(targets, e.Target)
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, targets); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"/api/configs": "/api/configs", "": "", "a\x00b\nc": "a\uFFFDb\uFFFDc", "a\xffb": "a\uFFFDb", "ä": "ä",
		strings.Repeat("ä", mostTarget): strings.Repeat("ä", mostTarget/2), "x" + strings.Repeat("ä", mostTarget): "x" + strings.Repeat("ä", mostTarget/2-1),
	} {
		if got := clean(text); got != want || !utf8.ValidString(got) {
			t.Errorf("clean(%.20q) = %.20q", text, got)
		}
	}
}
