package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

// view reads one thing in a transaction of its own.
func view[T any](s *store.Store, read func(ctx context.Context, tx fleet.ReadTx) (T, error)) (found T, err error) {
	err = s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) (err error) {
		found, err = read(ctx, tx)
		return err
	})
	return found, err
}

func deletedConfig(s *store.Store, id int64) (fleet.Config, error) {
	return view(s, func(ctx context.Context, tx fleet.ReadTx) (fleet.Config, error) { return tx.Deleted(ctx, id) })
}

// history is every revision of a device with its content, oldest first.
func history(t testing.TB, s *store.Store, mac fleet.MAC) []fleet.Revision {
	t.Helper()
	all, err := view(s, func(ctx context.Context, tx fleet.ReadTx) ([]fleet.Revision, error) {
		listed, err := tx.Revisions(ctx, mac, 0, 1000)
		all := make([]fleet.Revision, len(listed))
		for i, r := range listed {
			if err == nil {
				all[len(listed)-1-i], err = tx.Revision(ctx, mac, r.Number)
			}
		}
		return all, err
	})
	must(t, err)
	return all
}

// rev is a revision as a test expects it; no text is none.
func rev(mac fleet.MAC, number int64, source fleet.Source, text string, at time.Time) fleet.Revision {
	r := fleet.Revision{MAC: mac, Number: number, Source: source, CreatedAt: at, Size: len(text)}
	if text != "" {
		r.Content, r.SHA256 = []byte(text), sha256.Sum256([]byte(text))
	}
	return r
}

func wantHistory(t testing.TB, s *store.Store, mac fleet.MAC, want ...fleet.Revision) {
	t.Helper()
	if diff := cmp.Diff(want, history(t, s, mac)); diff != "" {
		t.Errorf("history of %s (-want +got):\n%s", mac, diff)
	}
}

func undelete(id int64, text string, restored int64) fleet.Change {
	return fleet.Change{Kind: fleet.Undelete, ID: id, Document: storetest.Raw(text), Source: fleet.FromRestore, Restored: restored,
		Action: fleet.ActionRestore, At: storetest.Epoch().Add(time.Hour)}
}

func move(id int64, to fleet.MAC) fleet.Change {
	return fleet.Change{Kind: fleet.Move, ID: id, MAC: to, Source: fleet.FromReplace, Action: fleet.ActionReplace, At: storetest.Epoch().Add(time.Hour)}
}

func TestADeletedConfigurationComesBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := storetest.Epoch()
		made := storetest.Create(t, s, storetest.MAC(1), hallway)
		before, err := config(t, s, made.ID)
		must(t, err)
		gone := storetest.Delete(t, s, made.ID)
		want := before
		want.DeletedAt = at.Add(2 * time.Second)
		kept, err := deletedConfig(s, made.ID)
		must(t, err)
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
		if before.Content = nil; cmp.Diff(before, gone) != "" {
			t.Errorf("the delete answers (-want +got):\n%s", cmp.Diff(before, gone))
		}
		back := storetest.Apply(t, s, undelete(made.ID, `{"deviceName":"new"}`, 1))
		doc := storetest.Document(t, `{"deviceName":"new"}`)
		want = fleet.Config{ID: made.ID, MAC: made.MAC, DeviceName: nil, Revision: 3, ETag: doc.ETag(), CreatedAt: at, UpdatedAt: at.Add(time.Hour), Standing: neverSeen}
		if diff := cmp.Diff(want, back); diff != "" {
			t.Errorf("brought back (-want +got):\n%s", diff)
		}
		restored := rev(made.MAC, 3, fleet.FromRestore, `{"deviceName":"new"}`, at.Add(time.Hour))
		restored.Restored = 1
		wantHistory(t, s, made.MAC, rev(made.MAC, 1, fleet.FromCreate, hallway, at),
			rev(made.MAC, 2, fleet.FromDelete, "", at.Add(2*time.Second)), restored)
		if left := deleted(t, s); len(left) != 0 {
			t.Errorf("still among the deleted: %+v", left)
		}
		wantMessages(t, claim(t, s, at.Add(2*time.Hour), 10), message(back, `{"deviceName":"new"}`, at))
	})
}

func TestWhatCannotBeBroughtBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		made := storetest.Create(t, s, storetest.MAC(1), `{"n":1}`)
		_, err := s.Apply(ctx, undelete(99, `{}`, 1))
		wantCode(t, err, fleet.CodeNotFound)
		_, err = s.Apply(ctx, undelete(made.ID, `{}`, 1))
		wantCode(t, err, fleet.CodeExists)
		storetest.Delete(t, s, made.ID)
		again := storetest.Create(t, s, storetest.MAC(1), `{"n":2}`)
		_, err = s.Apply(ctx, undelete(made.ID, `{}`, 1))
		wantCode(t, err, fleet.CodeNotFound) // forgotten: there is another
		_, err = deletedConfig(s, made.ID)
		wantCode(t, err, fleet.CodeNotFound)
		_, err = deletedConfig(s, again.ID)
		wantCode(t, err, fleet.CodeNotFound)
		if n := len(history(t, s, storetest.MAC(1))); n != 3 {
			t.Errorf("%d revisions, want 3: failures leave none", n)
		}
	})
}

// Another program may put a configuration where one was deleted.
func TestADeletedConfigurationWhoseAddressIsTaken(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := storetest.OpenMigrated(t, url)
		made := storetest.Create(t, s, storetest.MAC(1), `{"n":1}`)
		storetest.Delete(t, s, made.ID)
		storetest.Exec(t, url, `INSERT INTO configs (mac_address, content) VALUES ('`+storetest.MAC(1).String()+`', '{"by":"them"}')`)
		_, err := s.Apply(context.Background(), undelete(made.ID, `{}`, 1))
		wantCode(t, err, fleet.CodeExists)
		theirs := list(t, s, fleet.Query{}, true)[0]
		storetest.Delete(t, s, theirs.ID)
		kept := deleted(t, s)
		if len(kept) != 1 || kept[0].ID != theirs.ID || string(kept[0].Content) != `{"by":"them"}` || kept[0].Revision != 3 ||
			kept[0].ETag != storetest.Raw(`{"by":"them"}`).ETag() {
			t.Errorf("kept %+v; want the other program's, as revision 3", kept)
		}
	})
}

