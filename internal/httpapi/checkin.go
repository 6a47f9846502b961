package httpapi

import (
	"net/http"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// isDevice tells whether a request for a document is a device's: it has nothing that only people and their programs send. Others
// get the document too, and leave no trace: looking at it must not make the status lie. Names are spelled as net/http keys them.
func isDevice(h http.Header) bool {
	for name := range h {
		switch name {
		case "Authorization", "Origin", "Cookie", "Referer", "Accept-Language", "Upgrade-Insecure-Requests", "X-No-Check-In":
			return false
		}
		if strings.HasPrefix(name, "Sec-Fetch-") {
			return false
		}
	}
	return true
}

// checkIn hands on what a device has shown by a request that was answered with its document, or with 304. It is of the time of the
// request: a report on the answer may be here before this is.
func (a *API) checkIn(r *http.Request, mac fleet.MAC, doc fleet.Served, asked condition, at time.Time) {
	first, second, n := fleet.CheckIn{MAC: mac, Current: doc, At: at.UTC().Truncate(time.Microsecond), Address: clientAddress(r),
		Head: r.Method == http.MethodHead, NotModified: asked.met, Tags: asked.tags, Tag: asked.tag}.Evidence()
	a.saw(first)
	if n > 1 {
		a.saw(second)
	}
}

// condition is what an If-None-Match field says of a document (RFC 9110, section 13.1.2).
type condition struct {
	met  bool   // it is *, or names the current tag by weak comparison: the answer is 304
	tags int    // how many it names
	tag  string // the last of them, without quotes and without what marks it as weak
}

// noneMatch reads an If-None-Match field against the current tag. A malformed one says nothing.
func noneMatch(field []string, current string) condition {
	tags, any, ok := entityTags(field)
	if !ok {
		return condition{}
	}
	c := condition{met: any, tags: len(tags)}
	for _, tag := range tags {
		c.tag = strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
		c.met = c.met || c.tag == current
	}
	return c
}

// matchesETag tells whether an If-None-Match field is met by what has the tag.
func matchesETag(field []string, tag string) bool { return noneMatch(field, tag).met }
