package deviceserver

import (
	"io"
	"net"
	"sync"
	"time"
)

// yield gives a connection to the http.Server, with the bytes of it that were read and not answered. Deadlines that
// were set here are taken back: the server sets its own, or none.
func (l *Listener) yield(tcp *net.TCPConn, unread []byte) {
	_ = tcp.SetDeadline(time.Time{}) // where it fails, so will the server's first read
	l.hand(&yieldedTCP{TCPConn: tcp, unread: unread, end: sync.OnceFunc(func() { <-l.slots })})
}

// hand waits until the server takes the connection, and closes it when the listener is closed first.
func (l *Listener) hand(conn net.Conn) {
	select {
	case l.yielded <- conn:
	case <-l.closed:
		_ = conn.Close() // nobody is left to tell
	}
}

// yieldedTCP is a TCP connection whose first bytes were read already. It has all that net/http uses of a TCPConn:
// CloseWrite, ReadFrom (sendfile) and the real addresses.
type yieldedTCP struct {
	*net.TCPConn
	unread []byte
	end    func() // frees the slot, once
}

// Read gives the bytes that were read already first.
func (c *yieldedTCP) Read(b []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.TCPConn.Read(b)
	}
	n := copy(b, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n, nil
}

// WriteTo is Read for io.Copy; the embedded one would not know of the bytes that were read already.
func (c *yieldedTCP) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.unread)
	c.unread = c.unread[n:]
	if err != nil {
		return int64(n), err
	}
	more, err := c.TCPConn.WriteTo(w)
	return int64(n) + more, err
}

// Close closes the connection and frees its slot.
func (c *yieldedTCP) Close() error {
	defer c.end()
	return c.TCPConn.Close()
}

// yieldedConn is a connection of another kind, untouched.
type yieldedConn struct {
	net.Conn
	end func()
}

// Close closes the connection and frees its slot.
func (c *yieldedConn) Close() error {
	defer c.end()
	return c.Conn.Close()
}
