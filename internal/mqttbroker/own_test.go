package mqttbroker

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/mochi-mqtt/server/v2"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

const (
	ownReport = "iotsupport/devices/aabbccddeeff/report"
	ownState  = "iotsupport/devices/aabbccddeeff/state"
)

func TestNames(t *testing.T) {
	mac := fleet.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	for _, id := range []string{
		"aabbccddeeff", "AABBCCDDEEFF", "aa:bb:cc:dd:ee:ff", "aa-bb-cc-dd-ee-ff", "AABB.CCDD.EEFF",
		"esp32-aabbccddeeff", "esp32_aabbccddeeff", "esp32aabbccddeeff", "aabbccddeeff-1", "hall/aa:bb:cc:dd:ee:ff/x",
		"device 00aabbccddeeff 1, aabbccddeeff", "ESP32_DDEEFF", "ESP32_ddEEFF",
	} {
		if !names(id, mac) {
			t.Errorf("%q does not name %s", id, mac)
		}
	}
	for _, id := range []string{
		"", "aabbccddeef", "aabbccddeeff0", "xaabbccddeeffx", "esp32aabbccddeeff-1", "aa:bb:cc:dd:ee:fe", "aabb-ccdd-eeff", "aa:bb-cc:dd:ee:ff",
		"ESP32_DDEEFE", "ESP32_DDEEFF0", "xESP32_DDEEFF", "ddeeff", "server", "ａａbbccddeeff",
	} {
		if names(id, mac) {
			t.Errorf("%q names %s", id, mac)
		}
	}
}

func TestOwnTopic(t *testing.T) {
	a := newAccess(testConfig(""), nil, nil)
	client := &mqtt.Client{ID: "esp32-aabbccddeeff"}
	for topic, want := range map[string]saying{
		ownReport: saysReport, ownState: saysState,
		"iotsupport/devices/aabbccddeeff/config": saysNothing, "iotsupport/devices/aabbccddeeff": saysNothing,
		"iotsupport/devices/aabbccddeeff/state/x": saysNothing, "iotsupport/devices//state": saysNothing, "": saysNothing,
		"iotsupport/devices/AABBCCDDEEFF/state": saysNothing, "iotsupport/devices/aa:bb:cc:dd:ee:ff/state": saysNothing,
		"iotsupport/devices/aabbccddeefe/state": saysNothing, "iotsupport/devices/aabbccddeeff00/state": saysNothing,
		"other/devices/aabbccddeeff/state": saysNothing, "x/iotsupport/devices/aabbccddeeff/state": saysNothing,
		"iotsupport/updates/configs": saysNothing,
	} {
		if got := a.ownTopic(client, topic); got != want {
			t.Errorf("%s: %v, want %v", topic, got, want)
		}
	}
}

// hearing is the server, which hears everything below the prefix but what it publishes itself to end a test.
func hearing(t *testing.T, b running) *client {
	t.Helper()
	s := server(t, b)
	if err := s.subscribe(t, "iotsupport/#"); err != nil {
		t.Fatal(err)
	}
	// What is retained follows the SUBACK: without this, a message of the test might be sent both as it comes and as retained.
	if err := s.publish(t, broadcast, "begin", 1, false); err != nil {
		t.Fatal(err)
	}
	s.hears(t, broadcast+" begin")
	return s
}

