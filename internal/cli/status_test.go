package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"espalier.dev/espalier/client"
)

// stage is a server with one device, whose state a test sets.
type stage struct {
	mu     sync.Mutex
	device client.Device
	counts map[string]int64
	away   int // answers 503 so many times
	looks  int
	news   chan string // events
	onLook func(n int)
}

// play starts the server. Without news it has no events.
func (s *stage) play(t *testing.T) []string {
	t.Helper()
	s.device.ConfigID, s.device.MAC = 4, "aa:bb:cc:dd:ee:04"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch r.URL.Path {
		case "/api/events":
			s.mu.Unlock()
			s.stream(w, r)
			s.mu.Lock()
		case "/api/configs":
			_, _ = io.WriteString(w, `{"configs":[{"id":4,"mac_address":"aa:bb:cc:dd:ee:04","device_name":"Hallway","revision":7}]}`)
		case "/api/configs/4/device", "/api/fleet/summary":
			s.looks++
			if s.onLook != nil {
				s.onLook(s.looks)
			}
			if s.away > 0 {
				s.away--
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			var answer any = s.device
			if strings.HasSuffix(r.URL.Path, "summary") {
				sum := client.Summary{Sync: s.counts}
				for _, n := range s.counts {
					sum.Total += n
				}
				answer = sum
			}
			_ = json.NewEncoder(w).Encode(answer)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return []string{"SERVER_URL=" + server.URL}
}

func (s *stage) stream(w http.ResponseWriter, r *http.Request) {
	if s.news == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "event: ready\nid: 0\ndata: {}\n\n")
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case text, more := <-s.news:
			if !more {
				return
			}
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func TestWaitIsOverAtOnce(t *testing.T) {
	for _, tc := range []struct {
		sync, wait string
		status     int
		says       string
	}{
		{client.SyncApplied, "fetched", 0, "aa:bb:cc:dd:ee:04 (Hallway): applied, it reported that it runs the current document"},
		{client.SyncApplied, "applied", 0, "applied"},
		{client.SyncHeld, "held", 0, "held, it showed that it has the current document"},
		{client.SyncHeld, "fetched", 0, "held"},
		{client.SyncFetched, "fetched", 0, "fetched"},
		{client.SyncError, "fetched", 4, "aa:bb:cc:dd:ee:04 (Hallway) reported that it cannot apply its document: error revision 7, E1, at /wifi, too long, firmware 2.0"},
	} {
		s := &stage{device: client.Device{Sync: tc.sync}}
		if tc.sync == client.SyncError {
			code, path, message, firmware := "E1", "/wifi", "too long", "2.0"
			s.device.Reported = &client.ShownReport{Shown: client.Shown{Revision: 7}, Status: "error", Code: &code, Path: &path, Message: &message, Firmware: &firmware}
		}
		run(t, s.play(t), "status", "Hallway", "--wait", tc.wait, "--timeout", "20s").want(t, tc.status, tc.says)
	}
}

// The change arrives while it is waited for: heard of by an event, or without any seen by looking again, and also if the
// server is away for a moment.
func TestWaitUntilTheChangeArrives(t *testing.T) {
	for name, s := range map[string]*stage{
		"events":          {news: make(chan string, 9)},
		"no events":       {},
		"events that end": {news: func() chan string { c := make(chan string); close(c); return c }()},
	} {
		t.Run(name, func(t *testing.T) {
			s.device.Sync = client.SyncPending
			s.onLook = func(n int) {
				switch n {
				case 2:
					s.device.Sync = client.SyncFetched
				case 3:
					s.away = 4
				case 7:
					s.device.Sync = client.SyncApplied
				}
				if name == "events" {
					s.news <- "event: sync\nid: 1\ndata: {}\n\n"
				}
			}
			run(t, s.play(t), "status", "Hallway", "--wait", "applied", "--timeout", "50s").want(t, 0, "applied")
		})
	}
}

// A change that never arrives: the reasons that are known are told.
func TestWaitInVain(t *testing.T) {
	past, rhythm, revision, offline := time.Now().Add(-3*time.Hour), int64(300), int64(5), false
	for name, tc := range map[string]struct {
		device client.Device
		wait   string
		says   []string
	}{
		"never seen": {client.Device{Sync: client.SyncUnknown}, "fetched", []string{"is not fetched after 300ms: unknown, it was never seen", "with this MAC address?"}},
		"overdue": {client.Device{Sync: client.SyncPending, Overdue: true, LastSeen: &past, RhythmSeconds: &rhythm, DeviceRevision: &revision}, "held",
			[]string{"pending, it has not the current document", "It is overdue: it was last seen 3h ago, and shows itself every 5m.", "The newest revision that it is known to have had is 5."}},
		"offline":           {client.Device{Sync: client.SyncPending, LastSeen: &past, Online: &offline, OnlineSince: &past}, "held", []string{"it is off, since 3h ago"}},
		"old firmware":      {client.Device{Sync: client.SyncFetched, LastSeen: &past}, "held", []string{"never sent If-None-Match"}},
		"without reports":   {client.Device{Sync: client.SyncHeld, LastSeen: &past}, "applied", []string{"never sent a report"}},
		"reports otherwise": {client.Device{Sync: client.SyncHeld, LastSeen: &past, Reported: &client.ShownReport{}}, "applied", []string{"It was last seen 3h ago."}},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, (&stage{device: tc.device}).play(t), "status", "Hallway", "--wait", tc.wait, "--timeout", "300ms")
			got.want(t, 7, tc.says...)
			if name == "reports otherwise" && strings.Contains(got.errors, "never") {
				t.Errorf("says what is not so: %s", got.errors)
			}
		})
	}
	away := &stage{away: 1 << 30}
	run(t, away.play(t), "status", "Hallway", "--wait", "held", "--timeout", "300ms").want(t, 6, "espalier: ")
}

