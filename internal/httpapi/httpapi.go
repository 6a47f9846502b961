// Package httpapi is the HTTP side of Espalier: the admin API, the document that a device fetches, health, metrics and
// the API's own description.
//
// It turns requests into use cases of fleet.Service and their answers into bytes, and decides who may. Of ours it imports
// fleet and web (the pages to serve); never a store, SQL or MQTT. Start reading at the table in routes.go. A request
// goes ServeHTTP -> ServeMux -> resource -> access -> handler; a handler returns an error, and API.fail writes it.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/time/rate"

	"espalier.dev/espalier/internal/fleet"
)

// Options are what an API needs. Service, Registry and Logger are required.
type Options struct {
	Service *fleet.Service
	// Ping tells whether the database answers and has the schema of this program; nil says that it does.
	Ping func(ctx context.Context) error
	// Broker tells how MQTT is doing; nil says that there is none.
	Broker   func() BrokerStatus
	Registry *prometheus.Registry
	Logger   *slog.Logger
	Access   Access
	Version  string
	// Saw takes what devices show on the device endpoint; it must not block. nil drops it.
	Saw func(fleet.Evidence)
	// Refused takes the attempts to write that were refused; it must not block. nil drops them.
	Refused func(fleet.AuditEntry)
	// Events is where readers of the live events get them; nil says that there are none.
	Events fleet.EventSource
	// Info is what the server tells of itself.
	Info ServerInfo
	// Sample is a fleet to try things with; nil says that there is none.
	Sample func() []fleet.Item
	// Now is the clock of durations and logs; nil is the system's.
	Now func() time.Time
}

// Access says who may use what is not public.
type Access struct {
	// AdminToken opens the admin API to whoever bears it; empty: nobody does.
	AdminToken string
	// TrustNetwork opens the admin API to everyone on the network.
	TrustNetwork bool
	// AllowedHosts are further names of this server, beside loopback names, own addresses and the machine's name.
	AllowedHosts []string
	// CORSOrigins are origins whose pages may use the API: scheme://host[:port]. "*" lets every page read what is
	// public, and the rest if it bears the token.
	CORSOrigins []string
	// Now is the clock by which wrong tokens are slowed down; nil is the system's.
	Now func() time.Time
	// LocalAddrs answers this machine's addresses; nil asks the network interfaces.
	LocalAddrs func() ([]net.IP, error)
}

// BrokerStatus is how MQTT is doing.
type BrokerStatus struct {
	Enabled   bool
	Connected bool
	// Embedded tells that the broker is a part of this server.
	Embedded bool
	// Problem says why there is no connection, for a person; it holds no secret, and everybody may read it.
	Problem string
	// Failure is what the last try to connect ended with; it names the broker, and is for those who administer.
	Failure string
}

// API answers every HTTP request of the server. It is safe for concurrent use.
type API struct {
	service  *fleet.Service
	ping     func(ctx context.Context) error
	broker   func() BrokerStatus
	saw      func(fleet.Evidence)
	refused  func(fleet.AuditEntry)
	events   fleet.EventSource // nil: none
	info     ServerInfo
	sample   func() []fleet.Item
	version  string
	now      func() time.Time
	logger   *slog.Logger
	gate     *gate
	metrics  *Metrics
	scrape   http.Handler
	routes   []route
	mux      *http.ServeMux
	document []byte
	imports  chan struct{} // a place for each import that may run at a time
	patience time.Duration // with the client of a stream, for each chunk
	// heartbeat is how long a reader of events may hear nothing.
	heartbeat time.Duration
	// away is that the database cannot be used.
	away trouble
	// strangers paces what the log says of devices without a configuration, which anybody can cause.
	strangers rate.Sometimes
}

// New builds the API and registers its metrics. It fails where a required option is missing or an origin is malformed.
func New(o Options) (*API, error) {
	switch {
	case o.Service == nil:
		return nil, errors.New("httpapi: Options.Service is missing")
	case o.Registry == nil:
		return nil, errors.New("httpapi: Options.Registry is missing")
	case o.Logger == nil:
		return nil, errors.New("httpapi: Options.Logger is missing")
	}
	a := &API{service: o.Service, ping: o.Ping, broker: o.Broker, version: o.Version, now: o.Now,
		saw: o.Saw, refused: o.Refused, events: o.Events, info: o.Info, sample: o.Sample,
		logger: slog.New(LogHandler(o.Logger.Handler())), imports: make(chan struct{}, maxImports),
		patience: streamTimeout, heartbeat: eventHeartbeat, strangers: rate.Sometimes{First: 20, Interval: 10 * time.Second}}
	a.away.logger, a.away.what = a.logger, "the database cannot be used"
	if a.ping == nil {
		a.ping = func(context.Context) error { return nil }
	}
	if a.broker == nil {
		a.broker = func() BrokerStatus { return BrokerStatus{} }
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.sample == nil {
		a.sample = func() []fleet.Item { return nil }
	}
	if a.saw == nil {
		a.saw = func(fleet.Evidence) {}
	}
	if a.refused == nil {
		a.refused = func(fleet.AuditEntry) {}
	}
	var err error
	if a.gate, err = newGate(o.Access); err != nil {
		return nil, err
	}
	if a.metrics, err = newMetrics(o.Registry, o.Service, a.now); err != nil {
		return nil, err
	}
	a.scrape = promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
		Timeout:       scrapeTimeout,
	})
	a.routes = a.table()
	if a.mux, err = newMux(a, a.routes); err != nil {
		return nil, err
	}
	if a.document, err = describe(a.routes, o.Version); err != nil {
		return nil, fmt.Errorf("httpapi: describing the routes: %w", err)
	}
	return a, nil
}

// Handler answers everything.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// Metrics counts the operations of the API.
func (a *API) Metrics() *Metrics { return a.metrics }

// OpenAPI is the OpenAPI 3.1 document of the API, as JSON. It must not be changed.
func (a *API) OpenAPI() []byte { return a.document }
