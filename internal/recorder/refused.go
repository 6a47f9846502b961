package recorder

import (
	"context"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"espalier.dev/espalier/internal/fleet"
)

const (
	// mostRefused is how many different refused attempts of a second are kept apart.
	mostRefused = 200
	// mostOfStrangers is how many of these may be of those whom nobody let in, and mostOfAddress of one address among them: who
	// floods the audit hides neither others nor himself.
	mostOfStrangers = 100
	mostOfAddress   = 20
	// mostUnwritten is how many are kept while the database is away.
	mostUnwritten = 4000
	// mostTarget bounds a text that a client chose, in bytes.
	mostTarget = 512
)

// ActionVarious is the action of an entry of the audit that stands for refused attempts of several kinds.
const ActionVarious fleet.Action = "various"

// attempt is what makes refused attempts alike.
type attempt struct {
	principal fleet.Principal
	address   string
	action    fleet.Action
	code      fleet.Code
	target    string
}

// refusals are the attempts of the present second, and those that could not be written yet.
type refusals struct {
	mu      sync.Mutex
	places  map[attempt]int // in entries
	entries []fleet.AuditEntry
	rest    *fleet.AuditEntry
	// strangers is how many of entries are of those whom nobody let in, and ofAddress how many of each address.
	strangers int
	ofAddress map[string]int

	unwritten []fleet.AuditEntry // of the goroutine that writes alone
	trouble   trouble
}

// Refused takes an attempt that was refused; it never blocks on anything that does. Those of one second that are alike
// are one entry of the audit. Of those whom nobody let in, 20 different ones of an address are kept apart, and what else comes
// from there shares an entry for each reason, without a target. Beyond 200 in all, 100 of these, the others share an entry that
// names no address either.
func (r *Recorder) Refused(e fleet.AuditEntry) {
	if e.At.IsZero() {
		e.At = r.options.Now()
	}
	e.Result, e.Times = fleet.ResultRefused, max(e.Times, 1)
	e.Target, e.By.Address, e.By.Correlation = clean(e.Target), clean(e.By.Address), clean(e.By.Correlation)
	r.refused.add(e)
}

func (r *refusals) add(e fleet.AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again(e) {
		return
	}
	stranger := e.By.Principal == fleet.ByAnonymous
	if stranger && r.ofAddress[e.By.Address] >= mostOfAddress {
		e.By.Correlation, e.Target, e.ConfigID, e.MAC, e.Action = "", "", 0, nil, ActionVarious
		if r.again(e) {
			return
		}
	}
	if len(r.entries) >= mostRefused || stranger && r.strangers >= mostOfStrangers {
		r.rest = merge(r.rest, e)
		return
	}
	if r.places == nil {
		r.places, r.ofAddress = map[attempt]int{}, map[string]int{}
	}
	r.places[alike(e)] = len(r.entries)
	r.entries = append(r.entries, e)
	if stranger {
		r.strangers++
		r.ofAddress[e.By.Address]++
	}
}

// again counts an attempt that is like one that is kept, and tells whether there is one.
func (r *refusals) again(e fleet.AuditEntry) bool {
	at, known := r.places[alike(e)]
	if known {
		r.entries[at].Times += e.Times
	}
	return known
}

func alike(e fleet.AuditEntry) attempt {
	return attempt{e.By.Principal, e.By.Address, e.Action, e.Code, e.Target}
}

// merge adds an attempt to the entry of the many, which keeps what all of them have in common.
func merge(rest *fleet.AuditEntry, e fleet.AuditEntry) *fleet.AuditEntry {
	if rest == nil {
		e.By.Address, e.By.Correlation, e.Target, e.ConfigID, e.MAC, e.Other, e.Message = "", "", "", 0, nil, nil, ""
		return &e
	}
	rest.Times += e.Times
	if rest.By.Principal != e.By.Principal {
		rest.By.Principal = fleet.BySystem
	}
	if rest.Action != e.Action {
		rest.Action = ActionVarious
	}
	if rest.Code != e.Code {
		rest.Code = ""
	}
	return rest
}

// take ends the second.
func (r *refusals) take() []fleet.AuditEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := r.entries
	if r.rest != nil {
		entries = append(entries, *r.rest)
	}
	r.places, r.entries, r.rest, r.strangers, r.ofAddress = nil, nil, nil, 0, nil
	return entries
}

// keepRefused writes refused attempts every second.
func (r *Recorder) keepRefused(ctx context.Context) {
	r.refused.trouble.logger = r.options.Logger
	tick := time.NewTicker(refusedEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.writeRefused(ctx)
		case <-r.stop:
			r.writeRefused(ctx)
			return
		}
	}
}

func (r *Recorder) writeRefused(ctx context.Context) {
	entries := append(r.refused.unwritten, r.refused.take()...)
	if len(entries) == 0 {
		return
	}
	left, err := salvage(ctx, entries, func(ctx context.Context, entries []fleet.AuditEntry) error {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		defer cancel()
		return r.options.Auditor.Refused(ctx, rounded(entries))
	}, func(e fleet.AuditEntry, err error) {
		r.options.Logger.Error("the database refuses an entry of the audit; it is dropped", "action", string(e.Action), "code", string(e.Code), "error", err)
	})
	r.refused.unwritten = shorten(left)
	r.refused.trouble.tell("the audit of refused attempts", err, r.options.Now())
}

// rounded are entries with times as both databases keep them.
func rounded(entries []fleet.AuditEntry) []fleet.AuditEntry {
	out := make([]fleet.AuditEntry, len(entries))
	for i, e := range entries {
		e.At = e.At.UTC().Truncate(time.Microsecond)
		out[i] = e
	}
	return out
}

// shorten makes one entry of those that are too many to keep: the newest.
func shorten(entries []fleet.AuditEntry) []fleet.AuditEntry {
	if len(entries) <= mostUnwritten {
		return entries
	}
	var rest *fleet.AuditEntry
	for _, e := range entries[mostUnwritten-1:] {
		rest = merge(rest, e)
	}
	return append(entries[:mostUnwritten-1:mostUnwritten-1], *rest)
}

// clean is a text that both databases can keep.
func clean(text string) string {
	if len(text) > mostTarget {
		cut := mostTarget
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
