package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresEngine is a PostgreSQL database, which any number of servers share.
type postgresEngine struct {
	pool   *pgxpool.Pool
	groups groups
	clock  *clock
	closed atomic.Bool
}

var postgresDialect = dialect{ //nolint:gochecknoglobals // constant
	collate:  ` COLLATE "C"`,
	position: `strpos`,
	each:     `json_array_elements_text`,

	place:     `seq`,
	lastPlace: `SELECT CAST(value AS bigint) FROM meta WHERE key = 'event_seq'`,
	unplaced:  `SELECT EXISTS (SELECT 1 FROM audit WHERE seq IS NULL AND event IS NOT NULL)`,
	time:      func(column string) string { return column },
	claim:     ` FOR UPDATE SKIP LOCKED`,
	lock:      ` FOR UPDATE`,
}

const (
	// attempts is how often a transaction is run that others keep from succeeding.
	attempts = 10
	// commitTimeout is how long the answer to a COMMIT is waited for, even where the caller no longer waits.
	commitTimeout = 15 * time.Second
)

func openPostgres(ctx context.Context, url string, clock *clock) (*postgresEngine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err) // the driver masks the password
	}
	defaults := map[string]string{
		"TimeZone": "UTC", "application_name": "espalier", "statement_timeout": "30s", "lock_timeout": "10s",
		"idle_in_transaction_session_timeout": "60s", "default_transaction_isolation": "read committed",
	}
	for name, value := range defaults {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set || name == "TimeZone" {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	const connections = 16
	config.MaxConns = max(config.MaxConns, connections)
	config.AfterConnect = clock.learn
	config.PrepareConn = clock.check
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	e := &postgresEngine{pool: pool, clock: clock}
	e.groups.send = e.applyGroup
	return e, nil
}

func (e *postgresEngine) name() string { return "postgres" }

func (e *postgresEngine) view(ctx context.Context, fn func(context.Context, reader) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return e.transact(ctx, options, func(ctx context.Context, s pgSession) error {
		return fn(ctx, reader{s, &postgresDialect, e.clock})
	})
}

func (e *postgresEngine) update(ctx context.Context, fn func(context.Context, *tx) error) error {
	return e.transact(ctx, pgx.TxOptions{}, func(ctx context.Context, s pgSession) error {
		t := &tx{reader: reader{s, &postgresDialect, e.clock}, change: nil}
		t.change = func(ctx context.Context, changes []fleet.Change) ([]fleet.Applied, error) {
			return e.change(ctx, s, changes)
		}
		err := fn(ctx, t)
		if err == nil {
			err = t.failed
		}
		return err
	})
}

// Transactions that failed because others met them run again one after another: those that lock many rows in other
// orders would otherwise meet again and again.
const (
	queueUp        = `SELECT pg_advisory_xact_lock($1)`
	queueKey int64 = 0x657370616c696572
)

// transact runs fn in a transaction, and again where that may help and nothing was kept.
func (e *postgresEngine) transact(ctx context.Context, o pgx.TxOptions, fn func(context.Context, pgSession) error) error {
	err := e.once(ctx, o, fn)
	for again := 1; again < attempts && (passing(err) || errors.Is(err, errForeign)) && ctx.Err() == nil; again++ {
		err = e.once(ctx, o, func(ctx context.Context, s pgSession) error {
			if err := s.run(ctx, statement(queueUp, queueKey)); err != nil {
				return err
			}
			return fn(ctx, s)
		})
	}
	return e.finish(ctx, err)
}

func (e *postgresEngine) once(ctx context.Context, o pgx.TxOptions, fn func(context.Context, pgSession) error) (err error) {
	t, err := e.begin(ctx, o)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // also where fn panics
			_ = t.Rollback(context.WithoutCancel(ctx)) // the connection is closed where this fails
		}
	}()
	if err := fn(ctx, pgSession{t}); err != nil {
		return err
	}
	done = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	return t.Commit(ctx)
}

// begin starts a transaction. Connections that broke while nobody used them, as in a restart of the server, are
// replaced.
func (e *postgresEngine) begin(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error) {
	t, err := e.pool.BeginTx(ctx, o)
	if err != nil && ctx.Err() == nil && stale(err) {
		e.pool.Reset()
		t, err = e.pool.BeginTx(ctx, o)
	}
	return t, err
}

// stale tells whether a connection turned out to be dead, as against none to be had.
func stale(err error) bool {
	_, refused := errors.AsType[*pgconn.ConnectError](err)
	return !refused && (lostConnection(err) || endedByServer(err))
}

func (e *postgresEngine) apply(ctx context.Context, c fleet.Change) (applied fleet.Applied, err error) {
	if oneStatement(c.Kind) {
		applied, err = e.groups.apply(ctx, c)
		if !errors.Is(err, errForeign) {
			return applied, err
		}
	}
	err = e.update(ctx, func(ctx context.Context, t *tx) error {
		all, err := t.Apply(ctx, c)
		if err == nil {
			applied = all[0]
		}
		return err
	})
	return applied, err
}

// applyAlone is one statement: one round trip, and a transaction of its own.
func (e *postgresEngine) applyAlone(ctx context.Context, c fleet.Change) (fleet.Applied, error) {
	var o outcome
	var err error
	for range attempts {
		if err = (pgSession{e.pool}).run(ctx, e.changeRequest(c, &o)); err == nil {
			err = o.err
		}
		if !passing(err) && !notSent(err) || ctx.Err() != nil {
			break
		}
	}
	return o.applied, e.finish(ctx, err)
}

func (e *postgresEngine) document(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
	served, err := readDocument(ctx, pgSession{e.pool}, mac)
	if err != nil && ctx.Err() == nil && stale(err) {
		e.pool.Reset()
		served, err = readDocument(ctx, pgSession{e.pool}, mac)
	}
	return served, e.finish(ctx, err)
}

// migrations is the database as the migrations' library wants it, without the time limits of everyday work.
func (e *postgresEngine) migrations() (*sql.DB, error) {
	config := e.pool.Config().ConnConfig
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = "0"
	return stdlib.OpenDB(*config), nil
}

func (e *postgresEngine) migrated() error {
	e.pool.Reset()
	return nil
}

func (e *postgresEngine) close() error {
	e.closed.Store(true)
	e.pool.Close()
	return nil
}

func (e *postgresEngine) finish(ctx context.Context, err error) error {
	if err != nil && e.closed.Load() {
		return fleet.Unavailable(errClosed)
	}
	return finish(ctx, postgresError(err))
}
