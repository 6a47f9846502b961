package httpapi

import (
	"net/http"
	"time"
)

// The times that a client has. Routes that take longer extend them for themselves.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = readTimeout + 30*time.Second // net/http counts it from the header on, so that it has the body's time in it
	idleTimeout   = 120 * time.Second
	streamTimeout = 30 * time.Second // for each chunk of a stream
	importTimeout = 10 * time.Minute // for the body of an import, and again for its answer
	maxHeader     = 16 << 10
)

// ConfigureServer sets the bounds that keep a slow or hostile client from holding the server.
func ConfigureServer(s *http.Server) {
	s.ReadHeaderTimeout = headerTimeout
	s.ReadTimeout = readTimeout
	s.WriteTimeout = writeTimeout
	s.IdleTimeout = idleTimeout
	s.MaxHeaderBytes = maxHeader
}

// extendWrite gives the client that long for what is written next. Where it cannot be set, the connection is gone, or the
// writer is one of a test; the write itself will tell.
func extendWrite(c *http.ResponseController, d time.Duration) {
	_ = c.SetWriteDeadline(time.Now().Add(d))
}

// extendRead gives the client that long for the rest of its body.
func extendRead(c *http.ResponseController, d time.Duration) {
	_ = c.SetReadDeadline(time.Now().Add(d))
}
