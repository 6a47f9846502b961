package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"espalier.dev/espalier/internal/fleet"
)

// timeLayout is RFC 3339 in UTC with the microseconds that both databases keep.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// appendString writes a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

func appendNullable(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendString(b, *s)
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"')
}

func appendTimeOrNull(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return appendTime(b, t)
}

// appendText writes a text, or null for none.
func appendText(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

// appendNumber writes a number from 1, or null for none.
func appendNumber(b []byte, n int64) []byte {
	if n == 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, n, 10)
}

// appendMAC writes a MAC address, or null for none.
func appendMAC(b []byte, mac *fleet.MAC) []byte {
	if mac == nil {
		return append(b, "null"...)
	}
	return appendString(b, mac.String())
}

// appendConfig writes a configuration with the fields of the contract in its order, and what was added behind them. The
// content is put in as it is kept: it is a JSON object already, and writing it anew would change its bytes.
func appendConfig(b []byte, c fleet.Config, withContent bool) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, c.ID, 10)
	b = append(b, `,"mac_address":"`...)
	b = append(b, c.MAC.String()...)
	b = append(b, `","device_name":`...)
	b = appendNullable(b, c.DeviceName)
	b = append(b, `,"device_entity_id":`...)
	b = appendNullable(b, c.DeviceEntityID)
	b = append(b, `,"enable_ota":`...)
	if c.EnableOTA == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendBool(b, *c.EnableOTA)
	}
	if withContent {
		b = append(b, `,"content":`...)
		b = append(b, c.Content...)
	}
	b = append(b, `,"created_at":`...)
	b = appendTime(b, c.CreatedAt)
	b = append(b, `,"updated_at":`...)
	b = appendTime(b, c.UpdatedAt)
	b = append(b, `,"revision":`...)
	b = strconv.AppendInt(b, c.Revision, 10)
	b = append(b, `,"etag":`...)
	b = appendText(b, c.ETag)
	b = appendStanding(b, c.Standing)
	if !c.DeletedAt.IsZero() {
		b = append(b, `,"deleted_at":`...)
		b = appendTime(b, c.DeletedAt)
	}
	return append(b, '}')
}

// appendStanding writes how a device stands to its document, as further members of an object.
func appendStanding(b []byte, s fleet.Standing) []byte {
	b = append(b, `,"sync":"`...)
	b = append(b, s.Sync...)
	b = append(b, `","last_seen":`...)
	b = appendTimeOrNull(b, s.LastSeen)
	b = append(b, `,"device_revision":`...)
	b = appendNumber(b, s.Revision)
	b = append(b, `,"overdue":`...)
	b = strconv.AppendBool(b, s.Overdue)
	b = append(b, `,"online":`...)
	if s.Online == nil {
		return append(b, "null"...)
	}
	return strconv.AppendBool(b, *s.Online)
}

// sendJSON sends a whole JSON answer.
func sendJSON(w http.ResponseWriter, status int, body []byte) error {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return &sendError{err}
	}
	return nil
}

// chunk is how many bytes a stream gathers before it sends them.
const chunk = 32 << 10

// stream sends an answer of unknown length in chunks. Until the first is sent, an error can still be answered as one. A
// client has as long for each chunk as patience says.
type stream struct {
	w           http.ResponseWriter
	control     *http.ResponseController
	patience    time.Duration
	contentType string
	buf         []byte
}

func (a *API) newStream(w http.ResponseWriter, contentType string) *stream {
	return &stream{w: w, control: http.NewResponseController(w), patience: a.patience, contentType: contentType,
		buf: make([]byte, 0, chunk+4<<10)}
}

// flushIfFull sends what is gathered if that is a chunk.
func (s *stream) flushIfFull() error {
	if len(s.buf) < chunk {
		return nil
	}
	return s.flush()
}

func (s *stream) flush() error {
	s.w.Header()["Content-Type"] = []string{s.contentType}
	extendWrite(s.control, s.patience)
	if _, err := s.w.Write(s.buf); err != nil {
		return &sendError{err}
	}
	s.buf = s.buf[:0]
	return nil
}
