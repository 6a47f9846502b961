package store_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is what a store should hold.
type model struct {
	configs   map[fleet.MAC]fleet.Config
	revisions map[fleet.MAC][]fleet.Revision
	lastID    int64
	clock     time.Time
	run       int
}

func (m *model) change(c fleet.Change) (fleet.Applied, fleet.Code) {
	mac, old, exists := c.MAC, fleet.Config{}, false
	if c.Kind == fleet.Create {
		old, exists = m.configs[mac]
	} else {
		for _, has := range m.configs {
			if has.ID == c.ID {
				old, mac, exists = has, has.MAC, true
			}
		}
	}
	if exists == (c.Kind == fleet.Create) {
		if exists {
			return fleet.Applied{}, fleet.CodeExists
		}
		return fleet.Applied{}, fleet.CodeNotFound
	}
	if c.Kind == fleet.Save && bytes.Equal(old.Content, c.Document.Text) {
		return fleet.Applied{Config: old, Unchanged: true}, ""
	}
	r := fleet.Revision{MAC: mac, Number: int64(len(m.revisions[mac]) + 1), Source: c.Source, CreatedAt: c.At,
		Content: c.Document.Text, SHA256: c.Document.SHA256, Size: len(c.Document.Text)}
	m.revisions[mac] = append(m.revisions[mac], r)
	if c.Kind == fleet.Delete {
		delete(m.configs, mac)
		return fleet.Applied{Config: old}, ""
	}
	d := c.Document
	now := fleet.Config{ID: old.ID, MAC: mac, DeviceName: d.DeviceName, DeviceEntityID: d.DeviceEntityID, EnableOTA: d.EnableOTA,
		Content: d.Text, Revision: r.Number, ETag: d.ETag(), Standing: neverSeen, CreatedAt: old.CreatedAt, UpdatedAt: c.At}
	m.configs[mac] = now
	return fleet.Applied{Config: now}, ""
}

func (m *model) list(q fleet.Query) []fleet.Config {
	var found []fleet.Config
	for _, c := range m.configs {
		if m.matches(c, q.Search) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b fleet.Config) int {
		order := cmp.Or(compare(a.Position(q.Sort).Value, b.Position(q.Sort).Value), cmp.Compare(a.ID, b.ID))
		if q.Descending {
			return -order
		}
		return order
	})
	return found
}

func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case time.Time:
		return a.Compare(b.(time.Time))
	case bool:
		if a == b.(bool) {
			return 0
		} else if b.(bool) {
			return -1
		}
		return 1
	}
	panic(fmt.Sprintf("a position of %T", a))
}

func (m *model) matches(c fleet.Config, search string) bool {
	lower := func(s string) string {
		b := []byte(s)
		for i := range b {
			if 'A' <= b[i] && b[i] <= 'Z' {
				b[i] += 'a' - 'A'
			}
		}
		return string(b)
	}
	h := c.MAC.Hex()
	texts := []string{c.MAC.String(), c.MAC.Dashed(), h, h[:4] + "." + h[4:8] + "." + h[8:]}
	for _, p := range []*string{c.DeviceName, c.DeviceEntityID} {
		if p != nil {
			texts = append(texts, *p)
		}
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(lower(text), lower(search)) })
}

var names = []string{"Zähler", "zähler", "Änne", "ZÄHLER", "a%b", "a_b", "A\\b", "_", "é", "e\u0301", "", " ", "😀 lamp", "Lamp", "lamp-2",
	"aa:0", "ß", "SS", "\uffff", "10", "9", "Ⅷ", "İstanbul", "istanbul", "'quoted'"}

