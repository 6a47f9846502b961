package bench

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// load is a way of asking.
type load struct {
	status      string // of each reply
	lines       string // further header lines
	conditional bool   // asks with the entity tag of what is there
	fresh       bool   // a new connection for each request
	hangUp      bool   // with fresh: the client ends the connection, not the server
	octet       byte   // the second of the addresses that it asks from
}

// against prepares requests to one server. Each document is fetched and compared before.
func (l load) against(b *testing.B, d devices, t target) *generator {
	b.Helper()
	g := &generator{load: l, port: parseURL(b, t.url), pin: pinned(), tb: b}
	random := rand.New(rand.NewPCG(1, 2)) // the same devices for both servers
	for range sampled {
		i := random.IntN(d.count)
		request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: ESP32 HTTP Client/1.0\r\n%s", d.path(i), l.lines)
		etag := t.etag(b, d, i)
		if l.conditional {
			request += "If-None-Match: " + etag + "\r\n"
		}
		g.requests = append(g.requests, []byte(request+"\r\n"))
	}
	return g
}

// generator asks over many connections from one thread, by epoll: it must cost less than the servers do.
type generator struct {
	load
	port     int
	pin      bool
	tb       testing.TB
	requests [][]byte
	next     int
	opened   int // connections, for the address of the next

	epoll int
	conns map[int32]*link
	done  int
}

// link is a connection and what has come of its reply.
type link struct {
	fd     int
	got    int
	size   int // of the whole reply; 0 until its header is there
	buffer [4096]byte
}

// run asks for d and answers how many replies came in how long.
func (g *generator) run(d time.Duration) (requests int, took time.Duration, err error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread, held to a core, ends with this function
		if g.pin {
			pin(g.tb, 0, loadCore)
		}
		began := time.Now()
		err = g.ask(began.Add(d))
		took = time.Since(began)
	}()
	<-ended
	return g.done, took, err
}

func (g *generator) ask(until time.Time) (err error) {
	g.done, g.conns = 0, map[int32]*link{}
	if g.epoll, err = syscall.EpollCreate1(0); err != nil {
		return err
	}
	defer func() {
		for _, c := range g.conns {
			err = errors.Join(err, syscall.Close(c.fd))
		}
		err = errors.Join(err, syscall.Close(g.epoll))
	}()
	for range connections {
		if err := g.open(new(link)); err != nil {
			return err
		}
	}
	var events [connections]syscall.EpollEvent
	for time.Now().Before(until) {
		n, err := syscall.EpollWait(g.epoll, events[:], 5000)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return errors.New("no reply for 5 s")
		}
		for _, event := range events[:n] {
			if err := g.receive(g.conns[event.Fd]); err != nil {
				return err
			}
		}
	}
	return nil
}

// open connects and asks. Addresses take turns, so that there are ports enough, and each pattern has its own, so that
// none meets what another left in TIME_WAIT.
func (g *generator) open(c *link) (err error) {
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT: the port is taken with regard to where it leads
	if c.fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	g.opened++
	from := [4]byte{127, g.octet, 1 + byte(g.opened/200%20), 1 + byte(g.opened%200)}
	if err := errors.Join(
		syscall.SetsockoptInt(c.fd, syscall.IPPROTO_IP, bindAddressNoPort, 1),
		syscall.Bind(c.fd, &syscall.SockaddrInet4{Addr: from}),
		syscall.Connect(c.fd, &syscall.SockaddrInet4{Port: g.port, Addr: [4]byte{127, 0, 0, 1}}),
		syscall.SetNonblock(c.fd, true),
	); err != nil {
		return errors.Join(err, syscall.Close(c.fd))
	}
	g.conns[int32(c.fd)] = c
	if err := g.send(c); err != nil {
		return err
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
	return syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_ADD, c.fd, &event)
}

func (g *generator) send(c *link) error {
	request := g.requests[g.next%len(g.requests)]
	g.next++
	c.got, c.size = 0, 0
	if n, err := syscall.Write(c.fd, request); err != nil || n != len(request) {
		return fmt.Errorf("sent %d of %d bytes: %w", n, len(request), err)
	}
	return nil
}

func (g *generator) receive(c *link) error {
	n, err := syscall.Read(c.fd, c.buffer[c.got:])
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	c.got += n
	if c.size == 0 {
		if c.size, err = g.measure(c.buffer[:c.got]); err != nil {
			return err
		}
	}
	whole := c.size > 0 && c.got == c.size
	switch {
	case n == 0 && (!whole || !g.fresh || g.hangUp):
		return fmt.Errorf("the server ended the connection after %q", c.buffer[:c.got])
	case c.size > 0 && c.got > c.size:
		return fmt.Errorf("%d bytes too many: %q", c.got-c.size, c.buffer[:c.got])
	case !whole || g.fresh && !g.hangUp && n > 0:
		return nil
	}
	g.done++
	if !g.fresh {
		return g.send(c)
	}
	delete(g.conns, int32(c.fd))
	if err := syscall.Close(c.fd); err != nil {
		return err
	}
	return g.open(c)
}

// measure is how long the reply that b begins with is, and 0 while that cannot be told.
func (g *generator) measure(b []byte) (int, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	if string(b[9:12]) != g.status {
		return 0, fmt.Errorf("want status %s, got %q", g.status, b)
	}
	_, after, found := bytes.Cut(b[:end+2], []byte("\r\nContent-Length: "))
	if !found {
		return end + 4, nil
	}
	length, _, _ := bytes.Cut(after, []byte("\r\n"))
	n, err := strconv.Atoi(string(length))
	if g.status == "200" && n != documentSize {
		return 0, fmt.Errorf("the document has %d bytes, want %d", n, documentSize)
	}
	return end + 4 + n, err
}
