package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

var errEnough = errors.New("enough")

// stream answers each connection with the next of what a server would: a status, an error, or the text of a stream. A text
// that ends with … is silent from there on.
type stream struct {
	answers []any
	resumed []string // the Last-Event-ID of each connection
	uris    []string
}

func (s *stream) RoundTrip(r *http.Request) (*http.Response, error) {
	n := min(len(s.resumed), len(s.answers)-1)
	s.resumed = append(s.resumed, r.Header.Get("Last-Event-ID"))
	s.uris = append(s.uris, r.URL.RequestURI())
	switch answer := s.answers[n].(type) {
	case error:
		return nil, answer
	case int:
		return &http.Response{StatusCode: answer, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
	case string:
		text, silent := strings.CutSuffix(answer, "…")
		body := io.Reader(strings.NewReader(text))
		if silent {
			body = io.MultiReader(body, hang{r.Context()})
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, Body: io.NopCloser(body)}, nil
	}
	return nil, errors.New("what is this?")
}

type hang struct{ ctx context.Context }

func (h hang) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

func event(kind, id string, revision int) string {
	return fmt.Sprintf("event: %s\nid: %s\ndata: {\"mac_address\":\"m\",\"config_id\":4,\"revision\":%d}\n\n", kind, id, revision)
}

const ready = "event: ready\nid: 0\ndata: {}\n\n"

// listen reads events until there were most, or the stream ends.
func listen(ctx context.Context, c *client.Client, o client.EventOptions, most int) (got []string, err error) {
	for e, failed := range c.Events(ctx, o) {
		if failed != nil {
			err = failed
			continue
		}
		got = append(got, fmt.Sprintf("%s %s r%d %s", e.ID, e.Kind, e.Revision, e.Reason))
		if len(got) == most {
			break
		}
	}
	return got, err
}

func TestEventsGoOnWhereTheyWere(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []any
		after   string
		want    []string
		resumed []string
		lost    int
	}{
		{"in order", []any{ready + event("created", "1", 1) + ": heartbeat\n\n" + event("check-in", "2", 1)}, "",
			[]string{"0 ready r0 ", "1 created r1 ", "2 check-in r1 "}, []string{""}, 0},
		{"from where it was", []any{ready + event("updated", "6", 2)}, "5", []string{"0 ready r0 ", "6 updated r2 "}, []string{"5"}, 0},
		{"the server ends it", []any{ready + event("created", "1", 1), ready + event("updated", "2", 2)}, "",
			[]string{"0 ready r0 ", "1 created r1 ", "2 updated r2 "}, []string{"", "1"}, 1},
		{"what was cut off comes again", []any{ready + event("created", "1", 1) + "event: updated\nid: 2\ndata: {\"revision\":2}\n", ready + event("updated", "2", 2)}, "",
			[]string{"0 ready r0 ", "1 created r1 ", "2 updated r2 "}, []string{"", "1"}, 1},
		{"nothing came before it broke", []any{ready, reset(), 503, 429, ready + event("updated", "2", 2)}, "",
			[]string{"0 ready r0 ", "2 updated r2 "}, []string{"", "0", "0", "0", "0"}, 4},
		{"silence", []any{ready + ": x\n…", ready + event("updated", "2", 2)}, "",
			[]string{"0 ready r0 ", "2 updated r2 "}, []string{"", "0"}, 1},
		{"a gap", []any{ready, "event: reset\nid: 9\ndata: {\"reason\":\"too old\"}\n\n" + event("updated", "10", 3)}, "",
			[]string{"0 ready r0 ", "9 reset r0 too old", "10 updated r3 "}, []string{"", "0"}, 1},
		{"not at once", []any{503, refused(), ready + event("updated", "2", 2)}, "",
			[]string{"0 ready r0 ", "2 updated r2 "}, []string{"", "", ""}, 0},
		{"carriage returns", []any{strings.ReplaceAll(ready+event("updated", "2", 2), "\n", "\r\n")}, "",
			[]string{"0 ready r0 ", "2 updated r2 "}, []string{""}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stream{answers: tc.answers}
				c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: s}})
				failOn(t, err)
				lost := 0
				got, err := listen(t.Context(), c, client.EventOptions{After: tc.after, Lost: func(err error, wait time.Duration) {
					if lost++; err == nil || wait <= 0 || wait > 5*time.Second {
						t.Errorf("lost: %v, wait %v", err, wait)
					}
				}}, len(tc.want))
				if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
					t.Errorf("%v, events (-want +got):\n%s", err, diff)
				}
				if diff := cmp.Diff(tc.resumed, s.resumed); diff != "" || lost != tc.lost {
					t.Errorf("lost %d times, resumed (-want +got):\n%s", lost, diff)
				}
			})
		})
	}
}

