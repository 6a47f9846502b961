package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/testenv"
)

// patience is how long a test waits for what should come at once, or with the next batch.
const patience = 30 * time.Second

const (
	deviceMAC = "aa:bb:cc:dd:ee:ff"
	deviceHex = "aabbccddeeff"
	document  = `{"deviceName":"Hallway"}`
)

// eachEngine runs a test on each database.
func eachEngine(t *testing.T, test func(t *testing.T, env []string)) {
	t.Helper()
	for _, engine := range []string{testenv.SQLite, testenv.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			testenv.Ran(t, engine)
			var env []string
			if engine == testenv.PostgreSQL {
				env = append(env, "DATABASE_URL="+testenv.NewDatabase(t))
			}
			test(t, env)
		})
	}
}

// eachBroker runs a test with each broker.
func eachBroker(t *testing.T, test func(t *testing.T, env []string, address func(*App) string)) {
	t.Helper()
	t.Run(testenv.EmbeddedBroker, func(t *testing.T) {
		testenv.Ran(t, testenv.EmbeddedBroker)
		listen := fmt.Sprintf("127.0.0.1:%d", testenv.FreePort(t))
		test(t, []string{"MQTT_LISTEN=" + listen}, (*App).BrokerAddr)
	})
	t.Run(testenv.MosquittoName, func(t *testing.T) {
		testenv.Ran(t, testenv.MosquittoName)
		b := testenv.Mosquitto(t, testenv.MosquittoOptions{})
		test(t, []string{"MQTT_URL=" + b.URL()}, func(*App) string { return b.Address() })
	})
}

// config is what the API says of a configuration and its device.
type config struct {
	ID             int64
	ETag           string
	Sync           string
	Online         *bool
	DeviceRevision *int64 `json:"device_revision"`
}

func (c config) online() string {
	if c.Online == nil {
		return "nobody knows"
	}
	return fmt.Sprint(*c.Online)
}

func createConfig(t *testing.T, a *App) config {
	t.Helper()
	status, body := request(t, "POST", "http://"+a.Addr()+"/api/configs", `{"mac_address":"`+deviceMAC+`","content":`+document+`}`)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	return decoded[config](t, body)
}

func decoded[T any](t *testing.T, body string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return v
}

func (c config) now(t *testing.T, a *App) config {
	t.Helper()
	status, body := request(t, "GET", fmt.Sprintf("http://%s/api/configs/%d", a.Addr(), c.ID), "")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	return decoded[config](t, body)
}

func (c config) becomes(t *testing.T, a *App, sync string) {
	t.Helper()
	last := c
	defer func() {
		if last.Sync != sync {
			t.Errorf("sync is %s, want %s", last.Sync, sync)
		}
	}()
	testenv.WaitFor(t, patience, func() bool { last = c.now(t, a); return last.Sync == sync })
}

func (c config) becomesOnline(t *testing.T, a *App, online string) {
	t.Helper()
	last := c
	defer func() {
		if last.online() != online {
			t.Errorf("online: %s, want %s", last.online(), online)
		}
	}()
	testenv.WaitFor(t, patience, func() bool { last = c.now(t, a); return last.online() == online })
}

// fetch asks as firmware does.
func fetch(t *testing.T, a *App, lines ...string) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := "GET /api/configs/aa-bb-cc-dd-ee-ff.json HTTP/1.1\r\nHost: server\r\n" + strings.Join(append(lines, "", ""), "\r\n")
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if _, err := io.Copy(io.Discard, reply.Body); err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode
}

// firmware is a device's connection to the broker, which says that it is there and leaves word for when it is not.
func firmware(t *testing.T, address string) *paho.Client {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	client := paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn)})
	_, err = client.Connect(t.Context(), &paho.Connect{ClientID: "esp32-" + deviceHex, CleanStart: true, KeepAlive: 30,
		WillMessage: &paho.WillMessage{Topic: "iotsupport/devices/" + deviceHex + "/state", Payload: []byte("offline"), QoS: 1, Retain: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(&paho.Disconnect{}); <-client.Done() })
	say(t, client, "state", "online", true)
	return client
}

func say(t *testing.T, client *paho.Client, what, payload string, retain bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := client.Publish(ctx, &paho.Publish{Topic: "iotsupport/devices/" + deviceHex + "/" + what, Payload: []byte(payload), QoS: 1, Retain: retain})
	if err != nil {
		t.Fatal(err)
	}
}

