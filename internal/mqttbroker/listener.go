package mqttbroker

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

const (
	connectTimeout = 10 * time.Second // from a connection to its CONNECT packet
	writeTimeout   = 3 * time.Second  // for one write, while which the library holds back everybody's messages
	acceptPause    = 50 * time.Millisecond
	// spareConnections are those beyond the clients that may be connected: not yet, or no longer, clients.
	spareConnections = 256
	// ownConnections are those beyond all others, for connections from this machine: the server's own.
	ownConnections = 16
	listenerID     = "tcp"
)

// listener takes connections in the place of the library's own listener, which stops at the first failing accept, lets a
// panic end the process, and waits without end for a CONNECT packet.
type listener struct {
	socket net.Listener
	most   int
	logger *slog.Logger
	forget func(net.Conn) // after a panic
	// goodbye, where set, says goodbye to clients in the library's place, which may wait for itself without end.
	goodbye func()

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed chan struct{}
	once   sync.Once
}

func newListener(socket net.Listener, maxClients int, logger *slog.Logger, forget func(net.Conn)) *listener {
	return &listener{
		socket: socket, most: maxClients + spareConnections, logger: logger, forget: forget,
		open: map[*conn]struct{}{}, closed: make(chan struct{}),
	}
}

// Init is called once before Serve; the socket is open already.
func (l *listener) Init(*slog.Logger) error { return nil }

// ID names the listener to the library.
func (l *listener) ID() string { return listenerID }

// Protocol is for the library's log.
func (l *listener) Protocol() string { return "tcp" }

// Address is host:port with the real port.
func (l *listener) Address() string { return l.socket.Addr().String() }

// Serve hands each connection to the library until Close. The library reads a connection in the goroutine that
// establish is called from, so that a panic over a packet comes up here.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		raw, err := l.socket.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l.logger.Warn("broker cannot accept a connection", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-l.closed:
				return
			}
			continue
		}
		c := &conn{Conn: raw, listener: l}
		if !l.admit(c) {
			_ = raw.Close()
			continue
		}
		go l.serve(c, establish)
	}
}

func (l *listener) serve(c *conn, establish listeners.EstablishFn) {
	defer func() { _ = c.Close() }()
	defer func() {
		if cause := recover(); cause != nil {
			l.logger.Warn("broker ended a connection whose packet it could not handle",
				"remote", c.RemoteAddr().String(), "cause", cause)
			l.forget(c)
		}
	}()
	if err := c.SetReadDeadline(time.Now().Add(connectTimeout)); err != nil {
		return
	}
	if err := establish(l.ID(), c); err != nil {
		l.logger.Debug("broker connection ended", "remote", c.RemoteAddr().String(), "error", err)
	}
}

func (l *listener) admit(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := l.most
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		most += ownConnections
	}
	if len(l.open) >= most {
		return false
	}
	l.open[c] = struct{}{}
	return true
}

func (l *listener) leave(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// Close stops accepting, lets the library say goodbye to its clients, and ends every connection.
func (l *listener) Close(closeClients listeners.CloseFn) {
	l.once.Do(func() {
		close(l.closed)
		_ = l.socket.Close()
		if l.goodbye != nil {
			l.goodbye()
		} else {
			closeClients(l.ID())
		}
		l.mu.Lock()
		rest := make([]*conn, 0, len(l.open))
		for c := range l.open {
			rest = append(rest, c)
		}
		l.mu.Unlock()
		for _, c := range rest {
			_ = c.Close()
		}
	})
}

// conn bounds each write of the library, which sets one deadline for reading and writing, none for clients without
// keep-alive, and goes on after a failed write.
type conn struct {
	net.Conn
	listener *listener
	once     sync.Once
	err      error
}

// SetDeadline is how long the library waits for the client; writes have their own limit.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// Write sends, and ends the connection when that takes too long.
func (c *conn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// Close ends the connection; further calls answer the same.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.listener.leave(c)
		c.err = c.Conn.Close()
	})
	return c.err
}
