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
			if (c.ping != nil) != strings.Contains(f.log.String(), "check failed") {
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
