package mqttclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"espalier.dev/espalier/internal/fleet"
)

// absenceWait is how long Retained waits for a message where the broker does not let us prove that there is none.
const absenceWait = time.Second

// Retained is the retained message of a topic, and false where there is none.
//
// MQTT has no answer that says "none". A broker queues what it has retained when it handles SUBSCRIBE, and sends what it
// queued for a client in order (mosquitto and the embedded one do). So a message that we send to ourselves afterwards,
// on a topic of our own below the prefix, comes after it: when only that one arrives, there is no other. Where the broker
// does not allow such a topic, a short wait has to do.
func (c *Client) Retained(ctx context.Context, topic string) ([]byte, bool, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	l, _ := c.current()
	if l == nil {
		return nil, false, errDown
	}
	marker := c.options.Topics.Prefix + "/server/echo/" + c.clientID
	heard := make(chan *paho.Publish, 16)
	l.listen(topic, marker, heard)
	defer l.listen("", "", nil)
	if err := l.subscribe(ctx, topic); err != nil {
		return nil, false, err
	}
	defer l.unsubscribe(ctx, topic)
	c.asked++ // a marker of an earlier question may still be on its way
	payload := fmt.Append(nil, c.asked)
	absent := c.mark(ctx, l, fleet.Publication{Topic: marker, Payload: payload})
	for {
		select {
		case message := <-heard:
			if message.Topic == topic {
				return message.Payload, len(message.Payload) > 0, nil
			}
			if bytes.Equal(message.Payload, payload) {
				return nil, false, nil
			}
		case <-absent:
			return nil, false, nil
		case <-l.lost:
			return nil, false, fmt.Errorf("read %s: %w", topic, errLost)
		case <-ctx.Done():
			return nil, false, fmt.Errorf("read %s: %w", topic, ctx.Err())
		}
	}
}

// mark sends the message to ourselves. Where that is not possible the answer fires when the wait is over instead.
func (c *Client) mark(ctx context.Context, l *link, marker fleet.Publication) <-chan time.Time {
	err := l.subscribe(ctx, marker.Topic)
	if err == nil {
		defer l.unsubscribe(ctx, marker.Topic) // what is sent to us already comes all the same
		err = l.send(ctx, marker).wait(ctx)
	}
	if err == nil {
		return nil
	}
	c.options.Logger.Debug("the MQTT broker allows no topic of our own; waiting for a retained message instead",
		"topic", marker.Topic, "error", err)
	return time.After(absenceWait)
}

func (l *link) subscribe(ctx context.Context, topic string) error {
	ack, err := l.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: qos}}})
	switch {
	case err == nil:
		return nil
	case ack != nil && len(ack.Reasons) == 1:
		given := ""
		if ack.Properties != nil {
			given = ack.Properties.ReasonString
		}
		return fmt.Errorf("subscribe to %s: the broker refused it: %s", topic, reason(ack.Reasons[0], given))
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return fmt.Errorf("subscribe to %s: no answer from the broker", topic)
	}
	return fmt.Errorf("subscribe to %s: %w", topic, err)
}

// unsubscribe is not waited for with more than what is left of ctx; a subscription that stays is harmless, and ends with
// the connection.
func (l *link) unsubscribe(ctx context.Context, topic string) {
	_, _ = l.client.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{topic}})
}
