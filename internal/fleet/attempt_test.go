package fleet_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// once is a key with a fingerprint of what is asked for.
func once(key, request string) *fleet.Once {
	return &fleet.Once{Key: key, Fingerprint: sha256.Sum256([]byte(request)), Encode: func(result any) []byte {
		switch r := result.(type) {
		case fleet.Config:
			return fmt.Appendf(nil, "%d r%d %s", r.ID, r.Revision, r.Content)
		case fleet.Report:
			return fmt.Appendf(nil, "%d created", r.Created)
		}
		return fmt.Appendf(nil, "%T", result)
	}}
}

// TestOnce repeats each write with its key: it is done once, and answered twice.
func TestOnce(t *testing.T) {
	type write func(ctx context.Context, b *bundle, id int64, a fleet.Attempt) error
	of := func(_ fleet.Config, err error) error { return err }
	for name, do := range map[string]write{
		"create": func(ctx context.Context, b *bundle, _ int64, a fleet.Attempt) error {
			return of(b.Create(ctx, mac2, []byte(`{"new":1}`), a))
		},
		"create where there is nothing": func(ctx context.Context, b *bundle, _ int64, a fleet.Attempt) error {
			a.IfNoneMatch = true
			return of(b.Create(ctx, mac2, []byte(`{"new":1}`), a))
		},
		"update": func(ctx context.Context, b *bundle, id int64, a fleet.Attempt) error {
			a.IfMatch = at(2)
			return of(b.Update(ctx, id, []byte(`{"n":3}`), a))
		},
		"patch": func(ctx context.Context, b *bundle, id int64, a fleet.Attempt) error {
			a.IfMatch = at(2)
			return of(b.Patch(ctx, id, []byte(`{"m":3}`), a))
		},
		"restore": func(ctx context.Context, b *bundle, id int64, a fleet.Attempt) error {
			a.IfMatch = at(2)
			return of(b.Restore(ctx, id, 1, a))
		},
		"replace": func(ctx context.Context, b *bundle, id int64, a fleet.Attempt) error {
			a.IfMatch = at(2)
			return of(b.ReplaceDevice(ctx, id, mac2, a))
		},
		"delete": func(ctx context.Context, b *bundle, id int64, a fleet.Attempt) error { return b.Delete(ctx, id, a) },
		"import": func(ctx context.Context, b *bundle, _ int64, a fleet.Attempt) error {
			report, err := b.Import(ctx, []fleet.Item{{MAC: mac2, Content: []byte(`{}`)}}, fleet.ImportOptions{}, a)
			if a.Once.Replayed == nil && report.Created != 1 {
				return fmt.Errorf("report %+v, %w", report, err)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, st *store.Store) {
				b, ctx := newBundle(st, fleet.Options{Announce: true}), t.Context()
				c, err := b.Create(ctx, mac1, []byte(`{"n":1}`), fleet.Attempt{})
				if err == nil {
					_, err = b.Update(ctx, c.ID, []byte(`{"n":2}`), fleet.Attempt{})
				}
				if err != nil {
					t.Fatal(err)
				}
				first := once("key-1", name)
				first.Replayed = []byte("of another attempt")
				if err := do(ctx, b, c.ID, fleet.Attempt{Once: first}); err != nil || first.Replayed != nil {
					t.Fatalf("the first: %v, replayed %q", err, first.Replayed)
				}
				before := b.audited(t)
				second := once("key-1", name)
				if err := do(ctx, b, c.ID, fleet.Attempt{Once: second}); err != nil || second.Replayed == nil || strings.Contains(string(second.Replayed), "fleet.") {
					t.Errorf("the second: %v, replayed %q", err, second.Replayed)
				}
				other := once("key-1", name+" of another")
				wantCode(t, "the key with another request", do(ctx, b, c.ID, fleet.Attempt{Once: other}), fleet.CodeValidationFailed)
				if diff := cmp.Diff(before, b.audited(t)); diff != "" {
					t.Errorf("the repetition did something: %s", diff)
				}
				// The control: with another key it is done again, or refused.
				third := once("key-2", name)
				if err := do(ctx, b, c.ID, fleet.Attempt{Once: third}); third.Replayed != nil || err == nil && len(b.audited(t)) == len(before) && name != "import" {
					t.Errorf("another key: %v, replayed %q", err, third.Replayed)
				}
			})
		})
	}
}

