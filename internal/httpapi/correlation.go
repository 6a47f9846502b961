package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
)

// correlationHeader is X-Correlation-ID as net/http spells it.
const correlationHeader = "X-Correlation-Id"

const maxCorrelation = 128

type correlationKey struct{}

func withCorrelation(ctx context.Context, id string) context.Context {
	if Correlation(ctx) == id {
		return ctx
	}
	return context.WithValue(ctx, correlationKey{}, id)
}

// Correlation is the correlation id of the request that ctx belongs to, and empty outside of one.
func Correlation(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// correlationID is what the client calls the request, if that is sane, and else a new name.
func correlationID(h http.Header) string {
	for _, name := range [...]string{correlationHeader, "X-Request-Id"} {
		if values := h[name]; len(values) == 1 && saneID(values[0]) {
			return values[0]
		}
	}
	return rand.Text()
}

func saneID(s string) bool {
	if s == "" || len(s) > maxCorrelation {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}

// LogHandler adds correlationId to every record that is logged with a request's context. Wrapping twice adds it once.
func LogHandler(next slog.Handler) slog.Handler {
	if already, ok := next.(correlated); ok {
		return already
	}
	return correlated{next}
}

type correlated struct{ next slog.Handler }

func (c correlated) Enabled(ctx context.Context, level slog.Level) bool {
	return c.next.Enabled(ctx, level)
}

func (c correlated) Handle(ctx context.Context, record slog.Record) error {
	if id := Correlation(ctx); id != "" {
		record = record.Clone()
		record.AddAttrs(slog.String("correlationId", id))
	}
	return c.next.Handle(ctx, record)
}

func (c correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{c.next.WithAttrs(attrs)}
}

func (c correlated) WithGroup(name string) slog.Handler { return correlated{c.next.WithGroup(name)} }
