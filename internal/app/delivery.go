package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/httpapi"
	"espalier.dev/espalier/internal/mqttbroker"
	"espalier.dev/espalier/internal/mqttclient"
	"espalier.dev/espalier/internal/outbox"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/store"
)

// delivery is everything between a committed change and a broker: the relay, the client and, unless another broker is
// named, our own. With MQTT off all of its parts are nil.
type delivery struct {
	options mqttclient.Options // of every connection to the broker
	broker  *mqttbroker.Supervisor
	client  *mqttclient.Client
	relay   *outbox.Relay
}

// serverUsername is the one user that may write to the embedded broker; its password is made at each start.
const serverUsername = "espalier-server"

func newDelivery(o Options, box *store.Store, registry prometheus.Registerer) (*delivery, error) {
	set := o.Settings
	d := &delivery{}
	if set.MQTTURL == settings.MQTTOff {
		return d, mqttclient.RegisterDisabled(registry)
	}
	topics := fleet.Topics{Prefix: set.MQTTTopicPrefix}
	client := mqttclient.Options{Username: set.MQTTUsername, Password: set.MQTTPassword.Reveal(), Topics: topics,
		ClientID: "espalier", Logger: o.Logger, Registerer: registry}
	var err error
	if set.MQTTURL == "" {
		client.Username, client.Password = serverUsername, rand.Text()
		if d.broker, err = newBroker(o, topics, client.Username, client.Password); err != nil {
			return nil, err
		}
		client.URL, client.Dial = &url.URL{Scheme: "mqtt", Host: "embedded"}, d.broker.Dial
	} else if client.URL, err = url.Parse(set.MQTTURL); err != nil {
		return nil, fmt.Errorf("read MQTT_URL: %w", err)
	}
	d.options = client
	if d.client, err = mqttclient.New(client); err != nil {
		return nil, err
	}
	d.relay, err = outbox.New(outbox.Options{Outbox: box, Publisher: d.client, Topics: topics, Broadcast: set.MQTTBroadcast,
		Logger: o.Logger, Registerer: registry, Now: box.Now})
	return d, err
}

func newBroker(o Options, topics fleet.Topics, username, password string) (*mqttbroker.Supervisor, error) {
	return mqttbroker.NewSupervisor(mqttbroker.SupervisorOptions{Command: o.BrokerCommand, Logger: o.Logger,
		Config: mqttbroker.Config{Listen: o.Settings.MQTTListen, Topics: topics, ServerUsername: username,
			ServerPassword: password, LogLevel: o.Settings.LogLevel}})
}

func (d *delivery) enabled() bool { return d.relay != nil }

func (d *delivery) wake() {
	if d.relay != nil {
		d.relay.Wake()
	}
}

func (d *delivery) brokerAddr() string {
	if d.broker == nil {
		return ""
	}
	return d.broker.Addr()
}

// start brings up what there is. A broker that is away, or whose port is taken, fails nothing.
func (d *delivery) start(ctx context.Context) error {
	if d.broker != nil {
		if err := d.broker.Start(ctx); err != nil {
			return fmt.Errorf("start the embedded broker: %w", err)
		}
	}
	if d.relay == nil {
		return nil
	}
	if err := d.client.Start(ctx); err != nil {
		return fmt.Errorf("start the MQTT client: %w", err)
	}
	return d.relay.Start(ctx)
}

// brokerPatience bounds how long a start waits for the embedded broker; it goes on without it.
const brokerPatience = 5 * time.Second

// await returns when the embedded broker listens, or when that takes too long. Requests are answered meanwhile.
func (d *delivery) await(ctx context.Context) {
	if d.broker == nil {
		return
	}
	waiting, done := context.WithTimeout(ctx, brokerPatience)
	defer done()
	// Why it is not ready is in the log already, and in the status.
	_ = d.broker.WaitReady(waiting)
}

func (d *delivery) stop(ctx context.Context) error {
	var errs []error
	if d.relay != nil {
		errs = append(errs, d.relay.Stop(ctx), d.client.Stop(ctx))
	}
	if d.broker != nil {
		errs = append(errs, d.broker.Stop(ctx))
	}
	return errors.Join(errs...)
}

// status is what /readyz, /api/health and /api/server say of the broker.
func (d *delivery) status() httpapi.BrokerStatus {
	if d.relay == nil {
		return httpapi.BrokerStatus{}
	}
	s := httpapi.BrokerStatus{Enabled: true, Connected: d.client.Up(), Failure: d.client.Failure(), Embedded: d.broker != nil}
	if d.broker != nil {
		s.Problem = d.broker.Problem()
	}
	return s
}

// RunBroker is the embedded broker's own process: it reads its configuration from in and tells on out where it
// listens. It ends with ctx, or when in ends because the server is gone.
func RunBroker(ctx context.Context, in io.Reader, out, log io.Writer) error {
	return mqttbroker.RunChild(ctx, in, out, log)
}
