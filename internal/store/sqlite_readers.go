package store

import (
	"context"
	"errors"

	"espalier.dev/espalier/internal/fleet"
	"zombiezen.com/go/sqlite"
)

// readers are connections that read, opened as they are needed, up to a number.
type readers struct {
	open func() (*sqlite.Conn, error)
	free chan *sqlite.Conn // nil in it: one that may be opened
	done chan struct{}
}

func newReaders(most int, open func() (*sqlite.Conn, error)) *readers {
	p := &readers{open: open, free: make(chan *sqlite.Conn, most), done: make(chan struct{})}
	for range most {
		p.free <- nil
	}
	return p
}

// take waits for a connection, which is to be put back.
func (p *readers) take(ctx context.Context) (*sqlite.Conn, error) {
	select {
	case <-p.done:
		return nil, fleet.Unavailable(errClosed)
	default:
	}
	var conn *sqlite.Conn
	select {
	case conn = <-p.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.done:
		return nil, fleet.Unavailable(errClosed)
	}
	if conn != nil {
		return conn, nil
	}
	conn, err := p.open()
	if err != nil {
		p.free <- nil
		return nil, sqliteError(err)
	}
	return conn, nil
}

func (p *readers) put(conn *sqlite.Conn) { p.free <- conn }

// close waits for what is being read, and closes all.
func (p *readers) close() error {
	close(p.done)
	var failed error
	for range cap(p.free) {
		if conn := <-p.free; conn != nil {
			failed = errors.Join(failed, conn.Close())
		}
	}
	return failed
}
