package mqttclient

import (
	"crypto/tls"
	"errors"
	"net"
)

var errSilent = errors.New("the MQTT broker answers pings, and acknowledges no message")

// overdue looks at messages whose time has run out. Where nothing at all was acknowledged meanwhile, of these or of
// earlier ones, the connection is ended: MQTT 5 sends nothing twice over one connection, what is not acknowledged counts
// against what the broker takes at once for as long as it lasts, and when it arrives after all, another server may have
// told the device of something newer. A broker that is merely slow acknowledges something.
func (l *link) overdue(sent []*delivery) {
	l.mu.Lock()
	heard := false
	owed := l.owed[:0]
	for _, d := range append(l.owed, sent...) {
		switch {
		case d.answered || len(d.reply) > 0:
			heard = true
		case d.err == nil:
			owed = append(owed, d)
		}
	}
	clear(l.owed[min(len(owed), len(l.owed)):])
	l.owed = owed
	l.mu.Unlock()
	if heard || len(owed) == 0 {
		return
	}
	select {
	case l.cause <- errSilent:
	default:
	}
	l.conn.abort(errSilent)
}

// abort ends the connection and forgets what the kernel has not sent yet.
func (s *stream) abort(err error) {
	s.mu.Lock()
	s.err, s.closed, s.waiting = err, true, nil
	s.work.Signal()
	s.room.Broadcast()
	s.mu.Unlock()
	raw := s.Conn
	if secured, ok := raw.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	if socket, ok := raw.(*net.TCPConn); ok {
		_ = socket.SetLinger(0)
	}
	_ = raw.Close()
}
