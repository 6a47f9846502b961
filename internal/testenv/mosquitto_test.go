package testenv

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Client{}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(body)
}

// subscriber is a connected client and the payloads that it hears on "things".
type subscriber struct {
	client *paho.Client
	heard  chan string
}

// dial connects to a broker and subscribes.
func dial(b *Broker, username, password string) (*subscriber, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.Address())
	if err != nil {
		return nil, err
	}
	s := &subscriber{heard: make(chan string, 10)}
	s.client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { s.heard <- string(p.Packet.Payload); return true, nil },
		},
	})
	_, err = s.client.Connect(ctx, &paho.Connect{
		ClientID: "testenv", CleanStart: true, KeepAlive: 30,
		Username: username, UsernameFlag: username != "", Password: []byte(password), PasswordFlag: password != "",
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	_, err = s.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "things", QoS: 1}}})
	return s, err
}

func (s *subscriber) publish(t *testing.T, payload string) {
	t.Helper()
	_, err := s.client.Publish(context.Background(), &paho.Publish{
		Topic: "things", QoS: 1, Retain: true, Payload: []byte(payload),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *subscriber) hears(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-s.heard:
		if got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("did not hear %q", want)
	}
}

func mustDial(t *testing.T, b *Broker) *subscriber {
	t.Helper()
	s, err := dial(b, "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.client.Disconnect(&paho.Disconnect{}) })
	return s
}

func TestMosquittoStopsAndStartsOnItsPort(t *testing.T) {
	broker := Mosquitto(t, MosquittoOptions{})
	address := broker.Address()
	if broker.URL() != "mqtt://"+address || !strings.HasPrefix(address, "127.0.0.1:") {
		t.Errorf("the broker is at %s and %s", address, broker.URL())
	}
	client := mustDial(t, broker)
	client.publish(t, "before")
	client.hears(t, "before")

	broker.Kill(t)
	if _, err := dial(broker, "", ""); err == nil {
		t.Error("a killed broker took a connection")
	}
	broker.Start(t)
	client = mustDial(t, broker)
	client.publish(t, "after") // and not "before" first: it kept nothing
	client.hears(t, "after")
	broker.Stop(t)
	broker.Start(t)
	if broker.Address() != address {
		t.Errorf("the broker moved from %s to %s", address, broker.Address())
	}
}

func TestMosquittoPersistenceOutlivesStop(t *testing.T) {
	broker := Mosquitto(t, MosquittoOptions{Persistence: true})
	mustDial(t, broker).publish(t, "kept")
	broker.Stop(t)
	broker.Start(t)
	mustDial(t, broker).hears(t, "kept")
	broker.Kill(t)
	broker.Start(t)
	mustDial(t, broker).hears(t, "kept")
}

func TestMosquittoPassword(t *testing.T) {
	broker := Mosquitto(t, MosquittoOptions{Username: "gardener", Password: "secateurs", Config: []string{"max_keepalive 60"}})
	if _, err := dial(broker, "", ""); err == nil {
		t.Error("connected without a password")
	}
	if _, err := dial(broker, "gardener", "wrong"); err == nil {
		t.Error("connected with a wrong password")
	}
	s, err := dial(broker, "gardener", "secateurs")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.Disconnect(&paho.Disconnect{}); err != nil {
		t.Error(err)
	}
}
