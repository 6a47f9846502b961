package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What errors.Is compares an error of a Client with.
var (
	ErrNotFound        = errors.New("not found")                              // RECORD_NOT_FOUND
	ErrExists          = errors.New("exists already")                         // RECORD_EXISTS
	ErrInvalid         = errors.New("not valid")                              // INVALID_OPERATION, VALIDATION_FAILED, 415
	ErrTooLarge        = errors.New("too large")                              // PAYLOAD_TOO_LARGE
	ErrPrecondition    = errors.New("changed meanwhile")                      // PRECONDITION_FAILED
	ErrUnauthorized    = errors.New("the admin token is missing or wrong")    // UNAUTHORIZED
	ErrForbidden       = errors.New("not allowed from here")                  // FORBIDDEN, MISDIRECTED_REQUEST
	ErrTooManyRequests = errors.New("too many requests")                      // TOO_MANY_REQUESTS
	ErrUnavailable     = errors.New("the server cannot do this at present")   // SERVICE_UNAVAILABLE, 502, 504
	ErrUnreachable     = errors.New("no answer from the server")              // there was no whole answer
	ErrUnreadable      = errors.New("the answer is not an Espalier server's") // there was, and it made no sense
)

// The codes of errors that are made here, spelled as the server spells its own.
const (
	codeValidationFailed = "VALIDATION_FAILED"
	codeTooLarge         = "PAYLOAD_TOO_LARGE"
	codeNotFound         = "RECORD_NOT_FOUND"
)

// FieldError names a field of a request and what is wrong with it.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error is what the server refused, or this package before it was sent (Status is 0 then).
type Error struct {
	Status int
	// Code is one of the server's list, such as RECORD_NOT_FOUND, or "" where something in between answered.
	Code    string
	Message string
	// Detail says what to do, where the server knows.
	Detail        string
	Fields        []FieldError
	CorrelationID string
	// CurrentRevision is the one that the configuration has, of ErrPrecondition; else 0.
	CurrentRevision int64
	// RetryAfter is how long the server asks to wait; 0 where it does not say.
	RetryAfter time.Duration
}

// Error is the message, with the fields that are wrong.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, f := range e.Fields {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		b.WriteString(f.Field + " " + f.Message)
	}
	return b.String()
}

// Is tells whether the error is of a kind: one of the Err variables.
func (e *Error) Is(target error) bool { return e.kind() == target && target != nil }

// kind goes by the code, and by the status where something in between answered.
func (e *Error) kind() error {
	switch e.Code {
	case codeNotFound:
		return ErrNotFound
	case "RECORD_EXISTS":
		return ErrExists
	case "INVALID_OPERATION", codeValidationFailed, "UNSUPPORTED_MEDIA_TYPE":
		return ErrInvalid
	case codeTooLarge:
		return ErrTooLarge
	case "PRECONDITION_FAILED":
		return ErrPrecondition
	case "UNAUTHORIZED":
		return ErrUnauthorized
	case "FORBIDDEN", "MISDIRECTED_REQUEST":
		return ErrForbidden
	case "TOO_MANY_REQUESTS":
		return ErrTooManyRequests
	case "SERVICE_UNAVAILABLE":
		return ErrUnavailable
	case "":
		return kindOfStatus(e.Status)
	}
	return nil
}

func kindOfStatus(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	case http.StatusTooManyRequests:
		return ErrTooManyRequests
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ErrUnavailable
	}
	return nil
}

// refusal reads an answer that is an error. One that cannot be read is told by its status.
func refusal(resp *http.Response) *Error {
	const most = 64 << 10
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	var read struct {
		Error   string `json:"error"`
		Code    string `json:"code"`
		Details struct {
			Message string       `json:"message"`
			Errors  []FieldError `json:"errors"`
			Current int64        `json:"current_revision"`
		} `json:"details"`
		CorrelationID string `json:"correlationId"`
	}
	if err != nil || json.Unmarshal(body, &read) != nil || read.Error == "" {
		e.Message = fmt.Sprintf("the answer was %d %s and said nothing more", resp.StatusCode, http.StatusText(resp.StatusCode))
		e.CorrelationID = resp.Header.Get("X-Correlation-Id")
		return e
	}
	e.Code, e.Message, e.Detail = read.Code, read.Error, read.Details.Message
	e.Fields, e.CorrelationID, e.CurrentRevision = read.Details.Errors, read.CorrelationID, read.Details.Current
	return e
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds, or a date.
func retryAfter(header string, now func() time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now()))
	}
	return 0
}

// invalidContent says that a document cannot be sent as JSON.
func invalidContent(message string) *Error {
	return &Error{Code: codeValidationFailed, Message: "Validation failed", Fields: []FieldError{{"content", message}}}
}
