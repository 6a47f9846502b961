package store

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"espalier.dev/espalier/internal/fleet"
	"zombiezen.com/go/sqlite"
)

// mostShared is how many callers share a commit at most.
const mostShared = 128

// writer is the one connection that writes to a SQLite file. What waits together is committed together: one
// transaction, in which each caller has a savepoint of its own, so that a caller that fails is undone alone.
type writer struct {
	open   func() (*sqlite.Conn, error)
	conn   *sqlite.Conn // nil after a failure that it may not have survived
	cache  *cache       // nil: none
	jobs   chan *job
	stop   chan struct{} // closed: no further jobs
	ended  chan struct{}
	shared int // callers of the last commit
	// commits and callers count what was committed, for tests and benchmarks.
	commits, callers atomic.Int64
}

// job is one caller's part of a transaction. It may be run twice: again where a neighbour took the whole transaction
// down.
type job struct {
	run   func(turn) error
	turns chan turn   // of a job that runs in its caller's goroutine
	begun atomic.Bool // by the writer, or left by the caller: whoever is first
	done  chan error
	err   error
	macs  []fleet.MAC
}

// turn is a caller's time with the writer's connection. What it changes it touches.
type turn struct {
	session sqliteSession
	touch   func(fleet.MAC)
	done    chan error
}

