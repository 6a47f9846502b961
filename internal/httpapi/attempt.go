package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"espalier.dev/espalier/internal/fleet"
)

// The headers of a write, as net/http spells them.
const (
	changeMessageHeader  = "X-Change-Message"
	idempotencyKeyHeader = "Idempotency-Key"
	ifMatchHeader        = "If-Match"
	ifNoneMatchHeader    = "If-None-Match"
)

// attempt is what a request says of a write besides what it writes: who, why, and on what condition. Which of the
// conditions counts is the route's to say.
func attempt(w http.ResponseWriter, r *http.Request) (fleet.Attempt, error) {
	x := w.(*exchange) // serve makes every writer
	at := fleet.Attempt{By: x.actor(r)}
	var err error
	if at.Message, err = changeMessage(r.Header[changeMessageHeader]); err != nil {
		return fleet.Attempt{}, err
	}
	at.IfMatch, err = ifMatch(r.Header[ifMatchHeader])
	return at, err
}

// actor is who sent the request, as far as it was let in.
func (x *exchange) actor(r *http.Request) fleet.Actor {
	return fleet.Actor{Principal: x.principal, Address: clientAddress(r), Correlation: x.id}
}

// clientAddress is the IP address that a request came from: the other end of the connection, or whom a proxy on this machine
// names last. What is no address is "".
func clientAddress(r *http.Request) string {
	from := remote(r)
	if named := r.Header["X-Forwarded-For"]; from.IsLoopback() && len(named) > 0 {
		last := named[len(named)-1]
		from = forwardedAddress(strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t"))
	}
	if !from.IsValid() {
		return ""
	}
	return from.String()
}

// forwardedAddress reads an address as proxies write it: some add the port.
func forwardedAddress(text string) netip.Addr {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone("")
	}
	if addr, ok := parseIP(text); ok {
		return addr
	}
	return netip.Addr{}
}

// changeMessage reads why something is changed: text in UTF-8, or an extended value (RFC 8187), since browsers refuse to
// send a header that is not Latin-1. Its characters and length are checked with the attempt.
func changeMessage(values []string) (string, error) {
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", fleet.Invalid(changeMessageHeader, "must be given once")
	}
	text := values[0]
	charset, rest, extended := strings.Cut(text, "'")
	if !extended || !strings.EqualFold(charset, "utf-8") {
		return text, nil
	}
	_, encoded, ok := strings.Cut(rest, "'")
	if !ok {
		return text, nil // begins with "utf-8'" and is no extended value
	}
	text, err := url.PathUnescape(encoded)
	if err != nil {
		return "", fleet.Invalid(changeMessageHeader, "has a percent sign that two hex digits do not follow (RFC 8187)")
	}
	if !utf8.ValidString(text) {
		return "", fleet.Invalid(changeMessageHeader, "is not UTF-8 behind its percent signs (RFC 8187)")
	}
	return text, nil
}

// ifMatch reads the field If-Match (RFC 9110, section 13.1.1). Its tags are those of revisions; others, and weak ones, are
// accepted and match nothing.
func ifMatch(field []string) (fleet.Match, error) {
	if len(field) == 0 {
		return fleet.Match{}, nil
	}
	tags, any, ok := entityTags(field)
	if !ok || !any && len(tags) == 0 {
		return fleet.Match{}, fleet.Invalid(ifMatchHeader, `must be a list of entity tags in quotation marks such as "r7", or *`)
	}
	m := fleet.Match{Given: true, Any: any}
	for _, tag := range tags {
		if n, ok := taggedRevision(tag); ok {
			m.Revisions = append(m.Revisions, n)
		}
	}
	return m, nil
}

// ifNoneMatch tells whether the field If-None-Match (RFC 9110, section 13.1.2) wants that there is nothing yet. Tags in it
// say nothing to a create, which refuses every configuration that is there.
func ifNoneMatch(field []string) (bool, error) {
	if len(field) == 0 {
		return false, nil
	}
	tags, any, ok := entityTags(field)
	if !ok || !any && len(tags) == 0 {
		return false, fleet.Invalid(ifNoneMatchHeader, "must be *, or a list of entity tags in quotation marks")
	}
	return any, nil
}

// revisionTag is the entity tag of a configuration.
func revisionTag(revision int64) string { return fmt.Sprintf(`"r%d"`, revision) }

// taggedRevision is the revision that a tag of ours names; a number has one spelling. What another program wrote has 0.
func taggedRevision(tag string) (int64, bool) {
	digits, ours := strings.CutPrefix(tag, `"r`)
	digits, closed := strings.CutSuffix(digits, `"`)
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ours && closed && err == nil && n >= 0 && revisionTag(n) == tag
}

// entityTags reads a field that is * or a list of entity tags (RFC 9110, sections 5.6.1 and 8.8.3), each as it stands there.
// Empty elements of the list are passed over; ok is false for anything else.
func entityTags(field []string) (tags []string, any, ok bool) {
	list := strings.Join(field, ",")
	if strings.Trim(list, " \t") == "*" {
		return nil, true, true
	}
	for {
		if list = strings.TrimLeft(list, " \t,"); list == "" {
			return tags, false, true
		}
		end := tagEnd(list)
		if end == 0 {
			return nil, false, false
		}
		tags = append(tags, list[:end])
		if list = strings.TrimLeft(list[end:], " \t"); list != "" && list[0] != ',' {
			return nil, false, false
		}
	}
}

// tagEnd is where the entity tag that a text begins with ends; 0 where it begins with none.
func tagEnd(text string) int {
	at := len(text) - len(strings.TrimPrefix(text, "W/"))
	if at == len(text) || text[at] != '"' {
		return 0
	}
	for at++; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return at + 1
		case c <= ' ' || c == 0x7f:
			return 0
		}
	}
	return 0
}
