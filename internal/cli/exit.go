package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/simulator"
)

// The exit statuses.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitNotFound
	exitRefused
	exitUnauthorized
	exitUnavailable
	exitTimeout
)

// exitHelp is the statuses as help shows them.
func exitHelp() string {
	return "Exit status: " + strings.Join([]string{
		exitOK:           "0 done",
		exitFailed:       "1 failed",
		exitUsage:        "2 wrong usage or settings",
		exitNotFound:     "3 not found",
		exitRefused:      "4 refused (something is not\nvalid, a conflict, changed meanwhile, or a device reports an error)",
		exitUnauthorized: "5 not allowed",
		exitUnavailable:  "6 server\nor database not available",
		exitTimeout:      "7 waited in vain",
	}, ", ") + "."
}

// statusOfCode is the exit status of a code of the API, and false for a code that is in no table.
func statusOfCode(code string) (int, bool) {
	status, ok := map[string]int{
		"RECORD_NOT_FOUND":       exitNotFound,
		"RECORD_EXISTS":          exitRefused,
		"INVALID_OPERATION":      exitRefused,
		"VALIDATION_FAILED":      exitRefused,
		"PAYLOAD_TOO_LARGE":      exitRefused,
		"PRECONDITION_FAILED":    exitRefused,
		"INTERNAL_ERROR":         exitFailed,
		"SERVICE_UNAVAILABLE":    exitUnavailable,
		"UNAUTHORIZED":           exitUnauthorized,
		"FORBIDDEN":              exitUnauthorized,
		"MISDIRECTED_REQUEST":    exitUnauthorized,
		"ROUTE_NOT_FOUND":        exitFailed,
		"METHOD_NOT_ALLOWED":     exitFailed,
		"UNSUPPORTED_MEDIA_TYPE": exitFailed,
		"TOO_MANY_REQUESTS":      exitUnavailable,
	}[code]
	return status, ok
}

// usageError is an error of the command line.
type usageError struct{ cause error }

func (e *usageError) Error() string { return e.cause.Error() }
func (e *usageError) Unwrap() error { return e.cause }

// refusedError says that the command did what it could, and that not all of it was accepted.
type refusedError struct{ message string }

func (e *refusedError) Error() string { return e.message }

// exitStatus is what the process ends with.
func exitStatus(err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*settings.Error](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*simulator.OptionsError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*refusedError](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[*timeoutError](err); ok {
		return exitTimeout
	}
	if errors.Is(err, app.ErrDatabaseInUse) || unreachable(err) {
		return exitUnavailable
	}
	if errors.Is(err, simulator.ErrNotAllowed) {
		return exitUnauthorized
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		return statusOfRefusal(e)
	}
	if status, ok := statusOfCode(app.CodeOf(err)); ok {
		return status
	}
	return exitFailed
}

// statusOfRefusal goes by the code, and by the kind where something before the server answered.
func statusOfRefusal(e *client.Error) int {
	if status, ok := statusOfCode(e.Code); ok {
		return status
	}
	is := func(kinds ...error) bool {
		return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(e, kind) })
	}
	switch {
	case is(client.ErrUnauthorized, client.ErrForbidden):
		return exitUnauthorized
	case is(client.ErrUnavailable, client.ErrTooManyRequests):
		return exitUnavailable
	case is(client.ErrTooLarge):
		return exitRefused
	}
	return exitFailed
}

// unreachable tells whether the server of SERVER_URL did not answer.
func unreachable(err error) bool {
	return errors.Is(err, client.ErrUnreachable) || errors.Is(err, simulator.ErrNoAnswer)
}

// advice is what a person can do about an error, or "".
func advice(err error) string {
	if unreachable(err) {
		return "Is the server running? Start it with: espalier serve\nIf it runs elsewhere, set SERVER_URL (or --server-url) to where it listens."
	}
	const whereToken = "This command takes the token from ADMIN_TOKEN, ADMIN_TOKEN_FILE or --admin-token-file."
	if errors.Is(err, simulator.ErrNotAllowed) {
		return whereToken
	}
	e, ok := errors.AsType[*client.Error](err)
	if _, told := errors.AsType[*conflictError](err); told || !ok {
		return ""
	}
	var lines []string
	if e.Detail != "" {
		lines = append(lines, e.Detail+".")
	}
	if errors.Is(err, client.ErrUnauthorized) {
		lines = append(lines, whereToken)
	}
	if e.CorrelationID != "" && e.Status >= 500 {
		lines = append(lines, fmt.Sprintf("In the server's log it is the request with the correlation id %s.", e.CorrelationID))
	}
	return strings.Join(lines, "\n")
}
