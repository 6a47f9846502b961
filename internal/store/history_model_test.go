package store_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"pgregory.net/rapid"
)

// past is what a fleet's history should be, as the use cases promise it. It says so in its own words, and shares no code with
// the store.
type past struct {
	run     int
	now     time.Time
	macs    []fleet.MAC
	there   map[fleet.MAC]fleet.Config // with content, without how their devices stand
	gone    map[fleet.MAC]fleet.Config
	history map[fleet.MAC][]fleet.Revision // oldest first
	newest  map[fleet.MAC]int64            // the highest number that was ever given
	fetched map[fleet.MAC]fleet.Revision   // what the device was served last
	audit   []fleet.AuditEntry             // oldest first
	answers map[string]fleet.Config        // of writes that may be repeated, by their key

	lastID int64
}

func newPast(run int) *past {
	p := &past{run: run, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, run),
		there: map[fleet.MAC]fleet.Config{}, gone: map[fleet.MAC]fleet.Config{}, history: map[fleet.MAC][]fleet.Revision{},
		newest: map[fleet.MAC]int64{}, fetched: map[fleet.MAC]fleet.Revision{}, answers: map[string]fleet.Config{}}
	for n := range byte(4) {
		p.macs = append(p.macs, fleet.MAC{0x0a, n, 0, byte(run >> 16), byte(run >> 8), byte(run)})
	}
	return p
}

// byID is a configuration, there or deleted.
func (p *past) byID(id int64) (c fleet.Config, there, found bool) {
	for _, c := range p.there {
		if c.ID == id {
			return c, true, true
		}
	}
	for _, c := range p.gone {
		if c.ID == id {
			return c, false, true
		}
	}
	return c, false, false
}

// give adds a revision of the next number.
func (p *past) give(mac fleet.MAC, r fleet.Revision, a fleet.Attempt) int64 {
	p.newest[mac]++
	r.MAC, r.Number, r.CreatedAt, r.Message = mac, p.newest[mac], p.now, a.Message
	r.By = fleet.Actor{Principal: a.By.Principal, Address: a.By.Address}
	if r.Size = len(r.Content); r.Content != nil {
		r.SHA256 = sha256.Sum256(r.Content)
	}
	p.history[mac] = append(p.history[mac], r)
	return r.Number
}

// note adds an entry to the audit.
func (p *past) note(action fleet.Action, result fleet.AuditResult, c fleet.Config, revision int64, other *fleet.MAC, a fleet.Attempt) {
	mac := c.MAC
	p.audit = append(p.audit, fleet.AuditEntry{At: p.now, By: a.By, Action: action, Result: result, ConfigID: c.ID, MAC: &mac, Revision: revision,
		Other: other, Message: a.Message, Times: 1})
}

// holding is a configuration with another content.
func (p *past) holding(c fleet.Config, content []byte, revision int64) fleet.Config {
	doc, err := fleet.ParseDocument(content, 0)
	if err != nil {
		panic(err)
	}
	c.Content, c.ETag, c.Revision, c.UpdatedAt, c.DeletedAt = content, doc.ETag(), revision, p.now, time.Time{}
	c.DeviceName, c.DeviceEntityID, c.EnableOTA = doc.DeviceName, doc.DeviceEntityID, doc.EnableOTA
	return c
}

// create makes a configuration; its id is what the store says.
func (p *past) create(mac fleet.MAC, content []byte, source fleet.Source, action fleet.Action, a fleet.Attempt) (fleet.Config, fleet.Code) {
	if _, exists := p.there[mac]; exists {
		if a.IfNoneMatch {
			return fleet.Config{}, fleet.CodePreconditionFailed
		}
		return fleet.Config{}, fleet.CodeExists
	}
	delete(p.gone, mac)
	number := p.give(mac, fleet.Revision{Content: content, Source: source}, a)
	c := p.holding(fleet.Config{MAC: mac, CreatedAt: p.now}, content, number)
	p.there[mac] = c
	p.note(action, fleet.ResultApplied, c, number, nil, a)
	return c, ""
}

