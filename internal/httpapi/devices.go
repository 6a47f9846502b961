package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// deviceColumns are the columns of the lines of fleetDevices, in their order.
const deviceColumns = `"id","mac_address","device_name","device_entity_id","enable_ota","sync","last_seen","revision","device_revision",` +
	`"updated_at","overdue","online"`

// fleetDevices streams the whole fleet, or some of it, an array a line: what a list of a hundred thousand needs.
func (a *API) fleetDevices(w http.ResponseWriter, r *http.Request) error {
	params, err := queryParams(r)
	if err != nil {
		return err
	}
	ids, err := idsParam(params)
	if err != nil {
		return err
	}
	s := a.newPackedStream(w, r, "application/x-ndjson")
	if r.Method == http.MethodHead {
		return s.close()
	}
	position := ""
	if a.events != nil {
		// Before the first row is read: what changes from now on is told of.
		head, err := a.events.Head(r.Context())
		if err != nil {
			return err
		}
		position = head.String()
	}
	begun := false
	err = a.service.EachDevice(r.Context(), ids, func(page fleet.DevicePage) error {
		if !begun {
			begun = true
			s.buf = append(s.buf, `{"columns":[`+deviceColumns+`],"count":`...)
			s.buf = strconv.AppendInt(s.buf, page.Count, 10)
			s.buf = append(s.buf, `,"position":`...)
			s.buf = append(appendText(s.buf, position), "}\n"...)
		}
		for i := range page.Configs {
			s.buf = appendRow(s.buf, &page.Configs[i])
			if err := s.flushIfFull(); err != nil {
				return err
			}
		}
		return s.push()
	})
	if err != nil {
		return err
	}
	return s.close()
}

// idsParam reads ids, numbers with commas; none is all.
func idsParam(params url.Values) (ids []int64, err error) {
	if !params.Has("ids") {
		return nil, nil
	}
	for text := range strings.SplitSeq(strings.Join(params["ids"], ","), ",") {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return nil, fleet.Invalid("ids", "must be a list of 1 to 500 numbers from 1, with commas")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// appendRow writes the columns of a configuration as a line.
func appendRow(b []byte, c *fleet.Config) []byte {
	b = append(b, '[')
	b = strconv.AppendInt(b, c.ID, 10)
	b = append(b, `,"`...)
	b = append(b, c.MAC.String()...)
	b = append(b, `",`...)
	b = appendNullable(b, c.DeviceName)
	b = append(b, ',')
	b = appendNullable(b, c.DeviceEntityID)
	b = append(b, ',')
	b = appendBit(b, c.EnableOTA)
	b = append(b, `,"`...)
	b = append(b, c.Standing.Sync...)
	b = append(b, `",`...)
	b = appendSeconds(b, c.Standing.LastSeen)
	b = append(b, ',')
	b = strconv.AppendInt(b, c.Revision, 10)
	b = append(b, ',')
	b = appendNumber(b, c.Standing.Revision)
	b = append(b, ',')
	b = appendSeconds(b, c.UpdatedAt)
	b = append(b, ',')
	b = appendBit(b, &c.Standing.Overdue)
	b = append(b, ',')
	b = appendBit(b, c.Standing.Online)
	return append(b, "]\n"...)
}

// appendBit writes 1 or 0, or null for what is not known.
func appendBit(b []byte, bit *bool) []byte {
	switch {
	case bit == nil:
		return append(b, "null"...)
	case *bit:
		return append(b, '1')
	}
	return append(b, '0')
}

// appendSeconds writes a time as Unix seconds, or null for none.
func appendSeconds(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, t.Unix(), 10)
}
