package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/intake"
	"espalier.dev/espalier/internal/mqttclient"
	"espalier.dev/espalier/internal/recorder"
	"espalier.dev/espalier/internal/store"
)

// hearing is everything between a broker and what is known of devices. With MQTT off all of its parts are nil.
type hearing struct {
	listener *mqttclient.Listener
	intake   *intake.Intake
	identity *mqttclient.Identity
}

// identityFile, in DATA_DIR, holds the name of our session at an external broker.
const identityFile = "mqtt-session"

// newHearing listens by the same broker as a delivery.
func newHearing(o Options, d *delivery, st *store.Store, rec *recorder.Recorder, service *fleet.Service, registry prometheus.Registerer) (*hearing, error) {
	h := &hearing{}
	if !d.enabled() {
		return h, nil
	}
	topics := d.options.Topics
	var err error
	h.intake, err = intake.New(intake.Options{Topics: topics, Report: service.Report, Saw: rec.Saw, Flush: rec.Flush,
		Lose: st.Lose, Now: st.Now, Logger: o.Logger, Registerer: registry})
	if err != nil {
		return h, err
	}
	if d.broker == nil { // the embedded one ends with us, and every session with it
		h.identity = takeIdentity(o)
	}
	h.listener, err = mqttclient.NewListener(mqttclient.ListenerOptions{Options: d.options, Identity: h.identity,
		Filters: []string{topics.Reports(), topics.States()}, Handler: handler{h.intake}})
	return h, err
}

// takeIdentity has the broker keep what devices say while the server restarts. Without it nothing else is lost.
func takeIdentity(o Options) *mqttclient.Identity {
	one, err := mqttclient.TakeIdentity(filepath.Join(o.Settings.DataDir, identityFile), "espalier")
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, mqttclient.ErrIdentityInUse) { // several servers of one machine
			level = slog.LevelInfo
		}
		o.Logger.Log(context.Background(), level, "what devices report by MQTT while this server restarts will be lost", "error", err)
		return nil
	}
	return one
}

// handler hands what a listener hears to an intake.
type handler struct{ *intake.Intake }

// Message implements mqttclient.Handler.
func (h handler) Message(m mqttclient.Message) { h.Hear(m.Topic, m.Payload, m.Done) }

func (h *hearing) start(ctx context.Context) error {
	if h.listener == nil {
		return nil
	}
	return h.listener.Start(ctx)
}

func (h *hearing) stop(ctx context.Context) error {
	var errs []error
	if h.listener != nil {
		errs = append(errs, h.listener.Stop(ctx))
	}
	if h.intake != nil {
		errs = append(errs, h.intake.Stop(ctx))
	}
	if h.identity != nil {
		errs = append(errs, h.identity.Release())
	}
	return errors.Join(errs...)
}

// loseAll takes back that devices are connected, for a server that has no broker to ask.
func (a *App) loseAll(ctx context.Context) {
	for pause(ctx, 0) {
		if a.ready.migrated.Load() {
			now := a.store.Now()
			err := a.store.Lose(ctx, now, now)
			if err == nil || ctx.Err() != nil {
				return
			}
			a.log.Debug("that devices were connected could not be taken back; trying again", "error", err)
		}
		if !pause(ctx, retryMigrations+time.Second) {
			return
		}
	}
}
