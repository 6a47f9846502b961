package fleet_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// must fails the test where err is one, and answers the rest.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func at(revisions ...int64) fleet.Match { return fleet.Match{Given: true, Revisions: revisions} }

// wantStale wants PRECONDITION_FAILED that names the current revision.
func wantStale(t *testing.T, what string, err error, current int64) {
	t.Helper()
	wantCode(t, what, err, fleet.CodePreconditionFailed)
	if e, ok := errors.AsType[*fleet.Error](err); ok && e.Current != current {
		t.Errorf("%s: current is %d, want %d", what, e.Current, current)
	}
}

// history is the revisions in short, oldest first: number, source, who and why.
func (b *bundle) history(t *testing.T, id int64) (out []string) {
	t.Helper()
	found, _, err := b.Revisions(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		one := fmt.Sprintf("%d %s", r.Number, r.Source)
		if r.By.Principal != "" {
			one += fmt.Sprintf(" by %s", r.By.Principal)
		}
		if r.Message != "" {
			one += ": " + r.Message
		}
		if r.Restored != 0 {
			one += fmt.Sprintf(" of %d", r.Restored)
		}
		if r.Other != nil {
			one += " other " + r.Other.String()
		}
		if r.Gone() {
			one += " gone"
		}
		out = append([]string{one}, out...)
	}
	return out
}

func TestHistoryOfAConfig(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{Announce: true}), t.Context()
		config, revision := must[fleet.Config](t), must[fleet.Revision](t)
		by := fleet.Actor{Principal: fleet.ByToken, Address: "192.0.2.1", Correlation: "c-1"}
		c := config(b.Create(ctx, mac1, []byte(`{"n": 1e400}`), fleet.Attempt{By: by, Message: "new\n\tone"}))
		config(b.Update(ctx, c.ID, []byte(`{"n":2}`), fleet.Attempt{By: fleet.Actor{Principal: fleet.ByLocal}}))
		config(b.Update(ctx, c.ID, []byte(`{"n":2}`), fleet.Attempt{}))
		config(b.Patch(ctx, c.ID, []byte(`{"m":[ ]}`), fleet.Attempt{Message: "Küche"}))
		back := config(b.Restore(ctx, c.ID, 1, fleet.Attempt{}))
		if back.Revision != 4 || string(back.Content) != `{"n": 1e400}` {
			t.Errorf("restored to %+v", back)
		}
		if again := config(b.Restore(ctx, c.ID, 1, fleet.Attempt{})); again.Revision != 4 {
			t.Errorf("to restore what is there made revision %d", again.Revision)
		}
		if err := b.Delete(ctx, c.ID, fleet.Attempt{Message: "away"}); err != nil {
			t.Fatal(err)
		}
		undeleted := config(b.Undelete(ctx, c.ID, fleet.Attempt{}))
		if undeleted.ID != c.ID || undeleted.Revision != 6 || string(undeleted.Content) != `{"n": 1e400}` || !undeleted.DeletedAt.IsZero() {
			t.Errorf("brought back as %+v", undeleted)
		}
		if diff := cmp.Diff(undeleted, config(b.Config(ctx, c.ID))); diff != "" {
			t.Errorf("what was brought back is read as %s", diff)
		}
		want := []string{"1 create by token: new\n\tone", "2 edit by local", "3 edit: Küche", "4 restore of 1", "5 delete: away gone", "6 restore of 4"}
		if diff := cmp.Diff(want, b.history(t, c.ID)); diff != "" {
			t.Error(diff)
		}
		one := revision(b.Revision(ctx, c.ID, 1))
		if string(one.Content) != `{"n": 1e400}` || one.SHA256 != sha256.Sum256(one.Content) || one.Size != 12 || !one.CreatedAt.Equal(c.CreatedAt) ||
			one.By.Principal != by.Principal || one.By.Address != by.Address || one.MAC != c.MAC {
			t.Errorf("revision 1 is %+v", one)
		}
		if gone := revision(b.Revision(ctx, c.ID, 5)); gone.Content != nil || !gone.Gone() {
			t.Errorf("the delete is %+v", gone)
		}
		_, err := b.Revision(ctx, c.ID, 7)
		wantCode(t, "a revision that never was", err, fleet.CodeNotFound)
		_, err = b.Revision(ctx, 99999, 1)
		wantCode(t, "a revision of nothing", err, fleet.CodeNotFound)
	})
}

func TestRevisionsInPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		c, err := b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{})
		for i := 2; i <= 7 && err == nil; i++ {
			_, err = b.Update(ctx, c.ID, fmt.Appendf(nil, `{"n":%d}`, i), fleet.Attempt{})
		}
		if err != nil {
			t.Fatal(err)
		}
		var numbers []int64
		for below := int64(0); ; {
			page, next, err := b.Revisions(ctx, c.ID, below, 3)
			if err != nil || len(page) > 3 {
				t.Fatalf("%d revisions, %v", len(page), err)
			}
			for _, r := range page {
				if r.Content != nil || r.Size == 0 {
					t.Errorf("in the list: %+v", r)
				}
				numbers = append(numbers, r.Number)
			}
			if below = next; next == 0 {
				break
			}
		}
		if diff := cmp.Diff([]int64{7, 6, 5, 4, 3, 2, 1}, numbers); diff != "" {
			t.Error(diff)
		}
		for _, limit := range []int{-1, fleet.MaxPage + 1} {
			_, _, err = b.Revisions(ctx, c.ID, 0, limit)
			wantCode(t, "limit", err, fleet.CodeValidationFailed)
		}
		_, _, err = b.Revisions(ctx, 99999, 0, 0)
		wantCode(t, "of nothing", err, fleet.CodeNotFound)
	})
}

func TestTwoRevisions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		c, err := b.Create(ctx, mac1, []byte(`{"n":1}`), fleet.Attempt{})
		for i := 2; i <= 3 && err == nil; i++ {
			_, err = b.Update(ctx, c.ID, fmt.Appendf(nil, `{"n":%d}`, i), fleet.Attempt{})
		}
		if err == nil {
			err = b.Delete(ctx, c.ID, fleet.Attempt{})
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct{ from, to, older, newer int64 }{
			{0, 0, 3, 4}, {0, 2, 1, 2}, {0, 1, 0, 1}, {1, 0, 1, 4}, {1, 3, 1, 3}, {3, 1, 3, 1}, {2, 2, 2, 2},
		} {
			older, newer, err := b.TwoRevisions(ctx, c.ID, test.from, test.to)
			if err != nil || older.Number != test.older || newer.Number != test.newer || older.MAC != c.MAC || newer.MAC != c.MAC {
				t.Errorf("%d..%d: got %d..%d, %v", test.from, test.to, older.Number, newer.Number, err)
			}
			for _, r := range []fleet.Revision{older, newer} {
				if want := fmt.Sprintf(`{"n":%d}`, r.Number); r.Number > 0 && r.Number < 4 && string(r.Content) != want || r.Number%4 == 0 && r.Content != nil {
					t.Errorf("revision %d has %s", r.Number, r.Content)
				}
			}
		}
		for _, test := range [][2]int64{{9, 0}, {0, 9}, {9, 2}} {
			_, _, err := b.TwoRevisions(ctx, c.ID, test[0], test[1])
			wantCode(t, fmt.Sprint(test), err, fleet.CodeNotFound)
		}
		_, _, err = b.TwoRevisions(ctx, 99999, 0, 0)
		wantCode(t, "of nothing", err, fleet.CodeNotFound)
	})
}