// named says which id a configuration got that was made.
func (p *past) named(mac fleet.MAC, id int64) {
	c := p.there[mac]
	c.ID, p.lastID = id, max(p.lastID, id)
	p.there[mac] = c
	for i := range p.audit {
		if p.audit[i].ConfigID == 0 && *p.audit[i].MAC == mac {
			p.audit[i].ConfigID = id
		}
	}
}

// save puts content into a configuration that is there.
func (p *past) save(id int64, content []byte, source fleet.Source, restored int64, action fleet.Action, a fleet.Attempt) (fleet.Config, fleet.Code) {
	c, there, _ := p.byID(id)
	switch {
	case !there:
		return fleet.Config{}, fleet.CodeNotFound
	case !a.IfMatch.Allows(c.Revision):
		return fleet.Config{}, fleet.CodePreconditionFailed
	case bytes.Equal(c.Content, content):
		p.note(action, fleet.ResultUnchanged, c, c.Revision, nil, a)
		return c, ""
	}
	number := p.give(c.MAC, fleet.Revision{Content: content, Source: source, Restored: restored}, a)
	c = p.holding(c, content, number)
	p.there[c.MAC] = c
	p.note(action, fleet.ResultApplied, c, number, nil, a)
	return c, ""
}

func (p *past) delete(id int64, a fleet.Attempt) fleet.Code {
	c, there, _ := p.byID(id)
	switch {
	case !there:
		return fleet.CodeNotFound
	case !a.IfMatch.Allows(c.Revision):
		return fleet.CodePreconditionFailed
	}
	number := p.give(c.MAC, fleet.Revision{Source: fleet.FromDelete}, a)
	delete(p.there, c.MAC)
	c.DeletedAt = p.now
	p.gone[c.MAC] = c
	p.note(fleet.ActionDelete, fleet.ResultApplied, c, number, nil, a)
	return ""
}

// bringBack is a restore, or an undelete where number is 0.
func (p *past) bringBack(id, number int64, a fleet.Attempt) (fleet.Config, fleet.Code) {
	c, there, found := p.byID(id)
	if !found {
		return fleet.Config{}, fleet.CodeNotFound
	}
	if number == 0 && there {
		return fleet.Config{}, fleet.CodeExists
	}
	content := c.Content
	if number == 0 {
		number = c.Revision
	} else {
		at := slices.IndexFunc(p.history[c.MAC], func(r fleet.Revision) bool { return r.Number == number && r.Content != nil })
		if at < 0 {
			return fleet.Config{}, fleet.CodeNotFound
		}
		content = p.history[c.MAC][at].Content
	}
	if there {
		return p.save(id, content, fleet.FromRestore, number, fleet.ActionRestore, a)
	}
	if m := a.IfMatch; m.Given && (m.Any || !m.Allows(p.newest[c.MAC])) {
		return fleet.Config{}, fleet.CodePreconditionFailed
	}
	delete(p.gone, c.MAC)
	given := p.give(c.MAC, fleet.Revision{Content: content, Source: fleet.FromRestore, Restored: number}, a)
	c = p.holding(c, content, given)
	p.there[c.MAC] = c
	p.note(fleet.ActionRestore, fleet.ResultApplied, c, given, nil, a)
	return c, ""
}

