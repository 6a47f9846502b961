package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// blame is who gave what, in short: the path, and the number of the revision or a question mark.
func (b *bundle) blame(t *testing.T, id int64) string {
	t.Helper()
	found := must[fleet.Blame](t)(b.Blame(t.Context(), id))
	var out []string
	for _, v := range found.Values {
		by := "?"
		if v.By != nil {
			by = fmt.Sprint(v.By.Number)
		}
		out = append(out, v.Path+" "+by)
	}
	if !found.Complete {
		out = append(out, "and so on")
	}
	return strings.Join(out, ", ")
}

func (b *bundle) wantBlame(t *testing.T, what string, id int64, want string) {
	t.Helper()
	if diff := cmp.Diff(want, b.blame(t, id)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// prune lets go of what is older than the newest few revisions of each device.
func (b *bundle) prune(t *testing.T, keep int) {
	t.Helper()
	if _, _, err := b.store.Prune(t.Context(), fleet.Retention{Revisions: keep}, b.clock.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func TestBlame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx, none := newBundle(st, fleet.Options{}), t.Context(), fleet.Attempt{}
		config := must[fleet.Config](t)
		c := config(b.Create(ctx, mac1, []byte(`{"z":1,"a":{"b":"x","c":[]},"l":[1,[2]],"deviceName":null,"":{}}`), none))
		b.wantBlame(t, "made", c.ID, "/z 1, /a/b 1, /a/c 1, /l/0 1, /l/1/0 1, /deviceName 1, / 1")
		config(b.Patch(ctx, c.ID, []byte(`{"a":{"b":"y","~/":1.0},"l":[1,[2,3]]}`), none))
		b.wantBlame(t, "changed", c.ID, "/z 1, /a/b 2, /a/c 1, /a/~0~1 2, /l/0 1, /l/1/0 1, /l/1/1 2, /deviceName 1, / 1")
		config(b.Patch(ctx, c.ID, []byte(`{"z":null,"a":{"~/":1}}`), none))
		config(b.Patch(ctx, c.ID, []byte(`{"z":1,"a":{"b":"\u0079"},"l":{"0":1}}`), none))
		b.wantBlame(t, "came back, and written otherwise", c.ID, "/a/b 2, /a/c 1, /a/~0~1 3, /l/0 4, /deviceName 1, / 1, /z 4")
		config(b.Restore(ctx, c.ID, 2, none))
		b.wantBlame(t, "restored", c.ID, "/z 4, /a/b 2, /a/c 1, /a/~0~1 5, /l/0 5, /l/1/0 5, /l/1/1 5, /deviceName 1, / 1")
		config(b.Update(ctx, c.ID, []byte("\n{\"l\": [ 1,[2,3 ] ],\"z\":1, \"\":{ } }"), none))
		b.wantBlame(t, "in another order", c.ID, "/l/0 5, /l/1/0 5, /l/1/1 5, /z 4, / 1")
		config(b.ReplaceDevice(ctx, c.ID, mac2, none))
		b.wantBlame(t, "on other hardware", c.ID, "/l/0 5, /l/1/0 5, /l/1/1 5, /z 4, / 1")
		config(b.Update(ctx, c.ID, []byte(`{}`), none))
		b.wantBlame(t, "nothing in it", c.ID, " 8")

		if err := b.Delete(ctx, c.ID, none); err != nil {
			t.Fatal(err)
		}
		_, err := b.Blame(ctx, c.ID)
		wantCode(t, "deleted", err, fleet.CodeNotFound)
		_, err = b.Blame(ctx, 99999)
		wantCode(t, "of nothing", err, fleet.CodeNotFound)
		config(b.Undelete(ctx, c.ID, none))
		b.wantBlame(t, "brought back", c.ID, " 10")
		if err := b.Delete(ctx, c.ID, none); err != nil {
			t.Fatal(err)
		}
		again := config(b.Create(ctx, mac2, []byte(`{"z":1}`), none))
		b.wantBlame(t, "made again", again.ID, "/z 12")
	})
}

func TestBlameOfWhatIsNotKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx, none := newBundle(st, fleet.Options{}), t.Context(), fleet.Attempt{}
		config := must[fleet.Config](t)
		c := config(b.Create(ctx, mac1, []byte(`{"a":1,"b":1}`), none))
		for n := 2; n <= 6; n++ {
			made := config(b.Patch(ctx, c.ID, fmt.Appendf(nil, `{"b":%d,"c%d":1}`, n, n), none))
			if n == 2 { // what a device has is kept
				if err := st.Record(ctx, []fleet.Evidence{{MAC: c.MAC, Kind: fleet.EvidenceHeld, ETag: made.ETag, Revision: 2, At: b.clock}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.wantBlame(t, "all kept", c.ID, "/a 1, /b 6, /c2 2, /c3 3, /c4 4, /c5 5, /c6 6")
		b.prune(t, 3)
		b.wantBlame(t, "2 and 4 to 6 kept", c.ID, "/a ?, /b 6, /c2 ?, /c3 ?, /c4 ?, /c5 5, /c6 6")

		// A history without its beginning, behind what another address had: its first revision cannot be told from one that made it.
		old := config(b.Create(ctx, mac2, []byte(`{}`), none))
		if err := b.Delete(ctx, old.ID, none); err != nil {
			t.Fatal(err)
		}
		config(b.Restore(ctx, c.ID, 5, none))
		b.prune(t, 1)
		b.wantBlame(t, "only the restore kept", c.ID, "/a ?, /b ?, /c2 ?, /c3 ?, /c4 ?, /c5 ?")
		config(b.ReplaceDevice(ctx, c.ID, mac2, none))
		b.wantBlame(t, "behind another history", c.ID, "/a ?, /b ?, /c2 ?, /c3 ?, /c4 ?, /c5 ?")
		made := must[fleet.Report](t)(b.Import(ctx, []fleet.Item{{MAC: mac1, Content: []byte(`{"a":1}`)}}, fleet.ImportOptions{}, none))
		page := must[fleet.Page](t)(b.Configs(ctx, fleet.Query{Search: mac1, Limit: 1}, ""))
		if made.Created != 1 || len(page.Configs) != 1 {
			t.Fatalf("imported %+v: %+v", made, page)
		}
		b.wantBlame(t, "made by an import", page.Configs[0].ID, "/a 9")
		if err := b.Delete(ctx, c.ID, none); err != nil {
			t.Fatal(err)
		}
		config(b.Undelete(ctx, c.ID, none))
		third := config(b.Create(ctx, mac3, []byte(`{}`), none))
		if err := b.Delete(ctx, third.ID, none); err != nil {
			t.Fatal(err)
		}
		moved := config(b.ReplaceDevice(ctx, c.ID, mac3, none))
		b.wantBlame(t, "brought back, and moved", c.ID, strings.ReplaceAll("/a N, /b N, /c2 N, /c3 N, /c4 N, /c5 N", "N", fmt.Sprint(moved.Revision-1)))
	})
}

func TestBlameOfWhatAnotherProgramWrote(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		st := storetest.OpenMigrated(t, url)
		b, ctx, none := newBundle(st, fleet.Options{}), t.Context(), fleet.Attempt{}
		c := must[fleet.Config](t)(b.Create(ctx, mac1, []byte(`{"a":1,"b":2}`), none))
		writes := func(text string) {
			storetest.Exec(t, url, `UPDATE configs SET content = '`+text+`' WHERE id = 1`)
		}
		writes(`{"a":1,"b":3,"a":1}`)
		b.wantBlame(t, "a key twice", c.ID, " ?")
		writes(`{"a":1,"b":3}`)
		b.wantBlame(t, "written beside us", c.ID, "/a 1, /b ?")
		must[fleet.Config](t)(b.Patch(ctx, c.ID, []byte(`{"c":1}`), none))
		b.wantBlame(t, "adopted", c.ID, "/a 1, /b 2, /c 3")
		writes(`no document`)
		b.wantBlame(t, "no document", c.ID, " ?")
		must[fleet.Config](t)(b.Update(ctx, c.ID, []byte(`{"a":1}`), none))
		b.wantBlame(t, "behind what is no document", c.ID, "/a 5")
	})
}

