package client_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

func TestServerInfo(t *testing.T) {
	c, last := recorder(t, 200, `{"version":"1.2.3","principal":"token","started_at":"2026-01-02T03:04:05.000000Z","token_set":true,`+
		`"database":{"engine":"postgres","status":"unavailable"},"broker":{"kind":"external","status":"disconnected","problem":"refused","topic_prefix":"p"},`+
		`"outbox":{"waiting":null,"oldest_seconds":7},"event_subscribers":2,"max_content_bytes":5,"device_urls":["http://10.0.0.7:3201/"],`+
		`"settings":[{"name":"ADMIN_TOKEN","value":"•••","source":".env","secret":true}]}`)
	got, err := c.ServerInfo(t.Context())
	if err != nil || got.Version != "1.2.3" || got.Principal != "token" || got.StartedAt.Second() != 5 || !got.TokenSet || got.Database.Engine != "postgres" ||
		got.Database.Status != "unavailable" || got.Broker.Kind != "external" || got.Broker.Status != "disconnected" || *got.Broker.Problem != "refused" ||
		got.Broker.TopicPrefix != "p" || got.Outbox.Waiting != nil || *got.Outbox.OldestSeconds != 7 || got.EventSubscribers != 2 || got.MaxContentBytes != 5 {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"http://10.0.0.7:3201/"}, got.DeviceURLs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]client.Setting{{Name: "ADMIN_TOKEN", Value: "•••", Source: ".env", Secret: true}}, got.Settings); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(seen{"GET", "/api/server", ""}, *last); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	refusing := serveBody(t, 401, `{"error":"The admin token is required","code":"UNAUTHORIZED"}`)
	if _, err := refusing.ServerInfo(t.Context()); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("got %v", err)
	}
}

func TestServerAndSampleOfAServer(t *testing.T) {
	address, stop := ours(t, "127.0.0.1:0", t.TempDir())
	defer stop()
	c, err := client.New("http://"+address, client.Options{})
	failOn(t, err)
	defer c.Close()
	s, err := c.ServerInfo(t.Context())
	if err != nil || s.Database.Engine != "sqlite" || s.Broker.Kind != "off" || s.Principal != "local" || s.Outbox.Waiting == nil || len(s.Settings) < 10 {
		t.Errorf("%+v, %v", s, err)
	}
	first, err := c.ImportSample(t.Context(), client.Message("to try"), client.IdempotencyKey("one"))
	if err != nil || !first.Applied || first.Created != 24 {
		t.Errorf("%+v, %v", first, err)
	}
	again, err := c.ImportSample(t.Context(), client.Message("to try"), client.IdempotencyKey("one"))
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("what is repeated: %v (-first +again):\n%s", err, diff)
	}
	if more, err := c.ImportSample(t.Context()); err != nil || more.Created != 0 || more.Unchanged != 24 {
		t.Errorf("%+v, %v", more, err)
	}
}
