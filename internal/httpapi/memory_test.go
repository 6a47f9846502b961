package httpapi

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// memory is a fleet.Store for tests of what HTTP adds to one, and of stores that fail.
type memory struct {
	mu sync.Mutex
	contents
	// fail, when set, is what every method answers; failAfter lets that many lists through before it.
	fail      error
	failAfter int
}

// contents are what a memory holds. No transaction changes a value in place, so that a shallow copy is one of before.
type contents struct {
	configs   map[int64]fleet.Config
	byMAC     map[fleet.MAC]int64 // ids of configs
	deleted   map[int64]fleet.Config
	revisions map[fleet.MAC][]fleet.Revision // oldest first
	devices   map[fleet.MAC]fleet.Device
	facts     []fleet.Fact // oldest first
	audit     []fleet.AuditEntry
	samples   []fleet.Summary // oldest first
	answers   map[string]kept
	last      int64
}

// kept is the answer of an idempotency key.
type kept struct {
	fingerprint [32]byte
	answer      []byte
}

func newContents() contents {
	return contents{configs: map[int64]fleet.Config{}, byMAC: map[fleet.MAC]int64{}, deleted: map[int64]fleet.Config{}, revisions: map[fleet.MAC][]fleet.Revision{},
		devices: map[fleet.MAC]fleet.Device{}, answers: map[string]kept{}}
}

func (c contents) copy() contents {
	c.configs, c.deleted, c.revisions = maps.Clone(c.configs), maps.Clone(c.deleted), maps.Clone(c.revisions)
	c.devices, c.answers, c.byMAC = maps.Clone(c.devices), maps.Clone(c.answers), maps.Clone(c.byMAC)
	c.facts, c.audit = slices.Clone(c.facts), slices.Clone(c.audit)
	return c
}

func newMemory() *memory { return &memory{contents: newContents()} }

// clear empties the store.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := m.last
	m.contents = newContents()
	m.last = last
}

func (m *memory) broken() error { m.mu.Lock(); defer m.mu.Unlock(); return m.fail }

func (m *memory) breakWith(err error) { m.mu.Lock(); defer m.mu.Unlock(); m.fail = err }

func (m *memory) View(ctx context.Context, fn func(context.Context, fleet.ReadTx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.gone(ctx); err != nil {
		return err
	}
	return fn(ctx, memoryTx{m})
}

func (m *memory) gone(ctx context.Context) error {
	if m.fail != nil && m.failAfter == 0 {
		return m.fail
	}
	m.failAfter = max(0, m.failAfter-1)
	return ctx.Err()
}

func (m *memory) Update(ctx context.Context, fn func(context.Context, fleet.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.gone(ctx); err != nil {
		return err
	}
	before := m.copy()
	if err := fn(ctx, memoryTx{m}); err != nil {
		m.contents = before
		return err
	}
	return nil
}

func (m *memory) Apply(ctx context.Context, change fleet.Change) (applied fleet.Applied, err error) {
	err = m.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
		all, err := tx.Apply(ctx, change)
		if err == nil {
			applied = all[0]
		}
		return err
	})
	return applied, err
}

func (m *memory) Document(ctx context.Context, mac fleet.MAC) (served fleet.Served, err error) {
	err = m.View(ctx, func(ctx context.Context, tx fleet.ReadTx) error {
		c, err := tx.ConfigByMAC(ctx, mac)
		served = fleet.Served{Content: c.Content, ETag: c.ETag, Revision: c.Revision, UpdatedAt: c.UpdatedAt}
		return err
	})
	return served, err
}

func (m *memory) Ping(context.Context) error { return m.broken() }

// Refused keeps attempts that were refused.
func (m *memory) Refused(_ context.Context, entries []fleet.AuditEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		memoryTx{m}.record(e)
	}
	return nil
}

// Record takes evidence of devices, whose revision must be known.
func (m *memory) Record(_ context.Context, evidence []fleet.Evidence) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range evidence {
		d := m.devices[e.MAC]
		if fact, news := d.Take(e); news {
			fact.ID = int64(len(m.facts) + 1)
			m.facts = append(m.facts, fact)
		}
		m.devices[e.MAC] = d
	}
	return nil
}

type memoryTx struct{ m *memory }

// standing is the configuration with how its device stands to it.
func (t memoryTx) standing(c fleet.Config) fleet.Config {
	c.Standing = t.m.devices[c.MAC].Standing(c.ETag, c.Revision, c.UpdatedAt)
	return c
}

