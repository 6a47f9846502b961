package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brief are the choices of a short run, which ends by itself or after a number of changes, see runFor. A good server
// never has a device wait for the bound.
func brief(f *fakeServer) Options {
	o := Options{ServerURL: f.URL, Devices: 12, Churn: 100, Duration: time.Second, Bound: 2 * time.Second,
		Poll: 100 * time.Millisecond, Listen: ListenBoth, Seed: 1}
	if f.broker != nil {
		o.MQTTURL = f.broker.url()
	}
	return o
}

func mustRun(t *testing.T, o Options) Result {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runFor runs until the server has seen so many updates: a machine that is busy makes fewer in a second than one that is not.
func runFor(t *testing.T, o Options, f *fakeServer, updates int) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f.enough(updates, cancel)
	o.Duration = 0
	r, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAGoodServerIsFoundGood(t *testing.T) {
	t.Parallel()
	for _, listen := range []Listen{ListenMixed, ListenBroadcast, ListenRetained, ListenBoth} {
		t.Run(string(listen), func(t *testing.T) {
			f := newFakeServer(t, newFakeBroker(t), faults{})
			o := brief(f)
			o.Listen = listen
			r := runFor(t, o, f, 40)
			if !r.OK() {
				t.Errorf("not well: %+v", r)
			}
			if r.Devices != 12 || r.Made != 12 || r.Online != 12 || r.Changes < 20 || r.Fetches < r.Changes/2 || r.Notifications < r.Changes/2 {
				t.Errorf("too little was done to prove anything: %+v", r)
			}
			if r.P50 <= 0 || r.P99 < r.P50 || r.Max < r.P99 {
				t.Errorf("times are not in order: %v, %v, %v", r.P50, r.P99, r.Max)
			}
			if left := f.texts(); len(left) > 0 {
				t.Errorf("%d configurations are left behind", len(left))
			}
		})
	}
}

// Each server here does one thing wrong, and the run must say so, and say what.
func TestAServerThatDoesWrongIsFoundOut(t *testing.T) {
	t.Parallel()
	const at = 8
	for _, test := range []struct {
		name   string
		wrong  faults
		listen Listen
		count  func(Result) int64
		kind   string
	}{
		{"forgets to announce", faults{forget: at}, ListenBroadcast, func(r Result) int64 { return r.Missed }, "missed"},
		{"forgets to announce, retained", faults{forget: at}, ListenRetained, func(r Result) int64 { return r.Missed }, "missed"},
		{"serves an old document", faults{serveOld: at}, ListenBroadcast, func(r Result) int64 { return r.Stale }, "stale"},
		{"serves an old document, retained", faults{serveOld: at}, ListenRetained, func(r Result) int64 { return r.Stale }, "stale"},
		{"announces too early", faults{early: at}, ListenBroadcast, func(r Result) int64 { return r.Stale }, "stale"},
		{"announces too early, retained", faults{early: at}, ListenRetained, func(r Result) int64 { return r.Stale }, "stale"},
		{"loses a write", faults{lose: at}, ListenBroadcast, func(r Result) int64 { return r.Stale }, "stale"},
		{"changes bytes", faults{mangle: at}, ListenBroadcast, func(r Result) int64 { return r.Corrupt }, "corrupt"},
		{"tells nonsense", faults{lie: at}, ListenRetained, func(r Result) int64 { return r.Corrupt }, "corrupt"},
		{"broadcasts nonsense", faults{garble: at}, ListenBroadcast, func(r Result) int64 { return r.Corrupt }, "corrupt"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t, newFakeBroker(t), test.wrong)
			o := brief(f)
			o.Listen, o.single = test.listen, true
			// Few changes for many devices: none is changed twice, which would put the wrong right.
			o.Devices, o.Churn = 100, 50
			r := runFor(t, o, f, 2*at)
			if r.OK() || test.count(r) == 0 {
				t.Fatalf("was not found out: %+v", r)
			}
			if len(r.Incidents) == 0 || r.Incidents[0].Kind != test.kind || !strings.HasPrefix(r.Incidents[0].MAC, "02:e5:") {
				t.Errorf("incidents: %+v", r.Incidents)
			}
		})
	}
}

