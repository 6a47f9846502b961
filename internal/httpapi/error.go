package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	"espalier.dev/espalier/internal/fleet"
)

// statusOf is the HTTP status of a code, and false for a code that is in no table.
func statusOf(code fleet.Code) (int, bool) {
	status, ok := map[fleet.Code]int{
		fleet.CodeNotFound:           http.StatusNotFound,
		fleet.CodeExists:             http.StatusConflict,
		fleet.CodeInvalidOperation:   http.StatusBadRequest,
		fleet.CodeValidationFailed:   http.StatusBadRequest,
		fleet.CodeTooLarge:           http.StatusRequestEntityTooLarge,
		fleet.CodePreconditionFailed: http.StatusPreconditionFailed,
		fleet.CodeInternal:           http.StatusInternalServerError,
		fleet.CodeUnavailable:        http.StatusServiceUnavailable,
		fleet.CodeUnauthorized:       http.StatusUnauthorized,
		fleet.CodeForbidden:          http.StatusForbidden,
		fleet.CodeMisdirected:        http.StatusMisdirectedRequest,
		fleet.CodeRouteNotFound:      http.StatusNotFound,
		fleet.CodeMethodNotAllowed:   http.StatusMethodNotAllowed,
		fleet.CodeUnsupportedMedia:   http.StatusUnsupportedMediaType,
		fleet.CodeTooManyRequests:    http.StatusTooManyRequests,
	}[code]
	return status, ok
}

// The statuses of the log for requests that got no answer: nobody reads them from the wire.
const (
	statusClientGone = 499
	statusPanic      = http.StatusInternalServerError
)

// sendError says that bytes could not be sent: the client is gone or too slow, and there is nobody to tell.
type sendError struct{ cause error }

func (e *sendError) Error() string { return "sending the answer: " + e.cause.Error() }
func (e *sendError) Unwrap() error { return e.cause }

// fail answers a request with an error, and is the only place that does. A failure of ours is logged here with its cause,
// which the client never sees. Where a part of the answer is out already, the connection is cut, so that nobody takes
// the part for the whole.
func (a *API) fail(x *exchange, r *http.Request, err error) {
	x.failed = true
	_, unsent := errors.AsType[*sendError](err)
	if gone := unsent || (r.Context().Err() != nil && errors.Is(err, context.Canceled)); gone {
		x.status = statusClientGone
		panic(http.ErrAbortHandler)
	}
	e := asFleetError(err)
	status, known := statusOf(e.Code)
	if !known {
		e, status = fleet.Internal(e), http.StatusInternalServerError
	}
	if status >= http.StatusInternalServerError {
		a.logger.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path,
			"status", status, "code", e.Code, "cause", e.Error())
	}
	if x.wrote() {
		panic(http.ErrAbortHandler)
	}
	h := x.Header()
	for _, name := range []string{"Content-Encoding", "Content-Disposition", "Etag", "Last-Modified", "Location", "Link"} {
		h.Del(name)
	}
	if status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "2")
	}
	if e.Current > 0 {
		h.Set("ETag", revisionTag(e.Current))
	}
	h.Set("Cache-Control", "no-store")
	x.code = e.Code
	// A client that cannot take the error cannot be told of that either.
	_ = sendJSON(x, status, appendError(nil, e, x.id))
}

// asFleetError is the error to answer with: an error that is none of ours has nothing to say to a client.
func asFleetError(err error) *fleet.Error {
	if e, ok := errors.AsType[*fleet.Error](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fleet.Unavailable(err)
	}
	return fleet.Internal(err)
}

// appendError writes an error in the one shape that every error has (contract, part 3).
func appendError(b []byte, e *fleet.Error, id string) []byte {
	message := e.Message
	if e.Code == fleet.CodeInternal {
		message = "Internal server error"
	}
	detail := e.Detail
	if detail == "" {
		detail = "The server's log says more under the correlation id"
	}
	b = append(b, `{"error":`...)
	b = appendString(b, message)
	b = append(b, `,"code":`...)
	b = appendString(b, string(e.Code))
	b = append(b, `,"details":{"message":`...)
	b = appendString(b, detail)
	if e.Current > 0 {
		b = append(b, `,"current_revision":`...)
		b = strconv.AppendInt(b, e.Current, 10)
	}
	for i, f := range e.Fields {
		if i == 0 {
			b = append(b, `,"errors":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"field":`...)
		b = appendString(b, f.Field)
		b = append(b, `,"message":`...)
		b = appendString(b, f.Message)
		b = append(b, '}')
	}
	if len(e.Fields) > 0 {
		b = append(b, ']')
	}
	b = append(b, `},"correlationId":`...)
	b = appendString(b, id)
	return append(b, '}')
}

// readError says why a request's body could not be read to its end; most is the bound on it.
func readError(err error, most string) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &fleet.Error{Code: fleet.CodeTooLarge, Message: "The request body is larger than " + most,
			Detail: "Send less at once"}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fleet.Invalid("body", "did not arrive in time")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fleet.Invalid("body", "ended before its announced length")
	}
	return fleet.Invalid("body", "could not be read whole")
}

func routeNotFound() error {
	return &fleet.Error{Code: fleet.CodeRouteNotFound, Message: "There is nothing at this path",
		Detail: "What there is stands in api/docs"}
}

func methodNotAllowed(method, allowed string) error {
	return &fleet.Error{Code: fleet.CodeMethodNotAllowed, Message: "The method " + clip(method, 20) + " is not allowed here",
		Detail: "Allowed are " + allowed}
}

// clip keeps a client's ASCII text short where a message or a log line quotes it.
func clip(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
