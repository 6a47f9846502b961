package deviceserver

import (
	"errors"
	"net"
	"sync"
	"time"
)

// How long accepting rests after an error that may pass, such as no file descriptor being left.
const (
	shortestRest = 5 * time.Millisecond
	longestRest  = time.Second
)

// accept takes connections from the listener within until it is closed or fails for good. Only a connection that is
// there already asks for a slot: none is given up before it must be.
func (l *Listener) accept() {
	rest := time.Duration(0)
	for {
		conn, err := l.inner.Accept()
		if err == nil {
			rest = 0
			if !l.slot() {
				_ = conn.Close() // nobody is left to tell
				return
			}
			l.take(conn)
			continue
		}
		if !passes(err) {
			l.failure = err
			close(l.failed)
			return
		}
		rest = min(max(shortestRest, 2*rest), longestRest)
		l.options.Logger.Warn("a connection could not be accepted; trying again", "error", err, "after", rest)
		if !l.pause(rest) {
			return
		}
	}
}

// passes tells whether accepting may work again later, by net/http's own rule.
func passes(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}

// pause waits, and answers false when the listener was closed meanwhile.
func (l *Listener) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closed:
		return false
	}
}

// evictEvery is how often a full listener looks for a connection to give up.
const evictEvery = 20 * time.Millisecond

// slot waits for a slot for one more connection, and answers false when the listener was closed.
func (l *Listener) slot() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	ticker := time.NewTicker(evictEvery)
	defer ticker.Stop()
	for {
		l.evict()
		select {
		case l.slots <- struct{}{}:
			return true
		case <-l.closed:
			return false
		case <-ticker.C:
		}
	}
}

// evict ends one of the connections that wait for a request: any, as a map gives them.
func (l *Listener) evict() {
	l.each(func(c *conn) bool {
		if !c.idle.Load() {
			return true
		}
		_ = c.tcp.SetReadDeadline(time.Unix(1, 0)) // fails only where it is closed already
		return false
	})
}

// take serves a connection, or yields it where it is of a kind that cannot be ours.
func (l *Listener) take(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		l.adopt(tcp)
		return
	}
	l.running.Go(func() { l.hand(&yieldedConn{Conn: conn, end: sync.OnceFunc(func() { <-l.slots })}) })
}
