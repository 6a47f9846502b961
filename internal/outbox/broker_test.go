package outbox

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/mqttbroker"
	"espalier.dev/espalier/internal/mqttclient"
	"espalier.dev/espalier/internal/testenv"
)

// childVariable makes the test binary an embedded broker's process.
const childVariable = "ESPALIER_TEST_BROKER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := mqttbroker.RunChild(context.Background(), os.Stdin, os.Stdout, os.Stderr); err != nil {
			os.Exit(1) //nolint:forbidigo // this is the main of a child process
		}
		os.Exit(0) //nolint:forbidigo // this is the main of a child process
	}
	goleak.VerifyTestMain(m)
}

const (
	username = "espalier-server"
	password = "correct horse battery staple"
)

// anyBroker is a broker that tests can kill.
type anyBroker struct {
	name    string
	address string
	dial    func(ctx context.Context) (net.Conn, error)
	kill    func() // it comes back by itself, or by revive
	revive  func()
}

func mosquitto(t testing.TB) anyBroker {
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{Username: username, Password: password})
	return anyBroker{
		name: testenv.MosquittoName, address: b.Address(), kill: func() { b.Kill(t) }, revive: func() { b.Start(t) },
		dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", b.Address())
		},
	}
}

// embedded is the embedded broker in its child process.
func embedded(t testing.TB) anyBroker {
	t.Helper()
	s, err := mqttbroker.NewSupervisor(mqttbroker.SupervisorOptions{
		Command: []string{"/usr/bin/env", childVariable + "=1", os.Args[0]},
		Config: mqttbroker.Config{
			Listen: "127.0.0.1:0", Topics: topics, ServerUsername: username, ServerPassword: password,
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return anyBroker{
		name: testenv.EmbeddedBroker, address: s.Addr(), dial: s.Dial, revive: func() {},
		kill: func() { killListener(t, s.Addr()) },
	}
}

// killListener kills the process of ours that listens on an address: the child of this one whose command line has the
// test binary.
func killListener(t testing.TB, address string) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			environment, err := os.ReadFile("/proc/" + field + "/environ")
			if err != nil || !strings.Contains(string(environment), childVariable) {
				continue
			}
			var pid int
			if _, err := fmt.Sscan(field, &pid); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no process of ours listens on %s", address)
}

// eachBroker runs a test against every kind of broker.
func eachBroker(t *testing.T, test func(t *testing.T, b anyBroker)) {
	t.Helper()
	for name, start := range map[string]func(testing.TB) anyBroker{
		testenv.MosquittoName: mosquitto, testenv.EmbeddedBroker: embedded,
	} {
		t.Run(name, func(t *testing.T) {
			testenv.Ran(t, name)
			test(t, start(t))
		})
	}
}

// fleetOn is a relay with an outbox in memory and a real broker.
type fleetOn struct {
	outbox *memory
	relay  *Relay
	client *mqttclient.Client
	log    *logbook
}

func relayTo(t testing.TB, b anyBroker, outbox *memory, adjust ...func(*Options)) fleetOn {
	t.Helper()
	book := &logbook{}
	logger := slog.New(slog.NewTextHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug}))
	registry := prometheus.NewRegistry()
	client, err := mqttclient.New(mqttclient.Options{
		URL: &url.URL{Scheme: "mqtt", Host: b.address}, Dial: b.dial, Username: username, Password: password,
		ClientID: "espalier", Logger: logger, Registerer: registry, Topics: topics,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := client.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	options := Options{
		Outbox: outbox, Publisher: client, Topics: topics, Broadcast: true, Logger: logger, Registerer: registry,
		Poll: 50 * time.Millisecond, WatermarkEvery: 50 * time.Millisecond, Settle: time.Second,
	}
	for _, a := range adjust {
		a(&options)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", book)
		}
	})
	return fleetOn{outbox: outbox, relay: startRelay(t, options), client: client, log: book}
}

// device is a subscriber that connects again whenever its connection is lost, as firmware does.
type device struct {
	name  string // its client ID
	mu    sync.Mutex
	heard []string // topic and payload
	kept  map[string]string
	stop  context.CancelFunc
	done  chan struct{}
	links int // times that it has subscribed
}