// What a device shows by HTTP is in its configuration: what was served to it, what it has, what it says that it runs.
func TestWhatDevicesShowByHTTP(t *testing.T) {
	eachEngine(t, func(t *testing.T, env []string) {
		set := loaded(t, append(env, "MQTT_URL=off")...)
		a := start(t, set, io.Discard)
		c := createConfig(t, a)
		if c.Sync != "unknown" {
			t.Errorf("a new one is %s", c.Sync)
		}
		if status := fetch(t, a, "X-No-Check-In: 1"); status != http.StatusOK {
			t.Fatal(status)
		}
		if status := fetch(t, a); status != http.StatusOK {
			t.Fatal(status)
		}
		c.becomes(t, a, "fetched")
		if status := fetch(t, a, `If-None-Match: "`+c.ETag+`"`); status != http.StatusNotModified {
			t.Fatal(status)
		}
		c.becomes(t, a, "held")
		report := func(text string) int {
			status, _ := request(t, "POST", "http://"+a.Addr()+"/api/configs/"+deviceMAC+"/report", text)
			return status
		}
		if status := report(`{"rev":1,"status":"applied"}`); status != http.StatusNoContent {
			t.Fatal(status)
		}
		if now := c.now(t, a); now.Sync != "applied" || now.DeviceRevision == nil || *now.DeviceRevision != 1 {
			t.Errorf("after the report was answered it is %+v", now)
		}
		if status := report(`{"rev":2,"status":"applied"}`); status != http.StatusNotFound {
			t.Errorf("a revision that never was: %d", status)
		}
		limited := 0
		for range 12 {
			if report(`{"rev":1,"status":"applied"}`) == http.StatusTooManyRequests {
				limited++
			}
		}
		if limited == 0 {
			t.Error("a device may report as often as it likes")
		}
	})
}

// A server that stops writes what it has seen last, on each engine.
func TestStopWritesWhatWasSeen(t *testing.T) {
	eachEngine(t, func(t *testing.T, env []string) {
		set := loaded(t, append(env, "MQTT_URL=off")...)
		a := start(t, set, io.Discard)
		c := createConfig(t, a)
		if status := fetch(t, a); status != http.StatusOK {
			t.Fatal(status)
		}
		if status, _ := request(t, "POST", "http://"+a.Addr()+"/api/configs", `{`); status != http.StatusBadRequest {
			t.Fatal(status)
		}
		stop(t, a)
		again := start(t, set, io.Discard)
		if now := c.now(t, again); now.Sync != "fetched" {
			t.Errorf("after a restart it is %s", now.Sync)
		}
		if _, body := request(t, "GET", "http://"+again.Addr()+"/api/audit?result=refused", ""); !strings.Contains(body, "VALIDATION_FAILED") {
			t.Errorf("the refused attempt is not in the audit: %s", body)
		}
	})
}

// What a device says by MQTT is in its configuration, with each broker and each database.
func TestWhatDevicesSayByMQTT(t *testing.T) {
	eachEngine(t, func(t *testing.T, database []string) {
		eachBroker(t, func(t *testing.T, broker []string, address func(*App) string) {
			if len(database) > 0 { // each broker begins with an empty one
				database = []string{"DATABASE_URL=" + testenv.NewDatabase(t)}
			}
			set := loaded(t, append(broker, database...)...)
			a := start(t, set, io.Discard)
			c := createConfig(t, a)
			device := firmware(t, address(a))
			c.becomesOnline(t, a, "true")
			say(t, device, "report", `{"rev":1,"status":"error","code":"E7","message":"too loud"}`, false)
			c.becomes(t, a, "error")
			say(t, device, "report", `{"etag":"`+c.ETag+`","status":"applied","firmware":"1.2"}`, false)
			c.becomes(t, a, "applied")
			device.TerminateConnectionForTest()
			c.becomesOnline(t, a, "false")
			restart(t, set, c, a, address)
		})
	})
}

// restart stops and starts a server whose device is connected, and looks at what it believes then.
func restart(t *testing.T, set settings.Settings, c config, a *App, address func(*App) string) {
	t.Helper()
	device := firmware(t, address(a))
	c.becomesOnline(t, a, "true")
	external := set.MQTTURL != ""
	stop(t, a)
	if external { // what is said while no server is there
		say(t, device, "report", `{"rev":1,"status":"error","code":"meanwhile"}`, false)
	}
	again := start(t, set, io.Discard)
	if !external {
		c.becomesOnline(t, again, "nobody knows")
		return
	}
	c.becomes(t, again, "error")
	testenv.WaitFor(t, patience, func() bool { // it takes back nothing of which the broker still knows
		_, metrics := request(t, "GET", "http://"+again.Addr()+"/metrics", "")
		return strings.Contains(metrics, "iot_mqtt_connection_state 1\n")
	})
	for range 80 {
		if now := c.now(t, again); now.online() != "true" {
			t.Fatalf("a device that is connected: %s", now.online())
		}
		pause(t.Context(), 50*time.Millisecond)
	}
}

