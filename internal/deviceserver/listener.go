package deviceserver

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Listener accepts connections, answers what it can, and yields the rest. It is a net.Listener for one http.Server.
type Listener struct {
	inner   net.Listener
	options Options
	context context.Context // what documents are read with
	cancel  context.CancelFunc

	yielded chan net.Conn
	closed  chan struct{} // closed by Close
	close   func() error  // closes inner, once
	failed  chan struct{} // closed when inner can accept no more, after failure was set
	failure error

	closing   atomic.Bool
	running   sync.WaitGroup // the accepting goroutine, and one for each connection
	slots     chan struct{}  // holds one for each open connection
	scratches sync.Pool
	date      dateClock

	mu    sync.Mutex
	conns map[*conn]struct{} // those that are ours
}

// Listen begins to accept from inner. Whoever calls it must accept from the Listener, and end it with Close and
// Shutdown; http.Server.Shutdown does the former only.
//
// Connections that are not TCP are yielded as they are.
func Listen(inner net.Listener, o Options) *Listener {
	o = o.withDefaults()
	l := &Listener{
		inner:   inner,
		options: o,
		yielded: make(chan net.Conn),
		closed:  make(chan struct{}),
		failed:  make(chan struct{}),
		slots:   make(chan struct{}, o.MaxConns),
		conns:   make(map[*conn]struct{}),
	}
	l.context, l.cancel = context.WithCancel(context.Background())
	l.scratches.New = func() any { return new(scratch) }
	l.close = sync.OnceValue(func() error {
		close(l.closed)
		return l.inner.Close()
	})
	l.running.Go(l.accept)
	return l
}

// Accept waits for a connection that is not ours, or not any more. What was read of it and not answered is read from
// it again.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
	default:
	}
	select {
	case conn := <-l.yielded:
		return conn, nil
	case <-l.failed:
		return nil, l.failure
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Addr is the address of the listener within.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close ends accepting. Connections that are ours are served on, and closed where they would have to be yielded.
func (l *Listener) Close() error { return l.close() }

// Shutdown closes the listener and the connections that wait for a request, and returns when those at work have written
// their reply. When ctx ends before that it closes them all, and answers why ctx ended.
func (l *Listener) Shutdown(ctx context.Context) error {
	err := l.Close()
	l.closing.Store(true)
	l.each(func(c *conn) bool {
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0)) // fails only where it is closed already
		return true
	})
	done := make(chan struct{})
	go func() {
		l.running.Wait()
		close(done)
	}()
	defer l.cancel()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	l.each(func(c *conn) bool {
		_ = c.tcp.Close()
		return true
	})
	return errors.Join(context.Cause(ctx), err)
}

// each calls fn with each connection that is ours until it answers false.
func (l *Listener) each(fn func(*conn) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if !fn(c) {
			return
		}
	}
}

// adopt begins to serve a connection.
func (l *Listener) adopt(tcp *net.TCPConn) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		l.release(tcp)
		return
	}
	c := &conn{l: l, tcp: tcp, raw: raw}
	c.tryRead = c.receive
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	l.running.Add(1)
	go c.serve()
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// release closes a connection and frees its slot.
func (l *Listener) release(conn net.Conn) {
	_ = conn.Close() // nobody is left to tell
	<-l.slots
}
