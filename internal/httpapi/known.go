package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// deviceOf answers what is known of a configuration's device; with at, what was known at that time of what it had.
func (a *API) deviceOf(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	params, err := queryParams(r)
	if err != nil {
		return err
	}
	at, err := timeParam(params, "at")
	if err != nil {
		return err
	}
	if !at.IsZero() {
		return a.deviceAt(w, r, id, at.Truncate(time.Microsecond))
	}
	c, d, err := a.service.Device(r.Context(), id)
	if err != nil {
		return err
	}
	return sendJSON(w, http.StatusOK, appendDevice(nil, c, d))
}

func (a *API) deviceAt(w http.ResponseWriter, r *http.Request, id int64, at time.Time) error {
	c, _, err := a.service.Device(r.Context(), id)
	if err != nil {
		return err
	}
	fact, found, err := a.service.DeviceAt(r.Context(), id, at)
	if err != nil {
		return err
	}
	known := found && fact.Has.ETag != ""
	b := appendOf(nil, c)
	b = append(b, `,"at":`...)
	b = appendTime(b, at)
	b = append(b, `,"known":`...)
	b = strconv.AppendBool(b, known)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, fact.Has.Revision)
	b = append(b, `,"etag":`...)
	b = appendText(b, fact.Has.ETag)
	b = append(b, `,"level":`...)
	b = appendText(b, string(fact.Level))
	b = append(b, `,"fact_at":`...)
	b = appendTimeOrNull(b, fact.At)
	return sendJSON(w, http.StatusOK, append(b, '}'))
}

// listFacts answers one page of what changed of what is known of a device, newest first.
func (a *API) listFacts(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	s, err := spanOf(r)
	if err != nil {
		return err
	}
	found, next, err := a.service.Facts(r.Context(), id, s.below, s.limit)
	if err != nil {
		return err
	}
	return sendPage(w, s, "facts", found, next, appendFact)
}

// appendOf begins an object that says which configuration it is about.
func appendOf(b []byte, c fleet.Config) []byte {
	b = append(b, `{"config_id":`...)
	b = strconv.AppendInt(b, c.ID, 10)
	b = append(b, `,"mac_address":"`...)
	b = append(b, c.MAC.String()...)
	return append(b, '"')
}

func appendDevice(b []byte, c fleet.Config, d fleet.Device) []byte {
	b = appendOf(b, c)
	b = append(b, `,"sync":`...)
	b = appendText(b, string(c.Standing.Sync))
	b = append(b, `,"overdue":`...)
	b = strconv.AppendBool(b, c.Standing.Overdue)
	b = append(b, `,"online":`...)
	b = appendTold(b, d.Online)
	b = append(b, `,"online_since":`...)
	if d.Online == nil {
		d.OnlineAt = time.Time{}
	}
	b = appendTimeOrNull(b, d.OnlineAt)
	b = append(b, `,"first_seen":`...)
	b = appendTimeOrNull(b, d.FirstSeen)
	b = append(b, `,"last_seen":`...)
	b = appendTimeOrNull(b, d.LastSeen)
	b = append(b, `,"address":`...)
	b = appendText(b, d.Address)
	b = append(b, `,"device_revision":`...)
	b = appendNumber(b, c.Standing.Revision)
	b = append(b, `,"rhythm_seconds":`...)
	b = appendNumber(b, int64(d.Rhythm()/time.Second))
	b = append(b, `,"overdue_at":`...)
	b = appendTimeOrNull(b, d.OverdueAt())
	b = append(b, `,"fetched":`...)
	b = appendShown(b, d.Fetched)
	b = append(b, `,"held":`...)
	b = appendShown(b, d.Held)
	b = append(b, `,"reported":`...)
	b = appendReported(b, d.Reported, d.Report)
	b = append(b, `,"has":`...)
	b = appendHas(b, d)
	return append(b, '}')
}

// appendTold writes what is true, false, or not known.
func appendTold(b []byte, told *bool) []byte {
	if told == nil {
		return append(b, "null"...)
	}
	return strconv.AppendBool(b, *told)
}

func appendShown(b []byte, s fleet.Shown) []byte {
	if s.ETag == "" {
		return append(b, "null"...)
	}
	b = append(b, `{"etag":`...)
	b = appendString(b, s.ETag)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, s.Revision)
	b = append(b, `,"at":`...)
	b = appendTimeOrNull(b, s.At)
	b = append(b, `,"address":`...)
	b = appendText(b, s.Address)
	return append(b, '}')
}

// appendReported writes a report, null where there is none.
func appendReported(b []byte, s fleet.Shown, r fleet.DeviceReport) []byte {
	if s.ETag == "" {
		return append(b, "null"...)
	}
	status := fleet.SyncError
	if r.Applied {
		status = fleet.SyncApplied
	}
	b = append(b, `{"status":`...)
	b = appendString(b, string(status))
	b = append(b, `,"etag":`...)
	b = appendString(b, s.ETag)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, s.Revision)
	b = append(b, `,"at":`...)
	b = appendTimeOrNull(b, s.At)
	b = append(b, `,"address":`...)
	b = appendText(b, s.Address)
	b = appendSaid(b, r)
	return append(b, '}')
}

// appendSaid writes the members of a report that the device chose the text of.
func appendSaid(b []byte, r fleet.DeviceReport) []byte {
	b = append(b, `,"code":`...)
	b = appendText(b, r.Code)
	b = append(b, `,"path":`...)
	b = appendText(b, r.Path)
	b = append(b, `,"message":`...)
	b = appendText(b, r.Message)
	b = append(b, `,"firmware":`...)
	return appendText(b, r.Firmware)
}

func appendHas(b []byte, d fleet.Device) []byte {
	if d.Has.ETag == "" {
		return append(b, "null"...)
	}
	b = append(b, `{"etag":`...)
	b = appendString(b, d.Has.ETag)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, d.Has.Revision)
	b = append(b, `,"at":`...)
	b = appendTimeOrNull(b, d.Has.At)
	b = append(b, `,"level":`...)
	b = appendText(b, string(d.Level))
	b = append(b, `,"since_revision":`...)
	b = appendNumber(b, d.Since)
	return append(b, '}')
}

func appendFact(b []byte, f fleet.Fact) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, f.ID, 10)
	b = append(b, `,"at":`...)
	b = appendTimeOrNull(b, f.At)
	b = append(b, `,"kind":`...)
	b = appendString(b, string(f.Kind))
	b = append(b, `,"etag":`...)
	b = appendText(b, f.ETag)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, f.Revision)
	b = append(b, `,"address":`...)
	b = appendText(b, f.Address)
	b = appendSaid(b, f.Report)
	b = append(b, `,"device_revision":`...)
	b = appendNumber(b, f.Has.Revision)
	b = append(b, `,"device_etag":`...)
	b = appendText(b, f.Has.ETag)
	b = append(b, `,"level":`...)
	b = appendText(b, string(f.Level))
	return append(b, '}')
}