func TestFaultsThatPassAreBorne(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]faults{
		"a write that failed":                 {fail: 5},
		"a write that was not confirmed":      {failAfter: 5},
		"a broker that loses its connections": {dropAt: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeServer(t, newFakeBroker(t), wrong)
			r := runFor(t, brief(f), f, 60)
			if !r.OK() {
				t.Errorf("not well: %+v", r)
			}
			if r.WriteErrors+r.Reconnects == 0 {
				t.Errorf("there was no fault: %+v", r)
			}
		})
	}
}

func TestRealConfigurationsAreNeverChanged(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t, newFakeBroker(t), faults{})
	want := []string{`{"deviceName": "real",  "x": 1.0}`, `{}`}
	f.put(mac{0xaa, 1}, want[0])
	f.put(mac{0xaa, 2}, want[1])
	var out bytes.Buffer
	o := brief(f)
	o.Out = &out
	r := mustRun(t, o)
	if !r.OK() || r.Devices != 12 || r.Made != 10 {
		t.Errorf("want 12 devices, 10 of them made, and all well: %+v", r)
	}
	if diff := cmp.Diff(want, f.texts()); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	for _, m := range []mac{{0xaa, 1}, {0xaa, 2}} {
		if d := f.device(m); !d.last.IsZero() || d.etag != "" {
			t.Errorf("%v is taken for seen by what was done in its place: %+v", m, d)
		}
	}
	for _, line := range []string{"2 take the addresses of configurations that exist", "10 configurations were made for the run", "nothing was missed"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the report does not say %q:\n%s", line, out.String())
		}
	}
}

func TestWithChurnHalfOfTheFleetIsMade(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t, newFakeBroker(t), faults{})
	for i := range 20 {
		f.put(mac{0xaa, byte(i)}, `{}`)
	}
	o := brief(f)
	if r := mustRun(t, o); r.Made != 6 || r.Changes == 0 || !r.OK() {
		t.Errorf("with churn: %+v", r)
	}
	o.Churn = 0
	if r := mustRun(t, o); r.Made != 0 || r.Devices != 12 || !r.OK() {
		t.Errorf("without churn: %+v", r)
	}
}

// A document that a person changes during the run has no mark: bytes and entity tags alone decide.
func TestAChangeByAPersonIsFollowed(t *testing.T) {
	t.Parallel()
	for _, wrong := range []faults{{}, {forget: 1}, {serveOld: 1}} {
		for _, listen := range []Listen{ListenBroadcast, ListenRetained} {
			t.Run(string(listen), func(t *testing.T) {
				t.Parallel()
				f := newFakeServer(t, newFakeBroker(t), wrong)
				f.put(mac{0xaa, 1}, `{"deviceName":"before"}`)
				o := brief(f)
				o.Devices, o.Churn, o.Listen = 1, 0, listen
				servers, err := o.servers()
				if err != nil {
					t.Fatal(err)
				}
				edit := newAdmin(servers[0], "")
				var editing sync.WaitGroup
				editing.Go(func() {
					testenv.WaitFor(t, 20*time.Second, func() bool { return f.readsOf(1) > 0 })
					if _, err := edit.update(context.WithoutCancel(t.Context()), 1, []byte(`{"deviceName":"after"}`)); err != nil {
						t.Error(err)
					}
					edit.http.CloseIdleConnections()
				})
				r := runFor(t, o, f, 1)
				editing.Wait()
				if good := wrong == (faults{}); r.OK() != good {
					t.Errorf("server %+v: %+v", wrong, r)
				}
			})
		}
	}
}

func TestWithoutMQTTDevicesPoll(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t, nil, faults{})
	r := runFor(t, brief(f), f, 30)
	if !r.OK() || r.Notifications != 0 || r.Changes < 5 || r.Fetches < 24 {
		t.Errorf("polling: %+v", r)
	}
}

func TestAnInterruptEndsEarlyAndStillProves(t *testing.T) {
	t.Parallel()
	for _, wrong := range []faults{{}, {forget: 1}} {
		f := newFakeServer(t, newFakeBroker(t), wrong)
		o := brief(f)
		o.single = true
		if r := runFor(t, o, f, 5); r.Phase != "done" || r.OK() != (wrong == faults{}) {
			t.Errorf("server %+v: %+v", wrong, r)
		}
		if left := f.texts(); len(left) > 0 {
			t.Errorf("%d configurations are left behind", len(left))
		}
	}
}

