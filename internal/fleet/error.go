package fleet

import (
	"errors"
	"fmt"
	"time"
)

// Code says to a program what went wrong. The list is closed; each transport maps every code in one table.
type Code string

// The codes, as the wire contract spells them. Those behind the blank line are not in the field's list.
const (
	CodeNotFound           Code = "RECORD_NOT_FOUND"
	CodeExists             Code = "RECORD_EXISTS"
	CodeInvalidOperation   Code = "INVALID_OPERATION"
	CodeValidationFailed   Code = "VALIDATION_FAILED"
	CodeTooLarge           Code = "PAYLOAD_TOO_LARGE"
	CodePreconditionFailed Code = "PRECONDITION_FAILED"
	CodeInternal           Code = "INTERNAL_ERROR"

	CodeUnavailable      Code = "SERVICE_UNAVAILABLE"
	CodeUnauthorized     Code = "UNAUTHORIZED"
	CodeForbidden        Code = "FORBIDDEN"
	CodeMisdirected      Code = "MISDIRECTED_REQUEST"
	CodeRouteNotFound    Code = "ROUTE_NOT_FOUND"
	CodeMethodNotAllowed Code = "METHOD_NOT_ALLOWED"
	CodeUnsupportedMedia Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeTooManyRequests  Code = "TOO_MANY_REQUESTS"
)

// Codes lists every code, for the tests that walk the tables.
var Codes = []Code{
	CodeNotFound, CodeExists, CodeInvalidOperation, CodeValidationFailed, CodeTooLarge, CodePreconditionFailed,
	CodeInternal, CodeUnavailable, CodeUnauthorized, CodeForbidden, CodeMisdirected, CodeRouteNotFound,
	CodeMethodNotAllowed, CodeUnsupportedMedia, CodeTooManyRequests,
}

// FieldError names one field of a request and what is wrong with it. It never holds the field's value.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error is the one error type: Code for programs, Message and Detail for users, Cause for operators. Cause goes to
// the log and to nobody else. No part of it ever holds the text of a document.
type Error struct {
	Code    Code
	Message string
	Detail  string
	Fields  []FieldError
	// Current is the revision that is there, of PRECONDITION_FAILED; else 0.
	Current int64
	// Wait is how long to stay away, of TOO_MANY_REQUESTS; else 0.
	Wait  time.Duration
	Cause error
}

// Error is for the operator's log.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	for _, f := range e.Fields {
		text += fmt.Sprintf("; %s: %s", f.Field, f.Message)
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf is the code of the first Error in err's chain, CodeInternal for any other error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// NotFound says that there is no configuration by that key: an id, or a MAC address in its normal form.
func NotFound(key any) *Error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("Config %v was not found", key),
		Detail: "The requested resource could not be found"}
}

// Exists says that the device has a configuration already.
func Exists(mac MAC) *Error {
	return &Error{Code: CodeExists, Message: fmt.Sprintf("Config for %s already exists", mac),
		Detail: "The resource already exists"}
}

// Stale says that a precondition failed: the configuration has another revision than the writer wants.
func Stale(mac MAC, current int64) *Error {
	return &Error{Code: CodePreconditionFailed, Current: current,
		Message: fmt.Sprintf("Config for %s is at revision %d, which is not the one that this change was made for", mac, current),
		Detail:  "Somebody else has changed it: read it again, and repeat the change on what is there now"}
}

// TooManyReports says that a device reports more often than any needs to.
func TooManyReports(mac MAC, wait time.Duration) *Error {
	return &Error{Code: CodeTooManyRequests, Message: fmt.Sprintf("%s reports too often", mac),
		Detail: "Report when a document was applied, or could not be; wait for as many seconds as Retry-After says", Wait: wait}
}

// NoRevision says that a device never had a revision of that number, or that it is not kept any more.
func NoRevision(mac MAC, number int64) *Error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("Revision %d of %s was not found", number, mac),
		Detail: "It never was, or the settings of retention have let it go"}
}

// Invalid says that one field of a request cannot be accepted.
func Invalid(field, message string) *Error {
	return &Error{Code: CodeValidationFailed, Message: "Validation failed", Detail: "The request data is not valid",
		Fields: []FieldError{{Field: field, Message: message}}}
}

// invalidMAC says that an operation (a verb and "config") cannot be done for a text that is no MAC address.
func invalidMAC(operation, text string) *Error {
	return &Error{Code: CodeInvalidOperation,
		Message: fmt.Sprintf("Cannot %s config because MAC address '%s' has invalid format", operation, clip(text)),
		Detail:  "Write it as aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff, aabb.ccdd.eeff or aabbccddeeff"}
}

// clip keeps a client's text short and valid where a message quotes it.
func clip(s string) string {
	const most = 64
	runes := []rune(s)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

// TooLarge says that a document has more bytes than the server keeps.
func TooLarge(size, most int) *Error {
	return &Error{Code: CodeTooLarge,
		Message: fmt.Sprintf("The content has %d bytes, and at most %d are allowed", size, most),
		Detail:  "Shorten the document, or raise MAX_CONTENT_BYTES if the firmware reads more"}
}

// ErrSchema is in the chain of a Store.Ping error where the database answers, and has not the schema of this program.
var ErrSchema = errors.New("the database has not the schema of this program")

// Unavailable says that the database cannot be reached or did not confirm; the cause is for the log.
func Unavailable(cause error) *Error {
	return &Error{Code: CodeUnavailable, Message: "The database is not available",
		Detail: "Try again in a moment; a write that got this answer may have been done, so read before you repeat it",
		Cause:  cause}
}

// Internal wraps a failure that no user can mend.
func Internal(cause error) *Error {
	return &Error{Code: CodeInternal, Message: "Internal server error", Cause: cause}
}
