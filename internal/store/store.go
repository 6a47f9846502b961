// Package store keeps configurations, their revisions and the outbox in SQL: fleet.Store and fleet.Outbox over an
// embedded SQLite file or a PostgreSQL server, with one text for each statement wherever both can run it.
//
// It imports fleet and the two drivers, and nothing else of ours. Start reading at Store; then session (how statements
// run on either engine), reader (what is read), tx and the two files named …_apply.go (what is changed), writer (how
// SQLite's callers share a commit) and migrate.go.
package store

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// Options say which database, and how it is used.
type Options struct {
	// URL is sqlite:///relative/path, sqlite:////absolute/path, or a PostgreSQL URL: postgresql://…, postgres://… or
	// postgresql+psycopg://… (also +psycopg2 and +asyncpg), as existing deployments have them.
	URL string
	// Owner is what the lock of a SQLite file says of who has it, for the message that a second server gives.
	Owner string
	// Logger hears of migrations; nil is nobody.
	Logger *slog.Logger
	// CacheBytes bounds the documents of a SQLite file that are kept in memory for the device endpoint: 0 is 64 MiB,
	// and less than 0 keeps none. With PostgreSQL nothing is kept, because other servers write.
	CacheBytes int64
	// Clock is this machine's; nil is the system's.
	Clock func() time.Time
}

const defaultCache = 64 << 20

// Store is a database. It is safe for concurrent use.
type Store struct {
	engine engine
	logger *slog.Logger
	clock  *clock
	close  func() error
	// pruning is how far Prune has come.
	pruning pruning
}

var (
	_ fleet.Store   = (*Store)(nil)
	_ fleet.Outbox  = (*Store)(nil)
	_ fleet.Auditor = (*Store)(nil)
	_ fleet.Pruner  = (*Store)(nil)
	_ fleet.Sampler = (*Store)(nil)
)

// engine is one of the two databases. Its errors are those of fleet.Store.
type engine interface {
	name() string
	// view and update run fn in a transaction, which may happen twice.
	view(ctx context.Context, fn func(context.Context, reader) error) error
	update(ctx context.Context, fn func(context.Context, *tx) error) error
	apply(ctx context.Context, c fleet.Change) (fleet.Applied, error)
	document(ctx context.Context, mac fleet.MAC) (fleet.Served, error)
	// migrations is the database for the migrations' library; migrated is called after it has been at work.
	migrations() (*sql.DB, error)
	migrated() error
	close() error
}

// Open opens a database. A SQLite file is made where it is missing, with its folder, for nobody else to read, and is
// locked: ErrLocked where another server has it. A PostgreSQL server may be away; what is asked of the store meanwhile
// fails with SERVICE_UNAVAILABLE.
func Open(ctx context.Context, o Options) (*Store, error) {
	path, url, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{logger: o.Logger, clock: &clock{local: o.Clock}}
	if s.clock.local == nil {
		s.clock.local = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if url != "" {
		engine, err := openPostgres(ctx, url, s.clock)
		if err != nil {
			return nil, err
		}
		s.engine, s.close = engine, sync.OnceValue(engine.close)
		return s, nil
	}
	engine, err := openSQLite(path, o, s.clock)
	if err != nil {
		return nil, err
	}
	s.engine, s.close = engine, sync.OnceValue(engine.close)
	return s, nil
}

// Engine is "sqlite" or "postgres".
func (s *Store) Engine() string { return s.engine.name() }

// Now is the time by the clock that all servers on the database share: that of a PostgreSQL server's machine, and this
// one's for a SQLite file. What is written for other servers to compare is to be of this clock.
func (s *Store) Now() time.Time { return s.clock.now() }

// Close waits for what is under way and closes the database. What is asked of it afterwards is SERVICE_UNAVAILABLE.
func (s *Store) Close() error { return s.close() }

// View implements fleet.Store.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx fleet.ReadTx) error) error {
	return s.engine.view(ctx, func(ctx context.Context, tx reader) error { return fn(ctx, tx) })
}

// Update implements fleet.Store.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx fleet.Tx) error) error {
	return s.engine.update(ctx, func(ctx context.Context, tx *tx) error { return fn(ctx, tx) })
}

// Apply implements fleet.Store.
func (s *Store) Apply(ctx context.Context, change fleet.Change) (fleet.Applied, error) {
	return s.engine.apply(ctx, change)
}

// Document implements fleet.Store.
func (s *Store) Document(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
	return s.engine.document(ctx, mac)
}
