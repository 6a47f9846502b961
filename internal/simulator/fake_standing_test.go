package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lie is one thing that a fake server says wrongly of devices.
type lie string

const (
	appliedByFetch   lie = "a fetch is taken for applying"
	heldByFetch      lie = "a fetch is taken for holding"
	appliedByHolding lie = "If-None-Match is taken for applying"
	stuck            lie = "sticks in pending"
	byRevision       lie = "bytes that come back are not known again"
	neverPending     lie = "a change leaves the state as it was"
	forgetsErrors    lie = "a fetch makes an error forgotten"
	dropsReports     lie = "a report is taken and forgotten"
	dropsByBroker    lie = "reports by the broker are not heard"
	errorsAreFine    lie = "an error is taken for applied"
	keepsOnline      lie = "the last will is not heard"
	neverOnline      lie = "nobody is online"
	everybodyOnline  lie = "devices that say nothing are online"
	newestRevision   lie = "every device has the newest revision"
	noRevision       lie = "no device has a revision"
	summaryWrong     lie = "the summary counts another state"
	summaryShort     lie = "the summary counts too few"
	overdueInTime    lie = "devices that poll in time are overdue"
	firstSeen        lie = "last_seen is the first"
	seenAtOnce       lie = "devices are seen before they start"
	noSync           lie = "no sync at all"
	hides            lie = "leaves a device out of the list"
	refusesReports   lie = "reports are refused"
	forgetsAtDelete  lie = "a delete and a create make the device unknown"
)

// fakeDevice is what a fake server knows of a device.
type fakeDevice struct {
	first, last time.Time
	etag        string
	revision    int64
	level       string
	online      *bool
}

func (f *fakeServer) device(m mac) *fakeDevice {
	d := f.devices[m]
	if d == nil {
		d = &fakeDevice{}
		f.devices[m] = d
	}
	return d
}

func (d *fakeDevice) alive() {
	d.last = time.Now()
	if d.first.IsZero() {
		d.first = d.last
	}
}

// has takes evidence of bytes at a revision.
func (d *fakeDevice) has(etag string, revision int64, level string) {
	d.alive()
	if revision < d.revision {
		return
	}
	if d.etag != etag || level == applied || level == failed || d.level == fetched {
		d.level = level
	}
	d.etag, d.revision = etag, revision
}

// serve answers a device.
func (f *fakeServer) serve(w http.ResponseWriter, r *http.Request, c *fakeConfig, text []byte) {
	etag, had := etagOf(text), strings.Trim(r.Header.Get("If-None-Match"), `"`)
	w.Header().Set("ETag", `"`+etag+`"`)
	if r.Header.Get("X-No-Check-In") == "" {
		d := f.device(c.mac)
		if f.wrong.untrue == stuck && c.revision > 1 {
			d.alive()
		} else {
			f.show(d, c, etag, had)
		}
	}
	if had == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(text)
}

func (f *fakeServer) show(d *fakeDevice, c *fakeConfig, etag, had string) {
	if had != "" {
		level := held
		if f.wrong.untrue == appliedByHolding {
			level = applied
		}
		if revision := f.newest(c.mac, had); revision > 0 {
			d.has(had, revision, level)
		}
	}
	if had == etag {
		return
	}
	level := fetched
	switch f.wrong.untrue {
	case appliedByFetch:
		level = applied
	case heldByFetch:
		level = held
	case forgetsErrors:
		if d.level == failed {
			d.level = fetched
		}
	}
	d.has(etag, c.revision, level)
}

// newest is the newest revision that has the bytes.
func (f *fakeServer) newest(m mac, etag string) int64 {
	for i := len(f.history[m]) - 1; i >= 0; i-- {
		if text := f.history[m][i]; text != nil && etagOf(text) == etag {
			return int64(i) + 1
		}
	}
	return 0
}

func (f *fakeServer) byMAC(name string) *fakeConfig {
	for _, c := range f.configs {
		if c.mac.join('-') == name || fmt.Sprintf("%x", c.mac[:]) == name {
			return c
		}
	}
	return nil
}

