package fleet

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Principal says as whom somebody may write.
type Principal string

// The principals. There is one token, so whoever bears it is one principal.
const (
	ByToken     Principal = "token"     // bears the ADMIN_TOKEN
	ByLocal     Principal = "local"     // is on the server's own machine
	ByNetwork   Principal = "network"   // comes from a network that TRUST_NETWORK lets in
	ByAnonymous Principal = "anonymous" // was let in by nobody
	ByConsole   Principal = "console"   // a command that works on the database itself
	BySystem    Principal = "system"    // the server, of its own accord
)

// Actor is who does something, and from where.
type Actor struct {
	Principal Principal
	// Address is the IP address that the request came from, or that a proxy on the same machine names; "" is none.
	Address string
	// Correlation is the correlation id of the request.
	Correlation string
}

// Match is the precondition of a write: which revisions the configuration may have. The zero value lets every one through.
type Match struct {
	Given bool
	// Any lets through every configuration that exists.
	Any       bool
	Revisions []int64
}

// Allows tells whether a configuration of that revision may be written.
func (m Match) Allows(revision int64) bool {
	return !m.Given || m.Any || slices.Contains(m.Revisions, revision)
}

// Attempt is what somebody says of a write besides what it writes.
type Attempt struct {
	By Actor
	// Message says why, for the history; "" says nothing.
	Message string
	// IfMatch is the precondition (RFC 9110, section 13.1.1) of a write to a configuration that exists.
	IfMatch Match
	// IfNoneMatch says that a create is only to succeed where there is nothing yet: then PRECONDITION_FAILED takes the place
	// of RECORD_EXISTS (RFC 9110, section 13.1.2).
	IfNoneMatch bool
	// Once, where set, has the write done once however often it is asked for.
	Once *Once
}

// Once makes a write repeatable: whoever repeats it with the same key gets the answer of the first. The answer is kept in
// the transaction of the write, so that there is never one without the other.
type Once struct {
	Key string // 1 to 255 printable ASCII characters
	// Fingerprint is a hash of the whole request; a key that comes again with another is VALIDATION_FAILED.
	Fingerprint [32]byte
	// Encode makes the answer to keep of what the write returns. It may be called twice, and must not block.
	Encode func(result any) []byte

	// Replayed is the answer of the first, after a write that was not done again; nil after one that was.
	Replayed []byte
}

// The bounds of what a person writes about a change.
const (
	MaxMessage = 500 // characters
	maxKey     = 255
)

// messageField is where people write a message: the header of a request.
const messageField = "X-Change-Message"

// check refuses an attempt that cannot be kept.
func (a Attempt) check() error {
	if !utf8.ValidString(a.Message) || strings.ContainsFunc(a.Message, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return Invalid(messageField, "must be text in UTF-8 without control characters")
	}
	if n := utf8.RuneCountInString(a.Message); n > MaxMessage {
		return Invalid(messageField, fmt.Sprintf("has %d characters, and at most %d are allowed", n, MaxMessage))
	}
	if a.Once == nil {
		return nil
	}
	printable := func(r rune) bool { return r <= ' ' || r > '~' }
	if n := len(a.Once.Key); n == 0 || n > maxKey || strings.ContainsFunc(a.Once.Key, printable) {
		return Invalid("Idempotency-Key", "must be 1 to 255 printable ASCII characters without spaces")
	}
	return nil
}
