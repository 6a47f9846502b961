package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"
)

// ServerInfo is what GET /api/server tells of the server beside what the API knows itself. A function that is missing has
// nothing to tell.
type ServerInfo struct {
	StartedAt time.Time
	// Engine is "sqlite" or "postgres".
	Engine      string
	TopicPrefix string
	// Settings are the server's own options as they may be shown, in their order.
	Settings []Setting
	// DeviceURLs are the addresses at which devices in the network can reach this server, each with a slash at its end.
	DeviceURLs func() []string
	// Backlog is how many messages wait, and when the oldest change among them was made (zero: none waits).
	Backlog func(ctx context.Context) (n int64, oldest time.Time, err error)
	// Readers is how many follow the live events of this server.
	Readers func() int
}

// Setting is one of the server's own options.
type Setting struct {
	Name string
	// Value holds no secret: what is one is masked.
	Value string
	// Source is where the value comes from.
	Source string
	Secret bool
}

// serverInfo answers what this server is and how it does. With the database away it still answers: who looks then wants to
// know just that.
func (a *API) serverInfo(w http.ResponseWriter, r *http.Request) error {
	b := append([]byte(`{"version":`), appendString(nil, a.version)...)
	b = append(b, `,"principal":`...)
	b = appendString(b, string(w.(*exchange).principal))
	b = append(b, `,"started_at":`...)
	b = appendTime(b, a.info.StartedAt)
	b = append(b, `,"token_set":`...)
	b = strconv.AppendBool(b, a.gate.token != nil)
	well := a.pinged(r.Context()) == nil
	b = appendDatabase(b, a.info.Engine, well)
	b = appendBroker(b, a.broker(), a.info.TopicPrefix)
	b = a.appendOutbox(r.Context(), b, well)
	readers := 0
	if a.info.Readers != nil {
		readers = a.info.Readers()
	}
	b = append(b, `,"event_subscribers":`...)
	b = strconv.AppendInt(b, int64(readers), 10)
	b = append(b, `,"max_content_bytes":`...)
	b = strconv.AppendInt(b, int64(a.service.MaxContent()), 10)
	b = a.appendDeviceURLs(b)
	b = appendSettings(b, a.info.Settings)
	return sendProbe(w, http.StatusOK, append(b, '}'))
}

func appendDatabase(b []byte, engine string, well bool) []byte {
	status := "unavailable"
	if well {
		status = "ok"
	}
	b = append(b, `,"database":{"engine":`...)
	b = appendString(b, engine)
	b = append(b, `,"status":`...)
	b = appendString(b, status)
	return append(b, '}')
}

func appendBroker(b []byte, s BrokerStatus, prefix string) []byte {
	kind, word, problem := "external", s.word(), ""
	switch {
	case !s.Enabled:
		kind, word = "off", "off"
	case s.Embedded:
		kind = "embedded"
	}
	if s.Enabled && !s.Connected {
		problem = cmp.Or(s.Problem, s.Failure)
	}
	b = append(b, `,"broker":{"kind":`...)
	b = appendString(b, kind)
	b = append(b, `,"status":`...)
	b = appendString(b, word)
	b = append(b, `,"problem":`...)
	b = appendText(b, problem)
	b = append(b, `,"topic_prefix":`...)
	b = appendString(b, prefix)
	return append(b, '}')
}

// appendOutbox writes how much waits for the broker; null where the database, which may be away, does not say.
func (a *API) appendOutbox(ctx context.Context, b []byte, well bool) []byte {
	var n int64
	var oldest time.Time
	if a.info.Backlog != nil && well {
		ctx, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		var err error
		n, oldest, err = a.info.Backlog(ctx)
		well = err == nil
	}
	if !well {
		return append(b, `,"outbox":{"waiting":null,"oldest_seconds":null}`...)
	}
	b = append(b, `,"outbox":{"waiting":`...)
	b = strconv.AppendInt(b, n, 10)
	b = append(b, `,"oldest_seconds":`...)
	if oldest.IsZero() {
		return append(b, "null}"...)
	}
	b = strconv.AppendInt(b, int64(max(0, a.now().Sub(oldest))/time.Second), 10)
	return append(b, '}')
}

func (a *API) appendDeviceURLs(b []byte) []byte {
	b = append(b, `,"device_urls":[`...)
	if a.info.DeviceURLs != nil {
		for i, url := range a.info.DeviceURLs() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, url)
		}
	}
	return append(b, ']')
}

func appendSettings(b []byte, settings []Setting) []byte {
	b = append(b, `,"settings":[`...)
	for i, s := range settings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = appendString(b, s.Name)
		b = append(b, `,"value":`...)
		b = appendString(b, s.Value)
		b = append(b, `,"source":`...)
		b = appendString(b, s.Source)
		b = append(b, `,"secret":`...)
		b = strconv.AppendBool(b, s.Secret)
		b = append(b, '}')
	}
	return append(b, ']')
}