// A client says what it likes of its own device, whichever way it names it, and nothing of others.
func TestDevicesWriteTheirOwn(t *testing.T) {
	b := run(t)
	s := hearing(t, b)
	for n, who := range []struct{ id, username string }{
		{"esp32-aabbccddeeff", ""}, {"anything", "aa:bb:cc:dd:ee:ff"}, {"ESP32_DDEEFF", ""},
	} {
		c := mustConnect(t, b, who.id, who.username, "")
		for qos := byte(0); qos <= 2; qos++ {
			report, state := fmt.Sprint("report ", n, qos), fmt.Sprint("state ", n, qos)
			if err := c.publish(t, ownReport, report, qos, true); err != nil {
				t.Errorf("%+v, QoS %d: %v", who, qos, err)
			}
			s.hears(t, ownReport+" "+report)
			if err := c.publish(t, ownState, state, qos, true); err != nil {
				t.Errorf("%+v, QoS %d: %v", who, qos, err)
			}
			s.hears(t, ownState+" "+state)
			err := c.publish(t, "iotsupport/devices/aabbccddee00/state", "forged", qos, true)
			if (err == nil) != (qos == 0) {
				t.Errorf("%+v, QoS %d: %v for another's state", who, qos, err)
			}
		}
	}
	late := mustConnect(t, b, "late", "", "")
	if err := late.subscribe(t, "iotsupport/devices/#"); err != nil {
		t.Fatal(err)
	}
	late.hears(t, ownState+" state 2 2")
	if err := s.publish(t, broadcast, "end", 1, false); err != nil {
		t.Fatal(err)
	}
	s.hears(t, broadcast+" end") // no report of another device, and none was retained
}

func TestOldDevicesWriteTheirOwn(t *testing.T) {
	b := run(t)
	s := hearing(t, b)
	o := old{t, dial(t, b.address)}
	connect := unhex(t, "1000"+mqttString("MQTT")+"0402003c"+mqttString("aabbccddeeff"))
	connect[1] = byte(len(connect) - 2)
	o.send(connect)
	o.expect("20020000")
	publish := func(topic, id, payload string) {
		packet := unhex(t, "3300"+mqttString(topic)+id)
		packet = append(packet, payload...)
		packet[1] = byte(len(packet) - 2)
		o.send(packet)
		o.expect("4002" + id)
	}
	publish("iotsupport/devices/aabbccddee00/state", "0001", "online")
	publish(ownState, "0002", "online")
	s.hears(t, ownState+" online")
	publish(ownState, "0003", strings.Repeat("x", maxStateBytes+1))
	publish(ownReport, "0004", "{}")
	s.hears(t, ownReport+" {}")
}

func TestWhatDevicesSayIsBounded(t *testing.T) {
	b := run(t)
	s := hearing(t, b)
	c := mustConnect(t, b, "aabbccddeeff", "", "")
	for topic, most := range map[string]int{ownReport: maxReportBytes, ownState: maxStateBytes} {
		fits, large := strings.Repeat("x", most), strings.Repeat("x", most+1)
		if err := c.publish(t, topic, fits, 1, false); err != nil {
			t.Errorf("%d bytes to %s: %v", most, topic, err)
		}
		s.hears(t, topic+" "+fits)
		if err := c.publish(t, topic, large, 1, false); err == nil || !strings.Contains(err.Error(), "limit has been exceeded") {
			t.Errorf("%d bytes to %s: %v; want a refusal", most+1, topic, err)
		}
		for _, qos := range []byte{0, 2} { // the library has no other answer to these
			if err := c.publish(t, topic, large, qos, false); err != nil {
				t.Errorf("%d bytes to %s, QoS %d: %v", most+1, topic, qos, err)
			}
		}
	}
	expires := uint32(1)
	_, err := c.Publish(t.Context(), &paho.Publish{Topic: ownState, Payload: []byte("online"), QoS: 1, Retain: true,
		Properties: &paho.PublishProperties{MessageExpiry: &expires, User: paho.UserProperties{{Key: "a", Value: "b"}}}})
	if err != nil {
		t.Fatal(err)
	}
	heard := <-s.heard
	if string(heard.Payload) != "online" || heard.Properties.MessageExpiry != nil || len(heard.Properties.User) > 0 {
		t.Errorf("heard %s with %+v", heard.Payload, heard.Properties)
	}
}

func TestReportsAreSlowedDown(t *testing.T) {
	b := run(t)
	c := mustConnect(t, b, "aabbccddeeff", "", "")
	refused := 0
	for range 3 * sayBurst {
		if err := c.publish(t, ownReport, "{}", 1, false); err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a client may report as often as it likes")
	}
	if err := c.publish(t, ownState, "online", 1, true); err != nil {
		t.Errorf("a state after many reports: %v", err)
	}
	if err := mustConnect(t, b, "aabbccddee00", "", "").publish(t, "iotsupport/devices/aabbccddee00/report", "{}", 1, false); err != nil {
		t.Errorf("another device: %v", err)
	}
}