func startWriter(open func() (*sqlite.Conn, error), documents *cache) (*writer, error) {
	conn, err := open()
	if err != nil {
		return nil, err
	}
	w := &writer{
		open: open, conn: conn, cache: documents,
		jobs: make(chan *job, mostShared), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.loop()
	return w, nil
}

// do runs something short in the writer's goroutine, and waits for its commit. A caller whose ctx ends while it waits
// for its turn leaves; once begun, it is told how it went.
func (w *writer) do(ctx context.Context, run func(turn) error) error {
	return w.wait(ctx, &job{run: run, done: make(chan error, 1)}, nil)
}

// doHere is do for what callers bring: it runs in the goroutine of the caller, which is the one that a panic ends.
func (w *writer) doHere(ctx context.Context, fn func(turn) error) error {
	j := &job{turns: make(chan turn), done: make(chan error, 1)}
	left := false
	j.run = func(t turn) error {
		if left {
			return errUnwound // nobody is there to take the turn
		}
		t.done = make(chan error, 1)
		j.turns <- t
		err := <-t.done
		left = errors.Is(err, errUnwound)
		return err
	}
	return w.wait(ctx, j, fn)
}

func (w *writer) wait(ctx context.Context, j *job, fn func(turn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended:
		return fleet.Unavailable(errClosed)
	}
	canceled := ctx.Done()
	for {
		select {
		case t := <-j.turns:
			t.take(fn)
		case err := <-j.done:
			return err
		case <-canceled:
			if j.begun.CompareAndSwap(false, true) {
				return ctx.Err()
			}
			canceled = nil
		case <-w.ended:
			select {
			case err := <-j.done:
				return err
			default:
				return fleet.Unavailable(errClosed)
			}
		}
	}
}

var errUnwound = errors.New("the caller's function did not return")

// take runs fn and hands the connection back, also where fn panics or ends its goroutine.
func (t turn) take(fn func(turn) error) {
	err := errUnwound
	defer func() { t.done <- err }()
	err = fn(t)
}

func (w *writer) loop() {
	defer close(w.ended)
	batch := make([]*job, 0, mostShared)
	for {
		select {
		case j := <-w.jobs:
			batch = w.gather(append(batch[:0], j))
			w.commit(batch)
			clear(batch)
		case <-w.stop:
			return
		}
	}
}

// gather adds the callers that wait now. Those of the last commit have just been answered and are about to come again:
// they get a chance to run first.
func (w *writer) gather(batch []*job) []*job {
	const patience = 2
	for idle := 0; ; {
		before := len(batch)
		batch = w.drain(batch)
		if len(batch) >= w.shared || len(batch) == mostShared {
			break
		}
		if idle++; len(batch) > before {
			idle = 0
		}
		if idle > patience {
			break
		}
		runtime.Gosched()
	}
	kept := batch[:0]
	for _, j := range batch {
		if j.begun.CompareAndSwap(false, true) {
			kept = append(kept, j)
		}
	}
	return kept
}

func (w *writer) drain(batch []*job) []*job {
	for len(batch) < mostShared {
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// commit runs the jobs in one transaction and answers them; whom a neighbour took down, in one of its own.
func (w *writer) commit(batch []*job) {
	w.shared = len(batch)
	if len(batch) == 0 {
		return
	}
	again := w.attempt(batch)
	answer(batch[:len(batch)-len(again)])
	for i := range again {
		w.attempt(again[i : i+1])
		answer(again[i : i+1])
	}
}

func answer(jobs []*job) {
	for _, j := range jobs {
		j.done <- j.err
	}
}

var errRolledBack = errors.New("the engine rolled the transaction back")

// attempt is one transaction. It answers the jobs, at the end of the batch, of which certainly nothing was kept and
// which were not to blame; it has reordered the batch so.
func (w *writer) attempt(batch []*job) (again []*job) {
	if err := w.begin(); err != nil {
		return fail(batch, err)
	}
	s := sqliteSession{w.conn}
	for i, j := range batch {
		j.macs = j.macs[:0]
		j.err = w.one(s, j)
		if w.conn == nil || w.conn.AutocommitEnabled() { // the engine gave the transaction up: disk full, or an I/O error
			if j.err == nil {
				j.err = fleet.Unavailable(errRolledBack)
			}
			batch[0], batch[i] = batch[i], batch[0]
			return batch[1:]
		}
	}
	if err := exec(w.conn, "COMMIT"); err != nil {
		w.abandon()
		w.forget(batch)
		for _, j := range batch {
			if j.err == nil {
				j.err = sqliteError(err)
			}
		}
		return nil
	}
	w.commits.Add(1)
	w.callers.Add(int64(len(batch)))
	w.forget(batch)
	return nil
}

// one runs a job in a savepoint.
func (w *writer) one(s sqliteSession, j *job) error {
	if err := exec(w.conn, "SAVEPOINT caller"); err != nil {
		return sqliteError(err)
	}
	err := j.run(turn{session: s, touch: func(mac fleet.MAC) { j.macs = append(j.macs, mac) }})
	if w.conn.AutocommitEnabled() {
		return err
	}
	if err != nil {
		if undo := exec(w.conn, "ROLLBACK TO caller"); undo != nil {
			w.abandon() // takes the whole transaction along
			return errors.Join(err, undo)
		}
	}
	if release := exec(w.conn, "RELEASE caller"); release != nil {
		w.abandon()
		return errors.Join(err, sqliteError(release))
	}
	return err
}

// begin starts a transaction, on a new connection where the last one was given up.
func (w *writer) begin() error {
	if w.conn == nil {
		conn, err := w.open()
		if err != nil {
			return sqliteError(err)
		}
		w.conn = conn
	}
	return sqliteError(exec(w.conn, "BEGIN IMMEDIATE"))
}

// abandon ends a transaction that cannot go on, with its connection where even that fails.
func (w *writer) abandon() {
	if w.conn.AutocommitEnabled() {
		return
	}
	if err := exec(w.conn, "ROLLBACK"); err != nil && !w.conn.AutocommitEnabled() {
		_ = w.conn.Close() // it rolls back; the next transaction has a new one
		w.conn = nil
	}
}

// forget drops the changed documents from the cache, before their callers are answered.
func (w *writer) forget(batch []*job) {
	if w.cache == nil {
		return
	}
	for _, j := range batch {
		w.cache.forget(j.macs)
	}
}

func fail(batch []*job, err error) []*job {
	for _, j := range batch {
		j.err = err
	}
	return nil
}

// close ends the writer after the transaction it is in.
func (w *writer) close() error {
	close(w.stop)
	<-w.ended
	if w.conn == nil {
		return nil
	}
	return w.conn.Close()
}

// exec runs a statement without arguments or result.
func exec(conn *sqlite.Conn, sql string) error {
	stmt, err := conn.Prepare(sql)
	if err != nil {
		return err
	}
	for more := true; more; {
		if more, err = stmt.Step(); err != nil {
			_ = stmt.Reset() // answers the error of Step again
			return err
		}
	}
	return stmt.Reset()
}