func (p *past) replace(id int64, to fleet.MAC, a fleet.Attempt) (fleet.Config, fleet.Code) {
	c, there, _ := p.byID(id)
	if !there {
		return fleet.Config{}, fleet.CodeNotFound
	}
	if !a.IfMatch.Allows(c.Revision) {
		return fleet.Config{}, fleet.CodePreconditionFailed
	}
	if _, taken := p.there[to]; taken {
		return fleet.Config{}, fleet.CodeExists
	}
	from := c.MAC
	delete(p.there, from)
	delete(p.gone, to)
	first := p.history[from][0].Number
	shift := int64(0)
	if p.newest[to] > 0 {
		shift = p.newest[to] + 1 - first
	}
	for _, r := range p.history[from] {
		r.MAC, r.Number = to, r.Number+shift
		if r.Restored < first {
			r.Restored = 0
		}
		if r.Restored > 0 {
			r.Restored += shift
		}
		p.history[to] = append(p.history[to], r)
	}
	p.newest[to] = p.newest[from] + shift
	p.history[from] = nil
	p.renumber(to)
	p.give(from, fleet.Revision{Source: fleet.FromReplace, Other: &to}, a)
	number := p.give(to, fleet.Revision{Content: c.Content, Source: fleet.FromReplace, Other: &from}, a)
	c.MAC = to
	c = p.holding(c, c.Content, number)
	p.there[to] = c
	p.note(fleet.ActionReplace, fleet.ResultApplied, c, number, &from, a)
	return c, ""
}

// renumber has what a device was served bear the number that it has now, where hardware that was replaced is back.
func (p *past) renumber(mac fleet.MAC) {
	served, ever := p.fetched[mac]
	there := func(r fleet.Revision) bool { return r.Number == served.Number && r.SHA256 == served.SHA256 }
	if !ever || slices.ContainsFunc(p.history[mac], there) {
		return
	}
	for _, r := range p.history[mac] {
		if r.SHA256 == served.SHA256 {
			served.Number = r.Number
		}
	}
	p.fetched[mac] = served
}

// forget is what retention lets go.
func (p *past) forget(r fleet.Retention) {
	if r.Audit > 0 && len(p.audit) > 0 {
		last := len(p.audit) - 1
		p.audit = append(slices.DeleteFunc(p.audit[:last:last], func(e fleet.AuditEntry) bool { return e.At.Before(p.now.Add(-r.Audit)) }), p.audit[last])
	}
	if r.Revisions == 0 && r.Age == 0 {
		return
	}
	before := p.now.Add(-max(r.Age, time.Minute))
	for _, mac := range p.macs {
		all := p.history[mac]
		var kept []fleet.Revision
		for i, rev := range all {
			newest := i >= len(all)-max(1, r.Revisions)
			has := rev.Number == p.fetched[mac].Number
			back := p.gone[mac].ID != 0 && p.gone[mac].Revision == rev.Number
			if newest || has || back || !rev.CreatedAt.Before(before) {
				kept = append(kept, rev)
			}
		}
		p.history[mac] = kept
	}
}

// load is an import: nothing of it where something is refused, unless it keeps going.
func (p *past) load(items []fleet.Item, o fleet.ImportOptions, a fleet.Attempt) (want fleet.Report, made []fleet.MAC) {
	want.DryRun = o.DryRun
	seen := map[string]bool{}
	var apply []func()
	refused := 0
	for _, item := range items {
		mac, err := fleet.ParseMAC(item.MAC)
		doc, bad := fleet.ParseDocument(item.Content, 0)
		c, exists := p.there[mac]
		switch twice := seen[item.MAC]; {
		case err != nil || twice || bad != nil:
			refused++
		case exists && bytes.Equal(c.Content, doc.Text):
			want.Unchanged++
		case item.IfRevision != nil && *item.IfRevision != c.Revision: // 0 of what is not there
			refused++
		case !exists:
			want.Created++
			made = append(made, mac)
			apply = append(apply, func() { p.create(mac, doc.Text, fleet.FromImport, fleet.ActionImport, a) })
		case o.OnConflict == fleet.ConflictSkip:
			want.Skipped++
		case o.OnConflict == fleet.ConflictUpdate:
			want.Updated++
			apply = append(apply, func() { p.save(c.ID, doc.Text, fleet.FromImport, 0, fleet.ActionImport, a) })
		default:
			refused++
		}
		seen[item.MAC] = seen[item.MAC] || err == nil
	}
	want.Refused = make([]fleet.Refusal, refused)
	if want.Applied = !o.DryRun && (refused == 0 || o.KeepGoing); !want.Applied {
		return want, nil
	}
	for _, one := range apply {
		one()
	}
	return want, made
}

