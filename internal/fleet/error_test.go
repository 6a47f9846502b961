package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorsReadAsTheContractSays(t *testing.T) {
	mac := MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	for _, c := range []struct {
		err  *Error
		code Code
		text string
	}{
		{NotFound(int64(99999)), CodeNotFound, "Config 99999 was not found"},
		{NotFound(mac), CodeNotFound, "Config aa:bb:cc:dd:ee:ff was not found"},
		{Exists(mac), CodeExists, "Config for aa:bb:cc:dd:ee:ff already exists"},
		{invalidMAC("create", "x"), CodeInvalidOperation, "Cannot create config because MAC address 'x' has invalid format"},
		{invalidMAC("get", "x"), CodeInvalidOperation, "Cannot get config because MAC address 'x' has invalid format"},
		{Invalid("content", "is wrong"), CodeValidationFailed, "Validation failed"},
		{Internal(errors.New("boom")), CodeInternal, "Internal server error"},
	} {
		if c.err.Code != c.code || c.err.Message != c.text {
			t.Errorf("got %s %q, want %s %q", c.err.Code, c.err.Message, c.code, c.text)
		}
		if !slices.Contains(Codes, c.err.Code) {
			t.Errorf("%s is not in Codes", c.err.Code)
		}
	}
	if got := NotFound(mac); got.Detail == "" || Exists(mac).Detail != "The resource already exists" {
		t.Error("a detail is missing")
	}
}

func TestErrorClipsWhatItQuotes(t *testing.T) {
	err := invalidMAC("create", strings.Repeat("ä", 5000)+"\xff")
	if len(err.Message) > 250 {
		t.Errorf("the message has %d bytes", len(err.Message))
	}
	if !strings.Contains(invalidMAC("get", "a\xffb").Message, "'a\uFFFDb'") {
		t.Error("bad UTF-8 is quoted as it came")
	}
}

func TestCodeOf(t *testing.T) {
	cause := errors.New("connection refused")
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, ""}, {cause, CodeInternal}, {Unavailable(cause), CodeUnavailable},
		{fmt.Errorf("list: %w", NotFound(1)), CodeNotFound}, {TooLarge(2, 1), CodeTooLarge},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
	if err := Unavailable(cause); !errors.Is(err, cause) || !strings.Contains(err.Error(), "refused") {
		t.Error("the operator does not see the cause")
	}
	if diff := cmp.Diff("VALIDATION_FAILED: Validation failed; limit: is odd", Invalid("limit", "is odd").Error()); diff != "" {
		t.Error(diff)
	}
}
