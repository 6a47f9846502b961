package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// chronicle lives random histories with the use cases over a store, and holds what the store says against the model.
type chronicle struct {
	*past
	store   *store.Store
	service *fleet.Service
	before  int64 // the id of the last entry of the audit that is not of this run
	// seen are the hashes of every revision that was ever read, and highest the highest number: what the model knows nothing
	// of.
	seen    map[fleet.MAC]map[int64][32]byte
	highest map[fleet.MAC]int64
}

func newChronicle(t *rapid.T, s *store.Store, run int) *chronicle {
	h := &chronicle{past: newPast(run), store: s, seen: map[fleet.MAC]map[int64][32]byte{}, highest: map[fleet.MAC]int64{}}
	h.service = fleet.NewService(s, fleet.Options{Now: func() time.Time { return h.now }, Announce: run%2 == 0})
	for _, mac := range h.macs {
		h.seen[mac] = map[int64][32]byte{}
	}
	last, err := view(s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.AuditEntry, error) {
		return tx.Audit(ctx, fleet.AuditQuery{Limit: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(last) > 0 {
		h.before = last[0].ID
	}
	return h
}

// bare is a configuration without how its device stands, which checkSync looks at.
func bare(c fleet.Config) fleet.Config {
	c.Standing = fleet.Standing{}
	return c
}

// diff is cmp.Diff, which takes its time, where there is something to tell.
func diff[T any](want, got T) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// want holds the answer of a use case against the model's.
func (h *chronicle) want(t *rapid.T, got fleet.Config, err error, want fleet.Config, code fleet.Code) {
	t.Helper()
	if fleet.CodeOf(err) != code {
		t.Fatalf("got %v, want code %q", err, code)
	}
	if differs := diff(want, bare(got)); err == nil && differs != "" {
		t.Fatalf("answered (-want +got):\n%s", differs)
	}
	if got.ID != 0 {
		h.checkSync(t, got, err)
	}
}

// checkSync wants what a device was served last to say how it stands.
func (h *chronicle) checkSync(t *rapid.T, c fleet.Config, err error) {
	t.Helper()
	want := fleet.SyncUnknown
	if served, ever := h.fetched[c.MAC]; ever {
		if want = fleet.SyncPending; served.SHA256 == sha256.Sum256(c.Content) {
			want = fleet.SyncFetched
		}
	}
	if err == nil && c.Standing.Sync != want {
		t.Fatalf("%s stands as %q, want %q", c.MAC, c.Standing.Sync, want)
	}
}

func (h *chronicle) createOne(t *rapid.T) {
	h.later(t)
	mac, content, a := h.drawMAC(t), h.drawContent(t), h.drawAttempt(t, 0)
	a.IfNoneMatch = rapid.Bool().Draw(t, "none match")
	key := fmt.Sprintf("%d %s %x", h.run, mac, sha256.Sum256(content))
	if rapid.IntRange(0, 2).Draw(t, "once") == 0 {
		a.Once = &fleet.Once{Key: fmt.Sprintf("%x", sha256.Sum256([]byte(key))), Fingerprint: sha256.Sum256([]byte(key)),
			Encode: func(result any) []byte { return fmt.Append(nil, result.(fleet.Config).ID) }}
	}
	if first, done := h.answers[key]; done && a.Once != nil {
		_, err := h.service.Create(context.Background(), mac.String(), content, a)
		if err != nil || string(a.Once.Replayed) != fmt.Sprint(first.ID) {
			t.Fatalf("repeated: %q, %v; want id %d again", a.Once.Replayed, err, first.ID)
		}
		return
	}
	want, code := h.create(mac, content, fleet.FromCreate, fleet.ActionCreate, a)
	got, err := h.service.Create(context.Background(), mac.Dashed(), content, a)
	if err == nil {
		if got.ID <= h.lastID {
			t.Fatalf("id %d was given after %d", got.ID, h.lastID)
		}
		h.named(mac, got.ID)
		want.ID = got.ID
		if a.Once != nil {
			h.answers[key] = want
		}
	}
	h.want(t, got, err, want, code)
}

func (h *chronicle) updateOne(t *rapid.T) {
	h.later(t)
	id, content := h.drawID(t, "id"), h.drawContent(t)
	a := h.drawAttempt(t, id)
	want, code := h.save(id, content, fleet.FromEdit, 0, fleet.ActionUpdate, a)
	got, err := h.service.Update(context.Background(), id, content, a)
	h.want(t, got, err, want, code)
}

func (h *chronicle) patchOne(t *rapid.T) {
	h.later(t)
	id, text := h.drawID(t, "id"), []byte(rapid.SampledFrom(patches).Draw(t, "patch"))
	a := h.drawAttempt(t, id)
	want, code := h.patch(id, text, a)
	got, err := h.service.Patch(context.Background(), id, text, a)
	h.want(t, got, err, want, code)
}

func (h *chronicle) deleteOne(t *rapid.T) {
	h.later(t)
	id := h.drawID(t, "id")
	a := h.drawAttempt(t, id)
	code := h.delete(id, a)
	h.want(t, fleet.Config{}, h.service.Delete(context.Background(), id, a), fleet.Config{}, code)
}

func (h *chronicle) restoreOne(t *rapid.T) {
	h.later(t)
	id := h.drawID(t, "id")
	c, _, _ := h.byID(id)
	numbers := []int64{1, h.newest[c.MAC], h.newest[c.MAC] + 1}
	for _, r := range h.history[c.MAC] {
		if numbers = append(numbers, r.Number); !bytes.Equal(r.Content, c.Content) {
			numbers = append(numbers, r.Number, r.Number, r.Number)
		}
	}
	number, a := max(1, rapid.SampledFrom(numbers).Draw(t, "number")), h.drawAttempt(t, id)
	want, code := h.bringBack(id, number, a)
	got, err := h.service.Restore(context.Background(), id, number, a)
	h.want(t, got, err, want, code)
}

func (h *chronicle) undeleteOne(t *rapid.T) {
	h.later(t)
	id := h.drawID(t, "id")
	a := h.drawAttempt(t, id)
	want, code := h.bringBack(id, 0, a)
	got, err := h.service.Undelete(context.Background(), id, a)
	h.want(t, got, err, want, code)
}

func (h *chronicle) replaceOne(t *rapid.T) {
	h.later(t)
	id, to := h.drawID(t, "id"), h.drawMAC(t)
	if rapid.IntRange(0, 3).Draw(t, "taken") > 0 { // mostly where it can be
		for _, mac := range h.macs {
			if _, taken := h.there[mac]; !taken && (h.newest[mac] > 0 || h.newest[to] == 0) {
				to = mac
			}
		}
	}
	a := h.drawAttempt(t, id)
	want, code := h.replace(id, to, a)
	got, err := h.service.ReplaceDevice(context.Background(), id, to.Hex(), a)
	h.want(t, got, err, want, code)
}

func (h *chronicle) importSome(t *rapid.T) {
	h.later(t)
	var items []fleet.Item
	for range rapid.IntRange(1, 5).Draw(t, "items") {
		item := fleet.Item{MAC: h.drawMAC(t).String(), Content: h.drawContent(t)}
		if rapid.IntRange(0, 9).Draw(t, "bad") == 0 {
			item.Content = []byte(`[]`)
		}
		if rapid.Bool().Draw(t, "looked at") {
			seen := rapid.Int64Range(0, 5).Draw(t, "seen")
			item.IfRevision = &seen
		}
		items = append(items, item)
	}
	o := fleet.ImportOptions{OnConflict: rapid.SampledFrom([]fleet.Conflict{"", fleet.ConflictSkip, fleet.ConflictUpdate, fleet.ConflictUpdate}).Draw(t, "on conflict"),
		KeepGoing: rapid.Bool().Draw(t, "keep going"), DryRun: rapid.IntRange(0, 4).Draw(t, "dry") == 0}
	a := h.drawAttempt(t, 0)
	want, made := h.load(items, o, a)
	got, err := h.service.Import(context.Background(), items, o, a)
	if err != nil || len(got.Refused) != len(want.Refused) {
		t.Fatalf("import %+v, %v; want %d refused", got, err, len(want.Refused))
	}
	got.Refused = want.Refused
	if differs := diff(want, got); differs != "" {
		t.Fatalf("import (-want +got):\n%s", differs)
	}
	for _, mac := range made {
		c, err := view(h.store, func(ctx context.Context, tx fleet.ReadTx) (fleet.Config, error) { return tx.ConfigByMAC(ctx, mac) })
		if err != nil || c.ID <= 0 {
			t.Fatalf("%s was imported: %v", mac, err)
		}
		h.named(mac, c.ID)
	}
}

// fetchOne has a device served its document, and says so.
func (h *chronicle) fetchOne(t *rapid.T) {
	h.later(t)
	c, there := h.there[h.drawMAC(t)]
	if !there {
		return
	}
	served, err := h.service.Document(context.Background(), c.MAC.Dashed())
	if err == nil {
		err = h.store.Record(context.Background(), []fleet.Evidence{{MAC: c.MAC, Kind: fleet.EvidenceFetched, ETag: served.ETag, Revision: served.Revision, At: h.now}})
	}
	if err != nil || !bytes.Equal(served.Content, c.Content) || served.Revision != c.Revision || served.ETag != c.ETag || !served.UpdatedAt.Equal(c.UpdatedAt) {
		t.Fatalf("%s is served %+v, %v; want %+v", c.MAC, served, err, c)
	}
	h.fetched[c.MAC] = fleet.Revision{Number: c.Revision, SHA256: sha256.Sum256(c.Content)}
}

func (h *chronicle) pruneSome(t *rapid.T) {
	h.later(t)
	r := fleet.Retention{Revisions: rapid.IntRange(0, 3).Draw(t, "keep"),
		Age:   rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Minute}).Draw(t, "age"),
		Audit: rapid.SampledFrom([]time.Duration{0, 0, 5 * time.Minute}).Draw(t, "audit")}
	h.forget(r)
	for more := true; more; {
		var err error
		if _, more, err = h.store.Prune(context.Background(), r, h.now); err != nil {
			t.Fatal(err)
		}
	}
}

// check reads everything and holds it against the model, and against all that was ever read.
func (h *chronicle) check(t *rapid.T) {
	err := h.store.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) error {
		for _, mac := range h.macs {
			if err := h.checkHistory(ctx, t, tx, mac); err != nil {
				return err
			}
			want, there := h.there[mac]
			got, err := tx.ConfigByMAC(ctx, mac)
			if there != (err == nil) {
				return fmt.Errorf("%s is there: %w; want %v", mac, err, there)
			}
			if differs := diff(want, bare(got)); there && differs != "" {
				return fmt.Errorf("%s (-want +got):\n%s", mac, differs)
			}
			if there {
				h.checkSync(t, got, nil)
			}
		}
		return h.checkLists(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (h *chronicle) checkHistory(ctx context.Context, t *rapid.T, tx fleet.ReadTx, mac fleet.MAC) error {
	want := slices.Clone(h.history[mac])
	slices.Reverse(want)
	got, err := tx.Revisions(ctx, mac, 0, 1000)
	if err != nil {
		return err
	}
	whole := math.MinInt // which one is read with its content: each in its turn
	if len(got) > 0 {
		whole = rapid.IntRange(0, len(got)-1).Draw(t, "whole")
	}
	high := h.highest[mac]
	for i, r := range got {
		sum, before := h.seen[mac][r.Number]
		switch {
		case before && sum != r.SHA256:
			return fmt.Errorf("revision %d of %s is seen with other bytes", r.Number, mac)
		case !before && r.Number <= high:
			return fmt.Errorf("revision %d of %s was given after %d", r.Number, mac, high)
		}
		h.seen[mac][r.Number] = r.SHA256
		h.highest[mac] = max(h.highest[mac], r.Number)
		if i == whole {
			one, err := tx.Revision(ctx, mac, r.Number)
			if differs := diff(want[min(i, len(want)-1)], one); err != nil || differs != "" {
				return fmt.Errorf("revision %d of %s, %w (-want +got):\n%s", r.Number, mac, err, differs)
			}
		}
	}
	for i := range want {
		want[i].Content = nil
	}
	if differs := diff(want, got); differs != "" {
		return fmt.Errorf("history of %s (-want +got):\n%s", mac, differs)
	}
	return nil
}

// checkLists holds the list of the deleted, and the audit, against the model.
func (h *chronicle) checkLists(ctx context.Context, tx fleet.ReadTx) error {
	gone, err := tx.Configs(ctx, fleet.Query{Deleted: true, Sort: fleet.ByID, Descending: true, Limit: 10 * len(h.macs)}, true)
	if err != nil {
		return err
	}
	gone = slices.DeleteFunc(gone, func(c fleet.Config) bool { return !slices.Contains(h.macs, c.MAC) })
	for i := range gone {
		gone[i] = bare(gone[i])
	}
	var want []fleet.Config
	for _, c := range h.gone {
		want = append(want, c)
		one, err := tx.Deleted(ctx, c.ID)
		if differs := diff(c, bare(one)); err != nil || differs != "" {
			return fmt.Errorf("deleted %d, %w (-want +got):\n%s", c.ID, err, differs)
		}
	}
	slices.SortFunc(want, func(a, b fleet.Config) int { return int(b.ID - a.ID) })
	if differs := diff(want, gone); differs != "" {
		return fmt.Errorf("the deleted (-want +got):\n%s", differs)
	}
	entries, err := tx.Audit(ctx, fleet.AuditQuery{Limit: len(h.audit) + 10})
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e fleet.AuditEntry) bool { return e.ID <= h.before })
	slices.Reverse(entries)
	for i := range entries {
		entries[i].ID = 0
	}
	if differs := diff(h.audit, entries); differs != "" {
		return fmt.Errorf("the audit (-want +got):\n%s", differs)
	}
	return nil
}

func TestHistoryIsTheModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		run, last := 0, int64(0)
		rapid.Check(t, func(t *rapid.T) {
			run++
			empty(t, s)
			h := newChronicle(t, s, run)
			h.lastID = last
			defer func() { last = h.lastID }()
			t.Repeat(map[string]func(*rapid.T){
				"create": h.createOne, "update": h.updateOne, "patch": h.patchOne, "delete": h.deleteOne, "restore": h.restoreOne, "undelete": h.undeleteOne,
				"restore again": h.restoreOne, "replace": h.replaceOne, "replace again": h.replaceOne, "import": h.importSome, "fetch": h.fetchOne, "prune": h.pruneSome, "": h.check,
			})
			for _, mac := range h.macs { // the contents once more, all of them
				for _, want := range h.history[mac] {
					got, err := view(s, func(ctx context.Context, tx fleet.ReadTx) (fleet.Revision, error) {
						return tx.Revision(ctx, mac, want.Number)
					})
					if differs := diff(want, got); err != nil || differs != "" {
						t.Fatalf("at the end, %v (-want +got):\n%s", err, differs)
					}
				}
			}
		})
	})
}