// audited is the audit in short, newest first.
func (b *bundle) audited(t *testing.T) (out []string) {
	t.Helper()
	err := b.EachAudit(t.Context(), fleet.AuditQuery{}, func(e fleet.AuditEntry) error {
		out = append(out, inShort(e))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOnceKeepsNoRefusal: what was refused may be tried again with the same key.
func TestOnceKeepsNoRefusal(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		c, err := b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{Once: once("k", "x")})
		wantCode(t, "create", err, fleet.CodeExists)
		_, err = b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{Once: once("k", "x"), IfNoneMatch: true})
		wantStale(t, "create where there must be nothing", err, 1)
		if err := b.Delete(ctx, c.ID, fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		o := once("k", "x")
		if made, err := b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{Once: o}); err != nil || o.Replayed != nil || made.Revision != 3 {
			t.Errorf("after the obstacle went: %+v, %v, replayed %q", made, err, o.Replayed)
		}
		for _, key := range []string{"", "a b", "ä", strings.Repeat("k", 256), "a\n"} {
			_, err := b.Create(ctx, mac2, []byte(`{}`), fleet.Attempt{Once: once(key, "x")})
			wantCode(t, fmt.Sprintf("key %q", key), err, fleet.CodeValidationFailed)
		}
	})
}

// TestOnceAtTheSameTime: of many who come with one key, one does it and all get its answer.
func TestOnceAtTheSameTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		s := fleet.NewService(st, fleet.Options{})
		var wg sync.WaitGroup
		const many = 10
		answers := make([]string, many)
		for i := range many {
			wg.Go(func() {
				o := once("k", "x")
				made, err := s.Create(context.Background(), mac1, []byte(`{}`), fleet.Attempt{Once: o})
				switch {
				case err != nil:
					answers[i] = err.Error()
				case o.Replayed != nil:
					answers[i] = string(o.Replayed)
				default:
					answers[i] = string(o.Encode(made))
				}
			})
		}
		wg.Wait()
		for _, answer := range answers {
			if answer != answers[0] || !strings.HasSuffix(answer, " r1 {}") {
				t.Errorf("got %q and %q", answers[0], answer)
			}
		}
	})
}

func TestPreconditions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{Announce: true}), t.Context()
		c, err := b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{IfNoneMatch: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{IfNoneMatch: true})
		wantStale(t, "create", err, 1)
		for revision, match := range []fleet.Match{at(1), at(9, 2), {Given: true, Any: true}, {}} {
			got, err := b.Update(ctx, c.ID, fmt.Appendf(nil, `{"n":%d}`, revision), fleet.Attempt{IfMatch: match})
			if err != nil || got.Revision != int64(revision)+2 {
				t.Errorf("%+v: %+v, %v", match, got, err)
			}
		}
		before, wakes := b.audited(t), b.wakes
		for _, match := range []fleet.Match{at(4), at(6), at(1, 2, 3), at()} {
			_, err := b.Update(ctx, c.ID, []byte(`{"n":3}`), fleet.Attempt{IfMatch: match})
			wantStale(t, fmt.Sprintf("update with %+v", match), err, 5)
			wantStale(t, fmt.Sprintf("delete with %+v", match), b.Delete(ctx, c.ID, fleet.Attempt{IfMatch: match}), 5)
		}
		_, err = b.Update(ctx, 99999, []byte(`{}`), fleet.Attempt{IfMatch: at(5)})
		wantCode(t, "update of nothing", err, fleet.CodeNotFound)
		for _, message := range []string{"\xff", "a\x00", "\x1b[0m", strings.Repeat("ä", fleet.MaxMessage+1)} {
			_, err = b.Update(ctx, c.ID, []byte(`{}`), fleet.Attempt{Message: message})
			wantCode(t, fmt.Sprintf("message %.9q", message), err, fleet.CodeValidationFailed)
			_, err = b.Import(ctx, nil, fleet.ImportOptions{}, fleet.Attempt{Message: message})
			wantCode(t, fmt.Sprintf("import with message %.9q", message), err, fleet.CodeValidationFailed)
		}
		if diff := cmp.Diff(before, b.audited(t)); diff != "" || b.wakes != wakes {
			t.Errorf("what was refused did something: %s", diff)
		}
		if err := b.Delete(ctx, c.ID, fleet.Attempt{IfMatch: at(5), Message: strings.Repeat("ä", fleet.MaxMessage)}); err != nil {
			t.Error(err)
		}
	})
}
