package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

const hallway = `{ "deviceName":"Flur – Türsprechanlage", "deviceEntityId":"hallway",  "enableOTA":true, "n":1e400 }`

// neverSeen is how a device stands to anything before it shows itself.
var neverSeen = fleet.Standing{Sync: fleet.SyncUnknown}

func ptr[T any](v T) *T { return &v }

func wantCode(t *testing.T, err error, want fleet.Code) {
	t.Helper()
	if got := fleet.CodeOf(err); got != want {
		t.Errorf("got %v (code %q), want code %q", err, got, want)
	}
}

func config(t *testing.T, s *store.Store, id int64) (found fleet.Config, err error) {
	t.Helper()
	err = s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) (err error) {
		found, err = tx.Config(ctx, id)
		return err
	})
	return found, err
}

func TestCreateIsReadBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		made := storetest.Create(t, s, storetest.MAC(1), hallway)
		want := fleet.Config{
			ID: made.ID, MAC: storetest.MAC(1), DeviceName: ptr("Flur – Türsprechanlage"), DeviceEntityID: ptr("hallway"),
			EnableOTA: ptr(true), Content: []byte(hallway), Revision: 1, ETag: fleet.ETag(sha256.Sum256([]byte(hallway))),
			CreatedAt: storetest.Epoch(), UpdatedAt: storetest.Epoch(), Standing: neverSeen,
		}
		got, err := config(t, s, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
		want.Content = nil
		if diff := cmp.Diff(want, made); diff != "" {
			t.Errorf("answered (-want +got):\n%s", diff)
		}
		served, err := s.Document(ctx, storetest.MAC(1))
		if err != nil {
			t.Fatal(err)
		}
		wantServed := fleet.Served{Content: []byte(hallway), ETag: want.ETag, Revision: 1, UpdatedAt: storetest.Epoch()}
		if diff := cmp.Diff(wantServed, served); diff != "" {
			t.Errorf("served (-want +got):\n%s", diff)
		}
		_, err = s.Apply(ctx, fleet.Change{Kind: fleet.Create, MAC: storetest.MAC(1), Document: storetest.Raw("{}"), At: storetest.Epoch()})
		wantCode(t, err, fleet.CodeExists)
	})
}

func TestRevisionsGoOnBehindADelete(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, mac := context.Background(), storetest.MAC(7)
		made := storetest.Create(t, s, mac, `{"a":1}`)
		saved := storetest.Save(t, s, made.ID, `{"a":2}`)
		deleted := storetest.Delete(t, s, made.ID)
		again := storetest.Create(t, s, mac, `{"a":3}`)
		if saved.Revision != 2 || deleted.Revision != 2 || again.Revision != 4 || again.ID <= made.ID {
			t.Errorf("revisions %d, %d, %d and ids %d, %d; want 2, 2, 4 and rising ids",
				saved.Revision, deleted.Revision, again.Revision, made.ID, again.ID)
		}
		var got []fleet.Revision
		err := s.View(ctx, func(ctx context.Context, tx fleet.ReadTx) error {
			list, err := tx.Revisions(ctx, mac, 0, 10)
			if err != nil {
				return err
			}
			for _, r := range list {
				whole, err := tx.Revision(ctx, mac, r.Number)
				if err != nil {
					return err
				}
				got = append(got, whole)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		at := storetest.Epoch()
		want := []fleet.Revision{
			{MAC: mac, Number: 4, Content: []byte(`{"a":3}`), Size: 7, SHA256: sha256.Sum256([]byte(`{"a":3}`)), Source: fleet.FromCreate, CreatedAt: at},
			{MAC: mac, Number: 3, Content: nil, SHA256: [32]byte{}, Source: fleet.FromDelete, CreatedAt: at.Add(2 * time.Second)},
			{MAC: mac, Number: 2, Content: []byte(`{"a":2}`), Size: 7, SHA256: sha256.Sum256([]byte(`{"a":2}`)), Source: fleet.FromEdit, CreatedAt: at.Add(time.Second)},
			{MAC: mac, Number: 1, Content: []byte(`{"a":1}`), Size: 7, SHA256: sha256.Sum256([]byte(`{"a":1}`)), Source: fleet.FromCreate, CreatedAt: at},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("revisions (-want +got):\n%s", diff)
		}
	})
}

func TestSaveOfTheSameBytes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := storetest.Create(t, s, storetest.MAC(1), hallway)
		change := fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Document(t, hallway), At: storetest.Epoch().Add(time.Hour)}
		applied, err := s.Apply(context.Background(), change)
		if err != nil {
			t.Fatal(err)
		}
		want := fleet.Applied{Config: made, Unchanged: true}
		if diff := cmp.Diff(want, applied); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestMissing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for _, id := range []int64{1, -1, 1 << 40} {
			_, err := config(t, s, id)
			wantCode(t, err, fleet.CodeNotFound)
			_, err = s.Apply(ctx, fleet.Change{Kind: fleet.Save, ID: id, Document: storetest.Raw("{}"), At: storetest.Epoch()})
			wantCode(t, err, fleet.CodeNotFound)
			_, err = s.Apply(ctx, fleet.Change{Kind: fleet.Delete, ID: id, At: storetest.Epoch()})
			wantCode(t, err, fleet.CodeNotFound)
		}
		_, err := s.Document(ctx, storetest.MAC(1))
		wantCode(t, err, fleet.CodeNotFound)
	})
}