// listening starts a device that subscribes to everything below the prefix.
func listening(t testing.TB, b anyBroker) *device {
	t.Helper()
	d := &device{name: rand.Text(), kept: map[string]string{}, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	go func() {
		defer close(d.done)
		for ctx.Err() == nil {
			d.session(ctx, b)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-d.done })
	testenv.WaitFor(t, patience, func() bool { return d.connections() > 0 })
	return d
}

func (d *device) session(ctx context.Context, b anyBroker) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", b.address)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	client := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { d.hear(p.Packet); return true, nil },
		},
	})
	connecting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := client.Connect(connecting, &paho.Connect{
		ClientID: d.name, CleanStart: true, KeepAlive: 30,
		UsernameFlag: true, Username: username, PasswordFlag: true, Password: []byte(password),
	}); err != nil {
		return
	}
	d.mu.Lock()
	clear(d.kept)
	d.mu.Unlock()
	if _, err := client.Subscribe(connecting, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
		{Topic: topics.Prefix + "/devices/#", QoS: 1}, {Topic: topics.Broadcast(), QoS: 1},
	}}); err == nil {
		d.mu.Lock()
		d.links++
		d.mu.Unlock()
		select {
		case <-client.Done():
		case <-ctx.Done():
		}
	}
	_ = client.Disconnect(&paho.Disconnect{})
	<-client.Done()
}

func (d *device) hear(p *paho.Publish) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = append(d.heard, p.Topic+" "+string(p.Payload))
	d.kept[p.Topic] = string(p.Payload)
	if len(p.Payload) == 0 {
		delete(d.kept, p.Topic)
	}
}

func (d *device) connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.links
}

func (d *device) revision(device fleet.MAC) (rev int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = fmt.Sscanf(d.kept[topics.Config(device)], `{"rev":%d`, &rev)
	return rev
}

func (d *device) broadcasts(device fleet.MAC) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.heard {
		if h == topics.Broadcast()+` {"filename":"`+device.String()+`.json"}` {
			n++
		}
	}
	return n
}

func TestDevicesAreTold(t *testing.T) {
	eachBroker(t, func(t *testing.T, b anyBroker) {
		f := relayTo(t, b, newMemory(time.Now))
		d := listening(t, b)
		for n := range 50 {
			f.outbox.change(mac(n))
			f.relay.Wake()
		}
		testenv.WaitFor(t, patience, func() bool {
			for n := range 50 {
				if d.revision(mac(n)) != 1 || d.broadcasts(mac(n)) == 0 {
					return false
				}
			}
			return true
		})
		f.outbox.change(mac(1))
		f.outbox.remove(mac(2))
		f.relay.Wake()
		testenv.WaitFor(t, patience, func() bool { return d.revision(mac(1)) == 2 && d.revision(mac(2)) == 0 })
		late := listening(t, b) // learns from what is retained
		testenv.WaitFor(t, patience, func() bool { return late.revision(mac(1)) == 2 && late.revision(mac(49)) == 1 })
		if late.revision(mac(2)) != 0 {
			t.Error("a deleted device's message is still retained")
		}
	})
}

// TestBrokerIsKilledAndForgets kills brokers that keep nothing, with changes before, during and after.
func TestBrokerIsKilledAndForgets(t *testing.T) {
	eachBroker(t, func(t *testing.T, b anyBroker) {
		f := relayTo(t, b, newMemory(time.Now))
		d := listening(t, b)
		for n := range 20 {
			f.outbox.change(mac(n))
		}
		f.relay.Wake()
		testenv.WaitFor(t, patience, func() bool { return d.revision(mac(19)) == 1 && f.outbox.waiting() == 0 })
		for round := range int64(2) {
			before, told := d.connections(), d.broadcasts(mac(0))
			b.kill()
			f.outbox.change(mac(0))
			f.relay.Wake()
			b.revive()
			testenv.WaitFor(t, patience, func() bool {
				if d.connections() == before {
					return false
				}
				for n := 1; n < 20; n++ {
					if d.revision(mac(n)) != 1 {
						return false
					}
				}
				return d.revision(mac(0)) == round+2 && d.broadcasts(mac(0)) > told
			})
			f.outbox.change(mac(100))
			f.relay.Wake()
			testenv.WaitFor(t, patience, func() bool { return d.revision(mac(100)) == round+1 })
		}
	})
}

