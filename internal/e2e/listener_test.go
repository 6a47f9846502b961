package e2e

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"espalier.dev/espalier/internal/testenv"
)

// message is one that a device heard.
type message struct {
	topic    string
	payload  string
	retained bool
}

// listener is a device's side of MQTT: it subscribes, and comes back when the broker does.
type listener struct {
	mu        sync.Mutex
	heard     []message
	connected atomic.Bool
	manager   *autopaho.ConnectionManager
	// hear, when set, is called for each message before it is kept.
	hear func(message)
}

// listen subscribes to topics at a broker, and waits until it is subscribed.
func listen(t testing.TB, brokerURL string, hear func(message), topics ...string) *listener {
	t.Helper()
	address, err := url.Parse(brokerURL)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{hear: hear}
	var filters []paho.SubscribeOptions
	for _, topic := range topics {
		filters = append(filters, paho.SubscribeOptions{Topic: topic, QoS: 1})
	}
	ctx, cancel := context.WithCancel(context.Background())
	manager, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{address}, KeepAlive: 5, CleanStartOnInitialConnection: true,
		ReconnectBackoff: func(int) time.Duration { return 50 * time.Millisecond },
		OnConnectionUp: func(m *autopaho.ConnectionManager, _ *paho.Connack) {
			if _, err := m.Subscribe(ctx, &paho.Subscribe{Subscriptions: filters}); err == nil {
				l.connected.Store(true)
			}
		},
		OnConnectionDown: func() bool { l.connected.Store(false); return true },
		ClientConfig: paho.ClientConfig{OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { l.add(p.Packet); return true, nil },
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.manager = manager
	t.Cleanup(func() { cancel(); <-manager.Done() })
	testenv.WaitFor(t, patience, l.connected.Load)
	return l
}

func (l *listener) add(p *paho.Publish) {
	m := message{topic: p.Topic, payload: string(p.Payload), retained: p.Retain}
	if l.hear != nil {
		l.hear(m)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, m)
}

// publish says something itself, as no device may to our own broker.
func (l *listener) publish(t testing.TB, topic, payload string, retain bool) {
	t.Helper()
	if _, err := l.manager.Publish(t.Context(), &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(payload), Retain: retain}); err != nil {
		t.Fatal(err)
	}
}

// forget drops what was heard so far.
func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = nil
}

// count is how many messages were heard that match.
func (l *listener) count(match func(message) bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(l.heard), func(m message) bool { return !match(m) }))
}

// toldOf reports whether the broadcast for a MAC address was heard.
func (l *listener) toldOf(mac string) bool {
	return l.count(func(m message) bool {
		return m.topic == "iotsupport/updates/configs" && m.payload == `{"filename":"`+mac+`.json"}`
	}) > 0
}

// rev is the newest revision that a device's own topic told of, and 0 where nothing was heard.
func (l *listener) rev(mac string) int64 {
	var newest int64
	l.count(func(m message) bool {
		if m.topic == ownTopic(mac) {
			newest = max(newest, told(m).Rev)
		}
		return false
	})
	return newest
}

func ownTopic(mac string) string {
	return "iotsupport/devices/" + strings.ReplaceAll(mac, ":", "") + "/config"
}

// notice is the payload of a device's own topic.
type notice struct {
	Rev  int64  `json:"rev"`
	ETag string `json:"etag"`
	Size int    `json:"size"`
}

func told(m message) notice {
	var n notice
	_ = json.Unmarshal([]byte(m.payload), &n)
	return n
}
