package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"espalier.dev/espalier/internal/fleet"
	_ "modernc.org/sqlite" // database/sql over the same engine, for the migrations
	"zombiezen.com/go/sqlite"
)

// sqliteEngine is a SQLite file: one connection that writes, and some that read beside it (WAL).
type sqliteEngine struct {
	clock      *clock
	path       string
	lock       *fileLock
	writer     *writer
	readers    *readers
	cache      *cache // nil: none
	generation atomic.Int64
}

// busyTimeout is how long a statement waits for a lock of another process, such as a backup.
const busyTimeout = 10 * time.Second

var sqliteDialect = dialect{ //nolint:gochecknoglobals // constant
	position: `instr`,
	each:     `json_each`,
	// One connection writes, so that ids are in the order of commits.
	place:     `id`,
	lastPlace: `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'`,
	// What the field's service and CURRENT_TIMESTAMP wrote may lack digits behind the second.
	time: func(column string) string { return `substr(` + column + ` || '.000000', 1, 26)` },
}

func openSQLite(path string, o Options, clock *clock) (*sqliteEngine, error) {
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	lock, err := takeLock(path+".lock", o.Owner)
	if err != nil {
		return nil, err
	}
	e := &sqliteEngine{clock: clock, path: path, lock: lock}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.CacheBytes > 0 {
		e.cache = newCache(o.CacheBytes)
	}
	if e.writer, err = startWriter(e.openWriter, e.cache); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), lock.release())
	}
	e.readers = newReaders(runtime.GOMAXPROCS(0)+4, e.openReader)
	if err := e.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), e.close())
	}
	return e, nil
}

// makeFile makes the folder and the file where they are not there, for nobody else to read: documents hold secrets.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

func (e *sqliteEngine) openWriter() (*sqlite.Conn, error) {
	conn, err := openConn(e.path, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
		"PRAGMA cache_size = -16384", "PRAGMA wal_autocheckpoint = 2000", "PRAGMA journal_size_limit = 67108864")
	if err != nil {
		return nil, err
	}
	function := &sqlite.FunctionImpl{NArgs: 1, Scalar: e.nextGeneration}
	if err := conn.CreateFunction("nextval", function); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (e *sqliteEngine) openReader() (*sqlite.Conn, error) {
	return openConn(e.path, "PRAGMA query_only = ON", "PRAGMA cache_size = -8192")
}

// nextGeneration lets statements number outbox rows as PostgreSQL's sequence does. This process is the only one that
// writes, so that the numbers need not be kept beyond the rows that bear them.
func (e *sqliteEngine) nextGeneration(sqlite.Context, []sqlite.Value) (sqlite.Value, error) {
	return sqlite.IntegerValue(e.generation.Add(1)), nil
}

func openConn(path string, pragmas ...string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	for _, pragma := range pragmas {
		if err := exec(conn, pragma); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", pragma, err), conn.Close())
		}
	}
	return conn, nil
}

// begin voids the claims of the server that had the file before, and goes on from its generations.
func (e *sqliteEngine) begin() error {
	return e.writer.do(context.Background(), func(t turn) error {
		ctx := context.Background()
		there := false
		err := t.session.run(ctx, query(`SELECT 1 FROM sqlite_master WHERE name = 'outbox'`, func(row) error {
			there = true
			return nil
		}))
		if err != nil || !there {
			return err
		}
		var last int64
		err = t.session.run(ctx,
			statement(`UPDATE outbox SET claimed_until = NULL WHERE claimed_until IS NOT NULL`),
			query(`SELECT coalesce(max(generation), 0) FROM outbox`, func(r row) error { return r.Scan(&last) }))
		e.generation.Store(last)
		return err
	})
}

func (e *sqliteEngine) name() string { return "sqlite" }

func (e *sqliteEngine) view(ctx context.Context, fn func(context.Context, reader) error) error {
	conn, err := e.readers.take(ctx)
	if err != nil {
		return err
	}
	defer e.readers.put(conn)
	conn.SetInterrupt(ctx.Done())
	defer func() {
		conn.SetInterrupt(nil)
		_ = exec(conn, "ROLLBACK") // nothing was changed
	}()
	if err := exec(conn, "BEGIN"); err != nil {
		return finish(ctx, sqliteError(err))
	}
	return finish(ctx, fn(ctx, reader{sqliteSession{conn}, &sqliteDialect, e.clock}))
}

func (e *sqliteEngine) update(ctx context.Context, fn func(context.Context, *tx) error) error {
	return finish(ctx, e.writer.doHere(ctx, func(t turn) error {
		tx := e.tx(t)
		err := fn(ctx, tx)
		if err == nil {
			err = tx.failed
		}
		return err
	}))
}

func (e *sqliteEngine) tx(t turn) *tx {
	return &tx{
		reader: reader{t.session, &sqliteDialect, e.clock},
		change: func(ctx context.Context, changes []fleet.Change) ([]fleet.Applied, error) {
			applied := make([]fleet.Applied, len(changes))
			for i, c := range changes {
				var err error
				if applied[i], err = e.applyIn(ctx, t, c); err != nil {
					return nil, err
				}
			}
			return applied, nil
		},
	}
}

func (e *sqliteEngine) apply(ctx context.Context, c fleet.Change) (applied fleet.Applied, err error) {
	err = e.writer.do(ctx, func(t turn) (err error) {
		applied, err = e.applyIn(context.WithoutCancel(ctx), t, c)
		return err
	})
	return applied, err
}

// document reads through the cache.
func (e *sqliteEngine) document(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
	if e.cache == nil {
		return e.readDocument(ctx, mac)
	}
	served, ok, epoch := e.cache.find(mac)
	if ok {
		return served, nil
	}
	served, err := e.readDocument(ctx, mac)
	if err == nil {
		e.cache.keep(mac, served, epoch)
	}
	return served, err
}

func (e *sqliteEngine) readDocument(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
	conn, err := e.readers.take(ctx)
	if err != nil {
		return fleet.Served{}, err
	}
	defer e.readers.put(conn)
	return readDocument(ctx, sqliteSession{conn}, mac)
}

// migrations is the database as the migrations' library wants it. It must not be in use while other connections write.
func (e *sqliteEngine) migrations() (*sql.DB, error) {
	options := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "synchronous(FULL)",
	}}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: e.path}).EscapedPath(), RawQuery: options.Encode()}
	return sql.Open("sqlite", name.String())
}

// migrated makes what was learned from the old schema be forgotten.
func (e *sqliteEngine) migrated() error {
	if e.cache != nil {
		e.cache.clear()
	}
	return e.begin()
}

func (e *sqliteEngine) close() error {
	err := e.readers.close()
	return errors.Join(err, e.writer.close(), e.lock.release())
}
