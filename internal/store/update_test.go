package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

var errOurs = errors.New("ours")

func create(n int, text string) fleet.Change {
	return fleet.Change{Kind: fleet.Create, MAC: storetest.MAC(n), Document: storetest.Raw(text), Source: fleet.FromCreate,
		At: storetest.Epoch()}
}

func wantConfigs(t *testing.T, s *store.Store, want int) {
	t.Helper()
	if n := len(list(t, s, fleet.Query{}, false)); n != want {
		t.Errorf("%d configurations, want %d", n, want)
	}
}

func TestAFailedUpdateKeepsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		storetest.Create(t, s, storetest.MAC(9), `{}`)
		err := s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
			if _, err := tx.Apply(ctx, create(1, `{}`), create(2, `{}`)); err != nil {
				return err
			}
			if n, err := tx.Count(ctx); err != nil || n != 3 {
				t.Errorf("it does not see its own changes: %d, %v", n, err)
			}
			return errOurs
		})
		if !errors.Is(err, errOurs) {
			t.Errorf("got %v, want the caller's own error", err)
		}
		err = s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
			_, err := tx.Apply(ctx, create(1, `{}`), create(9, `{}`), create(2, `{}`))
			wantCode(t, err, fleet.CodeExists)
			return nil // which no caller should
		})
		wantCode(t, err, fleet.CodeExists)
		wantConfigs(t, s, 1)
		if n, _, err := s.Backlog(ctx); err != nil || n != 1 {
			t.Errorf("%d messages, %v; want that of the first create alone", n, err)
		}
	})
}

func TestAPanicIsTheCallers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for _, way := range []func(){
			func() {
				_ = s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
					if _, err := tx.Apply(ctx, create(1, `{}`)); err != nil {
						t.Error(err)
					}
					panic(errOurs)
				})
			},
			func() { _ = s.View(ctx, func(context.Context, fleet.ReadTx) error { panic(errOurs) }) },
		} {
			func() {
				defer func() {
					if v := recover(); v != errOurs { //nolint:errorlint // the very value
						t.Errorf("recovered %v", v)
					}
				}()
				way()
			}()
		}
		wantConfigs(t, s, 0)
		storetest.Create(t, s, storetest.MAC(1), `{}`)
	})
}

func TestACanceledContextIsAnsweredAsItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := storetest.Create(t, s, storetest.MAC(1), `{}`)
		canceled, cancel := context.WithCancel(context.Background())
		cancel()
		calls := map[string]func() error{
			"View":     func() error { return s.View(canceled, func(context.Context, fleet.ReadTx) error { return nil }) },
			"Update":   func() error { return s.Update(canceled, func(context.Context, fleet.Tx) error { return nil }) },
			"Apply":    func() error { _, err := s.Apply(canceled, create(2, `{}`)); return err },
			"Document": func() error { _, err := s.Document(canceled, storetest.MAC(5)); return err },
			"Ping":     func() error { return s.Ping(canceled) },
			"Claim":    func() error { _, err := s.Claim(canceled, time.Now(), time.Minute, 1); return err },
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, context.Canceled) || fleet.CodeOf(err) != fleet.CodeInternal {
				t.Errorf("%s answers %v, want context.Canceled", name, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		err := s.Update(ctx, func(ctx context.Context, tx fleet.Tx) error {
			if _, err := tx.Apply(ctx, fleet.Change{Kind: fleet.Delete, ID: made.ID, At: storetest.Epoch()}); err != nil {
				return err
			}
			cancel()
			_, err := tx.Count(ctx)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		wantConfigs(t, s, 1)
	})
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		storetest.Create(t, s, storetest.MAC(1), `{}`)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := s.Apply(ctx, create(2, `{}`))
		wantCode(t, err, fleet.CodeUnavailable)
		_, err = s.Document(ctx, storetest.MAC(1))
		wantCode(t, err, fleet.CodeUnavailable)
		wantCode(t, s.Ping(ctx), fleet.CodeUnavailable)
		wantCode(t, s.SetWatermark(ctx, time.Now()), fleet.CodeUnavailable)
	})
}