func TestMoveTakesTheHistoryAlong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, at, from, to := context.Background(), storetest.Epoch(), storetest.MAC(2), storetest.MAC(1)
		made := storetest.Create(t, s, from, `{"n":1}`)
		storetest.Save(t, s, made.ID, `{"n":2}`)
		storetest.Apply(t, s, fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{"n":1}`), Source: fleet.FromRestore, Restored: 1})
		must(t, s.Clear(ctx, claim(t, s, at.Add(time.Minute), 10)))
		c := move(made.ID, to)
		c.By, c.Message = fleet.Actor{Principal: fleet.ByToken, Address: "10.0.0.9", Correlation: "c-1"}, "broken by lightning"
		applied, err := s.Apply(ctx, c)
		must(t, err)
		want := made
		want.MAC, want.Revision, want.UpdatedAt, want.Content = to, 4, c.At, []byte(`{"n":1}`)
		if diff := cmp.Diff(fleet.Applied{Config: want}, applied); diff != "" {
			t.Errorf("answered (-want +got):\n%s", diff)
		}
		restored := rev(to, 3, fleet.FromRestore, `{"n":1}`, at)
		restored.Restored = 1
		came, went := rev(to, 4, fleet.FromReplace, `{"n":1}`, c.At), rev(from, 4, fleet.FromReplace, "", c.At)
		came.Other, came.By, came.Message = &from, fleet.Actor{Principal: fleet.ByToken, Address: "10.0.0.9"}, c.Message
		went.Other, went.By, went.Message = &to, came.By, c.Message
		wantHistory(t, s, to, rev(to, 1, fleet.FromCreate, `{"n":1}`, at), rev(to, 2, fleet.FromEdit, `{"n":2}`, at.Add(time.Second)), restored, came)
		wantHistory(t, s, from, went)
		wantMessages(t, claim(t, s, at.Add(2*time.Hour), 10), message(applied.Config, `{"n":1}`, c.At),
			fleet.Message{MAC: from, Revision: 4, Deleted: true, Attempts: 1, ChangedAt: c.At})
		if served, err := s.Document(ctx, to); err != nil || served.Revision != 4 || string(served.Content) != `{"n":1}` {
			t.Errorf("the new device is served %+v, %v", served, err)
		}
		_, err = s.Document(ctx, from)
		wantCode(t, err, fleet.CodeNotFound)
		if again := storetest.Create(t, s, from, `{}`); again.Revision != 5 || again.ID <= made.ID {
			t.Errorf("the old address begins at revision %d of id %d, want 5 and a new id", again.Revision, again.ID)
		}
		if saved := storetest.Save(t, s, made.ID, `{"n":3}`); saved.Revision != 5 || saved.MAC != to {
			t.Errorf("saved revision %d of %s, want 5 of the new address", saved.Revision, saved.MAC)
		}
	})
}

func TestMoveToAnAddressWithAHistory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at, from, to := storetest.Epoch(), storetest.MAC(1), storetest.MAC(2)
		former := storetest.Create(t, s, to, `{"old":1}`)
		storetest.Delete(t, s, former.ID)
		made := storetest.Create(t, s, from, `{"n":1}`)
		storetest.Apply(t, s, fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{"n":2}`), Source: fleet.FromRestore, Restored: 1})
		moved := storetest.Apply(t, s, move(made.ID, to))
		restored := rev(to, 4, fleet.FromRestore, `{"n":2}`, at)
		restored.Restored = 3 // the number that it has here
		came := rev(to, 5, fleet.FromReplace, `{"n":2}`, at.Add(time.Hour))
		came.Other = &from
		wantHistory(t, s, to, rev(to, 1, fleet.FromCreate, `{"old":1}`, at), rev(to, 2, fleet.FromDelete, "", at.Add(2*time.Second)),
			rev(to, 3, fleet.FromCreate, `{"n":1}`, at), restored, came)
		if moved.Revision != 5 {
			t.Errorf("revision %d, want 5", moved.Revision)
		}
		if left := deleted(t, s); len(left) != 0 {
			t.Errorf("%+v could be brought back to an address that is taken", left)
		}
		back := storetest.Apply(t, s, move(made.ID, from)) // and back again: its numbers go on behind what was left here
		if back.Revision != 3+5+1 {
			t.Errorf("back again it has revision %d, want 9: behind the three that this address has had", back.Revision)
		}
		other := storetest.Create(t, s, storetest.MAC(3), `{}`)
		storetest.Delete(t, s, other.ID)
		if again := storetest.Apply(t, s, move(made.ID, storetest.MAC(3))); again.Revision != 2+7+1 {
			t.Errorf("moved once more it has revision %d, want 10: what comes follows at once, whatever its first number was", again.Revision)
		}
		gone := rev(to, 6, fleet.FromReplace, "", at.Add(time.Hour))
		gone.Other = &from
		wantHistory(t, s, to, gone)
	})
}

func TestWhereNothingCanBeMoved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		storetest.Create(t, s, storetest.MAC(2), `{}`)
		for _, c := range []struct {
			id   int64
			to   int
			code fleet.Code
		}{{99, 3, fleet.CodeNotFound}, {made.ID, 2, fleet.CodeExists}, {made.ID, 1, fleet.CodeExists}} {
			_, err := s.Apply(ctx, move(c.id, storetest.MAC(c.to)))
			wantCode(t, err, c.code)
		}
		gone := storetest.Delete(t, s, made.ID)
		_, err := s.Apply(ctx, move(gone.ID, storetest.MAC(3)))
		wantCode(t, err, fleet.CodeNotFound)
		if n := len(history(t, s, storetest.MAC(3))); n != 0 {
			t.Errorf("%d revisions came to an address where nothing was moved", n)
		}
	})
}