// The state at the end counts, and not the one a while before it.
func TestWaitLooksWhenTheTimeIsUp(t *testing.T) {
	s := &stage{device: client.Device{Sync: client.SyncPending}}
	s.onLook = func(n int) {
		if n == 2 {
			s.device.Sync = client.SyncHeld
		}
	}
	run(t, s.play(t), "status", "Hallway", "--wait", "held", "--timeout", "1s").want(t, 0, "held")
	if s.looks != 2 {
		t.Errorf("it was looked %d times", s.looks)
	}
}

func TestFleetStatus(t *testing.T) {
	s := &stage{counts: map[string]int64{"applied": 5, "held": 3, "pending": 2}}
	env := s.play(t)
	run(t, env, "status").want(t, 0, "applied\t5\n", "held\t3\n", "pending\t2\n", "error\t0\n", "total\t10\n")
	person(t, env, "", "status").want(t, 0, "applied", "Which: espalier list --sync pending\n")
	run(t, env, "status", "--wait", "held", "--timeout", "300ms").want(t, 7, "2 of 10 devices are not held after 300ms; see: espalier list --sync unknown,pending,fetched")
	s.mu.Lock()
	s.counts["error"] = 1
	s.mu.Unlock()
	run(t, env, "status", "--wait", "held").want(t, 4, "1 device reported that it cannot apply its document; see: espalier list --sync error")
	s.mu.Lock()
	s.counts = map[string]int64{"applied": 9, "held": 1}
	s.mu.Unlock()
	run(t, env, "status", "--wait", "held").want(t, 0, "All of 10 devices: held, or more")
	if sum := answer[client.Summary](t, run(t, env, "status", "-o", "json")); sum.Total != 10 {
		t.Errorf("as JSON %+v", sum)
	}
}

// fetch is what a device does: it asks for its document, and may say which it has.
func fetch(t *testing.T, env []string, mac, etag string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimPrefix(env[0], "SERVER_URL=")+"/api/configs/"+mac+".json", nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 && resp.StatusCode != 304 {
		t.Errorf("a device got %d: %v", resp.StatusCode, err)
	}
	return resp.Header.Get("ETag")
}

