package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// serverSaid is what GET /api/server answers.
type serverSaid struct {
	Version   string
	Principal string
	StartedAt time.Time `json:"started_at"`
	TokenSet  bool      `json:"token_set"`
	Database  struct{ Engine, Status string }
	Broker    struct {
		Kind, Status string
		Problem      *string
		TopicPrefix  string `json:"topic_prefix"`
	}
	Outbox struct {
		Waiting       *int64
		OldestSeconds *int64 `json:"oldest_seconds"`
	}
	EventSubscribers int      `json:"event_subscribers"`
	MaxContentBytes  int      `json:"max_content_bytes"`
	DeviceURLs       []string `json:"device_urls"`
	Settings         []struct {
		Name, Value, Source string
		Secret              bool
	}
}

func (r reply) server(t *testing.T) (s serverSaid) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.want(t, 200).body), &s); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return s
}

func TestServerInfoWhole(t *testing.T) {
	f := newFixture(t, withToken, func(o *Options) {
		o.Info.Engine, o.Info.TopicPrefix = "postgres", "site-7"
		o.Info.Settings = []Setting{{Name: "PORT", Value: "3201", Source: "default"}, {Name: "ADMIN_TOKEN", Value: "•••", Source: ".env", Secret: true}}
		o.Info.DeviceURLs = func() []string { return []string{"http://192.168.1.20:3201/", "http://[fd00::7]:3201/"} }
		o.Info.Backlog = func(context.Context) (int64, time.Time, error) {
			return 3, o.Info.StartedAt.Add(-90500 * time.Millisecond), nil
		}
		o.Info.Readers = func() int { return 2 }
		o.Broker = func() BrokerStatus {
			return BrokerStatus{Enabled: true, Connected: true, Embedded: true, Problem: "of before"}
		}
	})
	got := f.get("/api/server").want(t, 200)
	const want = `{"version":"1.2.3","principal":"local","started_at":"2026-01-02T03:04:05.123456Z","token_set":true,` +
		`"database":{"engine":"postgres","status":"ok"},` +
		`"broker":{"kind":"embedded","status":"connected","problem":null,"topic_prefix":"site-7"},` +
		`"outbox":{"waiting":3,"oldest_seconds":90},"event_subscribers":2,"max_content_bytes":131072,` +
		`"device_urls":["http://192.168.1.20:3201/","http://[fd00::7]:3201/"],` +
		`"settings":[{"name":"PORT","value":"3201","source":"default","secret":false},` +
		`{"name":"ADMIN_TOKEN","value":"•••","source":".env","secret":true}]}`
	if got.body != want {
		t.Errorf("got\n%s\nwant\n%s", got.body, want)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", got.header)
	}
}

func TestServerInfoNamesWhoWasLetIn(t *testing.T) {
	const lan = "10.0.0.9:4711"
	for want, c := range map[string]struct {
		server func(*Options)
		r      request
	}{
		"local":   {withToken, request{}},
		"token":   {withToken, request{from: lan, header: map[string]string{"Authorization": bearing, "Host": "any.example"}}},
		"network": {trusting, request{from: lan, header: map[string]string{"Host": "10.0.0.7"}}},
	} {
		c.r.method, c.r.target = "GET", "/api/server"
		f := newFixture(t, c.server)
		if got := f.do(c.r).server(t); got.Principal != want || got.TokenSet != (want != "network") {
			t.Errorf("%s: %+v", want, got)
		}
	}
}

func TestServerInfoInEachState(t *testing.T) {
	away := fleet.Unavailable(errors.New("dial tcp 10.0.0.1: password=hunter2"))
	problem := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		broker       BrokerStatus
		kind, status string
		problem      *string
		ping         error
		database     string
	}{
		"off":                     {BrokerStatus{}, "off", "off", nil, nil, "ok"},
		"embedded":                {BrokerStatus{Enabled: true, Connected: true, Embedded: true}, "embedded", "connected", nil, nil, "ok"},
		"embedded, port taken":    {BrokerStatus{Enabled: true, Embedded: true, Problem: "taken", Failure: "x"}, "embedded", "disconnected", problem("taken"), nil, "ok"},
		"embedded, starting":      {BrokerStatus{Enabled: true, Embedded: true}, "embedded", "disconnected", nil, nil, "ok"},
		"external":                {BrokerStatus{Enabled: true, Connected: true}, "external", "connected", nil, nil, "ok"},
		"external, away":          {BrokerStatus{Enabled: true, Failure: "refused"}, "external", "disconnected", problem("refused"), nil, "ok"},
		"database away":           {BrokerStatus{}, "off", "off", nil, away, "unavailable"},
		"database with no schema": {BrokerStatus{}, "off", "off", nil, fmt.Errorf("%w: 3 is missing", fleet.ErrSchema), "unavailable"},
	} {
		f := newFixture(t, func(o *Options) {
			o.Broker = func() BrokerStatus { return c.broker }
			o.Ping = func(context.Context) error { return c.ping }
			o.Info.Backlog = func(ctx context.Context) (int64, time.Time, error) {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("the count is not bounded")
				}
				return 0, time.Time{}, c.ping
			}
		})
		reply := f.get("/api/server")
		got := reply.server(t)
		if got.Broker.Kind != c.kind || got.Broker.Status != c.status || (got.Broker.Problem == nil) != (c.problem == nil) ||
			c.problem != nil && *got.Broker.Problem != *c.problem || got.Database.Status != c.database {
			t.Errorf("%s: %s", name, reply.body)
		}
		if (got.Outbox.Waiting == nil) != (c.ping != nil) || got.Outbox.OldestSeconds != nil {
			t.Errorf("%s: outbox: %s", name, reply.body)
		}
		if got.DeviceURLs == nil || got.Settings == nil || strings.Contains(reply.body, "hunter2") {
			t.Errorf("%s: %s", name, reply.body)
		}
		// What names the broker's address is not for everybody.
		if public := f.get("/readyz"); strings.Contains(public.body, "refused") {
			t.Errorf("%s: /readyz: %s", name, public.body)
		}
	}
}
