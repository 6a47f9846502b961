package client

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// WriteOption says something of a write besides what it writes.
type WriteOption func(http.Header)

// Message says why, for the history: up to 500 characters. "" says nothing.
func Message(text string) WriteOption {
	return func(h http.Header) {
		if text != "" {
			h.Set("X-Change-Message", headerText(text))
		}
	}
}

// IfRevision has the write done only where the configuration still has one of these revisions; else the error is
// ErrPrecondition, and Error.CurrentRevision is the one that it has. It is for every write but Create and Undelete.
func IfRevision(revisions ...int64) WriteOption {
	return func(h http.Header) {
		tags := make([]string, len(revisions))
		for i, revision := range revisions {
			tags[i] = `"r` + strconv.FormatInt(revision, 10) + `"`
		}
		if len(tags) > 0 {
			h.Set("If-Match", strings.Join(tags, ", "))
		}
	}
}

// IfAbsent has Create fail with ErrPrecondition in the place of ErrExists where the device has a configuration.
func IfAbsent() WriteOption {
	return func(h http.Header) { h.Set("If-None-Match", "*") }
}

// IdempotencyKey names the write, for a caller that repeats it in another process: whoever sends the same key with the
// same request gets the answer of the first. It is for what is sent as POST: Create, Restore, Undelete, ReplaceDevice
// and Import, each of which has a key of its own where none is given. 1 to 255 printable ASCII characters.
func IdempotencyKey(key string) WriteOption {
	return func(h http.Header) { h.Set(idempotencyHeader, key) }
}

const idempotencyHeader = "Idempotency-Key"

// written makes a request of a write. What is sent as POST has a key, which is the same in each attempt.
func written(r request, options []WriteOption) request {
	if r.header == nil {
		r.header = http.Header{}
	}
	for _, option := range options {
		option(r.header)
	}
	if r.method == http.MethodPost && r.header.Get(idempotencyHeader) == "" {
		r.header.Set(idempotencyHeader, rand.Text())
	}
	return r
}

// headerText is text as a header carries it: as it is, or encoded as by RFC 8187 where that would be misread.
func headerText(text string) string {
	plain := strings.TrimSpace(text) == text && !strings.Contains(text, "''")
	for i := 0; plain && i < len(text); i++ {
		plain = text[i] >= ' ' && text[i] <= '~'
	}
	if plain {
		return text
	}
	return "UTF-8''" + url.PathEscape(text)
}
