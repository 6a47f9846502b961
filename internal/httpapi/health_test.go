package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/fleet"
)

func TestHealth(t *testing.T) {
	away := fleet.Unavailable(errors.New("dial tcp 10.0.0.1: password=hunter2"))
	cases := []struct {
		name           string
		ping           error
		broker         BrokerStatus
		status         int
		health, readyz string
	}{
		{"well", nil, BrokerStatus{Enabled: true, Connected: true}, 200,
			`{"status":"healthy","database":"connected","mqtt":"connected","version":"1.2.3"}`,
			`{"status":"ready","database":"ok","migrations":"ok","broker":"connected"}`},
		{"no MQTT", nil, BrokerStatus{}, 200,
			`{"status":"healthy","database":"connected","mqtt":"disabled","version":"1.2.3"}`,
			`{"status":"ready","database":"ok","migrations":"ok","broker":"disabled"}`},
		{"broker away", nil, BrokerStatus{Enabled: true, Problem: "the port 1883 is taken"}, 200,
			`{"status":"healthy","database":"connected","mqtt":"disconnected","version":"1.2.3"}`,
			`{"status":"ready","database":"ok","migrations":"ok","broker":"disconnected","broker_problem":"the port 1883 is taken"}`},
		{"database away", away, BrokerStatus{}, 503,
			`{"status":"unhealthy","database":"disconnected","error":"Failed to connect to database","mqtt":"disabled","version":"1.2.3"}`,
			`{"status":"not ready","database":"unavailable","migrations":"unknown","broker":"disabled"}`},
		{"old schema", fmt.Errorf("%w: 3 is missing", fleet.ErrSchema), BrokerStatus{}, 503,
			`{"status":"unhealthy","database":"disconnected","error":"Failed to connect to database","mqtt":"disabled","version":"1.2.3"}`,
			`{"status":"not ready","database":"ok","migrations":"not as this version needs them","broker":"disabled"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, func(o *Options) {
				o.Ping = func(ctx context.Context) error {
					if _, bounded := ctx.Deadline(); !bounded {
						t.Error("the check is not bounded")
					}
					return c.ping
				}
				o.Broker = func() BrokerStatus { return c.broker }
			})
			if got := f.get("/api/health").want(t, c.status); got.body != c.health {
				t.Errorf("/api/health: %s", got.body)
			}
			if got := f.get("/readyz").want(t, c.status); got.body != c.readyz {
				t.Errorf("/readyz: %s", got.body)
			}
			f.get("/healthz").want(t, 200)
			if (c.ping != nil) != strings.Contains(f.log.String(), "cannot be used") {
				t.Errorf("log: %s", f.log)
			}
		})
	}
}

func TestWithoutPingAndBroker(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Ping, o.Broker = nil, nil })
	f.get("/api/health").want(t, 200)
	f.get("/readyz").want(t, 200)
}

// Whoever watches a server looks every few seconds. The log has when the database went away, why, and when it was back.
func TestTheLogHasOnceThatTheDatabaseIsAway(t *testing.T) {
	var ping error
	f := newFixture(t, func(o *Options) { o.Ping = func(context.Context) error { return ping } })
	look := func(times int) (lines []string) {
		before := len(f.log.String())
		for range times {
			for _, path := range []string{"/api/server", "/api/health", "/readyz"} {
				f.get(path)
			}
		}
		for line := range strings.SplitSeq(f.log.String()[before:], "\n") {
			if strings.Contains(line, "cannot be used") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	for _, c := range []struct {
		ping error
		want []string
	}{
		{nil, nil},
		{fleet.Unavailable(errors.New("connection refused")), []string{"WARN", "SERVICE_UNAVAILABLE", "connection refused"}},
		{fleet.Unavailable(errors.New("connection reset")), nil},
		{fleet.Internal(errors.New("disk I/O error")), []string{"WARN", "INTERNAL_ERROR", "disk I/O error"}},
		{nil, []string{"INFO", "over"}},
		{nil, nil},
		{context.DeadlineExceeded, []string{"WARN", "SERVICE_UNAVAILABLE"}},
	} {
		ping = c.ping
		lines := look(3)
		if len(lines) > 1 || (len(lines) == 1) != (c.want != nil) {
			t.Errorf("%v: the log has %q", c.ping, lines)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(lines[0], part) {
				t.Errorf("%v: %s is not in %s", c.ping, part, lines[0])
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.away.note(t.Context(), nil)
	before := len(f.log.String())
	f.away.note(ctx, context.Canceled) // a client that went away is no trouble of the database
	if text := f.log.String()[before:]; text != "" {
		t.Errorf("the log has %s", text)
	}
}