// A device of each kind of firmware, from the first sight to the report.
func TestStatusOfADevice(t *testing.T) {
	env := house(t)
	run(t, env, "status", "Attic").want(t, 0, "Device\taa:bb:cc:dd:ee:03  #", "Document\trevision 1, 77 bytes, ", "create by local from 127.0.0.1: first of aabbccddee03",
		"Sync\tunknown, it was never seen", "Last seen\t-")
	etag := fetch(t, env, "aabbccddee03", "")
	run(t, env, "status", "Attic", "--wait", "fetched", "--timeout", "30s").want(t, 0, "fetched")
	fetch(t, env, "aabbccddee03", etag)
	run(t, env, "status", "Attic", "--wait", "held", "--timeout", "30s").want(t, 0, "held")
	run(t, env, "status", "Attic", "--wait", "applied", "--timeout", "300ms").want(t, 7, "It has never sent a report")
	c, err := client.New(strings.TrimPrefix(env[0], "SERVER_URL="), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Report(t.Context(), "aabbccddee03", client.DeviceReport{Revision: 1, Status: client.ReportApplied, Firmware: "1.2\x1b[0m"}); err == nil {
		t.Error("a report with a control character is taken")
	}
	if err := c.Report(t.Context(), "aabbccddee03", client.DeviceReport{Revision: 1, Status: client.ReportApplied, Firmware: "1.2"}); err != nil {
		t.Fatal(err)
	}
	run(t, env, "status", "Attic", "--wait", "applied", "--timeout", "30s").want(t, 0, "applied")
	got := run(t, env, "status", "Attic")
	got.want(t, 0, "Sync\tapplied, it reported that it runs the current document", "Has\trevision 1 (applied), since revision 1", "Address\t127.0.0.1",
		"Fetched\trevision 1, ", ", from 127.0.0.1", "Held\trevision 1, ", "Reported\tapplied revision 1, firmware 1.2, ", "LEARNT\tWHAT\t", "\tfetched\t1\t", "\theld\t1\t", "\tapplied\t1\t")
	person(t, env, "", "status", "Attic").want(t, 0, "\x1b[32mapplied, it reported", "1m ago")
	run(t, env, "history", "Attic").want(t, 0, "\tapplied\t")
	run(t, env, "set", "Attic", "wifi.ssid", "y", "--wait", "fetched", "--timeout", "300ms").want(t, 7, "Saved aa:bb:cc:dd:ee:03 (Attic) as revision 2",
		"is not fetched after 300ms: pending", "The newest revision that it is known to have had is 1.")
	all := answer[struct {
		Config struct{ Sync string }
		Device client.Device
		Newest client.Revision `json:"newest_revision"`
		Facts  []client.Fact
	}](t, run(t, env, "status", "Attic", "-o", "json", "--facts", "2"))
	if all.Config.Sync != "pending" || all.Device.Has == nil || all.Device.Has.Revision != 1 || all.Newest.Revision != 2 || len(all.Facts) != 2 {
		t.Errorf("as JSON %+v", all)
	}
	run(t, env, "status", "Attic", "--at", "0s").want(t, 0, "aa:bb:cc:dd:ee:03 (Attic) had revision 1 (applied), known since ")
	run(t, env, "status", "Attic", "--at", "2026-01-02 15:04").want(t, 0, "What aa:bb:cc:dd:ee:03 (Attic) had at 2026-01-02T", "is not known")
	if at := answer[client.DeviceAt](t, run(t, env, "status", "Attic", "--at", "1h", "-o", "json")); at.Known {
		t.Errorf("an hour ago %+v", at)
	}
	run(t, env, "delete", "Attic", "-y").want(t, 0)
	run(t, env, "status", "Attic").want(t, 0, "Deleted\t")
	run(t, env, "status", "Attic", "--wait", "held").want(t, 4, "was deleted: there is nothing to wait for")
}

func TestAudit(t *testing.T) {
	env := house(t)
	run(t, env, "set", "Attic", "a", "1", "-m", "why not").want(t, 0)
	run(t, env, "set", "Attic", "a", "2", "--if-revision", "1").want(t, 4)
	got := columns(t, run(t, env, "audit", "--device", "Attic", "--result", "applied"))
	if len(got) != 2 || got[0][3] != "update" || got[0][5] != "aa:bb:cc:dd:ee:03" || got[0][6] != "2" || got[0][7] != "why not" || got[1][3] != "create" {
		t.Errorf("audit is %q", got)
	}
	if rows := columns(t, run(t, env, "audit", "--limit", "3")); len(rows) != 3 {
		t.Errorf("three are %q", rows)
	}
	if entries := answer[[]client.AuditEntry](t, run(t, env, "audit", "--action", "create", "--since", "1h", "-o", "json")); len(entries) != 4 {
		t.Errorf("as JSON %+v", entries)
	}
	if rows := columns(t, run(t, env, "audit", "--until", "1h")); len(rows) != 0 {
		t.Errorf("an hour ago %q", rows)
	}
	run(t, env, "audit", "--result", "well").want(t, 4, "result")
	run(t, env, "replace-device", "Attic", "aabbccddee05", "-y").want(t, 0)
	for _, mac := range []string{"aa:bb:cc:dd:ee:03", "AABB.CCDD.EE03"} {
		former := columns(t, run(t, env, "audit", "--device", mac, "--result", "applied"))
		if len(former) != 3 || former[0][3] != "replace_device" || former[0][5] != "aa:bb:cc:dd:ee:05" {
			t.Errorf("of hardware that was replaced %q", former)
		}
	}
	run(t, env, "audit", "--device", "no such name").want(t, 3)
}