func (t memoryTx) Config(_ context.Context, id int64) (fleet.Config, error) {
	if c, ok := t.m.configs[id]; ok {
		return t.standing(c), nil
	}
	return fleet.Config{}, fleet.NotFound(id)
}

func (t memoryTx) ConfigByMAC(_ context.Context, mac fleet.MAC) (fleet.Config, error) {
	if c, ok := t.m.configs[t.m.byMAC[mac]]; ok {
		return t.standing(c), nil
	}
	return fleet.Config{}, fleet.NotFound(mac)
}

func (t memoryTx) ConfigsByMAC(ctx context.Context, macs []fleet.MAC) (map[fleet.MAC]fleet.Config, error) {
	found := map[fleet.MAC]fleet.Config{}
	for _, mac := range macs {
		if c, err := t.ConfigByMAC(ctx, mac); err == nil {
			found[mac] = c
		}
	}
	return found, nil
}

// Configs sorts by MAC address or id only, which is what these tests ask for.
func (t memoryTx) Configs(_ context.Context, q fleet.Query, withContent bool) ([]fleet.Config, error) {
	order := func(a, b fleet.Config) int {
		c := cmp.Compare(a.MAC.String(), b.MAC.String())
		if q.Sort == fleet.ByID {
			c = cmp.Compare(a.ID, b.ID)
		}
		if q.Descending {
			return -c
		}
		return c
	}
	from := t.m.configs
	if q.Deleted {
		from = t.m.deleted
	}
	var all []fleet.Config
	for _, c := range from {
		if c = t.standing(c); !withContent {
			c.Content = nil
		}
		switch {
		case q.Search != "" && !strings.Contains(c.MAC.String(), strings.ToLower(q.Search)),
			q.After != nil && order(c, from[q.After.ID]) <= 0,
			len(q.Syncs) > 0 && !slices.Contains(q.Syncs, c.Standing.Sync),
			q.Overdue != nil && *q.Overdue != c.Standing.Overdue,
			q.Online != nil && (c.Standing.Online == nil || *c.Standing.Online != *q.Online):
			continue
		}
		all = append(all, c)
	}
	slices.SortFunc(all, order)
	return all[:min(len(all), q.Limit)], nil
}

func (t memoryTx) Glance(ctx context.Context, g fleet.Glance) ([]fleet.Config, error) {
	all, err := t.Configs(ctx, fleet.Query{Limit: len(t.m.configs)}, false)
	all = slices.DeleteFunc(all, func(c fleet.Config) bool {
		return g.After != nil && c.MAC.String() <= g.After.String() || len(g.IDs) > 0 && !slices.Contains(g.IDs, c.ID)
	})
	return all[:min(len(all), g.Limit)], err
}

func (t memoryTx) Count(context.Context) (int64, error) { return int64(len(t.m.configs)), nil }

func (t memoryTx) Deleted(_ context.Context, id int64) (fleet.Config, error) {
	if c, ok := t.m.deleted[id]; ok {
		return t.standing(c), nil
	}
	return fleet.Config{}, fleet.NotFound(id)
}

func (t memoryTx) Revisions(_ context.Context, mac fleet.MAC, below int64, limit int) ([]fleet.Revision, error) {
	var found []fleet.Revision
	for _, r := range slices.Backward(t.m.revisions[mac]) {
		if (below == 0 || r.Number < below) && len(found) < limit {
			r.Content = nil
			found = append(found, r)
		}
	}
	return found, nil
}

func (t memoryTx) Revision(_ context.Context, mac fleet.MAC, number int64) (fleet.Revision, error) {
	for _, r := range t.m.revisions[mac] {
		if r.Number == number {
			return r, nil
		}
	}
	return fleet.Revision{}, fleet.NoRevision(mac, number)
}

func (t memoryTx) RevisionByETag(_ context.Context, mac fleet.MAC, etag string, most int64) (int64, error) {
	for _, r := range slices.Backward(t.m.revisions[mac]) {
		if !r.Gone() && fleet.ETag(r.SHA256) == etag && (most == 0 || r.Number <= most) {
			return r.Number, nil
		}
	}
	return 0, fleet.NotFound(mac)
}

func (t memoryTx) Device(_ context.Context, mac fleet.MAC) (fleet.Device, error) {
	return t.m.devices[mac], nil
}