// The choices that a history is made of.

func (p *past) drawMAC(t *rapid.T) fleet.MAC { return rapid.SampledFrom(p.macs).Draw(t, "device") }

// drawID is mostly of a configuration that is there, or was.
func (p *past) drawID(t *rapid.T, label string) int64 {
	ids := []int64{0, 1 << 40}
	for _, mac := range p.macs {
		if c, ok := p.there[mac]; ok {
			ids = append(ids, c.ID, c.ID, c.ID, c.ID)
		}
		if c, ok := p.gone[mac]; ok {
			ids = append(ids, c.ID, c.ID)
		}
	}
	return rapid.SampledFrom(ids).Draw(t, label)
}

func (p *past) drawContent(t *rapid.T) []byte {
	if rapid.IntRange(0, 3).Draw(t, "old") == 0 { // what it had, in whatever revision
		var all [][]byte
		for _, mac := range p.macs {
			for _, r := range p.history[mac] {
				if r.Content != nil {
					all = append(all, r.Content)
				}
			}
		}
		if len(all) > 0 {
			return rapid.SampledFrom(all).Draw(t, "content")
		}
	}
	return drawDocument(t).Text
}

func (p *past) drawAttempt(t *rapid.T, id int64) fleet.Attempt {
	a := fleet.Attempt{
		By: fleet.Actor{Principal: rapid.SampledFrom([]fleet.Principal{fleet.ByToken, fleet.ByLocal, ""}).Draw(t, "principal"),
			Address: rapid.SampledFrom([]string{"", "192.0.2.1", "2001:db8::1"}).Draw(t, "address"), Correlation: fmt.Sprint("c", len(p.audit))},
		Message: rapid.SampledFrom([]string{"", "why", "ünd \U0001F525\n'%_"}).Draw(t, "message"),
	}
	if c, _, found := p.byID(id); found && rapid.IntRange(0, 2).Draw(t, "careful") == 0 {
		a.IfMatch = fleet.Match{Given: true, Any: rapid.IntRange(0, 4).Draw(t, "any") == 0}
		for _, off := range rapid.SampledFrom([][]int64{{0}, {0}, {1}, {}, {-1, 0, 1}, {-1}}).Draw(t, "revisions") {
			a.IfMatch.Revisions = append(a.IfMatch.Revisions, c.Revision+off)
		}
	}
	return a
}

// later lets time pass.
func (p *past) later(t *rapid.T) {
	p.now = p.now.Add(time.Duration(rapid.IntRange(1, 90_000).Draw(t, "later")) * time.Millisecond)
}

var patches = []string{`{}`, `{"deviceName":null}`, `{"deviceName":"patched"}`, `{"enableOTA":true}`, `{"enableOTA":null,"n":1}`, `{"n":0}`, `{"more":{"deep":[1e400]}}`,
	`{"enableOTA":"no"}`, `{"n":1}{}`}

func (p *past) patch(id int64, patch []byte, a fleet.Attempt) (fleet.Config, fleet.Code) {
	c, there, _ := p.byID(id)
	if !there {
		return fleet.Config{}, fleet.CodeNotFound
	}
	if !a.IfMatch.Allows(c.Revision) {
		return fleet.Config{}, fleet.CodePreconditionFailed
	}
	text, err := fleet.MergePatch(c.Content, patch)
	if err == nil {
		_, err = fleet.ParseDocument(text, 0)
	}
	if err != nil {
		return fleet.Config{}, fleet.CodeOf(err)
	}
	return p.save(id, text, fleet.FromEdit, 0, fleet.ActionPatch, fleet.Attempt{By: a.By, Message: a.Message})
}
