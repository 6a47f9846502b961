package mqttclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/mqttbroker"
	"espalier.dev/espalier/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var topics = fleet.Topics{Prefix: "iotsupport"}

const (
	patience = 20 * time.Second
	username = "espalier-server"
	password = "correct horse battery staple"
)

// broker is any that the tests run against.
type broker struct {
	name    string
	address string
}

// brokers starts one of each kind.
func brokers(t testing.TB) []broker {
	t.Helper()
	mosquitto := testenv.Mosquitto(t, testenv.MosquittoOptions{Username: username, Password: password})
	return []broker{{testenv.MosquittoName, mosquitto.Address()}, {testenv.EmbeddedBroker, embedded(t)}}
}

// eachBroker runs a test against every kind of broker.
func eachBroker(t *testing.T, test func(t *testing.T, b broker)) {
	t.Helper()
	for _, b := range brokers(t) {
		t.Run(b.name, func(t *testing.T) {
			testenv.Ran(t, b.name)
			test(t, b)
		})
	}
}

// embedded runs the embedded broker in this process and answers its address.
func embedded(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reports, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- mqttbroker.Run(ctx, mqttbroker.Config{
			Listen: "127.0.0.1:0", Topics: topics, ServerUsername: username, ServerPassword: password,
		}, w, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	line := make([]byte, 1000)
	n, err := reports.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(line[:n]), `"listen":"`)
	address, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("the embedded broker reports %s", line[:n])
	}
	return address
}

type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// optionsFor are those of a server that may do everything.
func optionsFor(address string, log io.Writer) Options {
	return Options{
		URL: &url.URL{Scheme: "mqtt", Host: address}, Username: username, Password: password, ClientID: "espalier",
		Logger:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: prometheus.NewRegistry(), Topics: topics,
	}
}

// start starts a client, and ends it with the test.
func start(t testing.TB, options Options) *Client {
	t.Helper()
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// connected starts a client and waits for its connection.
func connected(t testing.TB, options Options) *Client {
	t.Helper()
	c := start(t, options)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := c.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// listen subscribes a client of its own to a filter, as a device would, and answers what it hears.
func listen(t testing.TB, address, filter string) <-chan *paho.Publish {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan *paho.Publish, 50_000)
	client := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { heard <- p.Packet; return true, nil },
		},
	})
	_, err = client.Connect(ctx, &paho.Connect{
		ClientID: "device-" + filter, CleanStart: true, KeepAlive: 30,
		UsernameFlag: true, Username: username, PasswordFlag: true, Password: []byte(password),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(&paho.Disconnect{}); <-client.Done() })
	if _, err := client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 0}}}); err != nil {
		t.Fatal(err)
	}
	return heard
}

func publishAll(t *testing.T, c *Client, messages ...fleet.Publication) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := errors.Join(c.Publish(ctx, messages)...); err != nil {
		t.Fatal(err)
	}
}

func TestPublishKeepsOrder(t *testing.T) {
	const n = 3000
	eachBroker(t, func(t *testing.T, b broker) {
		c := connected(t, optionsFor(b.address, io.Discard))
		heard := listen(t, b.address, topics.Broadcast())
		var messages []fleet.Publication
		for i := range n {
			messages = append(messages, fleet.Publication{Topic: topics.Broadcast(), Payload: fmt.Append(nil, i)})
		}
		publishAll(t, c, messages...)
		for i := range n {
			select {
			case m := <-heard:
				if string(m.Payload) != fmt.Sprint(i) {
					t.Fatalf("message %d is %s", i, m.Payload)
				}
			case <-time.After(patience):
				t.Fatalf("message %d does not come", i)
			}
		}
	})
}

func TestRetained(t *testing.T) {
	eachBroker(t, func(t *testing.T, b broker) {
		book := &logbook{}
		c := connected(t, optionsFor(b.address, book))
		check := func(want string, wantFound bool) {
			t.Helper()
			got, found, err := c.Retained(t.Context(), topics.Watermark())
			if err != nil || found != wantFound || string(got) != want {
				t.Fatalf("Retained = %q, %v, %v; want %q, %v", got, found, err, want, wantFound)
			}
			if book.count("waiting for a retained message instead") > 0 {
				t.Fatal("absence was not proven but waited for")
			}
		}
		check("", false)
		publishAll(t, c, fleet.Publication{Topic: topics.Watermark(), Payload: []byte("one"), Retain: true})
		for range 200 { // the embedded broker sends acknowledgements and messages from different goroutines
			check("one", true)
		}
		publishAll(t, c, fleet.Publication{Topic: topics.Watermark(), Payload: []byte("two"), Retain: true})
		check("two", true)
		publishAll(t, c, fleet.Publication{Topic: topics.Watermark(), Retain: true})
		for range 50 {
			check("", false)
		}
	})
}

