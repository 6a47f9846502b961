package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func openTest(t *testing.T) (*Store, *sqliteEngine) {
	t.Helper()
	testenv.Ran(t, testenv.SQLite)
	s, err := Open(context.Background(), Options{URL: "sqlite:///" + filepath.Join(t.TempDir(), "fleet.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s, s.engine.(*sqliteEngine)
}

func createOf(n int, size int) fleet.Change {
	text := make([]byte, size)
	for i := range text {
		text[i] = ' '
	}
	copy(text, fmt.Sprintf(`{"n":%d}`, n))
	return fleet.Change{Kind: fleet.Create, MAC: fleet.MAC{2, 0, 0, 0, byte(n >> 8), byte(n)}, Source: fleet.FromCreate,
		Document: fleet.Document{Text: text}, At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
}

func pragma(t *testing.T, conn *sqlite.Conn, name string) string {
	t.Helper()
	var value string
	err := sqlitex.ExecuteTransient(conn, "PRAGMA "+name, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		value = stmt.ColumnText(0)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// hold keeps the writer busy until the answer is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(context.Context, fleet.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestACommitIsOnTheDisk(t *testing.T) {
	_, e := openTest(t)
	want := map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"}
	for name, value := range want {
		if got := pragma(t, e.writer.conn, name); got != value {
			t.Errorf("the writer has %s = %s, want %s", name, got, value)
		}
	}
}

func TestCallersThatWaitShareACommit(t *testing.T) {
	s, e := openTest(t)
	ctx := context.Background()
	if _, err := s.Apply(ctx, createOf(5, 10)); err != nil {
		t.Fatal(err)
	}
	release := hold(t, s)
	commits, callers := e.writer.commits.Load(), e.writer.callers.Load()
	var group sync.WaitGroup
	for n := range 20 {
		group.Go(func() {
			_, err := s.Apply(ctx, createOf(n, 10))
			if want := map[bool]fleet.Code{true: fleet.CodeExists}[n == 5]; fleet.CodeOf(err) != want {
				t.Errorf("device %d: %v, want code %q", n, err, want)
			}
		})
	}
	testenv.WaitFor(t, 10*time.Second, func() bool { return len(e.writer.jobs) == 20 })
	release()
	group.Wait()
	commits, callers = e.writer.commits.Load()-commits, e.writer.callers.Load()-callers
	if callers != 21 || commits > 3 {
		t.Errorf("%d callers needed %d commits", callers, commits)
	}
	if got := count(t, s); got != 20 {
		t.Errorf("%d configurations, want 20: one failed alone", got)
	}
}

func count(t *testing.T, s *Store) (n int64) {
	t.Helper()
	err := s.View(context.Background(), func(ctx context.Context, tx fleet.ReadTx) (err error) {
		n, err = tx.Count(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestACallerThatWaitsMayLeave(t *testing.T) {
	s, e := openTest(t)
	release := hold(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error, 1)
	go func() {
		_, err := s.Apply(ctx, createOf(1, 10))
		left <- err
	}()
	testenv.WaitFor(t, 10*time.Second, func() bool { return len(e.writer.jobs) == 1 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	release()
	if n := count(t, s); n != 0 {
		t.Errorf("%d configurations; the caller had left", n)
	}
}

func TestAFullDiskIsUnavailableAndPasses(t *testing.T) {
	s, e := openTest(t)
	ctx := context.Background()
	limit := func(pages string) {
		t.Helper()
		err := e.writer.do(ctx, func(t turn) error { return exec(t.session.conn, "PRAGMA max_page_count = "+pages) })
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(pragmaOf(t, e, "page_count"))
	release := hold(t, s)
	var group sync.WaitGroup
	for n := range 10 { // small ones fit into the pages that are there; the large one does not
		group.Go(func() {
			size := 10
			if n == 3 {
				size = 100_000
			}
			_, err := s.Apply(ctx, createOf(n, size))
			if want := map[bool]fleet.Code{true: fleet.CodeUnavailable}[n == 3]; fleet.CodeOf(err) != want {
				t.Errorf("device %d: %v, want code %q", n, err, want)
			}
		})
	}
	testenv.WaitFor(t, 10*time.Second, func() bool { return len(e.writer.jobs) == 10 })
	release()
	group.Wait()
	if n := count(t, s); n != 9 {
		t.Errorf("%d configurations, want the 9 that there was room for", n)
	}
	limit("1000000")
	if _, err := s.Apply(ctx, createOf(3, 100_000)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func pragmaOf(t *testing.T, e *sqliteEngine, name string) (value string) {
	t.Helper()
	err := e.writer.do(context.Background(), func(turn turn) error {
		value = pragma(t, turn.session.conn, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// A neighbour that takes the whole transaction down, as some I/O errors do, costs nobody else their change.
func TestALostTransactionIsRunAgainForTheOthers(t *testing.T) {
	s, e := openTest(t)
	ctx := context.Background()
	release := hold(t, s)
	var group sync.WaitGroup
	for n := range 5 {
		group.Go(func() {
			if n == 2 {
				err := e.writer.do(ctx, func(t turn) error { return exec(t.session.conn, "ROLLBACK") })
				if fleet.CodeOf(err) != fleet.CodeUnavailable {
					t.Errorf("whoever lost it is told %v", err)
				}
				return
			}
			if _, err := s.Apply(ctx, createOf(n, 10)); err != nil {
				t.Errorf("device %d: %v", n, err)
			}
		})
	}
	testenv.WaitFor(t, 10*time.Second, func() bool { return len(e.writer.jobs) == 5 })
	release()
	group.Wait()
	if n := count(t, s); n != 4 {
		t.Errorf("%d configurations, want 4", n)
	}
}

// A caller that panicked is not waited for where its neighbours' transaction has to be run again.
func TestALostTransactionDoesNotWaitForWhoPanicked(t *testing.T) {
	s, e := openTest(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	release := hold(t, s)
	var group sync.WaitGroup
	group.Go(func() {
		defer func() { _ = recover() }()
		_ = s.Update(ctx, func(context.Context, fleet.Tx) error { panic("a caller's defect") })
	})
	testenv.WaitFor(t, 10*time.Second, func() bool { return len(e.writer.jobs) == 1 })
	group.Go(func() {
		err := e.writer.do(ctx, func(t turn) error { return exec(t.session.conn, "ROLLBACK") })
		if fleet.CodeOf(err) != fleet.CodeUnavailable {
			t.Errorf("whoever lost it is told %v", err)
		}
	})
	testenv.WaitFor(t, 10*time.Second, func() bool { return len(e.writer.jobs) == 2 })
	release()
	group.Wait()
	answered := make(chan error, 1)
	go func() {
		_, err := s.Apply(context.Background(), createOf(1, 10))
		answered <- err
	}()
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("the writer waits for a caller that is gone")
	}
}
