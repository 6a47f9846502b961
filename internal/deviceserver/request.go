package deviceserver

import (
	"bytes"

	"espalier.dev/espalier/internal/fleet"
)

// request is a device's request that was understood completely.
type request struct {
	mac       fleet.MAC
	path      []byte // a part of what was parsed
	head      bool   // HEAD, not GET
	http10    bool   // HTTP/1.0, not 1.1
	keepAlive bool   // the client asked to keep a 1.0 connection
	close     bool   // the client asked to close the connection
	noneMatch []byte // the value of If-None-Match, a part of what was parsed; nil where there is none
	forwarded []byte // the value of X-Forwarded-For, the same
}

// keeps tells whether the connection outlives the reply (RFC 9112, section 9.3).
func (r request) keeps() bool {
	if r.http10 {
		return r.keepAlive
	}
	return !r.close
}

// field is what a header field means to this package.
type field int

const (
	unknown field = iota // may mean anything: the request is not ours
	harmless
	host
	connection
	contentLength
	ifNoneMatch
	forwardedFor
)

// longestName is the length of the longest name in fieldOf.
const longestName = 17

// fieldOf says what a field of that name means. The list is of what is allowed: a field that is not in it could change
// what the reply should be, now or after the next change to package httpapi. Those that only people and their programs
// send are not in it either: whether a request is a device's is decided there.
func fieldOf(name []byte) field {
	var lower [longestName]byte
	if len(name) > longestName {
		return unknown
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "host":
		return host
	case "connection":
		return connection
	case "content-length":
		return contentLength
	case "if-none-match":
		return ifNoneMatch
	case "x-forwarded-for":
		return forwardedFor
	case "accept", "accept-charset", "accept-encoding", "cache-control", "content-type", "dnt", "keep-alive", "pragma", "user-agent",
		"forwarded", "via", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip":
		return harmless
	}
	return unknown
}

// parse reads the request that b begins with, and how many bytes of b it is. It answers false for everything that is not
// exactly one of the device's requests in plain form; there is no error, since net/http will find it.
func parse(b []byte) (r request, size int, ok bool) {
	line, rest, ok := cutLine(b)
	if !ok || !r.requestLine(line) {
		return request{}, 0, false
	}
	var seen [forwardedFor + 1]bool
	for {
		line, rest, ok = cutLine(rest)
		if !ok {
			return request{}, 0, false
		}
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			return request{}, 0, false
		}
		f := fieldOf(line[:colon])
		if f == unknown || f != harmless && seen[f] || !r.header(f, bytes.Trim(line[colon+1:], " ")) {
			return request{}, 0, false
		}
		seen[f] = true
	}
	if !r.http10 && !seen[host] {
		return request{}, 0, false
	}
	return r, len(b) - len(rest), true
}

// cutLine cuts b behind its first CR LF. It answers false where there is none, or anything but printable ASCII before it.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	for i, c := range b {
		if c >= ' ' && c <= '~' {
			continue
		}
		if c == '\r' && i+1 < len(b) && b[i+1] == '\n' {
			return b[:i], b[i+2:], true
		}
		return nil, nil, false
	}
	return nil, nil, false
}

// requestLine reads a request line. Names and paths are those of the contract, part 3, with nothing encoded.
func (r *request) requestLine(line []byte) bool {
	var ok bool
	if line, ok = bytes.CutPrefix(line, []byte("GET ")); !ok {
		if line, r.head = bytes.CutPrefix(line, []byte("HEAD ")); !r.head {
			return false
		}
	}
	if line, ok = bytes.CutSuffix(line, []byte(".json HTTP/1.1")); !ok {
		if line, r.http10 = bytes.CutSuffix(line, []byte(".json HTTP/1.0")); !r.http10 {
			return false
		}
	}
	r.path = line
	if line, ok = bytes.CutPrefix(line, []byte("/api/configs/")); !ok {
		if line, ok = bytes.CutPrefix(line, []byte("/esp32/config/")); !ok {
			return false
		}
	}
	var err error
	r.mac, err = fleet.ParseMAC(string(line))
	return err == nil
}

// header takes a field that is not unknown.
func (r *request) header(f field, value []byte) bool {
	switch f {
	case host:
		return plainHost(value)
	case connection:
		r.close = bytes.EqualFold(value, []byte("close"))
		r.keepAlive = bytes.EqualFold(value, []byte("keep-alive"))
		return r.close || r.keepAlive
	case contentLength:
		// The HTTP client of ESP-IDF sends it with each GET.
		return string(value) == "0"
	case ifNoneMatch:
		r.noneMatch = value
		return len(value) > 0
	case forwardedFor:
		r.forwarded = value
		return len(value) > 0
	}
	return true
}

// plainHost is stricter than net/http: letters, digits, and what addresses and ports are written with.
func plainHost(value []byte) bool {
	for _, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == ':', c == '[', c == ']', c == '_':
		default:
			return false
		}
	}
	return len(value) > 0
}

// condition is what If-None-Match says of a document.
type condition struct {
	met  bool   // the answer is 304
	tags int    // how many entity tags it names; of * none
	only []byte // the one, without quotes and W/, where it is one
}

// matches holds If-None-Match against the entity tag, which is given without quotes, by weak comparison (RFC 9110,
// section 13.1.2). understood is false for what is neither * nor a list of entity tags.
func matches(list []byte, etag string) (c condition, understood bool) {
	if string(list) == "*" {
		return condition{met: true}, true
	}
	for {
		list = bytes.TrimPrefix(list, []byte("W/"))
		if len(list) < 2 || list[0] != '"' {
			return condition{}, false
		}
		end := bytes.IndexByte(list[1:], '"')
		if end < 0 || bytes.IndexByte(list[1:1+end], ' ') >= 0 {
			return condition{}, false
		}
		tag := list[1 : 1+end]
		c.met = c.met || string(tag) == etag
		if c.tags, c.only = c.tags+1, tag; c.tags > 1 {
			c.only = nil
		}
		if list = bytes.TrimLeft(list[end+2:], " "); len(list) == 0 {
			return c, true
		}
		if list[0] != ',' {
			return condition{}, false
		}
		list = bytes.TrimLeft(list[1:], " ")
	}
}
