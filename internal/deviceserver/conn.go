package deviceserver

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

// scratch is the memory that a connection has while it works, and gives back while it waits.
type scratch struct {
	in  [4096]byte
	out [4096]byte
}

// conn is a connection that is ours still.
type conn struct {
	l    *Listener
	tcp  *net.TCPConn
	raw  syscall.RawConn
	idle atomic.Bool // waits for a request

	tryRead func(fd uintptr) bool // c.receive, made once
	scratch *scratch              // nil while the connection waits
	got     int                   // bytes in scratch.in
	err     error                 // why the read failed

	readBy, writeBy time.Time // the deadlines that are set

	peer     netip.Addr // at the other end, once something asked for it
	peerText string
}

// outcome is what becomes of a connection.
type outcome int

const (
	keep outcome = iota
	end
	yield
)

// serve answers requests until the connection ends or is not ours any more.
func (c *conn) serve() {
	defer c.l.running.Done()
	rest, what := c.converse()
	c.l.forget(c)
	if what == yield {
		c.l.yield(c.tcp, rest)
		return
	}
	c.l.release(c.tcp)
}

// converse answers requests. With yield it gives the bytes that were read and not answered.
func (c *conn) converse() (rest []byte, what outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			c.l.options.Logger.Error("answering a device panicked; its connection is closed",
				"remote", c.tcp.RemoteAddr().String(), "panic", cause, "stack", string(debug.Stack()))
			rest, what = nil, end
		}
	}()
	for wait := c.l.options.FirstByteTimeout; c.await(wait); wait = c.l.options.IdleTimeout {
		s := c.scratch
		answered, what := c.answer(s.in[:c.got])
		if what == yield {
			rest = append(rest, s.in[answered:c.got]...)
		}
		c.scratch = nil
		c.l.scratches.Put(s)
		if what != keep {
			return rest, what
		}
	}
	return nil, end
}

// await waits for bytes, and answers false when none will come.
func (c *conn) await(timeout time.Duration) bool {
	now := time.Now()
	if left := c.readBy.Sub(now); left > timeout || left < timeout-timeout/8 {
		c.readBy = now.Add(timeout)
		if c.tcp.SetReadDeadline(c.readBy) != nil {
			return false
		}
	}
	c.idle.Store(true)
	if c.l.closing.Load() { // Shutdown sets it first, and deadlines then
		return false
	}
	arrived := c.read()
	c.idle.Store(false)
	return arrived
}

// answer answers the requests in b, and says how many bytes they were.
func (c *conn) answer(b []byte) (answered int, what outcome) {
	for answered < len(b) {
		r, size, ok := parse(b[answered:])
		if !ok {
			return answered, yield
		}
		if what := c.respond(r); what != keep {
			return answered, what
		}
		answered += size
	}
	return answered, keep
}

// respond answers one request, or says that it is not ours after all.
func (c *conn) respond(r request) outcome {
	began, at := time.Now(), c.l.options.Now()
	document, err := c.l.options.Document(c.l.context, r.mac)
	if err != nil {
		return yield
	}
	p := reply{request: r, document: document, close: !r.keeps() || c.l.closing.Load(),
		varyOrigin: c.l.options.VaryOrigin, date: c.l.date.at(began)}
	var asked condition
	if r.noneMatch != nil {
		var understood bool
		if asked, understood = matches(r.noneMatch, document.ETag); !understood {
			return yield
		}
		p.notModified = asked.met
	}
	from, understood := c.from(r)
	if !understood {
		return yield
	}
	took := time.Since(began)
	c.l.options.Observe(true, took)
	p.id = c.l.options.CorrelationID()
	c.log(&p, took)
	if left := c.writeBy.Sub(began); left < c.l.options.WriteTimeout/2 {
		c.writeBy = began.Add(c.l.options.WriteTimeout)
		if c.tcp.SetWriteDeadline(c.writeBy) != nil {
			return end
		}
	}
	if c.write(&p) != nil {
		return end
	}
	c.saw(&p, asked, from, at)
	if p.close {
		return end
	}
	return keep
}

// write sends a reply in one system call, where the socket takes it.
func (c *conn) write(p *reply) error {
	out := p.appendHead(c.scratch.out[:0])
	switch {
	case p.request.head || p.notModified:
	case len(out)+len(p.document.Content) <= len(c.scratch.out):
		out = append(out, p.document.Content...)
	default:
		parts := net.Buffers{out, p.document.Content}
		_, err := parts.WriteTo(c.tcp)
		return err
	}
	_, err := c.tcp.Write(out)
	return err
}

// log writes the line that package httpapi writes for such a request, at its level.
func (c *conn) log(p *reply, took time.Duration) {
	if !c.l.options.Logger.Enabled(c.l.context, slog.LevelDebug) {
		return
	}
	method, status, size := http.MethodGet, http.StatusOK, len(p.document.Content)
	if p.notModified {
		status, size = http.StatusNotModified, 0
	}
	if p.request.head {
		method, size = http.MethodHead, 0
	}
	c.l.options.Logger.LogAttrs(c.l.context, slog.LevelDebug, "request", slog.String("method", method),
		slog.String("path", string(p.request.path)+".json"), slog.Int("status", status), slog.Int("bytes", size),
		slog.Duration("duration", took), slog.String("remote", c.tcp.RemoteAddr().String()), slog.String("correlationId", p.id))
}