// Without MQTT nobody knows who is connected.
func TestWithoutMQTTNobodyIsOnline(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	testenv.Ran(t, testenv.EmbeddedBroker)
	with := loaded(t, "MQTT_LISTEN=127.0.0.1:0")
	a := start(t, with, io.Discard)
	c := createConfig(t, a)
	firmware(t, a.BrokerAddr())
	c.becomesOnline(t, a, "true")
	stop(t, a)
	without := with
	without.MQTTURL = settings.MQTTOff
	c.becomesOnline(t, start(t, without, io.Discard), "nobody knows")
}

// Retention takes effect at the start; without it everything stays. What is a moment old stays in any case, so the second
// server lives a year later.
func TestPruning(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	set := loaded(t, "MQTT_URL=off")
	a := start(t, set, io.Discard)
	c := createConfig(t, a)
	if status := fetch(t, a); status != http.StatusOK { // it has revision 1
		t.Fatal(status)
	}
	c.becomes(t, a, "fetched")
	for n := range 5 {
		status, body := request(t, "PUT", fmt.Sprintf("http://%s/api/configs/%d", a.Addr(), c.ID), fmt.Sprintf(`{"content":{"n":%d}}`, n))
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	stop(t, a)
	later := func() time.Time { return time.Now().AddDate(1, 0, 0) }
	revisions := func(a *App) (numbers []int64) {
		_, body := request(t, "GET", fmt.Sprintf("http://%s/api/configs/%d/revisions", a.Addr(), c.ID), "")
		for _, one := range decoded[struct{ Revisions []struct{ Revision int64 } }](t, body).Revisions {
			numbers = append(numbers, one.Revision)
		}
		return numbers
	}
	a = startWith(t, Options{Settings: set, Clock: later})
	if removed, err := a.prune(t.Context(), retention(set)); err != nil || removed > 0 {
		t.Errorf("without a setting %d rows were removed, %v", removed, err)
	}
	if diff := cmp.Diff([]int64{6, 5, 4, 3, 2, 1}, revisions(a)); diff != "" {
		t.Errorf("without a setting: -want +got\n%s", diff)
	}
	stop(t, a)
	set.KeepRevisions = 2
	a = startWith(t, Options{Settings: set, Clock: later})
	testenv.WaitFor(t, patience, func() bool { return cmp.Equal([]int64{6, 5, 1}, revisions(a)) })
}

func TestRetention(t *testing.T) {
	got := retention(loaded(t, "KEEP_REVISIONS=3", "KEEP_REVISIONS_DAYS=2", "KEEP_FACTS_DAYS=4", "KEEP_AUDIT_DAYS=5"))
	want := fleet.Retention{Revisions: 3, Age: 48 * time.Hour, Facts: 96 * time.Hour, Audit: 120 * time.Hour}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := retention(loaded(t)); got != (fleet.Retention{}) {
		t.Errorf("by default %+v", got)
	}
}

// Those who follow the events do not hold a stop up.
func TestStopEndsTheEvents(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	a := start(t, loaded(t, "MQTT_URL=off"), io.Discard)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addr()+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	lines := bufio.NewScanner(reply.Body)
	until := func(text string) bool {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return true
			}
		}
		return false
	}
	if !until("event: ready") {
		t.Fatal("the stream does not begin")
	}
	createConfig(t, a)
	if !until("event: created") {
		t.Fatal("a change is not told of")
	}
	fetch(t, a)
	if !until("event: check-in") {
		t.Fatal("a check-in is not told of")
	}
	began := time.Now()
	stop(t, a)
	if took := time.Since(began); took > StopTimeout/2 {
		t.Errorf("the stop took %v", took)
	}
	if until("event: created") {
		t.Error("the stream goes on")
	}
}

// A clock that is given is the one that is written.
func TestClock(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	at := time.Date(2031, 3, 9, 8, 7, 6, 0, time.UTC)
	a := startWith(t, Options{Settings: loaded(t, "MQTT_URL=off"), Clock: func() time.Time { return at }})
	c := createConfig(t, a)
	fetch(t, a)
	c.becomes(t, a, "fetched")
	_, body := request(t, "GET", fmt.Sprintf("http://%s/api/configs/%d", a.Addr(), c.ID), "")
	for _, want := range []string{`"created_at":"2031-03-09T08:07:06.000000Z"`, `"last_seen":"2031-03-09T08:07:06.000000Z"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
}
