package deviceserver

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// reply is what the head of a response is made from.
type reply struct {
	request     request
	document    fleet.Served
	notModified bool
	close       bool
	varyOrigin  bool
	id          string // the correlation id
	date        []byte
}

// appendHead appends status line and header. Fields stand in the order in which net/http writes them, so that tests
// can compare bytes.
func (p *reply) appendHead(b []byte) []byte {
	b = append(b, "HTTP/1."...)
	if p.request.http10 {
		b = append(b, '0')
	} else {
		b = append(b, '1')
	}
	if p.notModified {
		b = append(b, " 304 Not Modified\r\nCache-Control: no-cache"...)
	} else {
		b = append(b, " 200 OK\r\nCache-Control: no-cache\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(p.document.Content)), 10)
		b = append(b, "\r\nContent-Type: application/json"...)
	}
	b = append(b, "\r\nEtag: \""...)
	b = append(b, p.document.ETag...)
	b = append(b, '"')
	b = append(b, "\r\nLast-Modified: "...)
	b = p.document.UpdatedAt.UTC().AppendFormat(b, http.TimeFormat)
	if p.varyOrigin {
		b = append(b, "\r\nVary: Origin"...)
	}
	if !p.notModified {
		b = append(b, "\r\nX-Content-Type-Options: nosniff"...)
	}
	b = append(b, "\r\nX-Correlation-Id: "...)
	b = append(b, p.id...)
	b = append(b, "\r\nDate: "...)
	b = append(b, p.date...)
	switch {
	case p.close && !p.request.http10:
		b = append(b, "\r\nConnection: close"...)
	case !p.close && p.request.http10:
		b = append(b, "\r\nConnection: keep-alive"...)
	}
	return append(b, "\r\n\r\n"...)
}

// dateClock writes the Date header, once a second.
type dateClock struct {
	last atomic.Pointer[dateText]
}

type dateText struct {
	second int64
	text   []byte
}

func (d *dateClock) at(now time.Time) []byte {
	second := now.Unix()
	if last := d.last.Load(); last != nil && last.second == second {
		return last.text
	}
	next := &dateText{second: second, text: now.UTC().AppendFormat(nil, http.TimeFormat)}
	d.last.Store(next)
	return next.text
}