func TestRestoreAndUndeleteRefuse(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		c, err := b.Create(ctx, mac1, []byte(`{"n":1}`), fleet.Attempt{})
		if err == nil {
			_, err = b.Update(ctx, c.ID, []byte(`{"n":2}`), fleet.Attempt{})
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Undelete(ctx, c.ID, fleet.Attempt{})
		wantCode(t, "undelete of what is there", err, fleet.CodeExists)
		_, err = b.Restore(ctx, c.ID, 9, fleet.Attempt{})
		wantCode(t, "restore of what never was", err, fleet.CodeNotFound)
		_, err = b.Restore(ctx, c.ID, 1, fleet.Attempt{IfMatch: at(1)})
		wantStale(t, "restore on an older one", err, 2)
		if err := b.Delete(ctx, c.ID, fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		_, err = b.Restore(ctx, c.ID, 3, fleet.Attempt{})
		wantCode(t, "restore of a delete", err, fleet.CodeNotFound)
		_, err = b.Restore(ctx, c.ID, 1, fleet.Attempt{IfMatch: fleet.Match{Given: true, Any: true}})
		wantStale(t, "restore of what must be there", err, 3)
		back, err := b.Restore(ctx, c.ID, 1, fleet.Attempt{IfMatch: at(3)})
		if err != nil || back.ID != c.ID || back.Revision != 4 || string(back.Content) != `{"n":1}` {
			t.Errorf("restored from a delete: %+v, %v", back, err)
		}
		_, err = b.Undelete(ctx, 99999, fleet.Attempt{})
		wantCode(t, "undelete of nothing", err, fleet.CodeNotFound)
		_, err = b.Restore(ctx, 99999, 1, fleet.Attempt{})
		wantCode(t, "restore of nothing", err, fleet.CodeNotFound)

		// What was made anew at the same address takes the place of what was deleted.
		if err := b.Delete(ctx, c.ID, fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		_, err = b.Undelete(ctx, c.ID, fleet.Attempt{})
		wantCode(t, "undelete of what was made anew", err, fleet.CodeNotFound)
	})
}

// TestRestoreWhatIsTooLargeByNow: the bound on new documents was lowered since.
func TestRestoreWhatIsTooLargeByNow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		ctx := t.Context()
		b := newBundle(st, fleet.Options{})
		c, err := b.Create(ctx, mac1, []byte(`{"n":"0123456789"}`), fleet.Attempt{})
		if err == nil {
			_, err = b.Update(ctx, c.ID, []byte(`{}`), fleet.Attempt{})
		}
		if err != nil {
			t.Fatal(err)
		}
		small := newBundle(st, fleet.Options{MaxContent: 10})
		_, err = small.Update(ctx, c.ID, []byte(`{"n":"0123456789"}`), fleet.Attempt{})
		wantCode(t, "update", err, fleet.CodeTooLarge)
		_, err = small.Patch(ctx, c.ID, []byte(`{"n":"0123456789"}`), fleet.Attempt{})
		wantCode(t, "patch", err, fleet.CodeTooLarge)
		if back, err := small.Restore(ctx, c.ID, 1, fleet.Attempt{}); err != nil || string(back.Content) != `{"n":"0123456789"}` {
			t.Errorf("restored to %s, %v", back.Content, err)
		}
	})
}

func TestReplaceDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{Announce: true}), t.Context()
		config := must[fleet.Config](t)
		c := config(b.Create(ctx, mac1, []byte(`{"deviceName":"n"}`), fleet.Attempt{}))
		other := config(b.Create(ctx, mac3, []byte(`{}`), fleet.Attempt{}))
		for name, test := range map[string]struct {
			id   int64
			mac  string
			a    fleet.Attempt
			want fleet.Code
		}{
			"no MAC":      {c.ID, "x", fleet.Attempt{}, fleet.CodeInvalidOperation},
			"its own":     {c.ID, mac1, fleet.Attempt{}, fleet.CodeExists},
			"another's":   {c.ID, mac3, fleet.Attempt{}, fleet.CodeExists},
			"of nothing":  {99999, mac2, fleet.Attempt{}, fleet.CodeNotFound},
			"an older":    {c.ID, mac2, fleet.Attempt{IfMatch: at(7)}, fleet.CodePreconditionFailed},
			"bad message": {c.ID, mac2, fleet.Attempt{Message: "\x00"}, fleet.CodeValidationFailed},
		} {
			_, err := b.ReplaceDevice(ctx, test.id, test.mac, test.a)
			wantCode(t, name, err, test.want)
		}
		moved := config(b.ReplaceDevice(ctx, c.ID, "AA-BB-CC-DD-EE-02", fleet.Attempt{IfMatch: at(1), Message: "broken"}))
		if moved.ID != c.ID || moved.MAC.String() != mac2 || moved.Revision != 2 || string(moved.Content) != `{"deviceName":"n"}` {
			t.Errorf("moved to %+v", moved)
		}
		if diff := cmp.Diff(moved, config(b.Config(ctx, c.ID))); diff != "" {
			t.Errorf("what was moved is read as %s", diff)
		}
		if diff := cmp.Diff([]string{"1 create", "2 replace: broken other " + mac1}, b.history(t, c.ID)); diff != "" {
			t.Error(diff)
		}
		_, err := b.Document(ctx, mac1)
		wantCode(t, "the old device's document", err, fleet.CodeNotFound)
		if m := b.waiting(t); !m[mac1].Deleted || m[mac2].Deleted || m[mac2].Revision != 2 {
			t.Errorf("in the outbox: %+v", m)
		}
		again := config(b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{}))
		if diff := cmp.Diff([]string{"2 replace: broken other " + mac2 + " gone", "3 create"}, b.history(t, again.ID)); diff != "" || again.ID == c.ID {
			t.Errorf("the old address, with a new device: %s", diff)
		}
		if other.Revision != 1 {
			t.Error("another configuration was touched")
		}
	})
}

func TestPatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{Announce: true}), t.Context()
		text := "{\n  \"n\": 1e400,\n  \"deviceName\": \"a\"\n}\n"
		c, err := b.Create(ctx, mac1, []byte(text), fleet.Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Patch(ctx, c.ID, []byte(`{"deviceName":"b","x":{"y":1}}`), fleet.Attempt{IfMatch: at(1)})
		want := "{\n  \"n\": 1e400,\n  \"deviceName\": \"b\",\n  \"x\": {\n    \"y\": 1\n  }\n}\n"
		if err != nil || string(got.Content) != want || got.Revision != 2 || *got.DeviceName != "b" {
			t.Errorf("patched to %+v, %v", got, err)
		}
		same, err := b.Patch(ctx, c.ID, []byte(`{"x":{"y":1,"z":null}}`), fleet.Attempt{})
		if diff := cmp.Diff(got, same); diff != "" || err != nil {
			t.Errorf("a patch that changes nothing made %s %v", diff, err)
		}
		for name, test := range map[string]struct {
			id    int64
			patch string
			a     fleet.Attempt
			want  fleet.Code
		}{
			"of nothing":         {99999, `{}`, fleet.Attempt{}, fleet.CodeNotFound},
			"not an object":      {c.ID, `[]`, fleet.Attempt{}, fleet.CodeValidationFailed},
			"to no document":     {c.ID, `{"deviceName":5}`, fleet.Attempt{}, fleet.CodeValidationFailed},
			"long message":       {c.ID, `{}`, fleet.Attempt{Message: strings.Repeat("ä", fleet.MaxMessage+1)}, fleet.CodeValidationFailed},
			"an older":           {c.ID, `{"n":1}`, fleet.Attempt{IfMatch: at(1)}, fleet.CodePreconditionFailed},
			"an older, and same": {c.ID, `{}`, fleet.Attempt{IfMatch: at(1)}, fleet.CodePreconditionFailed},
		} {
			_, err := b.Patch(ctx, test.id, []byte(test.patch), test.a)
			wantCode(t, name, err, test.want)
		}
		if now, err := b.Config(ctx, c.ID); err != nil || now.Revision != 2 || string(now.Content) != want {
			t.Errorf("after what was refused: %+v, %v", now, err)
		}
	})
}

// TestManyPatchOneDocument: who patches different members at the same time, by two servers, loses nothing.
func TestManyPatchOneDocument(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		const writers, each = 20, 3
		s, second := fleet.NewService(st, fleet.Options{}), fleet.NewService(st, fleet.Options{})
		c, err := s.Create(t.Context(), mac1, []byte(`{"kept": 1.0}`), fleet.Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		failed := make(chan error, writers*each)
		for w := range writers {
			s := s
			if w%2 == 0 {
				s = second
			}
			wg.Go(func() {
				for i := range each {
					a := fleet.Attempt{}
					if w%4 == 0 {
						a.Once = once(fmt.Sprintf("%d-%d", w, i), "x")
					}
					if _, err := s.Patch(context.Background(), c.ID, fmt.Appendf(nil, `{"w%d":{"i%d":%d}}`, w, i, w*i), a); err != nil {
						failed <- err
					}
				}
			})
		}
		wg.Wait()
		close(failed)
		for err := range failed {
			t.Error(err)
		}
		got, err := s.Config(t.Context(), c.ID)
		if err != nil || got.Revision != 1+writers*each || !strings.HasPrefix(string(got.Content), `{"kept": 1.0, `) {
			t.Fatalf("at revision %d, %v: %s", got.Revision, err, got.Content)
		}
		for w := range writers {
			for i := range each {
				if one := fmt.Sprintf(`"i%d": %d`, i, w*i); !strings.Contains(string(got.Content), fmt.Sprintf(`"w%d": {`, w)) || !strings.Contains(string(got.Content), one) {
					t.Errorf("what writer %d wrote as %s is lost", w, one)
				}
			}
		}
	})
}