// TestBroadcastIsRepeatedForDevicesThatReconnectLate has a device come back after the broadcast has gone out to nobody.
func TestBroadcastIsRepeatedForDevicesThatReconnectLate(t *testing.T) {
	eachBroker(t, func(t *testing.T, b anyBroker) {
		c := &clock{}
		f := relayTo(t, b, newMemory(c.now), func(o *Options) { o.Now, o.Settle = c.now, time.Minute })
		testenv.WaitFor(t, patience, func() bool { return !f.outbox.stored().IsZero() })
		b.kill()
		f.outbox.change(mac(1))
		b.revive()
		testenv.WaitFor(t, patience, func() bool { return f.outbox.waiting() == 0 && f.outbox.claimed() > 0 })
		d := listening(t, b)
		c.advance(time.Minute)
		testenv.WaitFor(t, patience, func() bool { return d.broadcasts(mac(1)) > 0 })
	})
}

// TestBrokerLosesTheLatest puts an older state in the place of a persistent broker's file, as after a power cut.
func TestBrokerLosesTheLatest(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	store := t.TempDir()
	if err := os.Chmod(store, 0o777); err != nil { //nolint:gosec // the broker may run as another user
		t.Fatal(err)
	}
	m := testenv.Mosquitto(t, testenv.MosquittoOptions{Persistence: true, Config: []string{
		"persistence_file latest.db", "queue_qos0_messages false",
	}})
	b := anyBroker{address: m.Address()}
	f := relayTo(t, b, newMemory(time.Now), func(o *Options) { o.Margin = time.Millisecond; o.Broadcast = false })
	settled := func(last fleet.MAC, revision int64) {
		t.Helper()
		f.relay.Wake()
		testenv.WaitFor(t, patience, func() bool {
			kept, ok, err := f.client.Retained(t.Context(), topics.Config(last))
			return err == nil && ok && strings.Contains(string(kept), fmt.Sprintf(`"rev":%d`, revision)) &&
				f.outbox.waiting() == 0 && f.outbox.stored().After(f.outbox.latest())
		})
	}
	f.outbox.change(mac(1))
	settled(mac(1), 1)
	m.Stop(t)
	file := databaseOf(t, m)
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m.Start(t)
	f.outbox.change(mac(1))
	f.outbox.change(mac(2))
	settled(mac(2), 1)
	settled(mac(1), 2)
	m.Kill(t)
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	announced := len(f.outbox.announced())
	m.Start(t)
	settled(mac(2), 1)
	settled(mac(1), 2)
	testenv.WaitFor(t, patience, func() bool { return len(f.outbox.announced()) > announced })
	if since := f.outbox.announced()[announced].since; since.IsZero() {
		t.Error("the whole fleet was announced for the loss of the latest")
	}
	if f.log.count("lost what it acknowledged last") != 1 {
		t.Errorf("the log does not tell of the loss:\n%s", f.log.text.String())
	}
}

// databaseOf finds the file of a broker by the process that listens on its port: its directory is its own.
func databaseOf(t *testing.T, m *testenv.Broker) string {
	t.Helper()
	_, port, err := net.SplitHostPort(m.Address())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(os.TempDir(), "espalier-mosquitto-*", "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "listener "+port+" ") {
			return filepath.Join(filepath.Dir(file), "latest.db")
		}
	}
	t.Fatalf("no mosquitto of port %s", port)
	return ""
}

func TestLargeBacklogDrains(t *testing.T) {
	const devices = 5_000
	eachBroker(t, func(t *testing.T, b anyBroker) {
		outbox := newMemory(time.Now)
		for n := range devices {
			outbox.change(mac(n))
		}
		started := time.Now()
		relayTo(t, b, outbox)
		testenv.WaitFor(t, 2*time.Minute, func() bool { return outbox.waiting() == 0 })
		took := time.Since(started)
		t.Logf("%d devices, two messages each, in %v: %.0f devices/s", devices, took.Round(time.Millisecond), devices/took.Seconds())
	})
}

func TestTwoServersOnOneBroker(t *testing.T) {
	eachBroker(t, func(t *testing.T, b anyBroker) {
		outbox := newMemory(time.Now)
		one := relayTo(t, b, outbox)
		relayTo(t, b, outbox)
		d := listening(t, b)
		for round := range int64(5) {
			for n := range 100 {
				outbox.change(mac(n))
			}
			one.relay.Wake()
			testenv.WaitFor(t, patience, func() bool {
				for n := range 100 {
					if d.revision(mac(n)) != round+1 {
						return false
					}
				}
				return true
			})
		}
	})
}
