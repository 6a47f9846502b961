package fleet_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// TestPreviewIsWhatPatchDoes holds what is said before a patch against what the patch does: what it makes, or why it is refused.
func TestPreviewIsWhatPatchDoes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		const most = 90
		b := newBundle(st, fleet.Options{MaxContent: most})
		c := must[fleet.Config](t)(b.Create(t.Context(), mac1, []byte("{\n  \"a\": 1\n}"), fleet.Attempt{}))
		seen := map[fleet.Code]int{}
		rapid.Check(t, func(t *rapid.T) {
			patch := rapid.OneOf(
				rapid.Custom(func(t *rapid.T) string { return anyDocument(t, 2) }),
				rapid.SampledFrom([]string{`{}`, `{"a":null,"aa":null,"0":null,"b/~":null}`, `{"a":{"aa":null}}`, `[]`, `{"a":1,"a":2}`, `{`, `{"deviceName":5}`})).Draw(t, "patch")
			id, a := c.ID, fleet.Attempt{Message: rapid.SampledFrom([]string{"", "why", "\x00"}).Draw(t, "message")}
			now, err := b.Config(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			switch rapid.IntRange(0, 9).Draw(t, "which") {
			case 0:
				id = 99999
			case 1:
				a.IfMatch = at(now.Revision + 1)
			case 2:
				a.IfMatch = at(now.Revision)
			}
			audited, _, err := b.Audit(t.Context(), fleet.AuditQuery{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			before, after, refused := b.Preview(t.Context(), id, []byte(patch), a)
			same, err := b.Config(t.Context(), c.ID)
			if diff := cmp.Diff(now, same); diff != "" || err != nil {
				t.Fatalf("it changed %s, %v", diff, err)
			}
			if entries, _, err := b.Audit(t.Context(), fleet.AuditQuery{Limit: 1}); err != nil || cmp.Diff(audited, entries) != "" {
				t.Fatalf("it left %+v in the audit, %v", entries, err)
			}
			done, err := b.Patch(t.Context(), id, []byte(patch), a)
			seen[fleet.CodeOf(err)]++
			if diff := cmp.Diff(inWords(err), inWords(refused)); diff != "" {
				t.Fatalf("refused as %v, and Patch says %v", refused, err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(now, before); diff != "" {
				t.Fatalf("there is not %s", diff)
			}
			if string(after) != string(done.Content) || bytes.Equal(before.Content, after) != (done.Revision == now.Revision) {
				t.Fatalf("%s makes\n%s\nof\n%s\nand was to make\n%s", patch, done.Content, now.Content, after)
			}
		})
		for _, code := range []fleet.Code{"", fleet.CodeNotFound, fleet.CodeValidationFailed, fleet.CodeTooLarge, fleet.CodePreconditionFailed} {
			if seen[code] == 0 {
				t.Errorf("no patch was answered %q: %v", code, seen)
			}
		}
	})
}

func inWords(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