func TestPingWantsTheSchema(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, url)
		wantWrongSchema(t, s.Ping(ctx))
		if _, err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(ctx); err != nil {
			t.Error(err)
		}
		storetest.Exec(t, url, `DELETE FROM schema_migrations WHERE version_id = (SELECT max(version_id) FROM schema_migrations)`)
		wantWrongSchema(t, s.Ping(ctx))
		if err := s.Recreate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(ctx); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(ctx); errors.Is(err, fleet.ErrSchema) {
			t.Errorf("a database that is away has a wrong schema: %v", err)
		}
	})
}

func wantWrongSchema(t *testing.T, err error) {
	t.Helper()
	wantCode(t, err, fleet.CodeUnavailable)
	if !errors.Is(err, fleet.ErrSchema) {
		t.Errorf("got %v, want fleet.ErrSchema in its chain", err)
	}
}

func TestOutboxRound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, now := context.Background(), storetest.Epoch().Add(time.Minute)
		made := storetest.Create(t, s, storetest.MAC(1), `{"a":1}`)
		first, err := s.Claim(ctx, now, time.Minute, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(first) != 1 || first[0].Revision != 1 || !first[0].Broadcast || first[0].Attempts != 1 || first[0].Size != 7 {
			t.Fatalf("claimed %+v", first)
		}
		storetest.Save(t, s, made.ID, `{"a":2}`)
		if none, err := s.Claim(ctx, now, time.Minute, 10); err != nil || len(none) != 0 {
			t.Errorf("claimed %+v, %v while another holds it", none, err)
		}
		if err := s.Clear(ctx, first); err != nil {
			t.Fatal(err)
		}
		second, err := s.Claim(ctx, now, time.Minute, 10)
		if err != nil || len(second) != 1 || second[0].Revision != 2 || second[0].Generation == first[0].Generation {
			t.Fatalf("claimed %+v, %v; want the newer change at once", second, err)
		}
		if err := s.Clear(ctx, second); err != nil {
			t.Fatal(err)
		}
		if n, _, err := s.Backlog(ctx); err != nil || n != 0 {
			t.Errorf("backlog %d, %v", n, err)
		}
		if n, err := s.Announce(ctx, time.Time{}, time.Time{}); err != nil || n != 1 {
			t.Errorf("announced %d, %v", n, err)
		}
		n, oldest, err := s.Backlog(ctx)
		if err != nil || n != 1 || !oldest.Equal(storetest.Epoch().Add(time.Second)) {
			t.Errorf("backlog %d since %v, %v", n, oldest, err)
		}
	})
}