func drawDocument(t *rapid.T) fleet.Document {
	text := "{"
	if rapid.Bool().Draw(t, "named") {
		text += fmt.Sprintf(`"deviceName":%q,`, rapid.SampledFrom(names).Draw(t, "name"))
	}
	if rapid.Bool().Draw(t, "entity") {
		text += fmt.Sprintf(`"deviceEntityId":%q,`, rapid.SampledFrom(names).Draw(t, "entityID"))
	}
	if rapid.Bool().Draw(t, "ota") {
		text += fmt.Sprintf(`"enableOTA":%v,`, rapid.Bool().Draw(t, "enabled"))
	}
	text += fmt.Sprintf(` "n":%d}`, rapid.IntRange(0, 2).Draw(t, "n"))
	doc, err := fleet.ParseDocument([]byte(strings.ReplaceAll(text, `\x`, `\u00`)), 0)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// mac draws one of the few devices of this run: revisions outlive a run, as they outlive everything.
func (m *model) mac(t *rapid.T) fleet.MAC {
	n := rapid.IntRange(0, 7).Draw(t, "device")
	return fleet.MAC{0xaa, byte(n) << 4, 0x0b, byte(m.run >> 8), byte(m.run), 0xe0 | byte(n)}
}

func (m *model) draw(t *rapid.T) fleet.Change {
	m.clock = m.clock.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "later")) * 250 * time.Millisecond)
	c := fleet.Change{At: m.clock, Tell: rapid.SampledFrom([]fleet.Tell{fleet.TellAlways, fleet.TellIfChanged, fleet.TellNobody}).Draw(t, "tell")}
	c.Kind = rapid.SampledFrom([]fleet.Kind{fleet.Create, fleet.Create, fleet.Save, fleet.Save, fleet.Delete}).Draw(t, "kind")
	if c.Kind != fleet.Create {
		ids := []int64{0, 1 << 40}
		for _, has := range m.list(fleet.Query{Sort: fleet.ByID}) {
			if has.ID > 0 {
				ids = append(ids, has.ID, has.ID, has.ID)
			}
		}
		c.ID = rapid.SampledFrom(ids).Draw(t, "id")
	}
	switch c.Kind {
	case fleet.Create:
		c.MAC, c.Document, c.Source = m.mac(t), drawDocument(t), fleet.FromCreate
	case fleet.Save:
		c.Document, c.Source = drawDocument(t), fleet.FromEdit
	default:
		c.Source = fleet.FromDelete
	}
	return c
}

// created takes over what only the store can say of a new row.
func (m *model) created(mac fleet.MAC, id int64, at time.Time) {
	c := m.configs[mac]
	c.ID, c.CreatedAt, m.lastID = id, at, id
	m.configs[mac] = c
}

func (m *model) apply(t *rapid.T, s *store.Store) {
	c := m.draw(t)
	want, code := m.change(c)
	got, err := s.Apply(context.Background(), c)
	if fleet.CodeOf(err) != code {
		t.Fatalf("%+v: got %v, want code %q", c, err, code)
	}
	if err != nil {
		return
	}
	if c.Kind == fleet.Create {
		if got.Config.ID <= m.lastID {
			t.Fatalf("id %d was given after %d", got.Config.ID, m.lastID)
		}
		m.created(c.MAC, got.Config.ID, c.At)
		want.Config.ID, want.Config.CreatedAt = got.Config.ID, c.At
	}
	want.Config.Content = nil
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%+v (-want +got):\n%s", c, diff)
	}
}

// batch is an import: many changes in one transaction, which a failure undoes whole.
func (m *model) batch(t *rapid.T, s *store.Store) {
	before := model{map[fleet.MAC]fleet.Config{}, map[fleet.MAC][]fleet.Revision{}, m.lastID, m.clock, m.run}
	for k, v := range m.configs {
		before.configs[k] = v
	}
	for k, v := range m.revisions {
		before.revisions[k] = slices.Clone(v)
	}
	var changes []fleet.Change
	var code fleet.Code
	for range rapid.IntRange(1, 6).Draw(t, "changes") {
		c := before.draw(t)
		changes = append(changes, c)
		if _, failed := before.change(c); failed != "" {
			code = failed
			break
		}
		if c.Kind == fleet.Create { // its id is not known yet
			before.created(c.MAC, int64(-1-len(changes)), c.At)
		}
	}
	var applied []fleet.Applied
	err := s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) (err error) {
		applied, err = tx.Apply(ctx, changes...)
		return err
	})
	if fleet.CodeOf(err) != code {
		t.Fatalf("%d changes: got %v, want code %q", len(changes), err, code)
	}
	m.clock = before.clock
	if err != nil {
		return
	}
	for i, c := range changes {
		want, _ := m.change(c)
		if c.Kind == fleet.Create {
			m.created(c.MAC, applied[i].Config.ID, c.At)
		} else if want.Config.ID != applied[i].Config.ID || want.Unchanged != applied[i].Unchanged {
			t.Fatalf("%+v: got %+v, want %+v", c, applied[i], want)
		}
	}
}

