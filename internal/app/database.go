package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/sample"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/store"
)

// Migration is one step of the schema: Version, Title, and when it was applied (zero: pending).
type Migration = store.Migration

// ErrDatabaseInUse says that a running server has the database.
var ErrDatabaseInUse = store.ErrLocked

// readiness says whether the schema has been brought up to this program's.
type readiness struct{ migrated atomic.Bool }

var errNotMigrated = errors.New("the migrations have not run yet")

// ping is nil when the database answers and has our schema.
func (a *App) ping(ctx context.Context) error {
	if !a.ready.migrated.Load() {
		return fleet.Unavailable(errNotMigrated)
	}
	return a.store.Ping(ctx)
}

// retryMigrations is how often an unreachable database is asked again at the start.
const retryMigrations = time.Second

// openStore opens the database and migrates it; one that cannot be reached is migrated in the background as soon as
// it can be.
func (a *App) openStore(ctx, running context.Context) error {
	st, err := openStore(ctx, a.options, "serve")
	if err != nil {
		return err
	}
	a.store = st
	err = a.migrate(ctx)
	if fleet.CodeOf(err) != fleet.CodeUnavailable {
		return err
	}
	a.log.Warn("the database cannot be reached; requests get 503 until it can", "error", err)
	a.background.Go(func() { a.keepMigrating(running) })
	return nil
}

func (a *App) keepMigrating(running context.Context) {
	tick := time.NewTicker(retryMigrations)
	defer tick.Stop()
	for {
		select {
		case <-running.Done():
			return
		case <-tick.C:
		}
		switch err := a.migrate(running); {
		case err == nil:
			a.log.Info("the database is there")
			return
		case running.Err() != nil:
			return
		case fleet.CodeOf(err) != fleet.CodeUnavailable:
			a.fail(err)
			return
		}
	}
}

func (a *App) migrate(ctx context.Context) error {
	if _, err := a.store.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	a.ready.migrated.Store(true)
	return nil
}

func openStore(ctx context.Context, o Options, command string) (*store.Store, error) {
	owner := fmt.Sprintf("espalier %s, pid %d", command, os.Getpid())
	st, err := store.Open(ctx, store.Options{URL: o.Settings.DatabaseURL, Owner: owner, Logger: o.Logger, Clock: o.Clock})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return st, nil
}

// withStore runs fn with the database of the settings, for the commands that work on it without a server.
func withStore(ctx context.Context, set settings.Settings, command string, fn func(*store.Store) error) error {
	st, err := openStore(ctx, Options{Settings: set}, command)
	if err != nil {
		return err
	}
	return errors.Join(fn(st), st.Close())
}

// UpgradeDatabase applies the migrations that are pending and answers them. With recreate it drops everything
// first. Errors: ErrDatabaseInUse.
func UpgradeDatabase(ctx context.Context, set settings.Settings, recreate bool) (applied []Migration, err error) {
	err = withStore(ctx, set, "db upgrade", func(st *store.Store) error {
		if recreate {
			if err := st.Recreate(ctx); err != nil {
				return err
			}
			applied, err = st.Migrations(ctx)
			return err
		}
		applied, err = st.Migrate(ctx)
		return err
	})
	return applied, err
}

// DatabaseStatus answers every migration that this program knows, also while a server has the database.
func DatabaseStatus(ctx context.Context, set settings.Settings) ([]Migration, error) {
	all, err := store.Status(ctx, store.Options{URL: set.DatabaseURL, Owner: "espalier db status"})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return all, nil
}

// LoadSample migrates the database and puts the sample fleet into it; devices that are there already are left as they
// are. Errors: ErrDatabaseInUse.
func LoadSample(ctx context.Context, set settings.Settings) (report fleet.Report, err error) {
	err = withStore(ctx, set, "db load-test-data", func(st *store.Store) error {
		if _, err := st.Migrate(ctx); err != nil {
			return err
		}
		service := fleet.NewService(st, fleet.Options{MaxContent: set.MaxContentBytes, Announce: set.MQTTURL != "off", Now: st.Now})
		report, err = service.Import(ctx, SampleItems(), fleet.ImportOptions{OnConflict: fleet.ConflictSkip},
			fleet.Attempt{By: fleet.Actor{Principal: fleet.ByConsole}})
		return err
	})
	return report, err
}

// SampleItems are the documents of the sample fleet.
func SampleItems() []fleet.Item { return sample.Items() }
