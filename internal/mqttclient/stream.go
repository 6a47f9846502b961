package mqttclient

import (
	"net"
	"sync"
	"time"
)

const (
	mostBuffered  = 256 << 10 // bytes that may wait for the network before writers do
	writeTimeout  = 10 * time.Second
	farewellLimit = time.Second // for what waits when the connection is closed
)

// stream gathers the packets that are written while the kernel is busy with those before, and hands them over in one
// write: the library makes four writes of each packet. A packet that comes alone goes out at once.
type stream struct {
	net.Conn
	packet sync.Mutex // the library holds it for the length of a packet

	mu      sync.Mutex
	work    sync.Cond // there is something to send, or the stream is closed
	room    sync.Cond // what waited is gone, or the stream is closed
	waiting []byte
	closed  bool
	flushed chan struct{}
	err     error
}

func newStream(raw net.Conn) *stream {
	s := &stream{Conn: raw, flushed: make(chan struct{})}
	s.work.L, s.room.L = &s.mu, &s.mu
	go s.flush()
	return s
}

// Lock begins a packet. The library takes a connection that is a sync.Locker for one that packets may be written to
// from several goroutines.
func (s *stream) Lock() { s.packet.Lock() }

// Unlock ends a packet.
func (s *stream) Unlock() { s.packet.Unlock() }

// Write takes bytes to send. Its error is of an earlier one's: a connection that fails is closed.
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > mostBuffered && !s.closed {
		s.room.Wait()
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case s.closed:
		return 0, net.ErrClosed
	}
	s.waiting = append(s.waiting, b...)
	s.work.Signal()
	return len(b), nil
}

func (s *stream) flush() {
	defer close(s.flushed)
	var out []byte
	for {
		s.mu.Lock()
		for len(s.waiting) == 0 && !s.closed {
			s.work.Wait()
		}
		out, s.waiting = s.waiting, out[:0]
		closed := s.closed
		s.room.Broadcast()
		s.mu.Unlock()
		if len(out) > 0 {
			limit := writeTimeout
			if closed {
				limit = farewellLimit
			}
			if err := s.send(out, limit); err != nil {
				return
			}
		}
		if closed {
			return
		}
	}
}

func (s *stream) send(b []byte, limit time.Duration) error {
	err := s.SetWriteDeadline(time.Now().Add(limit))
	if err == nil {
		_, err = s.Conn.Write(b)
	}
	if err == nil {
		return nil
	}
	s.mu.Lock()
	s.err, s.closed = err, true
	s.room.Broadcast()
	s.mu.Unlock()
	_ = s.Conn.Close() // the reader learns of it by this
	return err
}

// Close sends what waits, within a second, and ends the connection.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.work.Signal()
	s.room.Broadcast()
	s.mu.Unlock()
	_ = s.SetWriteDeadline(time.Now().Add(farewellLimit)) // a write under way is cut short too
	<-s.flushed
	return s.Conn.Close()
}