func (f *fakeServer) report(w http.ResponseWriter, r *http.Request) {
	var said word
	err := json.NewDecoder(r.Body).Decode(&said)
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.byMAC(r.PathValue("id"))
	if err != nil || c == nil || f.wrong.untrue == refusesReports || !f.reported(c, said) {
		http.Error(w, `{"error":"Config was not found"}`, http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeServer) reported(c *fakeConfig, said word) bool {
	if f.wrong.untrue == dropsReports {
		return true
	}
	d := f.device(c.mac)
	revision, etag := said.Rev, said.ETag
	if revision > 0 {
		if revision > int64(len(f.history[c.mac])) || f.history[c.mac][revision-1] == nil {
			return false
		}
		etag = etagOf(f.history[c.mac][revision-1])
	} else if revision = f.newest(c.mac, etag); d.etag == etag {
		revision = d.revision
	}
	level := said.Status
	if f.wrong.untrue == errorsAreFine {
		level = applied
	}
	if revision > 0 {
		d.has(etag, revision, level)
	}
	return revision > 0
}

// heard takes what devices publish.
func (f *fakeServer) heard(topic string, payload []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	parts := strings.Split(topic, "/")
	c := f.byMAC(parts[2])
	if c == nil {
		return
	}
	var said word
	switch {
	case parts[3] == "state" && len(payload) > 0:
		up := string(payload) == online
		if f.wrong.untrue == keepsOnline && !up {
			return
		}
		d := f.device(c.mac)
		d.online = &up
		if up {
			d.alive()
		}
	case parts[3] == "report" && f.wrong.untrue != dropsByBroker && json.Unmarshal(payload, &said) == nil:
		f.reported(c, said)
	}
}

// item is a configuration in the list.
func (f *fakeServer) item(c *fakeConfig) map[string]any {
	out := map[string]any{"id": c.id, "mac_address": c.mac.String(), "revision": c.revision, "etag": etagOf(c.text)}
	if f.wrong.untrue == noSync {
		return out
	}
	d := f.device(c.mac)
	out["sync"], out["last_seen"], out["device_revision"], out["overdue"], out["online"] = f.sync(c, d), nil, nil, false, d.online
	if !d.last.IsZero() {
		out["last_seen"] = d.last
	}
	if d.revision > 0 {
		out["device_revision"] = d.revision
	}
	if d.level != "" && d.etag == etagOf(c.text) {
		out["device_revision"] = c.revision
	}
	yes := true
	switch f.wrong.untrue {
	case everybodyOnline:
		out["online"] = &yes
	case neverOnline:
		out["online"] = nil
	case newestRevision:
		out["device_revision"] = c.revision
	case noRevision:
		out["device_revision"] = nil
	case overdueInTime:
		out["overdue"] = !d.last.IsZero()
	case firstSeen:
		if !d.first.IsZero() {
			out["last_seen"] = d.first
		}
	case seenAtOnce:
		out["last_seen"] = time.Now()
	}
	return out
}

func (f *fakeServer) sync(c *fakeConfig, d *fakeDevice) string {
	same := d.etag == etagOf(c.text)
	if f.wrong.untrue == byRevision {
		same = d.revision == c.revision
	}
	switch {
	case f.wrong.untrue == seenAtOnce && d.last.IsZero():
		return pending
	case d.first.IsZero():
		return unknown
	case d.level == "" || !same && f.wrong.untrue != neverPending:
		return pending
	}
	return d.level
}

func (f *fakeServer) summary(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := summary{At: time.Now(), Sync: map[string]int64{}}
	for _, c := range f.configs {
		text, _ := json.Marshal(f.item(c))
		var e shown
		_ = json.Unmarshal(text, &e)
		if f.wrong.untrue == summaryWrong && *e.Sync == fetched {
			*e.Sync = held
		}
		out.count(e)
	}
	if f.wrong.untrue == summaryShort {
		out.Total--
	}
	_ = json.NewEncoder(w).Encode(out)
}

var marked = regexp.MustCompile(`("espalierSimulation":\{"run":"[0-9a-f]{4}","n":)\d+,"at":"[^"]*"`)

func (f *fakeServer) patch(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Content struct {
			Mark struct {
				N  int64
				At string
			} `json:"espalierSimulation"`
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.replace(w, r, func(c *fakeConfig) []byte {
		return marked.ReplaceAll(c.text, fmt.Appendf(nil, `${1}%d,"at":"%s"`, body.Content.Mark.N, body.Content.Mark.At))
	})
}

func (f *fakeServer) restore(w http.ResponseWriter, r *http.Request) {
	revision, _ := strconv.Atoi(r.PathValue("rev"))
	f.replace(w, r, func(c *fakeConfig) []byte { return f.history[c.mac][revision-1] })
}

// replace is a change that no fault hits.
func (f *fakeServer) replace(w http.ResponseWriter, r *http.Request, text func(*fakeConfig) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.find(r)
	if c == nil {
		http.Error(w, "{}", http.StatusNotFound)
		return
	}
	if now := text(c); !bytes.Equal(now, c.text) {
		c.text, c.old = now, nil
		f.history[c.mac] = append(f.history[c.mac], now)
		c.revision++
	}
	f.announce(c.mac, c.revision, c.text, false, false)
	f.write(w, c)
}