func TestPaces(t *testing.T) {
	var p paces
	now := time.Date(2026, 3, 9, 8, 7, 6, 0, time.UTC)
	for n := range sayBurst {
		if !p.allow("a", saysReport, now) {
			t.Fatalf("message %d of a burst is refused", n+1)
		}
	}
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {sayEvery, true}, {sayEvery, false}, {3 * sayEvery, true}, {3 * sayEvery, true}, {3 * sayEvery, false}} {
		if got := p.allow("a", saysReport, now.Add(step.after)); got != step.want {
			t.Errorf("after %v: %v", step.after, got)
		}
	}
	for n := range 2 * mostPaced {
		p.allow(fmt.Sprint(n), saysState, now)
	}
	if len(p.clients) > mostPaced {
		t.Errorf("%d clients are remembered", len(p.clients))
	}
	p.allow("last", saysState, now.Add(time.Hour))
	if p.forget(now.Add(time.Hour)); len(p.clients) != 1 {
		t.Errorf("%d clients are remembered after an hour", len(p.clients))
	}
}

func TestStatesAreBounded(t *testing.T) {
	const most = 2 * statesPerClient
	b := run(t, func(c *Config) { c.MaxClients = 2 })
	topic := func(n int) string { return fmt.Sprintf("iotsupport/devices/aabbccddee%02x/state", n) }
	say := func(n int, payload string) {
		t.Helper()
		var c *client
		whenFree(t, func() (err error) { c, err = connect(t, b, fmt.Sprintf("aabbccddee%02x", n), "", ""); return err })
		if err := c.publish(t, topic(n), payload, 1, true); err != nil {
			t.Fatal(err)
		}
		_ = c.Disconnect(&paho.Disconnect{})
		<-c.Done()
	}
	for n := range most + 3 {
		say(n, "online")
	}
	say(0, "") // makes room
	say(most+5, "online")
	s := server(t, b)
	if err := s.subscribe(t, "iotsupport/devices/+/state"); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{topic(most + 5): true}
	for n := 1; n < most; n++ {
		want[topic(n)] = true
	}
	retained := 0
	for retained < most {
		m := <-s.heard
		if m.Retain { // and not the last words of a device, just as they come
			retained++
		}
		if m.Retain && !want[m.Topic] {
			t.Errorf("%s is retained", m.Topic)
		}
	}
	select {
	case m := <-s.heard:
		if m.Retain {
			t.Errorf("%s is retained too", m.Topic)
		}
	default:
	}
}

// withWill is a client's last will.
func withWill(topic, payload string) func(*paho.Connect) {
	return func(p *paho.Connect) {
		delay := uint32(3600)
		p.WillMessage = &paho.WillMessage{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: true}
		p.WillProperties = &paho.WillProperties{WillDelayInterval: &delay}
	}
}

func TestTheLastWillOfADevice(t *testing.T) {
	b := run(t)
	s := hearing(t, b)
	c := mustConnect(t, b, "aabbccddeeff", "", "", withWill(ownState, "offline"))
	c.TerminateConnectionForTest()
	s.hears(t, ownState+" offline") // at once, whatever delay was asked for
	for _, will := range []struct{ topic, payload string }{
		{ownReport, "{}"}, {"iotsupport/devices/aabbccddee00/state", "offline"}, {ownState, strings.Repeat("x", maxStateBytes+1)},
	} {
		mustConnect(t, b, "aabbccddeeff", "", "", withWill(will.topic, will.payload)).TerminateConnectionForTest()
	}
	polite := mustConnect(t, b, "aabbccddeeff", "", "", withWill(ownState, "unheard"))
	_ = polite.Disconnect(&paho.Disconnect{})
	<-polite.Done()
	testenv.WaitFor(t, patience, func() bool { // when it is connected again, all that went before has been seen
		again, err := connect(t, b, "aabbccddeeff", "", "")
		if err != nil {
			return false
		}
		return again.publish(t, ownState, "online", 1, true) == nil
	})
	s.hears(t, ownState+" online")
	late := mustConnect(t, b, "late", "", "")
	if err := late.subscribe(t, ownState); err != nil {
		t.Fatal(err)
	}
	late.hears(t, ownState+" online")
}