func (t memoryTx) Facts(_ context.Context, mac fleet.MAC, below int64, until time.Time, limit int) ([]fleet.Fact, error) {
	var found []fleet.Fact
	for _, f := range slices.Backward(t.m.facts) {
		if f.MAC == mac && (below == 0 || f.ID < below) && (until.IsZero() || !f.At.After(until)) && len(found) < limit {
			found = append(found, f)
		}
	}
	return found, nil
}

func (t memoryTx) Summary(context.Context) (fleet.Summary, error) {
	sum := fleet.Summary{Total: int64(len(t.m.configs)), Deleted: int64(len(t.m.deleted)), Sync: map[fleet.Sync]int64{}}
	for _, state := range fleet.Syncs {
		sum.Sync[state] = 0
	}
	for _, c := range t.m.configs {
		s := t.standing(c).Standing
		sum.Sync[s.Sync]++
		switch {
		case s.Online != nil && *s.Online:
			sum.Online++
		case s.Online != nil:
			sum.Offline++
		}
		if s.Overdue {
			sum.Overdue++
		}
	}
	return sum, nil
}

// Samples are those of every minute, whatever the step.
func (t memoryTx) Samples(_ context.Context, since, until time.Time, _ time.Duration) ([]fleet.Summary, error) {
	var found []fleet.Summary
	for _, sum := range t.m.samples {
		if !sum.At.Before(since) && sum.At.Before(until) {
			found = append(found, sum)
		}
	}
	return found, nil
}

func (t memoryTx) Audit(_ context.Context, q fleet.AuditQuery) ([]fleet.AuditEntry, error) {
	var found []fleet.AuditEntry
	for _, e := range slices.Backward(t.m.audit) {
		switch {
		case q.MAC != nil && (e.MAC == nil || *e.MAC != *q.MAC) && (e.Other == nil || *e.Other != *q.MAC),
			q.ConfigID != 0 && e.ConfigID != q.ConfigID,
			q.Action != "" && e.Action != q.Action,
			q.Result != "" && e.Result != q.Result,
			q.Principal != "" && e.By.Principal != q.Principal,
			q.Address != "" && e.By.Address != q.Address,
			q.Correlation != "" && e.By.Correlation != q.Correlation,
			e.At.Before(q.Since),
			!q.Until.IsZero() && !e.At.Before(q.Until),
			q.Below != 0 && e.ID >= q.Below,
			len(found) == q.Limit:
			continue
		}
		found = append(found, e)
	}
	return found, nil
}

func (t memoryTx) record(e fleet.AuditEntry) {
	e.ID, e.Times = int64(len(t.m.audit)+1), max(1, e.Times)
	t.m.audit = append(t.m.audit, e)
}

func (t memoryTx) Answer(_ context.Context, key string, fingerprint [32]byte, _ time.Time) ([]byte, [32]byte, bool, error) {
	if k, ok := t.m.answers[key]; ok {
		return k.answer, k.fingerprint, true, nil
	}
	t.m.answers[key] = kept{fingerprint: fingerprint}
	return nil, [32]byte{}, false, nil
}

func (t memoryTx) KeepAnswer(_ context.Context, key string, answer []byte) error {
	t.m.answers[key] = kept{t.m.answers[key].fingerprint, answer}
	return nil
}

func (t memoryTx) Apply(ctx context.Context, changes ...fleet.Change) ([]fleet.Applied, error) {
	var out []fleet.Applied
	for _, ch := range changes {
		applied, err := t.apply(ctx, ch)
		if err != nil {
			return nil, err
		}
		c := applied.Config
		entry := fleet.AuditEntry{At: ch.At, By: ch.By, Action: ch.Action, Result: fleet.ResultApplied, ConfigID: c.ID, MAC: &c.MAC,
			Revision: c.Revision, Message: ch.Message}
		if applied.Unchanged {
			entry.Result = fleet.ResultUnchanged
		}
		t.record(entry)
		if ch.Kind != fleet.Move {
			applied.Config.Content = nil
		}
		out = append(out, applied)
	}
	return out, nil
}