func TestEventsEnd(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []any
		asks    int
		want    error
	}{
		{"nobody there", []any{refused()}, 4, client.ErrUnreachable},
		{"not allowed", []any{401}, 1, client.ErrUnauthorized},
		{"not allowed any more", []any{ready, 503, 401}, 3, client.ErrUnauthorized},
		{"something else", []any{"", 200}, 2, client.ErrUnreadable},
		{"nonsense", []any{"data: <html>\n\n"}, 1, client.ErrUnreadable},
		{"nonsense later", []any{ready + "data: <html>\n\n"}, 1, client.ErrUnreadable},
		{"too long", []any{ready + "data: " + strings.Repeat("x", 5<<20)}, 1, client.ErrUnreadable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stream{answers: tc.answers}
				c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: s}})
				failOn(t, err)
				if _, err := listen(t.Context(), c, client.EventOptions{}, -1); !errors.Is(err, tc.want) || len(s.resumed) != tc.asks {
					t.Errorf("asked %d times: %v", len(s.resumed), err)
				}
			})
		})
	}
}

func TestEventsEndWithTheirContext(t *testing.T) {
	for name, answers := range map[string][]any{"waiting for an event": {ready + "…"}, "waiting to connect": {ready, 503}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: &stream{answers: answers}}})
				failOn(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				start := time.Now()
				got, err := listen(ctx, c, client.EventOptions{}, -1)
				if took := time.Since(start); len(got) != 1 || err != nil || took != 10*time.Second {
					t.Errorf("after %v: %v, %v", took, got, err)
				}
			})
		})
	}
}

func TestEventFilters(t *testing.T) {
	s := &stream{answers: []any{ready}}
	c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: s}})
	failOn(t, err)
	_, err = listen(t.Context(), c, client.EventOptions{Kinds: []string{client.EventCheckIn, client.EventSync}, MAC: "aa:bb"}, 1)
	if want := "/api/events?kinds=check-in%2Csync&mac_address=aa%3Abb"; err != nil || s.uris[0] != want {
		t.Errorf("asked %s: %v", s.uris[0], err)
	}
}

func TestAnEventIsReadWhole(t *testing.T) {
	s := &stream{answers: []any{"event: report\nid: p\ndata: {\"mac_address\":\"m\",\"config_id\":4,\"revision\":3,\ndata:\"at\":\"2026-01-02T03:04:05.000006Z\"," +
		"\"sync\":\"error\",\"last_seen\":null,\"device_revision\":2,\"overdue\":true,\"online\":false,\"principal\":\"token\",\"address\":\"10.0.0.5\",\"message\":\"why\"," +
		"\"other_mac_address\":\"n\",\"report\":{\"status\":\"error\",\"revision\":2,\"code\":\"bad\"}}\n\n"}}
	c, err := client.New("http://h", client.Options{HTTPClient: &http.Client{Transport: s}})
	failOn(t, err)
	want := client.Event{Kind: client.EventReport, ID: "p", MAC: "m", ConfigID: 4, Revision: 3, At: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Sync: client.SyncError, DeviceRevision: ptr(int64(2)), Overdue: true, Online: ptr(false), Principal: ptr("token"), Address: ptr("10.0.0.5"),
		Message: ptr("why"), OtherMAC: ptr("n"), Report: &client.ShownReport{Shown: client.Shown{Revision: 2}, Status: "error", Code: ptr("bad")}}
	for e, err := range c.Events(t.Context(), client.EventOptions{}) {
		if diff := cmp.Diff(want, e); diff != "" || err != nil {
			t.Errorf("%v, event (-want +got):\n%s", err, diff)
		}
		break
	}
}
