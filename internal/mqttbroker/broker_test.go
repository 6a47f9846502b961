package mqttbroker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"espalier.dev/espalier/internal/testenv"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// running is a broker in this process.
type running struct {
	address string
	log     *logbook
}

// run starts a broker in this process, and ends it with the test.
func run(t testing.TB, adjust ...func(*Config)) running {
	t.Helper()
	testenv.Ran(t, testenv.EmbeddedBroker)
	config := testConfig("127.0.0.1:0")
	for _, a := range adjust {
		a(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	book := &logbook{}
	reports, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, config, w, book.logger()) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	var report Report
	if err := json.NewDecoder(reports).Decode(&report); err != nil || report.Listen == "" {
		t.Fatalf("report %+v, %v", report, err)
	}
	return running{report.Listen, book}
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// client is an MQTT 5 client and what it hears.
type client struct {
	*paho.Client
	heard chan *paho.Publish
}

func connect(t testing.TB, b running, id, username, password string, adjust ...func(*paho.Connect)) (*client, error) {
	t.Helper()
	c := &client{heard: make(chan *paho.Publish, 100)}
	c.Client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(dial(t, b.address)),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { c.heard <- p.Packet; return true, nil },
		},
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	packet := &paho.Connect{
		ClientID: id, CleanStart: true, KeepAlive: 60, Username: username, UsernameFlag: username != "",
		Password: []byte(password), PasswordFlag: password != "",
	}
	for _, a := range adjust {
		a(packet)
	}
	ack, err := c.Connect(ctx, packet)
	if err != nil {
		if ack != nil {
			err = fmt.Errorf("reason 0x%02x: %w", ack.ReasonCode, err)
		}
		return nil, err
	}
	t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}); <-c.Done() })
	return c, nil
}