func (m *model) pages(t *rapid.T, s *store.Store) {
	q := fleet.Query{
		Sort: rapid.SampledFrom(fleet.Columns).Draw(t, "sort"), Descending: rapid.Bool().Draw(t, "descending"),
		Limit: rapid.IntRange(1, 4).Draw(t, "limit"),
		Search: rapid.SampledFrom([]string{"", "", "", "a", "Ä", "LAMP", "%", "_", "\\", "aa-1", "AA:10", "a100b0", "AA40.0B0", "0b-00",
			"é", "'", "😀", "-", ".", ":", "e4"}).Draw(t, "search"),
	}
	withContent := rapid.Bool().Draw(t, "withContent")
	var got []fleet.Config
	for {
		err := s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) error {
			page, err := tx.Configs(ctx, q, withContent)
			if err != nil || len(page) == 0 {
				q.Limit = 0
				return err
			}
			got = append(got, page...)
			after := page[len(page)-1].Position(q.Sort)
			q.After = &after
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if q.Limit == 0 {
			break
		}
	}
	want := m.list(q)
	if !withContent {
		for i := range want {
			want[i].Content = nil
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("list %+v (-want +got):\n%s", q, diff)
	}
}

func (m *model) check(t *rapid.T, s *store.Store) {
	ctx, mac := context.Background(), m.mac(t)
	want, exists := m.configs[mac]
	served, err := s.Document(ctx, mac)
	if exists != (err == nil) || exists && (string(served.Content) != string(want.Content) || served.Revision != want.Revision ||
		served.ETag != fleet.ETag(sha256.Sum256(want.Content)) || !served.UpdatedAt.Equal(want.UpdatedAt)) {
		t.Fatalf("%s is served as %+v, %v; want %+v", mac, served, err, want)
	}
	err = s.View(ctx, func(ctx context.Context, tx fleet.ReadTx) error {
		n, err := tx.Count(ctx)
		if err != nil || n != int64(len(m.configs)) {
			return fmt.Errorf("count %d, %w; want %d", n, err, len(m.configs))
		}
		all, err := tx.ConfigsByMAC(ctx, []fleet.MAC{mac, storetest.MAC(99)})
		if err != nil {
			return err
		}
		if got, ok := all[mac]; ok != exists || gocmp.Diff(want, got) != "" {
			return fmt.Errorf("%s by MAC address: %s", mac, gocmp.Diff(want, got))
		}
		limit := rapid.IntRange(1, 5).Draw(t, "revisions")
		var wantRevisions []fleet.Revision
		for _, r := range slices.Backward(m.revisions[mac]) {
			if r.Content = nil; len(wantRevisions) < limit {
				wantRevisions = append(wantRevisions, r)
			}
		}
		revisions, err := tx.Revisions(ctx, mac, 0, limit)
		if diff := gocmp.Diff(wantRevisions, revisions); err != nil || diff != "" {
			return fmt.Errorf("revisions of %s, %w: %s", mac, err, diff)
		}
		for _, r := range m.revisions[mac] {
			got, err := tx.Revision(ctx, mac, r.Number)
			if diff := gocmp.Diff(r, got); err != nil || diff != "" {
				return fmt.Errorf("revision %d of %s, %w: %s", r.Number, mac, err, diff)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoreIsTheModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			m := &model{map[fleet.MAC]fleet.Config{}, map[fleet.MAC][]fleet.Revision{}, 0, storetest.Epoch(), run}
			m.lastID = empty(t, s)
			t.Repeat(map[string]func(*rapid.T){
				"apply": func(t *rapid.T) { m.apply(t, s) },
				"batch": func(t *rapid.T) { m.batch(t, s) },
				"pages": func(t *rapid.T) { m.pages(t, s) },
				"":      func(t *rapid.T) { m.check(t, s) },
			})
		})
	})
}

// empty deletes every configuration and answers the highest id among them.
func empty(t *rapid.T, s *store.Store) (last int64) {
	err := s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
		all, err := tx.Configs(ctx, fleet.Query{Limit: 1000}, false)
		changes := make([]fleet.Change, len(all))
		for i, c := range all {
			last = max(last, c.ID)
			changes[i] = fleet.Change{Kind: fleet.Delete, ID: c.ID, Source: fleet.FromDelete, At: storetest.Epoch()}
		}
		if err == nil {
			_, err = tx.Apply(ctx, changes...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}
