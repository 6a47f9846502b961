package httpapi

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"espalier.dev/espalier/internal/fleet"
)

// memory is a fleet.Store for tests of what HTTP adds to one, and of stores that fail.
type memory struct {
	mu        sync.Mutex
	configs   map[int64]fleet.Config
	revisions map[fleet.MAC]int64
	last      int64
	// fail, when set, is what every method answers; failAfter lets that many lists through before it.
	fail      error
	failAfter int
}

func newMemory() *memory {
	return &memory{configs: map[int64]fleet.Config{}, revisions: map[fleet.MAC]int64{}}
}

// clear empties the store.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.configs)
	clear(m.revisions)
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
	before := newMemory()
	for id, c := range m.configs {
		before.configs[id] = c
	}
	for mac, n := range m.revisions {
		before.revisions[mac] = n
	}
	if err := fn(ctx, memoryTx{m}); err != nil {
		m.configs, m.revisions = before.configs, before.revisions
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
		served = fleet.Served{Content: c.Content, ETag: fleet.ETag(c.SHA256), Revision: c.Revision, UpdatedAt: c.UpdatedAt}
		return err
	})
	return served, err
}

func (m *memory) Ping(context.Context) error { return m.broken() }

type memoryTx struct{ m *memory }

func (t memoryTx) Config(_ context.Context, id int64) (fleet.Config, error) {
	if c, ok := t.m.configs[id]; ok {
		return c, nil
	}
	return fleet.Config{}, fleet.NotFound(id)
}

func (t memoryTx) ConfigByMAC(_ context.Context, mac fleet.MAC) (fleet.Config, error) {
	for _, c := range t.m.configs {
		if c.MAC == mac {
			return c, nil
		}
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
	var all []fleet.Config
	for _, c := range t.m.configs {
		if !withContent {
			c.Content = nil
		}
		if q.Search != "" && !strings.Contains(c.MAC.String(), strings.ToLower(q.Search)) {
			continue
		}
		if q.After != nil && order(c, t.m.configs[q.After.ID]) <= 0 {
			continue
		}
		all = append(all, c)
	}
	slices.SortFunc(all, order)
	return all[:min(len(all), q.Limit)], nil
}

func (t memoryTx) Count(context.Context) (int64, error) { return int64(len(t.m.configs)), nil }

func (t memoryTx) Revisions(context.Context, fleet.MAC, int64, int) ([]fleet.Revision, error) {
	return nil, errors.New("not kept")
}

func (t memoryTx) Revision(context.Context, fleet.MAC, int64) (fleet.Revision, error) {
	return fleet.Revision{}, errors.New("not kept")
}

func (t memoryTx) Apply(ctx context.Context, changes ...fleet.Change) ([]fleet.Applied, error) {
	var out []fleet.Applied
	for _, ch := range changes {
		c, err := t.apply(ctx, ch)
		if err != nil {
			return nil, err
		}
		c.Content = nil
		out = append(out, fleet.Applied{Config: c})
	}
	return out, nil
}

func (t memoryTx) apply(ctx context.Context, ch fleet.Change) (fleet.Config, error) {
	switch ch.Kind {
	case fleet.Delete:
		c, err := t.Config(ctx, ch.ID)
		delete(t.m.configs, ch.ID)
		return c, err
	case fleet.Create:
		if _, err := t.ConfigByMAC(ctx, ch.MAC); err == nil {
			return fleet.Config{}, fleet.Exists(ch.MAC)
		}
		t.m.last++
		t.m.configs[t.m.last] = fleet.Config{ID: t.m.last, MAC: ch.MAC, CreatedAt: ch.At}
		ch.ID = t.m.last
	}
	c, err := t.Config(ctx, ch.ID)
	if err != nil || (ch.Kind == fleet.Save && c.SHA256 == ch.Document.SHA256) {
		return c, err
	}
	t.m.revisions[c.MAC]++
	c.Revision, c.UpdatedAt = t.m.revisions[c.MAC], ch.At
	c.Content, c.SHA256 = ch.Document.Text, ch.Document.SHA256
	c.DeviceName, c.DeviceEntityID, c.EnableOTA = ch.Document.DeviceName, ch.Document.DeviceEntityID, ch.Document.EnableOTA
	t.m.configs[c.ID] = c
	return c, nil
}
