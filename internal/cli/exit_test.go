package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/simulator"
)

func TestEveryCodeHasAnExitStatus(t *testing.T) {
	for _, code := range fleet.Codes {
		status, ok := statusOfCode(string(code))
		if !ok || status == exitOK {
			t.Errorf("%s has the exit status %d, %t", code, status, ok)
		}
		for name, err := range map[string]error{
			"from the server":   &client.Error{Status: 500, Code: string(code)},
			"from the database": fmt.Errorf("wrapped: %w", &fleet.Error{Code: code}),
		} {
			if got := exitStatus(err); got != status {
				t.Errorf("%s %s ends with %d, want %d", code, name, got, status)
			}
		}
	}
	if _, ok := statusOfCode("SOMETHING_NEW"); ok {
		t.Error("a code that does not exist has an exit status")
	}
}

func TestExitStatus(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{errors.New("anything"), exitFailed},
		{&usageError{errors.New("x")}, exitUsage},
		{fmt.Errorf("x: %w", &settings.Error{}), exitUsage},
		{&simulator.OptionsError{}, exitUsage},
		{&refusedError{"x"}, exitRefused},
		{&keptError{cause: &client.Error{Code: "PRECONDITION_FAILED"}}, exitRefused},
		{&keptError{cause: fmt.Errorf("%w: x", client.ErrUnreachable)}, exitUnavailable},
		{&timeoutError{"x"}, exitTimeout},
		{fmt.Errorf("x: %w", app.ErrDatabaseInUse), exitUnavailable},
		{fmt.Errorf("%w: x", client.ErrUnreachable), exitUnavailable},
		{fmt.Errorf("x: %w", simulator.ErrNotAllowed), exitUnauthorized},
		{&client.Error{Status: 401}, exitUnauthorized},
		{&client.Error{Status: 403}, exitUnauthorized},
		{&client.Error{Status: 413}, exitRefused},
		{&client.Error{Status: 429}, exitUnavailable},
		{&client.Error{Status: 502}, exitUnavailable},
		{&client.Error{Status: 503}, exitUnavailable},
		{&client.Error{Status: 404}, exitFailed},
		{&client.Error{Status: 500, Code: "SOMETHING_NEW"}, exitFailed},
	} {
		if got := exitStatus(tc.err); got != tc.want {
			t.Errorf("%v ends with %d, want %d", tc.err, got, tc.want)
		}
	}
}

func TestHelpNamesEveryStatus(t *testing.T) {
	for status := range exitTimeout + 1 {
		if !strings.Contains(exitHelp(), fmt.Sprintf("%d ", status)) {
			t.Errorf("help does not say what %d is", status)
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, tc := range []struct {
		err  error
		says string
	}{
		{fmt.Errorf("%w: x", client.ErrUnreachable), "espalier serve"},
		{&client.Error{Code: "UNAUTHORIZED", Detail: "Send it"}, "Send it.\nThis command takes the token from ADMIN_TOKEN"},
		{&client.Error{Status: 500, CorrelationID: "c-7"}, "correlation id c-7"},
	} {
		if got := advice(tc.err); !strings.Contains(got, tc.says) {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.says)
		}
	}
	if got := advice(errors.New("x")); got != "" {
		t.Errorf("advice for anything: %q", got)
	}
}
