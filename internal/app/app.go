// Package app puts the server together: it is the only package that sees all others, and nothing but the commands and the
// tests imports it. Start reading at New and App.Start.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"espalier.dev/espalier/internal/deviceserver"
	"espalier.dev/espalier/internal/events"
	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/httpapi"
	"espalier.dev/espalier/internal/recorder"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/store"
)

// StopTimeout is how long a graceful stop may take.
const StopTimeout = 10 * time.Second

// Options are what an App is made of.
type Options struct {
	Settings settings.Settings
	// Logger hears what operators should know; nil discards it.
	Logger *slog.Logger
	// Version is this program's, as `espalier version` prints it.
	Version string
	// BrokerCommand runs RunBroker in a process of its own; empty is this program with the argument "broker".
	BrokerCommand []string
	// Clock is this machine's; nil is the system's.
	Clock func() time.Time
}

// App is one server: HTTP, the recorder of what devices show, the relay, the client of the broker and, unless another is
// named, the broker.
type App struct {
	options  Options
	log      *slog.Logger
	registry *prometheus.Registry

	store    *store.Store
	recorder *recorder.Recorder
	events   *events.Hub
	service  *fleet.Service
	delivery *delivery
	hearing  *hearing
	devices  *deviceserver.Listener
	server   *http.Server
	ready    readiness

	background sync.WaitGroup
	cancel     context.CancelFunc
	failed     chan error
}

// New makes an App that has not started anything.
func New(o Options) (*App, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.BrokerCommand) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the program that runs the broker: %w", err)
		}
		o.BrokerCommand = []string{self, "broker"}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &App{options: o, log: o.Logger, registry: registry, failed: make(chan error, 1)}, nil
}

// Start brings everything up and returns when requests are answered and the embedded broker is there, or is late. ctx
// bounds the start alone. What had started is stopped again where a later part fails.
//
// A PostgreSQL that is away does not fail it: requests get 503 until it is there. A database that another server has, a
// schema of a newer program and an address that is taken do.
func (a *App) Start(ctx context.Context) (err error) {
	running, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	defer func() {
		if err != nil {
			stopping, done := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
			defer done()
			err = errors.Join(err, a.Stop(stopping))
		}
	}()
	if err := a.openStore(ctx, running); err != nil {
		return err
	}
	if err := a.observe(ctx); err != nil {
		return err
	}
	if a.delivery, err = newDelivery(a.options, a.store, a.registry); err != nil {
		return err
	}
	a.service = fleet.NewService(a.store, fleet.Options{MaxContent: a.options.Settings.MaxContentBytes, Now: a.store.Now,
		Announce: a.delivery.enabled(), Wake: a.delivery.wake, Notice: a.events.Wake, Reporter: a.recorder})
	a.hearing, err = newHearing(a.options, a.delivery, a.store, a.recorder, a.service, a.registry)
	if err != nil {
		return err
	}
	if err := errors.Join(a.delivery.start(ctx), a.hearing.start(ctx)); err != nil {
		return err
	}
	if !a.delivery.enabled() {
		a.background.Go(func() { a.loseAll(running) })
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	a.background.Go(func() { a.keepPruning(running) })
	a.background.Go(func() { a.keepSampling(running) })
	a.delivery.await(ctx)
	return nil
}

// observe starts to keep what devices show, and to tell of it and of changes.
func (a *App) observe(ctx context.Context) (err error) {
	if a.events, err = events.New(events.Options{Journal: a.store, Logger: a.log, Registerer: a.registry}); err != nil {
		return err
	}
	a.recorder, err = recorder.New(recorder.Options{Witness: a.store, Auditor: a.store, Now: a.store.Now, Recorded: a.events.Wake,
		Logger: a.log, Registerer: a.registry})
	if err != nil {
		return err
	}
	return errors.Join(a.events.Start(ctx), a.recorder.Start(ctx))
}

// listen starts HTTP: the device's GET on the fast path, all else through net/http.
func (a *App) listen(ctx context.Context) error {
	set := a.options.Settings
	address := net.JoinHostPort(set.Host, fmt.Sprint(set.Port))
	// Every connection has deadlines, so TCP's probes bring nothing and cost a device's connection four system calls.
	inner, err := (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; set PORT (or HOST) to a free one", address, err)
	}
	api, err := httpapi.New(httpapi.Options{
		Service: a.service, Ping: a.ping, Broker: a.delivery.status, Registry: a.registry, Logger: a.log, Now: a.store.Now,
		Saw: a.recorder.Saw, Refused: a.recorder.Refused, Events: a.events,
		Access: httpapi.Access{AdminToken: set.AdminToken.Reveal(), TrustNetwork: set.TrustNetwork,
			AllowedHosts: set.AllowedHosts, CORSOrigins: set.CORSOrigins},
		Version: a.options.Version, Info: a.info(inner.Addr()), Sample: SampleItems,
	})
	if err != nil {
		return errors.Join(err, inner.Close())
	}
	a.devices = deviceserver.Listen(inner, deviceserver.Options{
		Document: a.store.Document, Logger: a.log, VaryOrigin: len(set.CORSOrigins) > 0,
		Observe: api.Metrics().RawGet, Saw: a.recorder.Saw, Now: a.store.Now,
	})
	a.server = &http.Server{Handler: api.Handler(), ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)}
	httpapi.ConfigureServer(a.server)
	a.background.Go(func() {
		if err := a.server.Serve(a.devices); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("serve HTTP: %w", err))
		}
	})
	return nil
}

// Stop ends everything in order: those who follow the events, requests in flight and what devices say by MQTT; then, when
// nobody shows anything any more, the recorder; then the relay, the client, the broker, the database. It is safe to call
// after a failed Start and more than once.
func (a *App) Stop(ctx context.Context) error {
	var errs []error
	if a.events != nil {
		errs = append(errs, a.events.Stop(ctx))
	}
	if a.server != nil {
		errs = append(errs, a.stopHTTP(ctx))
	}
	if a.hearing != nil {
		errs = append(errs, a.hearing.stop(ctx))
	}
	if a.recorder != nil {
		errs = append(errs, a.recorder.Stop(ctx))
	}
	if a.delivery != nil {
		errs = append(errs, a.delivery.stop(ctx))
	}
	if a.cancel != nil {
		a.cancel()
	}
	a.background.Wait()
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	a.events, a.server, a.hearing, a.delivery, a.recorder, a.store = nil, nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

// stopHTTP leaves a third of the time for what comes after it: a client that is slow must not keep the relay from giving
// back what it has claimed.
func (a *App) stopHTTP(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)*2/3)
		defer cancel()
	}
	fast := make(chan error, 1)
	go func() { fast <- a.devices.Shutdown(ctx) }()
	err := errors.Join(a.server.Shutdown(ctx), <-fast)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("some requests did not end in time and were cut: %w", err), a.server.Close())
	}
	return err
}

// Addr is where HTTP listens, host:port.
func (a *App) Addr() string { return a.devices.Addr().String() }

// BrokerAddr is where the embedded broker listens for our own client, host:port, or "" where there is none.
func (a *App) BrokerAddr() string { return a.delivery.brokerAddr() }

// Failed yields what ended the server without Stop.
func (a *App) Failed() <-chan error { return a.failed }

func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}
