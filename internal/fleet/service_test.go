package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// bundle is a service over a fresh store, with a clock that moves a second with each look and counts the wakes.
type bundle struct {
	*fleet.Service
	store *store.Store
	wakes int
	clock time.Time
}

func newBundle(st *store.Store, o fleet.Options) *bundle {
	b := &bundle{store: st, clock: time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)}
	o.Now = func() time.Time { b.clock = b.clock.Add(time.Second); return b.clock }
	o.Wake = func() { b.wakes++ }
	b.Service = fleet.NewService(st, o)
	return b
}

// waiting is what the outbox holds, by MAC address.
func (b *bundle) waiting(t *testing.T) map[string]fleet.Message {
	t.Helper()
	messages, err := b.store.Claim(t.Context(), b.clock.Add(time.Hour), time.Nanosecond, 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]fleet.Message{}
	for _, m := range messages {
		out[m.MAC.String()] = m
	}
	return out
}

func wantCode(t *testing.T, what string, err error, want fleet.Code) {
	t.Helper()
	if got := fleet.CodeOf(err); got != want {
		t.Errorf("%s: got %v, want %s", what, err, want)
	}
}

const mac1, mac2, mac3 = "aa:bb:cc:dd:ee:01", "aa:bb:cc:dd:ee:02", "aa:bb:cc:dd:ee:03"

func TestLifeOfAConfig(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{Announce: true}), t.Context()
		made, err := b.Create(ctx, "AA-BB-CC-DD-EE-01", []byte(`{"deviceName":"Küche","enableOTA":true}`), fleet.Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		if made.MAC.String() != mac1 || *made.DeviceName != "Küche" || !*made.EnableOTA || made.Revision != 1 ||
			string(made.Content) != `{"deviceName":"Küche","enableOTA":true}` {
			t.Errorf("created %+v", made)
		}
		if made.CreatedAt != made.UpdatedAt || made.CreatedAt.Nanosecond()%1000 != 0 || made.CreatedAt.Location() != time.UTC {
			t.Errorf("times %v, %v", made.CreatedAt, made.UpdatedAt)
		}
		found, err := b.Config(ctx, made.ID)
		if diff := cmp.Diff(made, found); diff != "" || err != nil {
			t.Errorf("what was created is read as %s %v", diff, err)
		}
		_, err = b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{})
		wantCode(t, "create twice", err, fleet.CodeExists)

		changed, err := b.Update(ctx, made.ID, []byte(`{ }`), fleet.Attempt{})
		if err != nil || changed.DeviceName != nil || changed.EnableOTA != nil || changed.Revision != 2 ||
			!changed.UpdatedAt.After(made.UpdatedAt) || changed.CreatedAt != made.CreatedAt {
			t.Errorf("changed to %+v, %v", changed, err)
		}
		same, err := b.Update(ctx, made.ID, []byte(`{ }`), fleet.Attempt{})
		if diff := cmp.Diff(changed, same); diff != "" || err != nil {
			t.Errorf("saving what is there made %s %v", diff, err)
		}
		served, err := b.Document(ctx, "AABBCCDDEE01")
		if err != nil || string(served.Content) != `{ }` || served.Revision != 2 || served.ETag != changed.ETag {
			t.Errorf("served %+v, %v", served, err)
		}
		if m := b.waiting(t)[mac1]; m.Revision != 2 || !m.Broadcast || m.Deleted || m.Size != 3 {
			t.Errorf("in the outbox: %+v", m)
		}
		if err := b.Delete(ctx, made.ID, fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		if m := b.waiting(t)[mac1]; !m.Deleted || m.Broadcast {
			t.Errorf("in the outbox after the delete: %+v", m)
		}
		wantCode(t, "delete twice", b.Delete(ctx, made.ID, fleet.Attempt{}), fleet.CodeNotFound)
		_, err = b.Update(ctx, made.ID, []byte(`{}`), fleet.Attempt{})
		wantCode(t, "update of what is gone", err, fleet.CodeNotFound)
		_, err = b.Document(ctx, mac1)
		wantCode(t, "document of what is gone", err, fleet.CodeNotFound)
		if again, err := b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{}); err != nil || again.Revision != 4 || again.ID == made.ID {
			t.Errorf("created anew: %+v, %v; want revision 4 (the delete was 3) and another id", again, err)
		}
		if b.wakes != 5 {
			t.Errorf("the relay was woken %d times, want 5", b.wakes)
		}
	})
}

func TestRefusalsChangeNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{Announce: true, MaxContent: 20}), t.Context()
		_, err := b.Create(ctx, "x", []byte(`{}`), fleet.Attempt{})
		wantCode(t, "create for no MAC", err, fleet.CodeInvalidOperation)
		_, err = b.Create(ctx, mac1, []byte(`[]`), fleet.Attempt{})
		wantCode(t, "create of an array", err, fleet.CodeValidationFailed)
		_, err = b.Create(ctx, mac1, []byte(`{"a":"0123456789abcdef"}`), fleet.Attempt{})
		wantCode(t, "create of too much", err, fleet.CodeTooLarge)
		_, err = b.Document(ctx, "x")
		wantCode(t, "document of no MAC", err, fleet.CodeInvalidOperation)
		_, err = b.Update(ctx, 99999, []byte(`{}`), fleet.Attempt{})
		wantCode(t, "update of nothing", err, fleet.CodeNotFound)
		if n, err := b.Count(ctx); n != 0 || err != nil || b.wakes != 0 || len(b.waiting(t)) != 0 {
			t.Errorf("%d configurations, %v, %d wakes", n, err, b.wakes)
		}
	})
}

func TestWithoutAnnouncing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		c, err := b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Update(ctx, c.ID, []byte(`{"a":1}`), fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Import(ctx, []fleet.Item{{MAC: mac2, Content: []byte(`{}`)}}, fleet.ImportOptions{}, fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		if err := b.Delete(ctx, c.ID, fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		if n := len(b.waiting(t)); n != 0 || b.wakes != 0 {
			t.Errorf("%d messages, %d wakes without a broker", n, b.wakes)
		}
	})
}

func TestListPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		for i := range 25 {
			content := []byte(`{}`)
			if i%3 == 0 {
				content = fmt.Appendf(nil, `{"deviceName":"n%d"}`, i%2)
			}
			if _, err := b.Create(ctx, fmt.Sprintf("aa:bb:cc:dd:00:%02x", i), content, fleet.Attempt{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, q := range []fleet.Query{{}, {Sort: fleet.ByDeviceName}, {Sort: fleet.ByUpdatedAt, Descending: true}, {Sort: fleet.ByID, Search: "00:1"}} {
			var all []fleet.Config
			if err := b.EachConfig(ctx, q, false, func(c fleet.Config) error { all = append(all, c); return nil }); err != nil {
				t.Fatal(err)
			}
			var paged []fleet.Config
			q.Limit = 4
			for cursor, more := "", true; more; more = cursor != "" {
				page, err := b.Configs(ctx, q, cursor)
				if err != nil {
					t.Fatal(err)
				}
				paged, cursor = append(paged, page.Configs...), page.Next
			}
			if diff := cmp.Diff(all, paged); diff != "" || len(all) < 9 {
				t.Errorf("%+v: %d in all, pages differ: %s", q, len(all), diff)
			}
		}
		_, err := b.Configs(ctx, fleet.Query{}, "nonsense")
		wantCode(t, "cursor", err, fleet.CodeValidationFailed)
		stop := errors.New("stop")
		if err := b.EachConfig(ctx, fleet.Query{}, true, func(c fleet.Config) error {
			if c.Content == nil {
				t.Error("no content")
			}
			return stop
		}); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}

func TestImport(t *testing.T) {
	items := func(contents ...string) (out []fleet.Item) {
		for i, c := range contents {
			out = append(out, fleet.Item{Source: fmt.Sprintf("file%d", i+1), MAC: fmt.Sprintf("AA-BB-CC-DD-EE-%02X", i+1), Content: []byte(c)})
		}
		return out
	}
	refusedAs := func(source, mac string, code fleet.Code, reason string) []fleet.Refusal {
		return []fleet.Refusal{{Source: source, MAC: mac, Code: code, Reason: reason}}
	}
	there := refusedAs("file1", mac1, fleet.CodeExists, "Config for aa:bb:cc:dd:ee:01 already exists")
	there[0].Current = 1
	twice := append(items(`{}`), fleet.Item{Source: "again", MAC: mac1, Content: []byte(`{}`)})
	for _, c := range []struct {
		name    string
		items   []fleet.Item
		options fleet.ImportOptions
		want    fleet.Report
		after   int64 // configurations
		told    int   // messages
	}{
		{"new ones", items(`{"old":1}`, `{"b":2}`, `{"c":3}`), fleet.ImportOptions{},
			fleet.Report{Applied: true, Created: 2, Unchanged: 1, Refused: []fleet.Refusal{}}, 3, 2},
		{"dry run", items(`{"old":1}`, `{"b":2}`), fleet.ImportOptions{DryRun: true},
			fleet.Report{DryRun: true, Created: 1, Unchanged: 1, Refused: []fleet.Refusal{}}, 1, 0},
		{"conflict refuses all", items(`{"new":1}`, `{"b":2}`), fleet.ImportOptions{},
			fleet.Report{Created: 1, Refused: there}, 1, 0},
		{"conflict, going on", items(`{"new":1}`, `{"b":2}`), fleet.ImportOptions{KeepGoing: true},
			fleet.Report{Applied: true, Created: 1, Refused: there}, 2, 1},
		{"skip", items(`{"new":1}`, `{"b":2}`), fleet.ImportOptions{OnConflict: fleet.ConflictSkip},
			fleet.Report{Applied: true, Created: 1, Skipped: 1, Refused: []fleet.Refusal{}}, 2, 1},
		{"update", items(`{"new":1}`, `{"b":2}`), fleet.ImportOptions{OnConflict: fleet.ConflictUpdate},
			fleet.Report{Applied: true, Created: 1, Updated: 1, Refused: []fleet.Refusal{}}, 2, 2},
		{"bad document", items(`{"new":1}`, `{"b":2} `, `[]`), fleet.ImportOptions{OnConflict: fleet.ConflictUpdate},
			fleet.Report{Created: 1, Updated: 1, Refused: refusedAs("file3", mac3, fleet.CodeValidationFailed,
				"content must be a JSON object, not an array (line 1, column 1, byte 0)")}, 1, 0},
		{"bad MAC", []fleet.Item{{Source: "s", MAC: "zz", Content: []byte(`{}`)}}, fleet.ImportOptions{},
			fleet.Report{Refused: refusedAs("s", "", fleet.CodeInvalidOperation, "Cannot import config because MAC address 'zz' has invalid format")}, 1, 0},
		{"named twice", twice, fleet.ImportOptions{OnConflict: fleet.ConflictSkip},
			fleet.Report{Skipped: 1, Refused: refusedAs("again", mac1, fleet.CodeValidationFailed,
				"mac_address aa:bb:cc:dd:ee:01 is in this import twice; it was first in file1")}, 1, 0},
		{"nothing", nil, fleet.ImportOptions{}, fleet.Report{Applied: true, Refused: []fleet.Refusal{}}, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, st *store.Store) {
				ctx := t.Context()
				if _, err := fleet.NewService(st, fleet.Options{}).Create(ctx, mac1, []byte(`{"old":1}`), fleet.Attempt{}); err != nil {
					t.Fatal(err)
				}
				b := newBundle(st, fleet.Options{Announce: true})
				got, err := b.Import(ctx, c.items, c.options, fleet.Attempt{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
				if n, err := b.Count(ctx); n != c.after || err != nil {
					t.Errorf("%d configurations, %v; want %d", n, err, c.after)
				}
				if n := len(b.waiting(t)); n != c.told || (n > 0) != (b.wakes > 0) {
					t.Errorf("%d messages and %d wakes, want %d messages", n, b.wakes, c.told)
				}
			})
		})
	}
	_, err := fleet.NewService(nil, fleet.Options{}).Import(context.Background(), nil, fleet.ImportOptions{OnConflict: "maybe"}, fleet.Attempt{})
	wantCode(t, "option", err, fleet.CodeValidationFailed)
}
