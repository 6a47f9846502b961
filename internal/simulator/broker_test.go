package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"espalier.dev/espalier/internal/testenv"
)

// forward has a fake server announce by a real broker, and hear what devices publish there. It comes back to a broker
// that was away.
func forward(t *testing.T, f *fakeServer, broker *testenv.Broker) {
	t.Helper()
	address, err := url.Parse(broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	manager, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{address}, KeepAlive: 30, CleanStartOnInitialConnection: true, ConnectUsername: "gardener",
		ConnectPassword: []byte("secateurs"), ReconnectBackoff: func(int) time.Duration { return 50 * time.Millisecond },
		OnConnectionUp: func(c *autopaho.ConnectionManager, _ *paho.Connack) {
			_, _ = c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
				{Topic: "iotsupport/devices/+/state", QoS: 1}, {Topic: "iotsupport/devices/+/report", QoS: 1}}})
		},
		ClientConfig: paho.ClientConfig{ClientID: "server", OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) {
				f.heard(p.Packet.Topic, p.Packet.Payload)
				return true, nil
			}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.AwaitConnection(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-manager.Done() })
	f.send = func(topic string, payload []byte, retain bool) {
		_, _ = manager.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Retain: retain, Payload: payload})
	}
}

func TestMosquitto(t *testing.T) {
	t.Parallel()
	broker := testenv.Mosquitto(t, testenv.MosquittoOptions{Username: "gardener", Password: "secateurs"})
	for _, wrong := range []faults{{}, {forget: 4}} {
		t.Run(fmt.Sprintf("forget %d", wrong.forget), func(t *testing.T) {
			f := newFakeServer(t, nil, wrong)
			forward(t, f, broker)
			o := brief(f)
			o.MQTTURL, o.MQTTUsername, o.MQTTPassword, o.Listen, o.single = broker.URL(), "gardener", "secateurs", ListenMixed, true
			r := runFor(t, o, f, 30)
			if r.OK() != (wrong == faults{}) || r.Notifications == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// eachLine is told of what is written to it, line by line.
type eachLine func(line []byte)

func (f eachLine) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		f(line)
	}
	return len(b), nil
}

func TestMosquittoThatStartsAgain(t *testing.T) {
	t.Parallel()
	broker := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	f := newFakeServer(t, nil, faults{})
	forward(t, f, broker)
	o := brief(f)
	o.MQTTURL, o.Devices, o.Churn, o.Duration, o.JSON = broker.URL(), 8, 0, 0, true
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	killed := false
	o.Out = eachLine(func(line []byte) {
		var now struct{ Online, Reconnects int }
		if err := json.Unmarshal(line, &now); err != nil {
			t.Error(err)
		}
		switch {
		case !killed && now.Online == 8:
			killed = true
			broker.Kill(t)
			broker.Start(t)
		case now.Online == 8 && now.Reconnects >= 8:
			cancel()
		}
	})
	if r, err := Run(ctx, o); err != nil || !r.OK() || r.Reconnects < 8 || r.Online != 8 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestMosquittoThatRefusesIsNamed(t *testing.T) {
	broker := testenv.Mosquitto(t, testenv.MosquittoOptions{Username: "gardener", Password: "secateurs"})
	a, err := parseAddress("MQTT URL", broker.URL(), "mqtt", "mqtts", [2]string{"1883", "8883"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSession(t.Context(), a, login{clientID: "x", username: "gardener", password: "wrong"})
	if err == nil {
		s.close()
		t.Fatal("a wrong password is let in")
	}
	if want := "connect to the broker: the broker refuses the connection: reason code 0x"; len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
		t.Errorf("got %v", err)
	}
}
