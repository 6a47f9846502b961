package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"espalier.dev/espalier/client"
)

// script answers request after request: a status, or an error.
type script struct {
	answers []any
	header  http.Header
	bodies  []string
	keys    []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(raw)
	}
	s.bodies, s.keys = append(s.bodies, body), append(s.keys, r.Header.Get("Idempotency-Key"))
	answer := s.answers[min(len(s.bodies), len(s.answers))-1]
	if err, ok := answer.(error); ok {
		return nil, err
	}
	header := s.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: answer.(int), Header: header, Body: io.NopCloser(strings.NewReader(`{"id":1}`))}, nil
}

func refused() error { return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED} }
func reset() error   { return &net.OpError{Op: "read", Err: syscall.ECONNRESET} }

func read(ctx context.Context, c *client.Client) error {
	_, err := c.Config(ctx, 1)
	return err
}

func write(ctx context.Context, c *client.Client) error {
	_, err := c.Update(ctx, 1, []byte("{}"))
	return err
}

func create(ctx context.Context, c *client.Client) error {
	_, err := c.Create(ctx, "m", []byte("{}"))
	return err
}

func patch(ctx context.Context, c *client.Client) error {
	_, err := c.Patch(ctx, 1, []byte("{}"))
	return err
}

func restore(ctx context.Context, c *client.Client) error {
	_, err := c.Restore(ctx, 1, 2)
	return err
}

func importing(ctx context.Context, c *client.Client) error {
	_, err := c.ImportText(ctx, []byte("[]"), client.ImportOptions{})
	return err
}

func reporting(ctx context.Context, c *client.Client) error {
	return c.Report(ctx, "aa", client.DeviceReport{Revision: 1, Status: client.ReportApplied})
}

func remove(ctx context.Context, c *client.Client) error { return c.Delete(ctx, 1) }

func TestOnlyWhatIsSafeIsRepeated(t *testing.T) {
	for _, tc := range []struct {
		name     string
		call     func(context.Context, *client.Client) error
		answers  []any
		attempts int
		good     bool
	}{
		{"read, 503 then well", read, []any{503, 200}, 2, true},
		{"read, 502, 504, reset, then well", read, []any{502, 504, reset(), 200}, 4, true},
		{"read, 503 for ever", read, []any{503}, 4, false},
		{"read, 500", read, []any{500}, 1, false},
		{"read, 404", read, []any{404}, 1, false},
		{"read, 429 then well", read, []any{429, 200}, 2, true},
		{"update, never sent", write, []any{refused(), 200}, 2, true},
		{"update, turned away", write, []any{429, 200}, 2, true},
		{"update, perhaps done", write, []any{503}, 1, false},
		{"update, connection broke", write, []any{reset()}, 1, false},
		{"create, never sent", create, []any{refused(), refused(), 201}, 3, true},
		{"create, perhaps done, then well", create, []any{503, reset(), 201}, 3, true},
		{"create, refused", create, []any{409}, 1, false},
		{"patch, perhaps done", patch, []any{503}, 1, false},
		{"restore, perhaps done, then well", restore, []any{reset(), 200}, 2, true},
		{"import, perhaps done, then well", importing, []any{reset(), 504, 200}, 3, true},
		{"report, perhaps taken, then well", reporting, []any{502, 204}, 2, true},
		{"delete, never sent", remove, []any{refused(), 200}, 2, true},
		{"delete, perhaps done", remove, []any{503}, 1, false},
		{"delete, connection broke", remove, []any{reset()}, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tc.answers}
				c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: s}})
				if err != nil {
					t.Fatal(err)
				}
				err = tc.call(t.Context(), c)
				if len(s.bodies) != tc.attempts || (err == nil) != tc.good {
					t.Errorf("%d attempts, error %v; want %d, good %t", len(s.bodies), err, tc.attempts, tc.good)
				}
				for _, body := range s.bodies {
					if body != s.bodies[0] {
						t.Errorf("sent %q, then %q", s.bodies[0], body)
					}
				}
				for _, key := range s.keys {
					if key != s.keys[0] {
						t.Errorf("the key was %q, then %q", s.keys[0], key)
					}
				}
			})
		})
	}
}

func TestPauses(t *testing.T) {
	for _, tc := range []struct {
		name        string
		retryAfter  string
		answers     []any
		least, most time.Duration
	}{
		{"doubling", "", []any{503, 503, 503, 200}, 700 * time.Millisecond, 1400 * time.Millisecond},
		{"as the server asks", "7", []any{503, 200}, 7 * time.Second, 7 * time.Second},
		{"until a date", "Sat, 01 Jan 2000 00:00:09 GMT", []any{503, 200}, 9 * time.Second, 9 * time.Second},
		{"longer than is waited", "31", []any{503}, 0, 0},
		{"nonsense", "soon", []any{503, 200}, 100 * time.Millisecond, 200 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tc.answers, header: http.Header{"Retry-After": {tc.retryAfter}}}
				c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: s}})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				err = read(t.Context(), c)
				if took := time.Since(start); took < tc.least || took > tc.most || (err == nil) != (tc.most > 0) {
					t.Errorf("took %v, error %v; want %v to %v", took, err, tc.least, tc.most)
				}
			})
		})
	}
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []any{503}, header: http.Header{"Retry-After": {"20"}}}
		c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: s}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := read(ctx, c); !errors.Is(err, client.ErrUnavailable) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestAnAttemptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c, err := client.New("http://h", client.Options{Retries: -1, Timeout: 3 * time.Second, HTTPClient: &http.Client{Transport: stuck}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := write(t.Context(), c); !errors.Is(err, client.ErrUnreachable) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}