func mustConnect(t testing.TB, b running, id, username, password string, adjust ...func(*paho.Connect)) *client {
	t.Helper()
	c, err := connect(t, b, id, username, password, adjust...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func server(t testing.TB, b running) *client {
	t.Helper()
	return mustConnect(t, b, "server", serverUser, serverPassword)
}

func (c *client) subscribe(t testing.TB, filter string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
	return err
}

func (c *client) publish(t testing.TB, topic, payload string, qos byte, retain bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := c.Publish(ctx, &paho.Publish{Topic: topic, Payload: []byte(payload), QoS: qos, Retain: retain})
	if err == nil && reply.ReasonCode >= 0x80 {
		err = fmt.Errorf("reason 0x%02x", reply.ReasonCode)
	}
	return err
}

func (c *client) hears(t testing.TB, want string) {
	t.Helper()
	select {
	case m := <-c.heard:
		if got := m.Topic + " " + string(m.Payload); got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("%q does not come", want)
	}
}

const (
	broadcast = "iotsupport/updates/configs"
	device    = "iotsupport/devices/aabbccddeeff/config"
)

func TestClientsReadTheServersTopics(t *testing.T) {
	b := run(t)
	s := server(t, b)
	if err := s.publish(t, device, "kept", 1, true); err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{device, "iotsupport/devices/+/config", "iotsupport/#", "+/devices/#", "#"} {
		c := mustConnect(t, b, "reads "+filter, "", "")
		if err := c.subscribe(t, filter); err != nil {
			t.Errorf("subscribe to %s: %v", filter, err)
			continue
		}
		c.hears(t, device+" kept")
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	b := run(t)
	c := mustConnect(t, b, "curious", "", "")
	for _, filter := range []string{"other/topic", "$SYS/#", "$SYS/broker/version", "$share/group/" + broadcast, "iotsupportx/#", "+/+x"} {
		if err := c.subscribe(t, filter); err == nil && filter != "+/+x" {
			t.Errorf("subscribing to %s is allowed", filter)
		}
	}
}

func TestReaches(t *testing.T) {
	cases := []struct {
		filter, prefix string
		want           bool
	}{
		{"iot/a", "iot", true}, {"iot", "iot", true}, {"iot/#", "iot", true}, {"#", "iot", true}, {"+", "iot", true},
		{"+/a", "iot", true}, {"iots/a", "iot", false}, {"io", "iot", false}, {"", "iot", false}, {"$SYS/#", "iot", false},
		{"$share/g/iot/a", "iot", false}, {"a/b/c", "a/b", true}, {"a", "a/b", false}, {"a/#", "a/b", true}, {"a/c/d", "a/b", false},
		{"/iot/a", "iot", false},
	}
	for _, c := range cases {
		if got := reaches(c.filter, c.prefix); got != c.want {
			t.Errorf("reaches(%q, %q) = %v", c.filter, c.prefix, got)
		}
	}
}

// TestClientsWriteNothing publishes in every way that MQTT 5 has; the watcher must hear nothing but the server.
func TestClientsWriteNothing(t *testing.T) {
	b := run(t)
	s := server(t, b)
	if err := s.subscribe(t, "#"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "anybody"} {
		c := mustConnect(t, b, "writer"+name, name, "whatever")
		for qos := byte(0); qos <= 2; qos++ {
			for _, topic := range []string{broadcast, device, "other/topic"} {
				err := c.publish(t, topic, "forged", qos, true)
				if (err == nil) != (qos == 0) || (err != nil && !strings.Contains(err.Error(), "0x87") && !strings.Contains(err.Error(), "not authorized")) {
					t.Errorf("publish to %s with QoS %d as %q: %v", topic, qos, name, err)
				}
			}
		}
		if err := c.subscribe(t, broadcast); err != nil {
			t.Errorf("the connection does not live on: %v", err)
		}
	}
	if err := s.publish(t, "iotsupport/end", "done", 1, false); err != nil {
		t.Fatal(err)
	}
	s.hears(t, "iotsupport/end done")
	late := mustConnect(t, b, "late", "", "")
	if err := late.subscribe(t, "#"); err != nil {
		t.Fatal(err)
	}
	if err := s.publish(t, broadcast, "real", 1, false); err != nil {
		t.Fatal(err)
	}
	late.hears(t, broadcast+" real") // and nothing retained before it
}

func TestWillsAreDropped(t *testing.T) {
	b := run(t)
	s := server(t, b)
	if err := s.subscribe(t, "#"); err != nil {
		t.Fatal(err)
	}
	c := mustConnect(t, b, "dying", "", "", func(p *paho.Connect) {
		p.WillMessage = &paho.WillMessage{Topic: broadcast, Payload: []byte("forged"), QoS: 1, Retain: true}
		p.WillProperties = &paho.WillProperties{}
	})
	c.TerminateConnectionForTest()
	<-c.Done()
	again := mustConnect(t, b, "dying", "", "") // the broker has seen the end of the first by now
	if err := again.subscribe(t, "#"); err != nil {
		t.Fatal(err)
	}
	if err := s.publish(t, broadcast, "real", 1, false); err != nil {
		t.Fatal(err)
	}
	s.hears(t, broadcast+" real")
	again.hears(t, broadcast+" real")
}

func TestServersNameIsReserved(t *testing.T) {
	b := run(t)
	for _, wrong := range []string{"", "wrong", serverPassword + "x"} {
		if _, err := connect(t, b, "pretender", serverUser, wrong); err == nil || !strings.Contains(err.Error(), "0x86") {
			t.Errorf("password %q: %v; want a refusal", wrong, err)
		}
	}
	s := server(t, b)
	if _, err := connect(t, b, "server", "", ""); err == nil || !strings.Contains(err.Error(), "0x85") {
		t.Errorf("the server's client identifier is taken by anybody: %v", err)
	}
	if err := s.publish(t, broadcast, "x", 1, false); err != nil {
		t.Errorf("the server's connection is gone: %v", err)
	}
	if b.log.count(serverPassword) > 0 {
		t.Error("the log holds the password")
	}
}

func TestClientsAreLimited(t *testing.T) {
	b := run(t, func(c *Config) { c.MaxClients = 3 })
	for n := range 3 {
		mustConnect(t, b, fmt.Sprintf("client%d", n), "", "")
	}
	if _, err := connect(t, b, "fourth", "", ""); err == nil || !strings.Contains(err.Error(), "0x89") {
		t.Errorf("the fourth client: %v; want that the server is busy", err)
	}
	if err := server(t, b).publish(t, broadcast, "x", 1, false); err != nil {
		t.Errorf("the server itself is kept out: %v", err)
	}
	mustConnect(t, b, "client1", "", "") // one that takes its own place
}

// whenFree repeats a connect until the broker has noticed that enough clients have left.
func whenFree(t *testing.T, connect func() error) {
	t.Helper()
	testenv.WaitFor(t, patience, func() bool {
		err := connect()
		if err != nil && !strings.Contains(err.Error(), "busy") {
			t.Fatal(err)
		}
		return err == nil
	})
}

func TestSessionsAreLimited(t *testing.T) {
	b := run(t, func(c *Config) { c.MaxClients = 5 })
	expiry := uint32(1000)
	for n := range 50 {
		var c *client
		whenFree(t, func() (err error) {
			c, err = connect(t, b, fmt.Sprintf("session%d", n), "", "", func(p *paho.Connect) {
				p.Properties = &paho.ConnectProperties{SessionExpiryInterval: &expiry}
			})
			return err
		})
		if err := c.subscribe(t, broadcast); err != nil {
			t.Fatal(err)
		}
		if err := c.Disconnect(&paho.Disconnect{}); err != nil {
			t.Fatal(err)
		}
	}
	kept := 0
	for n := range 50 {
		c := &client{heard: make(chan *paho.Publish, 10)}
		var ack *paho.Connack
		whenFree(t, func() (err error) {
			c.Client = paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(dial(t, b.address))})
			ack, err = c.Connect(t.Context(), &paho.Connect{ClientID: fmt.Sprintf("session%d", n), KeepAlive: 60})
			return err
		})
		if ack.SessionPresent {
			kept++
		}
		_ = c.Disconnect(&paho.Disconnect{})
		<-c.Done()
	}
	if most := 5*sessionsPerClient + 1; kept > most || kept == 0 {
		t.Errorf("%d sessions of clients that left are kept, want some and at most %d", kept, most)
	}
}

func TestSessionKeepsWhatCameMeanwhile(t *testing.T) {
	b := run(t)
	s := server(t, b)
	expiry := uint32(1000)
	persist := func(p *paho.Connect) {
		p.CleanStart, p.Properties = false, &paho.ConnectProperties{SessionExpiryInterval: &expiry}
	}
	c := mustConnect(t, b, "sleeper", "", "", persist)
	if err := c.subscribe(t, broadcast); err != nil {
		t.Fatal(err)
	}
	_ = c.Disconnect(&paho.Disconnect{})
	<-c.Done()
	if err := s.publish(t, broadcast, "meanwhile", 1, false); err != nil {
		t.Fatal(err)
	}
	// An acknowledgement comes before the delivery: that of one more message says that all before are delivered.
	if err := s.publish(t, device, "nobody hears", 1, false); err != nil {
		t.Fatal(err)
	}
	mustConnect(t, b, "sleeper", "", "", persist).hears(t, broadcast+" meanwhile")
}

func TestRetainedMessageIsCleared(t *testing.T) {
	b := run(t)
	s := server(t, b)
	for _, payload := range []string{"one", "", "two", ""} {
		if err := s.publish(t, device, payload, 1, true); err != nil {
			t.Fatal(err)
		}
	}
	// An acknowledgement comes before the delivery: that of one more message says that all before are delivered. That
	// one itself may still be on its way.
	if err := s.publish(t, device+"/fence", "nobody hears", 1, false); err != nil {
		t.Fatal(err)
	}
	c := mustConnect(t, b, "c", "", "")
	for _, topic := range []string{broadcast, device} {
		if err := c.subscribe(t, topic); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.publish(t, broadcast, "end", 1, false); err != nil {
		t.Fatal(err)
	}
	c.hears(t, broadcast+" end")
}

func TestNothingIsDroppedByAge(t *testing.T) {
	c := capabilities()
	if c.MaximumMessageExpiryInterval != 0 {
		t.Errorf("messages are dropped after %d s", c.MaximumMessageExpiryInterval)
	}
	if c.MaximumSessionExpiryInterval < 1<<31 {
		t.Errorf("sessions are dropped after %d s", c.MaximumSessionExpiryInterval)
	}
	if c.MaximumPacketSize != 64<<10 {
		t.Errorf("packets of %d bytes are taken", c.MaximumPacketSize)
	}
}

func TestPacketsAreLimited(t *testing.T) {
	b := run(t)
	s := server(t, b)
	if err := s.publish(t, broadcast, strings.Repeat("x", 60<<10), 1, false); err != nil {
		t.Errorf("60 KiB: %v", err)
	}
	// The broker goes by the length that the packet begins with, so that the rest of it may find nobody.
	_ = s.publish(t, broadcast, strings.Repeat("x", 65<<10), 0, false)
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Error("65 KiB are taken")
	}
}

func TestRunRefusesABadConfiguration(t *testing.T) {
	var out strings.Builder
	if err := Run(t.Context(), Config{Listen: "127.0.0.1:0"}, &out, (&logbook{}).logger()); err == nil {
		t.Error("no error")
	}
	if !strings.Contains(out.String(), `"error":"the broker's topic prefix is empty"`) {
		t.Errorf("report %s", out.String())
	}
}
