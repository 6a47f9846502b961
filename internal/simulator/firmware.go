package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"time"
)

// Firmware is how a device asks for its document and what it says of itself.
type Firmware string

// The choices. FirmwareMixed is a third of each of the others.
const (
	FirmwareMixed  Firmware = "mixed"
	FirmwarePlain  Firmware = "plain"  // GET, and nothing else: what is fielded most
	FirmwarePolite Firmware = "polite" // If-None-Match with what it has stored; a restart may lose that
	FirmwareFull   Firmware = "full"   // polite, and it reports what it applied or refused, and has a last will
)

var firmwares = []Firmware{FirmwarePlain, FirmwarePolite, FirmwareFull}

// version is what full firmware reports of itself.
const version = "simulated-1.0"

// refusals is how many states full firmware sees for each that it refuses.
const refusals = 3

// A device reports no more often than this: beyond its rate a server refuses reports, and by the broker nobody hears of that.
const (
	reportBurst = 8
	reportEvery = 12 * time.Second
)

// firmware is that of the i-th device. One that stands for a configuration of somebody else's is plain: what it reported
// would stay in the history of a real device.
func (s *simulation) firmware(i int, made bool) Firmware {
	switch {
	case !made:
		return FirmwarePlain
	case s.o.Firmware == FirmwareMixed:
		return firmwares[i%len(firmwares)]
	}
	return s.o.Firmware
}

// stored is what a device keeps in its flash; the zero value is nothing.
type stored struct {
	etag string
	sum  [32]byte
	n    int64 // as the document says it
}

// refuses tells whether the firmware cannot apply a state of its document. The same bytes are always refused, or never.
func (d *device) refuses(n int64) bool {
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%d %s %d", d.s.o.Seed, d.mac, n)
	return d.firmware == FirmwareFull && n != 0 && h.Sum32()>>8%refusals == 0
}

// word is a report.
type word struct {
	Rev      int64  `json:"rev,omitempty"`
	ETag     string `json:"etag,omitempty"`
	Status   string `json:"status"`
	Code     string `json:"code,omitempty"`
	Path     string `json:"path,omitempty"`
	Message  string `json:"message,omitempty"`
	Firmware string `json:"firmware"`
}

// tell reports a document that the device applied or refused, by HTTP or by the broker, unless the report is lost on
// the way. It repeats none: firmware does not.
func (d *device) tell(ctx context.Context, doc document, refused bool, f fact) {
	if !d.pace.Allow() {
		d.s.stats.reportsHeld.Add(1)
		return
	}
	if d.s.chance(d.s.o.LoseReports) {
		d.s.stats.reportsLost.Add(1)
		return
	}
	w := word{ETag: doc.etag, Status: applied, Firmware: version}
	f.kind = applied
	if refused {
		w.Status, w.Code, w.Path, w.Message = failed, "E_VALUE", "/espalierSimulation/n", "not a value that this device takes"
		f.kind = failed
	}
	d.mu.Lock()
	if n, known := d.record.writeOf(d.record.told.Revision); known && d.record.told.ETag == doc.etag && d.s.random(2) == 0 {
		w.Rev, w.ETag, f.named, f.of = d.record.told.Revision, "", true, span{n, n}
	}
	session := d.session
	d.mu.Unlock()
	text, err := json.Marshal(w)
	if err != nil {
		return
	}
	if session != nil && d.s.random(2) == 0 {
		d.tellBroker(ctx, session, text, f)
		return
	}
	d.tellServer(ctx, text, f)
}

func (d *device) tellServer(ctx context.Context, text []byte, f fact) {
	var status int
	var why string
	asked, err := d.s.readers.exchange(ctx, d.s.servers[d.server].address, "POST", "/api/configs/"+d.mac.join('-')+"/report", "", text,
		func(reply *http.Response) error {
			if status = reply.StatusCode; status >= 300 {
				why = reason(reply)
			}
			_, err := io.Copy(io.Discard, reply.Body)
			return err
		})
	f.at = time.Now()
	switch {
	case err == nil && status == http.StatusNoContent:
		f.durable = true
		d.s.stats.reports.Add(1)
	case err == nil && status == http.StatusTooManyRequests:
		d.s.stats.reportsHeld.Add(1)
		return
	case err == nil && status < 500:
		d.mu.Lock()
		absent := d.absent || d.gone
		d.mu.Unlock()
		if !absent || status != http.StatusNotFound {
			d.s.incident(d, disagrees, "its report was refused: "+why)
		}
		return
	case !asked:
		return
	default:
		f.maybe = true
		if ctx.Err() == nil && err != nil {
			d.s.stats.lastError.Store(&problem{where: "report", err: err})
		}
	}
	d.shows(f)
}

func (d *device) tellBroker(ctx context.Context, session *session, text []byte, f fact) {
	f.mqtt = true
	code, err := session.publish(ctx, d.s.deviceTopic(d.mac, "report"), text, false)
	f.at = time.Now()
	switch {
	case err == nil && code == quotaExceeded:
		d.s.stats.reportsHeld.Add(1)
		return
	case err == nil && code >= firstFailure:
		d.s.incident(d, disagrees, fmt.Sprintf("the broker refuses its report: reason code 0x%02x", code))
		return
	case err == nil:
		d.s.stats.reports.Add(1)
	case errors.Is(err, errNotSent):
		return
	default:
		f.maybe = true
	}
	d.shows(f)
}

// shows notes what the device showed.
func (d *device) shows(facts ...fact) {
	if !d.made {
		return
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range facts {
		f := &facts[i]
		// Between delete and create the server has nobody that this could be about.
		f.maybe = f.maybe || d.absent && (f.mqtt || f.of.last < d.creating) || f.mqtt && d.s.brokerShaky(f.at)
	}
	d.truth.show(now, d.record.written, facts...)
}

// deviceTopic is one of the topics of a device.
func (s *simulation) deviceTopic(m mac, name string) string {
	return fmt.Sprintf("%s/devices/%x/%s", s.o.TopicPrefix, m[:], name)
}