// TestRetainedWhereNoMarkerIsAllowed is a broker whose rules leave the server only the topics that it must have.
func TestRetainedWhereNoMarkerIsAllowed(t *testing.T) {
	rules := t.TempDir() + "/acl"
	writeFile(t, rules, "user "+username+"\ntopic readwrite iotsupport/server/watermark\ntopic write iotsupport/devices/#\n")
	mosquitto := testenv.Mosquitto(t, testenv.MosquittoOptions{Config: []string{"acl_file " + rules}})
	testenv.Ran(t, testenv.MosquittoName)
	c := connected(t, optionsFor(mosquitto.Address(), io.Discard))
	if _, found, err := c.Retained(t.Context(), topics.Watermark()); found || err != nil {
		t.Errorf("Retained = %v, %v; want none", found, err)
	}
	publishAll(t, c, fleet.Publication{Topic: topics.Watermark(), Payload: []byte("one"), Retain: true})
	if got, found, err := c.Retained(t.Context(), topics.Watermark()); !found || err != nil || string(got) != "one" {
		t.Errorf("Retained = %q, %v, %v; want one", got, found, err)
	}
}

func TestPublishRefused(t *testing.T) {
	rules := t.TempDir() + "/acl"
	writeFile(t, rules, "topic write iotsupport/devices/#\n")
	mosquitto := testenv.Mosquitto(t, testenv.MosquittoOptions{Config: []string{"acl_file " + rules}})
	guest := optionsFor(embedded(t), io.Discard)
	guest.Username = "somebody"
	cases := map[string]Options{
		testenv.MosquittoName: optionsFor(mosquitto.Address(), io.Discard), testenv.EmbeddedBroker: guest,
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			testenv.Ran(t, name)
			c := connected(t, options)
			err := c.Publish(t.Context(), []fleet.Publication{{Topic: topics.Broadcast(), Payload: []byte("x")}})[0]
			if err == nil || !strings.Contains(err.Error(), topics.Broadcast()) || !strings.Contains(err.Error(), "not authorized") {
				t.Errorf("err = %v; want one that names the topic and the reason", err)
			}
			if !c.Up() {
				t.Error("the connection is gone")
			}
			if _, _, err := c.Retained(t.Context(), "another/topic"); name == testenv.EmbeddedBroker &&
				(err == nil || !strings.Contains(err.Error(), "not authorized")) {
				t.Errorf("Retained: %v; want a refusal", err)
			}
		})
	}
}

func TestPublishWithoutConnection(t *testing.T) {
	c := start(t, optionsFor("127.0.0.1:1", io.Discard))
	started := time.Now()
	errs := c.Publish(t.Context(), []fleet.Publication{{Topic: "a"}, {Topic: "b"}})
	if len(errs) != 2 || !errors.Is(errs[0], errDown) || !errors.Is(errs[1], errDown) {
		t.Errorf("errs = %v", errs)
	}
	if took := time.Since(started); took > patience {
		t.Errorf("it took %v to say so", took)
	}
	if _, _, err := c.Retained(t.Context(), "a"); !errors.Is(err, errDown) {
		t.Errorf("Retained: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Connected(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Connected: %v", err)
	}
}

func TestReconnects(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	book := &logbook{}
	options := optionsFor(b.Address(), book)
	c := connected(t, options)
	for round := range 3 {
		session, err := c.Connected(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			b.Kill(t)
		} else {
			b.Stop(t)
		}
		select {
		case <-session.Lost:
		case <-time.After(patience):
			t.Fatal("the loss is not noticed")
		}
		testenv.WaitFor(t, patience, func() bool { return !c.Up() })
		if v := testutil.ToFloat64(c.metrics.up); v != 0 {
			t.Errorf("iot_mqtt_connection_state = %v without connection", v)
		}
		b.Start(t)
		testenv.WaitFor(t, patience, c.Up)
		publishAll(t, c, fleet.Publication{Topic: topics.Broadcast(), Payload: []byte("x")})
	}
	testenv.WaitFor(t, patience, func() bool { return book.count("connected to the MQTT broker") == 4 })
	if n := book.count("no connection to the MQTT broker"); n != 3 {
		t.Errorf("three outages have %d lines in the log", n)
	}
	if v := testutil.ToFloat64(c.metrics.up); v != 1 {
		t.Errorf("iot_mqtt_connection_state = %v with a connection", v)
	}
}

func TestWrongPassword(t *testing.T) {
	eachBroker(t, func(t *testing.T, b broker) {
		book := &logbook{}
		options := optionsFor(b.address, book)
		options.Username, options.Password = "", ""
		options.URL.User = url.UserPassword(username, "a-wrong-one")
		c := start(t, options)
		testenv.WaitFor(t, patience, func() bool { return book.count("no connection to the MQTT broker") == 1 })
		if c.Up() {
			t.Error("connected with a wrong password")
		}
		if book.count("a-wrong-one") > 0 {
			t.Error("the password is in the log")
		}
		if book.count(b.address) == 0 || book.count("refused the connection") != 1 {
			t.Errorf("the log does not name host and reason once:\n%s", book.text.String())
		}
	})
}

