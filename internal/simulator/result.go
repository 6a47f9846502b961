package simulator

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Result is what a simulation found.
type Result struct {
	Devices int `json:"devices"` // simulated firmwares
	Made    int `json:"made"`    // of these, those whose configuration the run made
	Online  int `json:"online"`  // fetched, and subscribed where there is a broker
	// Heard counts every message that a device got, Notifications those that were about itself.
	Heard         int64 `json:"heard"`
	Notifications int64 `json:"notifications"`
	Fetches       int64 `json:"fetches"`
	Changes       int64 `json:"changes"` // writes that the server confirmed
	Reconnects    int64 `json:"reconnects"`
	FetchErrors   int64 `json:"fetch_errors"` // each was repeated until it succeeded
	WriteErrors   int64 `json:"write_errors"` // likewise
	MQTTErrors    int64 `json:"mqtt_errors"`  // connections and subscriptions that failed; likewise
	// Firmware counts the devices by what they run.
	Firmware map[Firmware]int `json:"firmware"`
	// Unmodified counts the fetches that were answered with 304.
	Unmodified int64 `json:"unmodified"`
	// Reports counts those that the server or the broker took, ReportsLost those that were lost on purpose, and ReportsHeld
	// those that were not sent, or not taken, because they would come too often.
	Reports     int64 `json:"reports"`
	ReportsLost int64 `json:"reports_lost"`
	ReportsHeld int64 `json:"reports_held"`
	Restarts    int64 `json:"restarts"` // of devices
	// Checks counts how often the API was compared with what is true. Judged is how many devices the last comparison was of,
	// and Certain for how many of these only one state was right.
	Checks  int64 `json:"checks"`
	Judged  int   `json:"judged"`
	Certain int   `json:"certain"`
	// P50, P99 and Max are the time from sending a change to the server until the device had it or a newer one,
	// in nanoseconds in JSON.
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
	// Stale counts documents that were older than what the device was told or than what the server had confirmed
	// before it asked; and devices that were told of a change and still held an older document after the bound.
	Stale int64 `json:"stale"`
	// Missed counts changes that a device was not told of within the bound.
	Missed int64 `json:"missed"`
	// Corrupt counts documents other than those written, and messages that could not be read.
	Corrupt int64 `json:"corrupt"`
	// Unproven counts devices of which it could not be shown that they hold the newest document.
	Unproven int64 `json:"unproven"`
	// Disagreements counts what the API showed of a device, or of the fleet, and was not true, each time that it lasted for
	// longer than the bound.
	Disagreements int64 `json:"disagreements"`
	// Incidents are the first of all that was wrong.
	Incidents []Incident `json:"incidents,omitempty"`
	// LastError is the last thing that failed to answer, empty where all did.
	LastError string        `json:"last_error,omitempty"`
	Phase     string        `json:"phase"` // "starting", "running", "proving", "done"
	Elapsed   time.Duration `json:"elapsed_ns"`
}

// Incident is one thing that was wrong. It never holds a document.
type Incident struct {
	MAC  string `json:"mac_address"`
	Kind string `json:"kind"` // "stale", "missed", "corrupt", "unproven", "disagreement"
	What string `json:"what"`
}

// OK says that the run came to its end, nothing was stale, missed or corrupt, each device holds the newest document, and the
// API shows of each what is true.
func (r Result) OK() bool {
	return r.Phase == "done" && r.Stale == 0 && r.Missed == 0 && r.Corrupt == 0 && r.Unproven == 0 && r.Disagreements == 0
}

// kind is what sort of thing was wrong.
type kind int

const (
	staleDocument kind = iota
	missed
	corrupt
	unproven
	disagrees
)

func (k kind) String() string {
	return [...]string{"stale", "missed", "corrupt", "unproven", "disagreement"}[k]
}

// problem is something that did not answer.
type problem struct {
	where string
	err   error
}

const keptIncidents = 50

// stats are the counts of a run.
type stats struct {
	heard, notifications, fetches, changes, reconnects atomic.Int64
	fetchErrors, writeErrors, mqttErrors               atomic.Int64
	unmodified, reports, reportsLost, reportsHeld      atomic.Int64
	restarts, checks, judged, certain                  atomic.Int64
	wrong                                              [5]atomic.Int64 // by kind
	latency                                            histogram
	lastError                                          atomic.Pointer[problem]

	mu        sync.Mutex
	incidents []Incident
}

// incident counts what was wrong with a device, and keeps the first few.
func (s *simulation) incident(d *device, k kind, what string) {
	s.incidentOf(d.mac.String(), k, what)
}

func (s *simulation) incidentOf(who string, k kind, what string) {
	s.stats.wrong[k].Add(1)
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	if len(s.stats.incidents) < keptIncidents {
		s.stats.incidents = append(s.stats.incidents, Incident{MAC: who, Kind: k.String(), What: what})
	}
}

// result is the state of the run now.
func (s *simulation) result() Result {
	c := &s.stats
	r := Result{
		Devices: len(s.devices), Heard: c.heard.Load(), Notifications: c.notifications.Load(), Fetches: c.fetches.Load(),
		Changes: c.changes.Load(), Reconnects: c.reconnects.Load(), FetchErrors: c.fetchErrors.Load(),
		WriteErrors: c.writeErrors.Load(), MQTTErrors: c.mqttErrors.Load(),
		P50: c.latency.quantile(0.5), P99: c.latency.quantile(0.99), Max: time.Duration(c.latency.most.Load()),
		Stale: c.wrong[staleDocument].Load(), Missed: c.wrong[missed].Load(), Corrupt: c.wrong[corrupt].Load(),
		Unproven: c.wrong[unproven].Load(), Disagreements: c.wrong[disagrees].Load(), Phase: s.phase.Load().(string),
		Firmware: map[Firmware]int{}, Unmodified: c.unmodified.Load(), Reports: c.reports.Load(), ReportsLost: c.reportsLost.Load(),
		ReportsHeld: c.reportsHeld.Load(), Restarts: c.restarts.Load(), Checks: c.checks.Load(),
		Judged: int(c.judged.Load()), Certain: int(c.certain.Load()),
	}
	for _, d := range s.devices {
		r.Firmware[d.firmware]++
		if d.made {
			r.Made++
		}
		if d.up() {
			r.Online++
		}
	}
	if !s.began.IsZero() {
		r.Elapsed = time.Since(s.began)
	}
	if p := c.lastError.Load(); p != nil {
		r.LastError = fmt.Sprintf("%s: %v", p.where, p.err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Incidents = append(r.Incidents, c.incidents...)
	return r
}
