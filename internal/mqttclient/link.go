package mqttclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session/state"

	"espalier.dev/espalier/internal/fleet"
)

// qos is the quality of service of everything that is sent and asked for: at least once.
const qos = 1

// mostReason is how many bytes are repeated of what a broker says of a reason.
const mostReason = 200

var errLost = errors.New("the connection to the MQTT broker was lost")

// link is one connection that has come up. The library's Publish waits for the acknowledgement of each message before
// the next can follow in order; so messages go by its session, which keeps count of what the broker allows at once.
type link struct {
	client  *paho.Client
	session *state.State
	conn    *stream
	retains bool            // the broker keeps retained messages
	lost    <-chan struct{} // closed when the connection is gone
	cause   chan error      // why, at most one

	mu     sync.Mutex
	owed   []*delivery // that were not acknowledged in time
	topic  string      // that Retained waits for
	marker string
	heard  chan *paho.Publish
}

// delivery is one message on its way.
type delivery struct {
	topic string
	at    time.Time
	reply chan packets.ControlPacket
	lost  <-chan struct{}
	err   error // it could not be sent

	answered bool // by an acknowledgement, whatever it says
}

// send hands one message to the connection. It waits while the broker has as many as it takes at once.
func (l *link) send(ctx context.Context, m fleet.Publication) *delivery {
	d := &delivery{topic: m.Topic, at: time.Now(), lost: l.lost, reply: make(chan packets.ControlPacket, 1)}
	if m.Retain && !l.retains {
		d.err = fmt.Errorf("publish to %s: the broker keeps no retained messages", m.Topic)
		return d
	}
	packet := &packets.Publish{
		Topic: m.Topic, Payload: m.Payload, Retain: m.Retain, QoS: qos, Properties: &packets.Properties{},
	}
	if err := l.session.AddToSession(ctx, packet, d.reply); err != nil {
		d.err = fmt.Errorf("publish to %s: %w", m.Topic, err)
		return d
	}
	d.at = time.Now()
	if _, err := packet.WriteTo(l.conn); err != nil {
		d.err = fmt.Errorf("publish to %s: %w", m.Topic, err)
	}
	return d
}

// wait returns when the broker has acknowledged the message.
func (d *delivery) wait(ctx context.Context) error {
	if d.err != nil {
		return d.err
	}
	select {
	case reply := <-d.reply:
		return d.judge(reply)
	default:
	}
	select {
	case reply := <-d.reply:
		return d.judge(reply)
	case <-d.lost:
		return fmt.Errorf("publish to %s: %w", d.topic, errLost)
	case <-ctx.Done():
		return fmt.Errorf("publish to %s: no acknowledgement: %w", d.topic, ctx.Err())
	}
}

// judge reads an acknowledgement. Reason codes of 0x80 and above are refusals (MQTT 5, 3.4.2.1); 0x10 says that nobody
// is subscribed.
func (d *delivery) judge(reply packets.ControlPacket) error {
	ack, ok := reply.Content.(*packets.Puback)
	d.answered = ok
	if !ok {
		return fmt.Errorf("publish to %s: %w", d.topic, errLost)
	}
	if ack.ReasonCode < 0x80 {
		return nil
	}
	given := ""
	if ack.Properties != nil {
		given = ack.Properties.ReasonString
	}
	return fmt.Errorf("publish to %s: the broker refused it: %s", d.topic, reason(ack.ReasonCode, given))
}

// reason spells a reason code (MQTT 5, 2.4), with what the broker says of it.
func reason(code byte, given string) string {
	text := map[byte]string{
		0x80: "unspecified error", 0x81: "malformed packet", 0x82: "protocol error", 0x83: "implementation specific error",
		0x84: "MQTT 5 is not supported", 0x85: "client identifier not valid", 0x86: "bad user name or password",
		0x87: "not authorized", 0x88: "server unavailable", 0x89: "server busy", 0x8a: "banned",
		0x8b: "server shutting down", 0x8d: "keep alive timeout", 0x8e: "session taken over", 0x8f: "topic filter invalid",
		0x90: "topic name invalid", 0x93: "receive maximum exceeded", 0x95: "packet too large", 0x96: "message rate too high",
		0x97: "quota exceeded", 0x98: "administrative action", 0x99: "payload format invalid", 0x9a: "retain not supported",
		0x9b: "QoS not supported", 0x9d: "server moved", 0x9f: "connection rate exceeded",
	}[code]
	if text == "" {
		text = fmt.Sprintf("reason code 0x%02x", code)
	} else {
		text = fmt.Sprintf("%s (0x%02x)", text, code)
	}
	if given = printable(given); given != "" {
		text += ": " + given
	}
	return text
}

// printable is what a broker says of a reason, for one line of a log or a page: the broker may be anybody's, and a text of
// MQTT has up to 64 KiB.
func printable(given string) string {
	given = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(given, ""))
	if len(given) <= mostReason {
		return strings.TrimSpace(given)
	}
	end := mostReason - len("…")
	for !utf8.RuneStart(given[end]) {
		end--
	}
	return strings.TrimSpace(given[:end]) + "…"
}

// hear takes what the broker sends: only Retained ever asks for something.
func (l *link) hear(received paho.PublishReceived) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	topic := received.Packet.Topic
	if l.heard == nil || (topic != l.topic && topic != l.marker) {
		return false, nil
	}
	select {
	case l.heard <- received.Packet:
	default: // Retained has what it needs
	}
	return true, nil
}

func (l *link) listen(topic, marker string, heard chan *paho.Publish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topic, l.marker, l.heard = topic, marker, heard
}
