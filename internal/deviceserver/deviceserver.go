// Package deviceserver answers the one hot request, a device that reads its document, before net/http sees the
// connection. It is a [net.Listener] around the real one: what it understands completely and can answer with 200 or
// 304 it answers itself, and every other connection it yields to the http.Server that accepts from it, with each byte
// that it read and did not answer. There is no request that only this package can answer; it is the fast way to the
// same reply.
//
// It may import package fleet and the standard library. Start reading at [Listen], then (*conn).serve; parse says what is
// understood, and docs/decisions/0003-device-fast-path.md why it is done at all.
package deviceserver

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// Options are what a Listener answers with, and its bounds. Only Document must be set.
type Options struct {
	// Document reads what a device should have. Whatever error it gives, net/http answers the request. ctx ends when
	// Shutdown has run out of time, and never by the client.
	Document func(ctx context.Context, mac fleet.MAC) (fleet.Served, error)
	// Observe is told of each request that was answered here, with the time from the parsed request to the document in
	// hand. ok is always true: what fails is answered, and counted, behind net/http. nil tells nobody.
	Observe func(ok bool, took time.Duration)
	// Saw is told what a device showed by each request that was answered here, after the reply was written; At is when the
	// request was there. It must not block. nil tells nobody.
	Saw func(fleet.Evidence)
	// Now is the clock of what Saw is told; nil is the system's.
	Now func() time.Time
	// CorrelationID makes the X-Correlation-ID of a reply; nil is crypto/rand.Text.
	CorrelationID func() string
	// VaryOrigin says that other replies than these depend on the Origin header, and has these say so.
	VaryOrigin bool
	// Logger hears of failing accepts and of panics, and at debug level of each request; nil hears nothing.
	Logger *slog.Logger
	// FirstByteTimeout bounds how long a new connection may stay silent; 0 is 10 s. How long a request may take from
	// there is the http.Server's to say: one that does not arrive whole is its own.
	FirstByteTimeout time.Duration
	// IdleTimeout bounds, within an eighth, how long a kept-alive connection may wait for a next request; 0 is 120 s.
	IdleTimeout time.Duration
	// WriteTimeout bounds, within a half, how long a reply may take to be written; 0 is 30 s.
	WriteTimeout time.Duration
	// MaxConns bounds the open connections, those that were yielded included; 0 is 16,384. At the bound, a new
	// connection takes the place of one that waits here for a request, or waits until one ends.
	MaxConns int
}

func (o Options) withDefaults() Options {
	if o.Observe == nil {
		o.Observe = func(bool, time.Duration) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CorrelationID == nil {
		o.CorrelationID = rand.Text
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FirstByteTimeout <= 0 {
		o.FirstByteTimeout = 10 * time.Second
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 120 * time.Second
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 30 * time.Second
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 16384
	}
	return o
}
