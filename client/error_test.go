package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/fleet"
)

// kinds is every kind of refusal that errors.Is can tell.
func kinds() []error {
	return []error{client.ErrNotFound, client.ErrExists, client.ErrInvalid, client.ErrTooLarge, client.ErrPrecondition,
		client.ErrUnauthorized, client.ErrForbidden, client.ErrTooManyRequests, client.ErrUnavailable,
		client.ErrUnreachable, client.ErrUnreadable}
}

// Every code of the server is of one kind here, but those that no user can mend.
func TestEveryCodeHasAKind(t *testing.T) {
	none := map[fleet.Code]bool{fleet.CodeInternal: true, fleet.CodeRouteNotFound: true, fleet.CodeMethodNotAllowed: true}
	for _, code := range fleet.Codes {
		err := &client.Error{Code: string(code), Status: 500}
		n := 0
		for _, kind := range kinds() {
			if errors.Is(err, kind) {
				n++
			}
		}
		want := 1
		if none[code] {
			want = 0
		}
		if n != want {
			t.Errorf("%s is of %d kinds, want %d", code, n, want)
		}
		if errors.Is(err, nil) {
			t.Errorf("%s is nil", code)
		}
	}
}

func TestErrorIsRead(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error":"Validation failed","code":"VALIDATION_FAILED","details":{"message":"The request data is not valid",`+
			`"errors":[{"field":"content","message":"is bad"},{"field":"mac_address","message":"is required"}]},"correlationId":"c-1"}`)
	})
	_, err := c.Config(t.Context(), 1)
	var got *client.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	want := &client.Error{Status: 400, Code: "VALIDATION_FAILED", Message: "Validation failed", Detail: "The request data is not valid",
		Fields:        []client.FieldError{{Field: "content", Message: "is bad"}, {Field: "mac_address", Message: "is required"}},
		CorrelationID: "c-1", RetryAfter: 7 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	if text := "Validation failed: content is bad; mac_address is required"; err.Error() != text {
		t.Errorf("reads %q, want %q", err, text)
	}
}

func TestUnreadableErrorsGoByTheirStatus(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		kind   error
	}{
		{401, "", client.ErrUnauthorized},
		{403, "<html>forbidden</html>", client.ErrForbidden},
		{404, `{"message":"another API's"}`, nil},
		{413, "<html>", client.ErrTooLarge},
		{429, "slow", client.ErrTooManyRequests},
		{500, `{"error":17}`, nil},
		{502, "<html>", client.ErrUnavailable},
		{503, strings.Repeat("x", 1<<20), client.ErrUnavailable},
		{504, "\x00\xff", client.ErrUnavailable},
		{302, "", nil},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Correlation-Id", "from-header")
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, tc.body)
		})
		_, err := c.Update(t.Context(), 1, []byte("{}"))
		var e *client.Error
		if !errors.As(err, &e) {
			if tc.status != 302 {
				t.Errorf("%d: %v is no *Error", tc.status, err)
			}
			continue
		}
		if e.Status != tc.status || e.Code != "" || e.CorrelationID != "from-header" || len(e.Error()) > 200 {
			t.Errorf("%d: %+v", tc.status, e)
		}
		for _, kind := range kinds() {
			if expected := tc.kind != nil && errors.Is(tc.kind, kind); errors.Is(err, kind) != expected {
				t.Errorf("%d: errors.Is(%v) is %t", tc.status, kind, errors.Is(err, kind))
			}
		}
	}
}

func TestUnreadableAnswer(t *testing.T) {
	c := serveBody(t, 200, "<html>welcome</html>")
	if _, err := c.Config(t.Context(), 1); !errors.Is(err, client.ErrUnreadable) {
		t.Errorf("a page: %v", err)
	}
	if _, err := c.Configs(t.Context(), client.ListOptions{}); !errors.Is(err, client.ErrUnreadable) {
		t.Errorf("a page for a list: %v", err)
	}
	if err := c.Export(t.Context(), func(string, []byte) error { return nil }); !errors.Is(err, client.ErrUnreadable) {
		t.Errorf("a page for an export: %v", err)
	}
}

// endless is a body without end, of one byte.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
func (endless) Close() error { return nil }

func TestAnswersAreBounded(t *testing.T) {
	for _, status := range []int{200, 500} {
		c, err := client.New("http://h", client.Options{Retries: -1, HTTPClient: &http.Client{Transport: roundTrip(
			func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: endless{}}, nil
			})}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Config(t.Context(), 1); err == nil {
			t.Errorf("%d: an endless answer was read", status)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	gone, err := client.New(server.URL, client.Options{Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = gone.Config(t.Context(), 1)
	if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), gone.Server()) {
		t.Errorf("got %v", err)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serveWith(t, client.Options{}, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := c.Config(ctx, 1); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}