func TestPreconditions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		made := storetest.Create(t, s, storetest.MAC(1), `{"n":1}`)
		storetest.Save(t, s, made.ID, `{"n":2}`)
		there := []fleet.Change{
			{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{"n":3}`), Source: fleet.FromEdit},
			{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{"n":2}`), Source: fleet.FromEdit}, // the same bytes
			{Kind: fleet.Delete, ID: made.ID, Source: fleet.FromDelete},
			move(made.ID, storetest.MAC(2)),
		}
		try := func(c fleet.Change, m fleet.Match, want fleet.Code) {
			t.Helper()
			c.IfMatch, c.At = m, storetest.Epoch()
			_, err := s.Apply(ctx, c)
			wantCode(t, err, want)
			if e, ok := errors.AsType[*fleet.Error](err); ok && want == fleet.CodePreconditionFailed && e.Current != 2 {
				t.Errorf("kind %d: the current revision is said to be %d, want 2", c.Kind, e.Current)
			}
			errs := s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error { // the other way in, undone where it succeeds
				if _, err := tx.Apply(ctx, c); err != nil {
					return err
				}
				return errOurs
			})
			if want != "" {
				wantCode(t, errs, want)
			}
		}
		for _, c := range there {
			for _, m := range []fleet.Match{{Given: true}, {Given: true, Revisions: []int64{1, 3}}} {
				try(c, m, fleet.CodePreconditionFailed)
			}
			missing := c
			missing.ID = 99
			try(missing, fleet.Match{Given: true, Any: true}, fleet.CodeNotFound)
		}
		wantHistoryLength(t, s, made.MAC, 2)
		try(there[0], fleet.Match{Given: true, Revisions: []int64{1, 2}}, "")
		try(there[3], fleet.Match{Given: true, Revisions: []int64{3}}, "")
		try(there[2], fleet.Match{Given: true, Any: true}, "")
		back := undelete(made.ID, `{}`, 1)
		for _, m := range []fleet.Match{{Given: true, Any: true}, {Given: true, Revisions: []int64{5}}} {
			back.IfMatch = m
			_, err := s.Apply(ctx, back)
			wantCode(t, err, fleet.CodePreconditionFailed)
		}
		back.IfMatch = fleet.Match{Given: true, Revisions: []int64{4}} // what the list of deleted ones says
		storetest.Apply(t, s, back)
	})
}

func wantHistoryLength(t testing.TB, s *store.Store, mac fleet.MAC, want int) {
	t.Helper()
	if n := len(history(t, s, mac)); n != want {
		t.Errorf("%s has %d revisions, want %d", mac, n, want)
	}
}

