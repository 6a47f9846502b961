package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

func TestPostgresGoesAndComesBack(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	ctx := context.Background()
	cluster := testenv.NewCluster(t, testenv.ClusterOptions{})
	s := storetest.OpenMigrated(t, cluster.NewDatabase(t))
	made := storetest.Create(t, s, storetest.MAC(1), `{}`)
	at := head(t, s)
	var group sync.WaitGroup
	for range 8 { // several connections, all of which will be dead
		group.Go(func() { list(t, s, fleet.Query{}, false) })
	}
	group.Wait()
	cluster.Restart(t)
	if _, err := s.Document(ctx, made.MAC); err != nil {
		t.Errorf("a read right after a restart: %v", err)
	}
	storetest.Save(t, s, made.ID, `{"a":1}`)
	cluster.Stop(t)
	calls := map[string]func() error{
		"Ping":     func() error { return s.Ping(ctx) },
		"Apply":    func() error { _, err := s.Apply(ctx, create(2, `{}`)); return err },
		"Document": func() error { _, err := s.Document(ctx, made.MAC); return err },
		"View":     func() error { return s.View(ctx, func(context.Context, fleet.ReadTx) error { return nil }) },
		"Update":   func() error { return s.Update(ctx, func(context.Context, fleet.Tx) error { return nil }) },
		"Claim":    func() error { _, err := s.Claim(ctx, time.Now(), lease, 1); return err },
		"Migrate":  func() error { _, err := s.Migrate(ctx); return err },
		"Record":   func() error { return s.Record(ctx, []fleet.Evidence{fetched(made.MAC, `{}`, 1, minute(0))}) },
		"Lose":     func() error { return s.Lose(ctx, minute(0), minute(1)) },
		"Head":     func() error { _, err := s.Head(ctx); return err },
		"Events":   func() error { _, _, err := s.Events(ctx, at, 10); return err },
	}
	for name, call := range calls {
		if err := call(); fleet.CodeOf(err) != fleet.CodeUnavailable {
			t.Errorf("%s without a server: %v, want SERVICE_UNAVAILABLE", name, err)
		} else if errors.Is(err, fleet.ErrSchema) {
			t.Errorf("%s without a server says that the schema is wrong: %v", name, err)
		}
	}
	cluster.Start(t)
	for name, call := range calls {
		if err := call(); err != nil {
			t.Errorf("%s with the server back: %v", name, err)
		}
	}
	if served, err := s.Document(ctx, made.MAC); err != nil || served.Revision != 2 {
		t.Errorf("revision %d, %v; want the 2 of before", served.Revision, err)
	}
}

func TestOpenDoesNotWaitForPostgres(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	s := storetest.Open(t, "postgresql+psycopg://nobody:secret@127.0.0.1:1/none?sslmode=disable")
	err := s.Ping(context.Background())
	wantCode(t, err, fleet.CodeUnavailable)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%v holds the password", err)
	}
	_, err = store.Open(context.Background(), store.Options{URL: "postgresql://u:secret@h:port/db"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a bad URL gives %v", err)
	}
}

func TestUpdateRunsAgainWhereOthersMetIt(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	ctx := context.Background()
	s := storetest.OpenMigrated(t, storetest.NewURL(t, testenv.PostgreSQL))
	a := storetest.Create(t, s, storetest.MAC(1), `{}`).ID
	b := storetest.Create(t, s, storetest.MAC(2), `{}`).ID
	save := func(ctx context.Context, tx fleet.Tx, id int64, text string) error {
		_, err := tx.Apply(ctx, fleet.Change{Kind: fleet.Save, ID: id, Document: storetest.Raw(text), At: storetest.Epoch()})
		return err
	}
	var both, group sync.WaitGroup
	both.Add(2)
	runs := make([]int, 2)
	for i, order := range [][2]int64{{a, b}, {b, a}} {
		group.Go(func() {
			err := s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
				runs[i]++
				if err := save(ctx, tx, order[0], `{"a":1}`); err != nil {
					return err
				}
				if runs[i] == 1 {
					both.Done()
					both.Wait() // each holds what the other wants
				}
				return save(ctx, tx, order[1], `{"b":1}`)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if runs[0]+runs[1] == 2 {
		t.Errorf("ran %v times, want one of them again, or each", runs)
	}
}

func TestACallerWhoLeavesWhileTheServerHangs(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	url := storetest.NewURL(t, testenv.PostgreSQL)
	s := storetest.OpenMigrated(t, url)
	storetest.Create(t, s, storetest.MAC(1), `{}`)
	blocker, err := storetest.SQL(t, url).BeginTx(context.Background(), nil)
	must(t, err)
	_, err = blocker.Exec(`LOCK TABLE configs IN ACCESS EXCLUSIVE MODE`)
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Document(ctx, storetest.MAC(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline of ctx", err)
	}
	must(t, blocker.Rollback())
	if _, err := s.Document(context.Background(), storetest.MAC(1)); err != nil {
		t.Error(err)
	}
}