// A device that disconnects without a word is not online any more. What it said of its state last stays, where that is
// something else.
func TestAGoodbyeEndsOnline(t *testing.T) {
	b := run(t)
	s := hearing(t, b)
	leave := func(will, last string) {
		c := mustConnect(t, b, "aabbccddeeff", "", "", withWill(ownState, will))
		if err := c.publish(t, ownState, last, 1, true); err != nil {
			t.Fatal(err)
		}
		s.hears(t, ownState+" "+last)
		_ = c.Disconnect(&paho.Disconnect{})
		<-c.Done()
	}
	leave("offline", " Online\n")
	s.hears(t, ownState+" offline")
	late := mustConnect(t, b, "late", "", "")
	if err := late.subscribe(t, ownState); err != nil {
		t.Fatal(err)
	}
	late.hears(t, ownState+" offline")
	leave("unheard", "offline")
	leave("unheard", "asleep")
	leave("offline", "online")
	s.hears(t, ownState+" offline")

	o := old{t, dial(t, b.address)} // of MQTT 3.1.1
	packet := func(text string) {
		p := unhex(t, text)
		p[1] = byte(len(p) - 2)
		o.send(p)
	}
	packet("1000" + mqttString("MQTT") + "042e003c" + mqttString("aabbccddeeff") + mqttString(ownState) + mqttString("offline"))
	o.expect("20020000")
	packet("3300" + mqttString(ownState) + "0001" + hex.EncodeToString([]byte("online")))
	o.expect("40020001")
	s.hears(t, ownState+" online")
	o.send(unhex(t, "e000"))
	s.hears(t, ownState+" offline")
}

// A device that connects anew before the broker has noticed that its old connection is gone is online, whatever the old
// connection left as its will.
func TestANewConnectionOutlivesTheOldOnesWill(t *testing.T) {
	b := run(t)
	s := hearing(t, b)
	var c *client
	for range 50 {
		c = mustConnect(t, b, "aabbccddeeff", "", "", withWill(ownState, "offline"))
	}
	if err := c.publish(t, ownState, "online", 1, true); err != nil {
		t.Fatal(err)
	}
	s.hears(t, ownState+" online")
	if err := s.publish(t, broadcast, "end", 1, false); err != nil {
		t.Fatal(err)
	}
	s.hears(t, broadcast+" end")
	c.TerminateConnectionForTest()
	s.hears(t, ownState+" offline") // its own will is kept
}

// The server learns of every state that is retained, however many there are.
func TestTheServerHearsEveryState(t *testing.T) {
	const count = 3 * maxPendingWrites
	b := run(t)
	s := server(t, b)
	for n := range count {
		if err := s.publish(t, fmt.Sprintf("iotsupport/devices/%012x/state", n), "online", byte(n&1), true); err != nil {
			t.Fatal(err)
		}
	}
	heard := make(chan string, count)
	ears := &client{}
	ears.Client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(dial(t, b.address)),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { heard <- p.Packet.Topic; return true, nil },
		},
	})
	_, err := ears.Connect(t.Context(), &paho.Connect{ClientID: "ears", CleanStart: true, KeepAlive: 60, Username: serverUser,
		UsernameFlag: true, Password: []byte(serverPassword), PasswordFlag: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ears.Disconnect(&paho.Disconnect{}); <-ears.Done() })
	if err := ears.subscribe(t, "iotsupport/devices/+/state"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for len(seen) < count {
		select {
		case topic := <-heard:
			seen[topic] = true
		case <-time.After(patience):
			t.Fatalf("%d of %d states came", len(seen), count)
		}
	}
}