// What another program wrote is a revision before it is replaced, deleted or moved.
func TestForeignContentIsKept(t *testing.T) {
	const theirs = `{"by":"them", "ü":1e400}`
	at, now := storetest.Epoch(), storetest.Epoch().Add(time.Hour)
	one, two := storetest.MAC(1), storetest.MAC(2)
	adopted := rev(one, 2, fleet.FromAdopt, theirs, now)
	gone := rev(one, 3, fleet.FromDelete, "", now)
	came, went := rev(two, 2, fleet.FromReplace, theirs, now), rev(one, 2, fleet.FromReplace, "", now)
	came.Other, went.Other = &one, &two
	for name, c := range map[string]struct {
		change   fleet.Change
		revision int64
		here     []fleet.Revision // behind the first
		there    []fleet.Revision
	}{
		"save":    {fleet.Change{Kind: fleet.Save, Document: storetest.Raw(`{}`), Source: fleet.FromEdit}, 3, []fleet.Revision{adopted, rev(one, 3, fleet.FromEdit, `{}`, now)}, nil},
		"same":    {fleet.Change{Kind: fleet.Save, Document: storetest.Raw(theirs), Source: fleet.FromEdit}, 2, []fleet.Revision{adopted}, nil},
		"delete":  {fleet.Change{Kind: fleet.Delete, Source: fleet.FromDelete}, 2, []fleet.Revision{adopted, gone}, nil},
		"if zero": {fleet.Change{Kind: fleet.Delete, Source: fleet.FromDelete, IfMatch: fleet.Match{Given: true, Revisions: []int64{0}}}, 2, []fleet.Revision{adopted, gone}, nil},
		"move": {fleet.Change{Kind: fleet.Move, MAC: two, Source: fleet.FromReplace}, 2, nil,
			[]fleet.Revision{rev(two, 1, fleet.FromCreate, `{"by":"us"}`, at), came}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.EachURL(t, func(t *testing.T, url string) {
				s := storetest.OpenMigrated(t, url)
				made := storetest.Create(t, s, one, `{"by":"us"}`)
				storetest.Exec(t, url, `UPDATE configs SET content = $1 WHERE id = 1`, theirs)
				change := c.change
				change.ID, change.At = made.ID, now
				applied, err := s.Apply(context.Background(), change)
				must(t, err)
				if applied.Unchanged != (name == "same") || applied.Config.Revision != c.revision {
					t.Errorf("applied %+v, want revision %d", applied, c.revision)
				}
				if c.there != nil {
					wantHistory(t, s, two, c.there...)
					wantHistory(t, s, one, went)
					return
				}
				wantHistory(t, s, one, append([]fleet.Revision{rev(one, 1, fleet.FromCreate, `{"by":"us"}`, at)}, c.here...)...)
				if change.Kind == fleet.Delete {
					if kept := deleted(t, s); len(kept) != 1 || kept[0].Revision != 2 || string(kept[0].Content) != theirs || kept[0].ETag != storetest.Raw(theirs).ETag() {
						t.Errorf("kept %+v", kept)
					}
				}
			})
		})
	}
}

func TestWhoAndWhy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		by := fleet.Actor{Principal: fleet.ByLocal, Address: "2001:db8::1", Correlation: "not of the revision"}
		made := storetest.Apply(t, s, fleet.Change{Kind: fleet.Create, MAC: storetest.MAC(1), Document: storetest.Raw(`{}`), Source: fleet.FromImport,
			By: by, Message: "ünd\n\twhy '"})
		storetest.Apply(t, s, fleet.Change{Kind: fleet.Save, ID: made.ID, Document: storetest.Raw(`{"a":1}`), Source: fleet.FromRestore, Restored: 1, By: by, Message: "again"})
		storetest.Apply(t, s, fleet.Change{Kind: fleet.Delete, ID: made.ID, Source: fleet.FromDelete, By: by, Message: "gone"})
		messages := []string{"ünd\n\twhy '", "again", "gone"}
		for i, r := range history(t, s, made.MAC) {
			if want := (fleet.Actor{Principal: by.Principal, Address: by.Address}); r.By != want || r.Message != messages[i] || r.Restored != int64(i%2) {
				t.Errorf("revision %d is by %+v, says %q and restored %d", r.Number, r.By, r.Message, r.Restored)
			}
		}
	})
}

func TestRevisionByETag(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := storetest.Create(t, s, storetest.MAC(1), `{"n":1}`)
		storetest.Save(t, s, made.ID, `{"n":2}`)
		storetest.Save(t, s, made.ID, `{"n":1}`)
		storetest.Create(t, s, storetest.MAC(2), `{"n":9}`)
		first, other := storetest.Raw(`{"n":1}`).ETag(), storetest.Raw(`{"n":9}`).ETag()
		for _, c := range []struct {
			etag       string
			most, want int64
		}{{first, 0, 3}, {first, 3, 3}, {first, 2, 1}, {other, 0, 0}, {storetest.Raw(`{"n":2}`).ETag(), 1, 0}, {"", 0, 0}, {"zz", 0, 0}, {strings.ToUpper(first), 0, 0}, {first[:30], 0, 0}} {
			got, err := view(s, func(ctx context.Context, tx fleet.ReadTx) (int64, error) {
				return tx.RevisionByETag(ctx, made.MAC, c.etag, c.most)
			})
			if got != c.want || (c.want == 0) != (fleet.CodeOf(err) == fleet.CodeNotFound) {
				t.Errorf("%q up to %d: revision %d, %v; want %d", c.etag, c.most, got, err, c.want)
			}
		}
	})
}