// TestBlameOfALongHistory looks at more than is read at once.
func TestBlameOfALongHistory(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		st := storetest.OpenMigrated(t, url)
		b := newBundle(st, fleet.Options{})
		c := must[fleet.Config](t)(b.Create(t.Context(), mac1, []byte(`{"n":0,"same":1,"x":1}`), fleet.Attempt{}))
		sum := `CAST(printf('%032d', n.i) AS blob)`
		if st.Engine() != testenv.SQLite {
			sum = `CAST(lpad(CAST(n.i AS text), 32, '0') AS bytea)`
		}
		storetest.Exec(t, url, `INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at)
			WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1201)
			SELECT r.mac_address, n.i, '{"n":' || n.i || ',"same":1' || CASE WHEN n.i < 600 THEN '' ELSE ',"x":1' END || '}', `+sum+`, 24, 'edit', r.created_at
			FROM n, revisions r WHERE r.rev = 1`)
		storetest.Exec(t, url, `UPDATE configs SET revision = 1201`)
		must[fleet.Config](t)(b.Patch(t.Context(), c.ID, []byte(`{"n":-1}`), fleet.Attempt{}))
		b.wantBlame(t, "1202 revisions", c.ID, "/n 1202, /same 1, /x 600")
	})
}

// held is a store of which the first view waits.
type held struct {
	fleet.Store
	views         atomic.Int32
	first, resume chan struct{}
}

func (h *held) View(ctx context.Context, fn func(ctx context.Context, tx fleet.ReadTx) error) error {
	if h.views.Add(1) == 1 {
		close(h.first)
		<-h.resume
	}
	return h.Store.View(ctx, fn)
}

// TestBlameIsSearchedForInTurn: whoever asks meanwhile waits for his turn, and goes when he has no more time.
func TestBlameIsSearchedForInTurn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		c := storetest.Create(t, st, storetest.MAC(1), `{"a":1}`)
		h := &held{Store: st, first: make(chan struct{}), resume: make(chan struct{})}
		s := fleet.NewService(h, fleet.Options{})
		done := make(chan error)
		blame := func() { _, err := s.Blame(t.Context(), c.ID); done <- err }
		go blame()
		<-h.first
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Blame(over, c.ID); !errors.Is(err, context.Canceled) || h.views.Load() != 1 {
			t.Errorf("out of turn: %v, %d views", err, h.views.Load())
		}
		go blame()
		close(h.resume)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if h.views.Load() != 2 {
			t.Errorf("%d views", h.views.Load())
		}
	})
}