// TestFactsOfADevice has what is known of a device through the service, now and in the past.
func TestFactsOfADevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		config := must[fleet.Config](t)
		c := config(b.Create(ctx, mac1, []byte(`{"n":1}`), fleet.Attempt{}))
		if c.Standing.Sync != fleet.SyncUnknown {
			t.Errorf("never seen, and %s", c.Standing.Sync)
		}
		start := b.clock
		show := func(after time.Duration, kind fleet.EvidenceKind, c fleet.Config) {
			t.Helper()
			e := fleet.Evidence{MAC: c.MAC, Kind: kind, ETag: c.ETag, Revision: c.Revision, At: start.Add(after).UTC().Truncate(time.Microsecond), Address: "192.0.2.7"}
			if err := st.Record(ctx, []fleet.Evidence{e}); err != nil {
				t.Fatal(err)
			}
		}
		show(1*time.Minute, fleet.EvidenceFetched, c)
		show(2*time.Minute, fleet.EvidenceHeld, c)
		second := config(b.Update(ctx, c.ID, []byte(`{"n":2}`), fleet.Attempt{}))
		if second.Standing.Sync != fleet.SyncPending {
			t.Errorf("after a change it is %s", second.Standing.Sync)
		}
		show(10*time.Minute, fleet.EvidenceFetched, second)
		if back := config(b.Restore(ctx, c.ID, 1, fleet.Attempt{})); back.Standing.Sync != fleet.SyncPending || back.Standing.Revision != 2 {
			t.Errorf("after the first was put back: %+v", back.Standing)
		}
		if again := config(b.Restore(ctx, c.ID, 2, fleet.Attempt{})); again.Standing.Sync != fleet.SyncFetched || again.Standing.Revision != 4 {
			t.Errorf("after what it has was put back: %+v", again.Standing)
		}
		for _, test := range []struct {
			after    time.Duration
			revision int64
			level    fleet.Sync
		}{{0, 0, ""}, {time.Minute, 1, fleet.SyncFetched}, {9 * time.Minute, 1, fleet.SyncHeld}, {time.Hour, 2, fleet.SyncFetched}} {
			fact, known, err := b.DeviceAt(ctx, c.ID, start.Add(test.after))
			if err != nil || known != (test.revision > 0) || fact.Has.Revision != test.revision || fact.Level != test.level {
				t.Errorf("after %s: %+v, %t, %v", test.after, fact, known, err)
			}
		}
		var kinds []fleet.FactKind
		for below := int64(0); ; {
			page, next, err := b.Facts(ctx, c.ID, below, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page {
				kinds = append(kinds, f.Kind)
			}
			if below = next; next == 0 {
				break
			}
		}
		if diff := cmp.Diff([]fleet.FactKind{fleet.FactFetched, fleet.FactHeld, fleet.FactFetched}, kinds); diff != "" {
			t.Error(diff)
		}
		found, device, err := b.Device(ctx, c.ID)
		if err != nil || found.ID != c.ID || device.Has.Revision != 2 || device.Held.Revision != 1 || device.Address != "192.0.2.7" {
			t.Errorf("%+v, %+v, %v", found, device, err)
		}
		if sum, err := b.Summary(ctx); err != nil || sum.Total != 1 || sum.Sync[fleet.SyncFetched] != 1 {
			t.Errorf("%+v, %v", sum, err)
		}
		_, _, err = b.Facts(ctx, c.ID, 0, -1)
		wantCode(t, "limit", err, fleet.CodeValidationFailed)
		_, _, err = b.Facts(ctx, 99999, 0, 0)
		wantCode(t, "facts of nothing", err, fleet.CodeNotFound)
		_, _, err = b.Device(ctx, 99999)
		wantCode(t, "device of nothing", err, fleet.CodeNotFound)
		_, _, err = b.DeviceAt(ctx, 99999, start)
		wantCode(t, "past of nothing", err, fleet.CodeNotFound)
	})
}