func (t memoryTx) apply(ctx context.Context, ch fleet.Change) (fleet.Applied, error) {
	if ch.Kind == fleet.Create || ch.Kind == fleet.Undelete {
		return t.make(ctx, ch)
	}
	c, err := t.Config(ctx, ch.ID)
	switch {
	case err != nil:
		return fleet.Applied{}, err
	case !ch.IfMatch.Allows(c.Revision):
		return fleet.Applied{}, fleet.Stale(c.MAC, c.Revision)
	}
	switch ch.Kind {
	case fleet.Delete:
		gone := c
		gone.DeletedAt = ch.At
		t.revise(c.MAC, ch, fleet.Document{})
		delete(t.m.configs, c.ID)
		delete(t.m.byMAC, c.MAC)
		t.m.deleted[c.ID] = gone
		return fleet.Applied{Config: c}, nil
	case fleet.Move:
		return t.move(ctx, c, ch)
	}
	if c.ETag == ch.Document.ETag() {
		return fleet.Applied{Config: c, Unchanged: true}, nil
	}
	return fleet.Applied{Config: t.keep(c, ch)}, nil
}

// make has a configuration where there is none.
func (t memoryTx) make(ctx context.Context, ch fleet.Change) (fleet.Applied, error) {
	c := fleet.Config{MAC: ch.MAC, CreatedAt: ch.At}
	if ch.Kind == fleet.Undelete {
		var err error
		if c, err = t.Deleted(ctx, ch.ID); err != nil {
			return fleet.Applied{}, err
		}
		if !ch.IfMatch.Allows(c.Revision) {
			return fleet.Applied{}, fleet.Stale(c.MAC, c.Revision)
		}
	}
	if _, err := t.ConfigByMAC(ctx, c.MAC); err == nil {
		return fleet.Applied{}, fleet.Exists(c.MAC)
	}
	for id, d := range t.m.deleted {
		if d.MAC == c.MAC {
			delete(t.m.deleted, id)
		}
	}
	if ch.Kind == fleet.Create {
		t.m.last++
		c.ID = t.m.last
	}
	c.DeletedAt = time.Time{}
	return fleet.Applied{Config: t.keep(c, ch)}, nil
}

func (t memoryTx) move(ctx context.Context, c fleet.Config, ch fleet.Change) (fleet.Applied, error) {
	if _, err := t.ConfigByMAC(ctx, ch.MAC); err == nil {
		return fleet.Applied{}, fleet.Exists(ch.MAC)
	}
	old, moved := c.MAC, slices.Clone(t.m.revisions[c.MAC])
	last := c.Revision
	t.m.revisions[old] = []fleet.Revision{{MAC: old, Number: last + 1, Source: fleet.FromReplace, CreatedAt: ch.At, By: ch.By, Other: &ch.MAC}}
	there := t.m.revisions[ch.MAC]
	for i := range moved {
		moved[i].MAC = ch.MAC
		moved[i].Number += int64(len(there))
	}
	t.m.revisions[ch.MAC] = append(slices.Clone(there), moved...)
	c.MAC = ch.MAC
	doc, err := fleet.ParseDocument(c.Content, 0)
	if err != nil {
		return fleet.Applied{}, err
	}
	ch.Document = doc
	return fleet.Applied{Config: t.keep(c, ch)}, nil
}

// keep gives a configuration the document of a change.
func (t memoryTx) keep(c fleet.Config, ch fleet.Change) fleet.Config {
	c.Revision, c.UpdatedAt = t.revise(c.MAC, ch, ch.Document), ch.At
	c.Content, c.ETag = ch.Document.Text, ch.Document.ETag()
	c.DeviceName, c.DeviceEntityID, c.EnableOTA = ch.Document.DeviceName, ch.Document.DeviceEntityID, ch.Document.EnableOTA
	if before, ok := t.m.configs[c.ID]; ok {
		delete(t.m.byMAC, before.MAC)
	}
	t.m.configs[c.ID], t.m.byMAC[c.MAC] = c, c.ID
	return t.standing(c)
}

// revise adds a revision and answers its number.
func (t memoryTx) revise(mac fleet.MAC, ch fleet.Change, doc fleet.Document) int64 {
	have := t.m.revisions[mac]
	number := int64(1)
	if len(have) > 0 {
		number = have[len(have)-1].Number + 1
	}
	t.m.revisions[mac] = append(slices.Clone(have), fleet.Revision{MAC: mac, Number: number, Content: doc.Text, SHA256: doc.SHA256,
		Size: len(doc.Text), Source: ch.Source, CreatedAt: ch.At, By: ch.By, Message: ch.Message, Restored: ch.Restored})
	return number
}
