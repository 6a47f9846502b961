package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store/migrations"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migration is one step towards the schema of this program.
type Migration struct {
	Version int64
	Title   string
	// AppliedAt is when the database took it; zero where it is pending.
	AppliedAt time.Time
}

// migrationsTable is where a database says which migrations it has had.
const migrationsTable = "schema_migrations"

// Migrate brings the database to the schema of this program and answers what it applied. Each migration is a
// transaction; several servers may start at once. A content that is no revision yet becomes one: after a takeover, and
// where another program wrote to the database. Errors: ErrNewerSchema.
func (s *Store) Migrate(ctx context.Context) (applied []Migration, err error) {
	err = s.withMigrations(func(p *goose.Provider) error {
		have, want, err := p.GetVersions(ctx)
		if err != nil {
			return err
		}
		if have > want {
			return newerSchema(have, want)
		}
		results, err := p.Up(ctx)
		for _, r := range results {
			s.logger.InfoContext(ctx, "migrated the database", "version", r.Source.Version, "title", title(r.Source.Path),
				"duration", r.Duration)
			applied = append(applied, Migration{r.Source.Version, title(r.Source.Path), time.Now().UTC()})
		}
		return err
	})
	if err != nil {
		return applied, err
	}
	if err := s.engine.migrated(); err != nil {
		return applied, err
	}
	return applied, s.adopt(ctx)
}

// Migrations are all migrations of this program, oldest first.
func (s *Store) Migrations(ctx context.Context) (all []Migration, err error) {
	err = s.withMigrations(func(p *goose.Provider) error {
		states, err := p.Status(ctx)
		for _, state := range states {
			m := Migration{Version: state.Source.Version, Title: title(state.Source.Path)}
			if state.State == goose.StateApplied {
				m.AppliedAt = state.AppliedAt.UTC()
			}
			all = append(all, m)
		}
		return err
	})
	return all, err
}

// Status is Migrations for a database that a running server may have, or that is not there yet: it takes no lock, and
// makes no SQLite database.
func Status(ctx context.Context, o Options) ([]Migration, error) {
	file, _, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); file != "" && errors.Is(err, fs.ErrNotExist) {
		return statusOfNothing(ctx)
	}
	s, err := Open(ctx, o)
	if err == nil {
		all, err := s.Migrations(ctx)
		return all, errors.Join(err, s.Close())
	}
	if !errors.Is(err, ErrLocked) {
		return nil, err
	}
	return (&Store{engine: &sqliteEngine{path: file}}).Migrations(ctx)
}

// statusOfNothing is that of a database which is made elsewhere, and removed again.
func statusOfNothing(ctx context.Context) ([]Migration, error) {
	dir, err := os.MkdirTemp("", "espalier-status-")
	if err != nil {
		return nil, err
	}
	all, err := (&Store{engine: &sqliteEngine{path: filepath.Join(dir, "none.db")}}).Migrations(ctx)
	return all, errors.Join(err, os.RemoveAll(dir))
}

// Recreate drops everything of ours, the field's tables included, and migrates again.
func (s *Store) Recreate(ctx context.Context) error {
	db, err := s.engine.migrations()
	if err != nil {
		return err
	}
	err = errors.Join(drop(ctx, db, s.Engine()), db.Close(), s.engine.migrated())
	if err != nil {
		return s.migrationError(err)
	}
	_, err = s.Migrate(ctx)
	return err
}

func drop(ctx context.Context, db *sql.DB, engine string) error {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	statements := []string{}
	for _, table := range []string{"configs", "deleted_configs", "revisions", "audit", "answers", "devices", "facts", "fleet_samples", "outbox", "meta",
		migrationsTable, "alembic_version"} {
		statements = append(statements, "DROP TABLE IF EXISTS "+table)
	}
	if engine == "postgres" {
		statements = append(statements, "DROP FUNCTION IF EXISTS configs_written_by_another", "DROP FUNCTION IF EXISTS configs_number_is_newest",
			"DROP SEQUENCE IF EXISTS outbox_generation")
	}
	for _, sql := range statements {
		if _, err := t.ExecContext(ctx, sql); err != nil {
			return errors.Join(err, t.Rollback())
		}
	}
	return t.Commit()
}

// withMigrations runs fn with the migrations' library. It is on connections of its own.
func (s *Store) withMigrations(fn func(*goose.Provider) error) error {
	db, err := s.engine.migrations()
	if err != nil {
		return err
	}
	p, err := provider(s.Engine(), db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return s.migrationError(errors.Join(fn(p), db.Close()))
}

func provider(engine string, db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.FS, engine)
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true), goose.WithTableName(migrationsTable), goose.WithLogger(goose.NopLogger()),
	}
	if engine == "sqlite" {
		return goose.NewProvider(goose.DialectSQLite3, db, files, options...)
	}
	// An advisory lock goes with its connection. A lock in a table would keep everybody waiting for its lease after a
	// server was killed in a migration.
	const second, minutes = 1, 600
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(second, minutes))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, append(options, goose.WithSessionLocker(locker))...)
}

// migrationError says what a migration met, with a code where it was the way to the database.
func (s *Store) migrationError(err error) error {
	if err == nil || errors.Is(err, ErrNewerSchema) {
		return err
	}
	if s.Engine() == "postgres" && unavailable(err) {
		return fleet.Unavailable(err)
	}
	return fmt.Errorf("migrate the database: %w", err)
}

// title is what a migration's file name says: 00001_some_words.sql.
func title(file string) string {
	_, words, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
	return strings.ReplaceAll(words, "_", " ")
}

// schemaVersion is the newest migration of this program.
func schemaVersion(engine string) (int64, error) {
	files, err := fs.ReadDir(migrations.FS, engine)
	if err != nil {
		return 0, err
	}
	number, _, _ := strings.Cut(files[len(files)-1].Name(), "_")
	return strconv.ParseInt(number, 10, 64)
}

// Ping implements fleet.Store.
func (s *Store) Ping(ctx context.Context) error {
	want, err := schemaVersion(s.Engine())
	if err != nil {
		return fleet.Internal(err)
	}
	var have int64
	err = s.engine.view(ctx, func(ctx context.Context, tx reader) error {
		const sql = `SELECT coalesce(max(version_id), 0) FROM ` + migrationsTable
		return tx.run(ctx, query(sql, func(r row) error { return r.Scan(&have) }))
	})
	switch {
	case err != nil && fleet.CodeOf(err) != fleet.CodeInternal:
		return err
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return wrongSchema(fmt.Errorf("%w: %w", errNoSchema, err))
	case have > want:
		return wrongSchema(newerSchema(have, want))
	case have < want:
		return wrongSchema(errNoSchema)
	}
	return nil
}
