package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

const pingTimeout = 2 * time.Second

// health answers in the words of the field's service (contract, part 3), and adds what was not in it.
func (a *API) health(w http.ResponseWriter, r *http.Request) error {
	status, b := http.StatusOK, []byte(`{"status":"healthy","database":"connected"`)
	if a.pinged(r.Context()) != nil {
		status = http.StatusServiceUnavailable
		b = []byte(`{"status":"unhealthy","database":"disconnected","error":"Failed to connect to database"`)
	}
	b = append(b, `,"mqtt":`...)
	b = appendString(b, a.broker().word())
	b = append(b, `,"version":`...)
	b = appendString(b, a.version)
	return sendProbe(w, status, append(b, '}'))
}

// alive answers whoever asks whether the process still answers.
func (a *API) alive(w http.ResponseWriter, _ *http.Request) error {
	return sendProbe(w, http.StatusOK, []byte(`{"status":"alive"}`))
}

// ready tells whether the server can do its work. The broker does not decide: documents are served without it, and what
// there is to tell waits for it.
func (a *API) ready(w http.ResponseWriter, r *http.Request) error {
	status, word, database, migrations := http.StatusOK, "ready", "ok", "ok"
	if err := a.pinged(r.Context()); err != nil {
		status, word = http.StatusServiceUnavailable, "not ready"
		if errors.Is(err, fleet.ErrSchema) {
			migrations = "not as this version needs them"
		} else {
			database, migrations = "unavailable", "unknown"
		}
	}
	broker := a.broker()
	b := append([]byte(`{"status":`), appendString(nil, word)...)
	b = append(b, `,"database":`...)
	b = appendString(b, database)
	b = append(b, `,"migrations":`...)
	b = appendString(b, migrations)
	b = append(b, `,"broker":`...)
	b = appendString(b, broker.word())
	if broker.Enabled && !broker.Connected && broker.Problem != "" {
		b = append(b, `,"broker_problem":`...)
		b = appendString(b, broker.Problem)
	}
	return sendProbe(w, status, append(b, '}'))
}

// pinged tells whether the database can be used, and the log where that is another answer than before.
func (a *API) pinged(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := a.ping(bounded)
	a.away.note(ctx, err)
	return err
}

func sendProbe(w http.ResponseWriter, status int, body []byte) error {
	w.Header().Set("Cache-Control", "no-store")
	return sendJSON(w, status, body)
}

func (b BrokerStatus) word() string {
	switch {
	case !b.Enabled:
		return "disabled"
	case b.Connected:
		return "connected"
	}
	return "disconnected"
}

func (a *API) scrapeMetrics(w http.ResponseWriter, r *http.Request) error {
	a.scrape.ServeHTTP(w, r)
	return nil
}