func TestKeepLeavesWhatWasMade(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t, newFakeBroker(t), faults{})
	o := brief(f)
	o.Keep, o.Templates = true, [][]byte{[]byte("{\r\n \"deviceName\" : \"Küche\", \"n\":1e400}")}
	mustRun(t, o)
	left := f.texts()
	if len(left) != 12 || !strings.Contains(left[0], "\r\n \"deviceName\" : \"Küche (simulated ") || !strings.HasSuffix(left[0], `"n":1e400}`) {
		t.Errorf("left are %d: %.300q", len(left), left)
	}
}

func TestSeveralServers(t *testing.T) {
	t.Parallel()
	broker := newFakeBroker(t)
	f := newFakeServer(t, broker, faults{})
	o := brief(f)
	o.ServerURL = f.URL + ", " + f.URL + "/"
	if r := runFor(t, o, f, 30); !r.OK() || r.Changes < 20 {
		t.Errorf("two servers: %+v", r)
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := brief(newFakeServer(t, newFakeBroker(t), faults{forget: 3}))
	o.Out, o.JSON, o.Duration = &out, true, 1200*time.Millisecond
	want := mustRun(t, o)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 2 {
		t.Fatalf("want a line each second and one at the end:\n%s", out.String())
	}
	var last Result
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("last line (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeSimulatedIsSaid(t *testing.T) {
	f := newFakeServer(t, newFakeBroker(t), faults{})
	for name, test := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no devices":     {func(o *Options) { o.Devices = 0 }, "devices: 0"},
		"churn":          {func(o *Options) { o.Churn = -1 }, "churn: -1"},
		"server URL":     {func(o *Options) { o.ServerURL = "ftp://x" }, `server URL: "ftp://x" is not http://host:port`},
		"no server":      {func(o *Options) { o.ServerURL = "http://127.0.0.1:1" }, "list the configurations: no answer from the server"},
		"broker URL":     {func(o *Options) { o.MQTTURL = "http://u:secret@x" }, `MQTT URL: "…@x" is not mqtt://`},
		"listen":         {func(o *Options) { o.Listen = "all" }, `listen: "all"`},
		"template":       {func(o *Options) { o.Templates = [][]byte{[]byte("[]")} }, "template 0: it is not a JSON object"},
		"firmware":       {func(o *Options) { o.Firmware = "odd" }, `firmware: "odd"`},
		"restarts":       {func(o *Options) { o.Restarts = -1 }, "restarts: -1"},
		"lost reports":   {func(o *Options) { o.LoseReports = 1.5 }, "lose-reports: 1.5"},
		"negative check": {func(o *Options) { o.Check = -1 }, "must not be negative"},
		"negative bound": {func(o *Options) { o.Bound = -1 }, "must not be negative"},
	} {
		o := brief(f)
		test.change(&o)
		_, err := Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestARefusalEndsTheRunWithItsReason(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t, newFakeBroker(t), faults{refuseAll: true})
	if _, err := Run(t.Context(), brief(f)); err == nil || !strings.Contains(err.Error(), "403, Not allowed") {
		t.Errorf("updates refused: %v", err)
	}
	if left := f.texts(); len(left) > 0 {
		t.Errorf("%d configurations are left behind", len(left))
	}
	f = newFakeServer(t, newFakeBroker(t), faults{})
	f.tokens = "right"
	o := brief(f)
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "set ADMIN_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	o.Token = "right"
	if r := mustRun(t, o); !r.OK() {
		t.Errorf("with a token: %+v", r)
	}
}

func TestABrokerThatRefusesIsNamed(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t, newFakeBroker(t), faults{})
	f.broker.refuse = 0x87
	r, err := Run(t.Context(), brief(f))
	if err != nil || r.OK() || !strings.Contains(r.LastError, "refuses the subscription to iotsupport/updates/configs: reason code 0x87") {
		t.Errorf("got %+v, %v", r, err)
	}
}