func TestTwoServersWithOneName(t *testing.T) {
	eachBroker(t, func(t *testing.T, b broker) {
		one := connected(t, optionsFor(b.address, io.Discard))
		session, err := one.Connected(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		two := connected(t, optionsFor(b.address, io.Discard))
		publishAll(t, two, fleet.Publication{Topic: topics.Broadcast(), Payload: []byte("x")})
		publishAll(t, one, fleet.Publication{Topic: topics.Broadcast(), Payload: []byte("x")})
		select {
		case <-session.Lost:
			t.Error("the second server ended the connection of the first")
		default:
		}
	})
}

func TestMetrics(t *testing.T) {
	testenv.Ran(t, testenv.EmbeddedBroker)
	options := optionsFor(embedded(t), io.Discard)
	registry := prometheus.NewRegistry()
	options.Registerer = registry
	c := connected(t, options)
	for n := range 100 {
		publishAll(t, c, fleet.Publication{Topic: topics.Config(fleet.MAC{byte(n)}), Payload: []byte("x"), Retain: true})
	}
	publishAll(t, c, fleet.Publication{Topic: topics.Broadcast(), Payload: []byte("x")})
	const want = `# HELP iot_mqtt_publish_total Messages published by MQTT, by topic and outcome.
# TYPE iot_mqtt_publish_total counter
iot_mqtt_publish_total{status="failure",topic="iotsupport/devices/+/config"} 0
iot_mqtt_publish_total{status="failure",topic="iotsupport/server/watermark"} 0
iot_mqtt_publish_total{status="failure",topic="iotsupport/updates/configs"} 0
iot_mqtt_publish_total{status="failure",topic="other"} 0
iot_mqtt_publish_total{status="success",topic="iotsupport/devices/+/config"} 100
iot_mqtt_publish_total{status="success",topic="iotsupport/server/watermark"} 0
iot_mqtt_publish_total{status="success",topic="iotsupport/updates/configs"} 1
iot_mqtt_publish_total{status="success",topic="other"} 0
# HELP iot_mqtt_connection_state Whether there is a connection to the MQTT broker: 1 yes, 0 no.
# TYPE iot_mqtt_connection_state gauge
iot_mqtt_connection_state 1
# HELP iot_mqtt_enabled Whether changes are announced by MQTT: 1 yes, 0 no.
# TYPE iot_mqtt_enabled gauge
iot_mqtt_enabled 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"iot_mqtt_publish_total", "iot_mqtt_connection_state", "iot_mqtt_enabled"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "iot_mqtt_publish_duration_seconds"); err != nil || n != 4 {
		t.Errorf("iot_mqtt_publish_duration_seconds has %d series, %v; want 4", n, err)
	}
	off := prometheus.NewRegistry()
	if err := RegisterDisabled(off); err != nil {
		t.Fatal(err)
	}
	if err := testutil.GatherAndCompare(off, strings.NewReader("# HELP iot_mqtt_connection_state Whether there is a "+
		"connection to the MQTT broker: 1 yes, 0 no.\n# TYPE iot_mqtt_connection_state gauge\niot_mqtt_connection_state 0\n"+
		"# HELP iot_mqtt_enabled Whether changes are announced by MQTT: 1 yes, 0 no.\n# TYPE iot_mqtt_enabled gauge\niot_mqtt_enabled 0\n")); err != nil {
		t.Error(err)
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"mqtt://host": "host:1883", "mqtts://host": "host:8883", "mqtt://u:p@host:99": "host:99", "mqtt://[::1]": "[::1]:1883",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := addressOf(u); err != nil || got != want {
			t.Errorf("addressOf(%s) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "http://host", "mqtt:", "tcp://u:secret@host"} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := addressOf(u); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("addressOf(%s): %v", text, err)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("no URL is not refused")
	}
}

func TestReason(t *testing.T) {
	for _, c := range []struct {
		code  byte
		given string
		want  string
	}{
		{0x87, "", "not authorized (0x87)"}, {0x97, "too much", "quota exceeded (0x97): too much"}, {0xee, "", "reason code 0xee"},
		{0x87, "not\r\nyou\x1b[2J\x00\u202e!", "not authorized (0x87): not  you[2J!"}, {0x87, "\x07 \n", "not authorized (0x87)"},
		{0x87, "\xffno\xfe", "not authorized (0x87): no"},
		{0x87, strings.Repeat("x", 200), "not authorized (0x87): " + strings.Repeat("x", 200)},
		{0x87, strings.Repeat("x", 201), "not authorized (0x87): " + strings.Repeat("x", 197) + "…"},
		{0x87, "xx" + strings.Repeat("ß", 30000), "not authorized (0x87): xx" + strings.Repeat("ß", 97) + "…"},
	} {
		if diff := cmp.Diff(c.want, reason(c.code, c.given)); diff != "" {
			t.Errorf("reason (-want +got):\n%s", diff)
		}
	}
}
