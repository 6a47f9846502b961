package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// gate decides who may use what is not public.
type gate struct {
	token    *[sha256.Size]byte // nil: none is set
	trust    bool
	names    *names
	cors     *cors
	forgery  *http.CrossOriginProtection
	throttle *throttle
}

func newGate(o Access) (*gate, error) {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	g := &gate{trust: o.TrustNetwork, names: newNames(o.AllowedHosts, o.LocalAddrs, now),
		forgery: http.NewCrossOriginProtection(), throttle: newThrottle(now)}
	if o.AdminToken != "" {
		sum := sha256.Sum256([]byte(o.AdminToken))
		g.token = &sum
	}
	g.cors = newCORS(o.CORSOrigins)
	for origin := range g.cors.origins {
		if err := g.forgery.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("httpapi: CORS origin %q: want scheme://host[:port]: %w", origin, err)
		}
	}
	return g, nil
}

// admit tells as whom a request for what is not public is let in, or why it is turned away. A token that is wrong is
// refused wherever it comes from: who sends one means to be known by it.
func (g *gate) admit(w http.ResponseWriter, r *http.Request) (fleet.Principal, error) {
	token, borne := bearer(r.Header)
	borne = borne && g.token != nil
	if borne {
		if err := g.checkToken(w, r, token); err != nil {
			return fleet.ByAnonymous, err
		}
	} else if !g.names.own(r) {
		return fleet.ByAnonymous, misdirected()
	}
	if g.crossSite(r, borne) {
		return fleet.ByAnonymous, forbidden("A page of another site may not use this API", "Add the origin of that page to CORS_ORIGINS if it should")
	}
	switch {
	case borne:
		return fleet.ByToken, nil
	case direct(r):
		return fleet.ByLocal, nil
	case g.trust:
		return fleet.ByNetwork, nil
	case g.token == nil:
		return fleet.ByAnonymous, forbidden("The admin API is not open to the network",
			"Set ADMIN_TOKEN and send it as Authorization: Bearer, or set TRUST_NETWORK=true to open it to everyone")
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="espalier"`)
	return fleet.ByAnonymous, &fleet.Error{Code: fleet.CodeUnauthorized, Message: "The admin token is required",
		Detail: "Send Authorization: Bearer with the server's ADMIN_TOKEN"}
}

func (g *gate) checkToken(w http.ResponseWriter, r *http.Request, token string) error {
	sum := sha256.Sum256([]byte(token))
	from := guesser(r)
	if wait := g.throttle.blocked(from); wait > 0 {
		return tooMany(w, wait)
	}
	if subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1 {
		return nil
	}
	if wait := g.throttle.failed(r.Context(), from); wait > 0 {
		return tooMany(w, wait)
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="espalier", error="invalid_token"`)
	return &fleet.Error{Code: fleet.CodeUnauthorized, Message: "The admin token is wrong",
		Detail: "Send Authorization: Bearer with the server's ADMIN_TOKEN"}
}

// bearer is the token that a request bears. Other schemes, such as the Basic of a proxy in front, are not for us.
func bearer(h http.Header) (token string, ok bool) {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	return strings.Trim(token, " "), ok && strings.EqualFold(scheme, "Bearer")
}

// crossSite tells whether a page of another site sent the request. With "*" among the origins every page is trusted, but
// only with the token: an address is something that a browser lends to every page that it shows.
func (g *gate) crossSite(r *http.Request, borne bool) bool {
	origin := r.Header.Get("Origin")
	if g.cors.all && borne {
		return false
	}
	if g.forgery.Check(r) != nil {
		return true
	}
	if g.cors.origins[origin] {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "cross-site":
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return origin != "" && (!ok || !strings.EqualFold(host, r.Host))
}

// direct tells whether a request comes straight from this machine: from a loopback address, and not through a proxy.
func direct(r *http.Request) bool {
	return remote(r).IsLoopback() && !forwarded(r.Header)
}

// remote is the address at the other end of the connection; not valid where that is no IP address.
func remote(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// guesser is the address by which wrong tokens are counted. Those that a proxy on this machine passes on count together, and
// apart from the machine's own, which could not be administered otherwise while somebody guesses. What the proxy says of
// addresses is not believed: a guesser could write anything there.
func guesser(r *http.Request) netip.Addr {
	if from := remote(r); !from.IsLoopback() || !forwarded(r.Header) {
		return from
	}
	return netip.Addr{}
}

// forwarded tells whether a proxy says that it passes the request on. The names are spelled as net/http keys them.
func forwarded(h http.Header) bool {
	for name := range h {
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Originating-Ip", "X-Remote-Ip",
			"X-Remote-Addr", "X-Proxyuser-Ip", "X-Original-Host", "X-Envoy-External-Address", "True-Client-Ip", "Cf-Connecting-Ip",
			"Cf-Connecting-Ipv6", "Cf-Ray", "Cdn-Loop", "Fastly-Client-Ip", "Fly-Client-Ip", "Client-Ip", "Tailscale-User-Login",
			"X-Original-For", "X-Azure-Clientip", "X-Azure-Socketip", "X-Appengine-User-Ip", "Proxy-Client-Ip", "Wl-Proxy-Client-Ip",
			"X-Nginx-Proxy", "X-Arr-Log-Id", "X-Arr-Ssl", "X-Varnish":
			return true
		}
		if strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "X-Original-Forwarded") {
			return true
		}
	}
	return false
}

func forbidden(message, detail string) error {
	return &fleet.Error{Code: fleet.CodeForbidden, Message: message, Detail: detail}
}

func misdirected() error {
	return &fleet.Error{Code: fleet.CodeMisdirected, Message: "The Host header does not name this server",
		Detail: "Add the name by which you reach it to ALLOWED_HOSTS, or send the ADMIN_TOKEN"}
}

// parseIP reads an address without its zone.
func parseIP(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	return addr.Unmap().WithZone(""), err == nil
}

func fromIP(ip net.IP) (netip.Addr, bool) {
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}
