package simulator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

const (
	keepAlive      = 60 * time.Second
	packetTimeout  = 15 * time.Second
	sessionBuffer  = 512 // most packets are far smaller; there are as many buffers as devices
	connackSuccess = 0
	quotaExceeded  = 0x97
	firstFailure   = 0x80 // reason codes from here on are refusals (MQTT 5, section 2.4)
)

// session is one MQTT 5 connection of one device. It costs a goroutine and a small buffer, so that thousands fit.
type session struct {
	conn  net.Conn
	in    *bufio.Reader
	ended chan struct{}

	mu       sync.Mutex // writes
	lastSent time.Time
	lastID   uint16
	waiting  map[uint16]chan byte // for the answers to what was published
}

// login is what a device says when it connects.
type login struct {
	clientID, username, password string
	willTopic                    string // of its last will, which says offline; "" for none
}

const (
	online  = "online"
	offline = "offline"
)

// errNotSent says that a message cannot have reached the broker.
var errNotSent = errors.New("the session has ended")

// openSession connects with a clean start, as fielded firmware does.
func openSession(ctx context.Context, broker address, who login) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, packetTimeout)
	defer cancel()
	conn, err := broker.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, in: bufio.NewReaderSize(conn, sessionBuffer), ended: make(chan struct{}), lastID: 1,
		waiting: map[uint16]chan byte{}}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	hello := packets.NewControlPacket(packets.CONNECT)
	c := hello.Content.(*packets.Connect)
	c.ClientID, c.CleanStart, c.KeepAlive = who.clientID, true, uint16(keepAlive/time.Second)
	c.Username, c.UsernameFlag = who.username, who.username != ""
	c.Password, c.PasswordFlag = []byte(who.password), who.password != ""
	if who.willTopic != "" {
		c.WillFlag, c.WillRetain, c.WillQOS, c.WillTopic, c.WillMessage = true, true, 1, who.willTopic, []byte(offline)
		c.WillProperties = &packets.Properties{}
	}
	reply, err := s.ask(hello, packets.CONNACK, nil)
	if err == nil {
		if code := reply.Content.(*packets.Connack).ReasonCode; code != connackSuccess {
			err = fmt.Errorf("the broker refuses the connection: reason code 0x%02x", code)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the broker: %w", err), conn.Close())
	}
	return s, nil
}

// subscribe asks for topics with QoS 1. A message that comes before the answer goes to handle.
func (s *session) subscribe(topics []string, handle func(topic string, payload []byte)) error {
	request := packets.NewControlPacket(packets.SUBSCRIBE)
	c := request.Content.(*packets.Subscribe)
	c.PacketID = 1
	for _, topic := range topics {
		c.Subscriptions = append(c.Subscriptions, packets.SubOptions{Topic: topic, QoS: 1})
	}
	reply, err := s.ask(request, packets.SUBACK, handle)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for i, code := range reply.Content.(*packets.Suback).Reasons {
		if code >= firstFailure {
			return fmt.Errorf("the broker refuses the subscription to %s: reason code 0x%02x", topics[i], code)
		}
	}
	return nil
}

// ask sends a packet and waits for its answer.
func (s *session) ask(request *packets.ControlPacket, answer byte, handle func(string, []byte)) (*packets.ControlPacket, error) {
	if err := s.send(request); err != nil {
		return nil, err
	}
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(packetTimeout)); err != nil {
			return nil, err
		}
		reply, err := packets.ReadPacket(s.in)
		if err != nil {
			return nil, err
		}
		if reply.Type == answer {
			return reply, nil
		}
		if err := s.take(reply, handle); err != nil {
			return nil, err
		}
	}
}

// announce publishes before anything listens. A message that comes before the answer goes to handle.
func (s *session) announce(topic, payload string, handle func(topic string, payload []byte)) error {
	request := packets.NewControlPacket(packets.PUBLISH)
	c := request.Content.(*packets.Publish)
	c.Topic, c.Payload, c.QoS, c.Retain, c.PacketID = topic, []byte(payload), 1, true, 1
	reply, err := s.ask(request, packets.PUBACK, handle)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if code := reply.Content.(*packets.Puback).ReasonCode; code >= firstFailure {
		return fmt.Errorf("the broker refuses what is published to %s: reason code 0x%02x", topic, code)
	}
	return nil
}

// publish sends a message with QoS 1 while another goroutine listens, and answers the broker's reason code. errNotSent:
// it was not sent at all.
func (s *session) publish(ctx context.Context, topic string, payload []byte, retain bool) (code byte, err error) {
	answer := make(chan byte, 1)
	s.mu.Lock()
	s.lastID = max(s.lastID+1, 1)
	id := s.lastID
	s.waiting[id] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
	}()
	select {
	case <-s.ended:
		return 0, errNotSent
	default:
	}
	p := packets.NewControlPacket(packets.PUBLISH)
	c := p.Content.(*packets.Publish)
	c.Topic, c.Payload, c.QoS, c.Retain, c.PacketID = topic, payload, 1, retain, id
	if err := s.send(p); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, packetTimeout)
	defer cancel()
	select {
	case code := <-answer:
		return code, nil
	case <-s.ended:
		return 0, io.EOF
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (s *session) send(p *packets.ControlPacket) error { return s.write(p, packetTimeout) }

func (s *session) write(p *packets.ControlPacket, within time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastSent = time.Now()
	if err := s.conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := p.WriteTo(s.conn)
	return err
}

func (s *session) quietFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.lastSent)
}

// listen hands over messages until the connection ends, which is its error.
func (s *session) listen(handle func(topic string, payload []byte)) error {
	defer close(s.ended)
	asked := false // a ping is out
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(keepAlive / 2)); err != nil {
			return err
		}
		_, err := s.in.Peek(1)
		quiet := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && (!quiet || asked) {
			return err
		}
		if quiet || s.quietFor() > keepAlive/2 {
			if err := s.send(packets.NewControlPacket(packets.PINGREQ)); err != nil {
				return err
			}
		}
		if asked = quiet; quiet {
			continue
		}
		if err := s.conn.SetReadDeadline(time.Now().Add(packetTimeout)); err != nil {
			return err
		}
		p, err := packets.ReadPacket(s.in)
		if err != nil {
			return err
		}
		if err := s.take(p, handle); err != nil {
			return err
		}
	}
}

// take handles one packet, and acknowledges what has to be.
func (s *session) take(p *packets.ControlPacket, handle func(topic string, payload []byte)) error {
	switch c := p.Content.(type) {
	case *packets.Publish:
		handle(c.Topic, c.Payload)
		if c.QoS == 0 {
			return nil
		}
		ack := packets.NewControlPacket(packets.PUBACK)
		ack.Content.(*packets.Puback).PacketID = c.PacketID
		return s.send(ack)
	case *packets.Puback:
		s.mu.Lock()
		if waits := s.waiting[c.PacketID]; waits != nil {
			waits <- c.ReasonCode
			delete(s.waiting, c.PacketID)
		}
		s.mu.Unlock()
	case *packets.Disconnect:
		return fmt.Errorf("the broker ends the session: reason code 0x%02x: %w", c.ReasonCode, io.EOF)
	}
	return nil
}

// close says goodbye, as far as anybody listens. Unlike the others it may be called while another is at work.
func (s *session) close() {
	_ = s.write(packets.NewControlPacket(packets.DISCONNECT), time.Second)
	_ = s.conn.Close()
}
