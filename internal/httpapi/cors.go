package httpapi

import (
	"net/http"
	"strings"
)

// cors tells browsers which pages may read answers. Credentials are never allowed: the API has no cookies, and a token is
// a header that the page sends itself.
type cors struct {
	all     bool
	origins map[string]bool
}

func newCORS(origins []string) *cors {
	c := &cors{origins: map[string]bool{}}
	for _, origin := range origins {
		origin = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(origin), "/"))
		switch origin {
		case "":
		case "*":
			c.all = true
		default:
			c.origins[origin] = true
		}
	}
	return c
}

// allow lets the page that sent a request read the answer, if its origin is one of those that may.
func (c *cors) allow(h http.Header, r *http.Request) {
	if !c.all && len(c.origins) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return
	case c.origins[origin]:
		h.Set("Access-Control-Allow-Origin", origin)
	case c.all:
		h.Set("Access-Control-Allow-Origin", "*")
	default:
		return
	}
	h.Set("Access-Control-Expose-Headers", "ETag, Idempotent-Replayed, Link, Location, Retry-After, X-Correlation-ID")
}

// preflight answers a browser that asks what a page may send; allow has said already who may.
func preflight(h http.Header, methods string) {
	if h.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "+
		"Last-Event-ID, X-Change-Message, X-Correlation-ID, X-Request-ID")
	h.Set("Access-Control-Max-Age", "600")
}
