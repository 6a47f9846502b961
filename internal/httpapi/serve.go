package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// exchange is one request on its way: the writer that its handler sees, and what the log and the metrics need of it.
type exchange struct {
	http.ResponseWriter
	id      string // correlation id
	started time.Time
	route   *route // nil until one is found
	status  int    // 0 until the header is out
	bytes   int64
	failed  bool
	quiet   bool // the log has it at debug level only
	headed  bool // HEAD: the body stays here

	principal fleet.Principal // as whom it was let in
	code      fleet.Code      // of the error that it was answered with
	mac       *fleet.MAC      // that a write names, as soon as it is known
}

// WriteHeader remembers the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes. Those of an answer to HEAD go nowhere.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	if x.headed {
		return len(p), nil
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *exchange) wrote() bool { return x.status != 0 }

// serve answers every request. The one that all devices send is told apart first and passes by everything else here.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{ResponseWriter: w, id: correlationID(r.Header), started: a.now(),
		headed: r.Method == http.MethodHead, principal: fleet.ByAnonymous}
	x.Header()[correlationHeader] = []string{x.id}
	mac, hot := devicePath(r.URL)
	hot = hot && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	if !hot {
		r = r.WithContext(withCorrelation(r.Context(), x.id))
	}
	defer func() {
		cut := a.recovered(x, r, recover())
		a.finish(x, r, hot)
		if !hot {
			a.noteRefusal(x, r)
		}
		if cut {
			panic(http.ErrAbortHandler)
		}
	}()
	if hot {
		x.quiet = true
		a.gate.cors.allow(x.Header(), r)
		if err := a.sendDocument(x, r, mac); err != nil {
			a.fail(x, r.WithContext(withCorrelation(r.Context(), x.id)), err)
		}
		return
	}
	h := x.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	a.gate.cors.allow(h, r)
	// ServeMux would redirect these to a cleaned path, which loses the body of a POST and trusts the path.
	if !clean(r.URL) {
		a.fail(x, r, routeNotFound())
		return
	}
	a.mux.ServeHTTP(x, r)
}

// devicePath is the MAC address of a path that a device fetches; a slash in it must be percent-encoded.
func devicePath(u *url.URL) (mac string, ok bool) {
	p := u.Path
	if u.RawPath != "" {
		p = u.RawPath
	}
	rest, ok := strings.CutSuffix(p, ".json")
	if !ok {
		return "", false
	}
	if mac, ok = strings.CutPrefix(rest, "/api/configs/"); !ok {
		mac, ok = strings.CutPrefix(rest, "/esp32/config/")
	}
	if !ok || strings.Contains(mac, "/") {
		return "", false
	}
	if u.RawPath != "" {
		var err error
		if mac, err = url.PathUnescape(mac); err != nil {
			return "", false
		}
	}
	return mac, true
}

func clean(u *url.URL) bool {
	p := u.EscapedPath()
	if !strings.HasPrefix(p, "/") {
		return false
	}
	want := path.Clean(p)
	return p == want || p == want+"/"
}

// recovered answers for a handler that panicked, and tells whether the connection must be cut.
func (a *API) recovered(x *exchange, r *http.Request, p any) (cut bool) {
	if p == nil {
		return false
	}
	x.failed = true
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	ctx := withCorrelation(r.Context(), x.id)
	a.logger.ErrorContext(ctx, "request panicked", "method", r.Method, "path", r.URL.Path,
		"panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	if x.wrote() {
		return true
	}
	_ = sendJSON(x, statusPanic, appendError(nil, asFleetError(errPanic), x.id))
	return false
}

var errPanic = errors.New("a handler panicked")

// finish counts the request and logs it: one line, without query, body or credentials.
func (a *API) finish(x *exchange, r *http.Request, hot bool) {
	took := a.now().Sub(x.started)
	ok := !x.failed && x.status < http.StatusBadRequest
	switch {
	case hot:
		a.metrics.RawGet(ok, took)
	case x.route != nil && x.route.operation != "":
		a.metrics.count(x.route.operation, ok, took)
	}
	level := slog.LevelInfo
	if x.quiet && x.status < http.StatusInternalServerError {
		level = slog.LevelDebug
	}
	if !a.logger.Enabled(r.Context(), level) {
		return
	}
	a.logger.LogAttrs(withCorrelation(r.Context(), x.id), level, "request", slog.String("method", clip(r.Method, 20)),
		slog.String("path", clip(r.URL.Path, 256)), slog.Int("status", x.status), slog.Int64("bytes", x.bytes),
		slog.Duration("duration", took), slog.String("remote", r.RemoteAddr))
}
