package deviceserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/httpapi"
)

// readOnly is a store of the documents above, as far as a device can see it.
type readOnly struct{ fleet.Store }

func (readOnly) Document(ctx context.Context, mac fleet.MAC) (fleet.Served, error) {
	return documents(ctx, mac)
}

// newAPI is the handler that stands behind a Listener in the program.
func newAPI(t *testing.T, origins ...string) http.Handler {
	t.Helper()
	api, err := httpapi.New(httpapi.Options{
		Service: fleet.NewService(readOnly{}, fleet.Options{}), Registry: prometheus.NewRegistry(),
		Logger: slog.New(slog.DiscardHandler), Access: httpapi.Access{CORSOrigins: origins},
	})
	if err != nil {
		t.Fatal(err)
	}
	return api.Handler()
}

var correlation = regexp.MustCompile(`(X-Correlation-Id: |"correlationId":")[A-Za-z0-9]+`)

// The replies are those of the program's own handler, so that no device can tell which way its request went.
func TestSameRepliesAsTheAPI(t *testing.T) {
	for name, origins := range map[string][]string{"no origins": nil, "origins": {"https://dashboard.example"}} {
		t.Run(name, func(t *testing.T) {
			handler := newAPI(t, origins...)
			plain := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
			inner := listen(t)
			ended := make(chan error, 1)
			go func() { ended <- plain.Serve(inner) }()
			t.Cleanup(func() {
				if err := plain.Close(); err != nil {
					t.Error(err)
				}
				if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("serve: %v", err)
				}
			})
			fast := start(t, Options{VaryOrigin: len(origins) > 0}, func(s *http.Server) { s.Handler = handler })
			p := pair{plain: inner.Addr().String(), fast: fast}
			for _, text := range []string{
				get(someMAC), get(bigMAC), get(gone), get("not-a-mac"),
				strings.Replace(get(someMAC), "GET", "HEAD", 1),
				strings.Replace(get(gone), "GET", "HEAD", 1),
				strings.Replace(get(someMAC), "GET", "DELETE", 1),
				strings.Replace(get(someMAC), "/api/configs", "/esp32/config", 1),
				strings.Replace(get(someMAC), "HTTP/1.1", "HTTP/1.0", 1),
				get(someMAC, "If-None-Match: *"), get(someMAC, `If-None-Match: W/"`+someETag+`"`), get(someMAC, `If-None-Match: "x"`),
				get(someMAC, "If-None-Match: x"), get(someMAC, "Origin: https://dashboard.example"), get(someMAC, "Connection: close"),
				get(someMAC, "Range: bytes=0-1"), get(someMAC, "If-Modified-Since: Mon, 09 Mar 2037 08:07:06 GMT"),
				get(someMAC) + get(gone) + get(someMAC),
				strings.Replace(get(someMAC), "/api/configs/", "/api/configs/%61", 1),
				strings.Replace(get(someMAC), ".json", ".json?a=b", 1),
			} {
				p.sameButIDs(t, text)
			}
			if n := fast.fast.Load(); n < 9 {
				t.Errorf("%d requests were answered here: the test shows little", n)
			}
		})
	}
}

func (p pair) sameButIDs(t *testing.T, text string) {
	t.Helper()
	var replies [2]string
	for i, address := range []string{p.plain, p.fast.address()} {
		reply, whole := exchange(t, address, text)
		if !whole || reply == "" {
			t.Fatalf("no reply to %q", text)
		}
		replies[i] = correlation.ReplaceAllString(date.ReplaceAllString(reply, "Date: now\r"), "${1}id")
	}
	if diff := cmp.Diff(replies[0], replies[1]); diff != "" {
		t.Errorf("sent %q\nnet/http - deviceserver +\n%s", text, diff)
	}
}
