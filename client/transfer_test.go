package client_test

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

func items(list ...client.Item) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for _, item := range list {
			if !yield(item, nil) {
				return
			}
		}
	}
}

const report = `{"applied":true,"dry_run":false,"created":2,"updated":1,"unchanged":3,"skipped":4,"refused":[]}`

func TestImportSendsLines(t *testing.T) {
	var uri, kind, body string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		uri, kind, body = r.RequestURI, r.Header.Get("Content-Type"), string(raw)
		_, _ = io.WriteString(w, report)
	})
	var sent, total int64
	got, err := c.Import(t.Context(), items(
		client.Item{Source: "a.json", MAC: "aa", Content: []byte(" {\"x\":\"<ü>\u2028\"}\n")},
		client.Item{MAC: "bb", Content: []byte(`not JSON`), IfRevision: new(int64)},
	), client.ImportOptions{OnConflict: client.ConflictUpdate, KeepGoing: true,
		Progress: func(s, of int64) { sent, total = s, of }})
	if err != nil {
		t.Fatal(err)
	}
	want := client.Report{Applied: true, Created: 2, Updated: 1, Unchanged: 3, Skipped: 4, Refused: []client.Refusal{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if uri != "/api/import?keep_going=true&on_conflict=update" || kind != "application/x-ndjson" {
		t.Errorf("sent to %s as %s", uri, kind)
	}
	lines := `{"source":"a.json","mac_address":"aa","content":" {\"x\":\"<ü>\u2028\"}\n"}` + "\n" +
		`{"mac_address":"bb","if_revision":0,"content":"not JSON"}` + "\n"
	if diff := cmp.Diff(lines, body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if sent != total || total != int64(len(body)) {
		t.Errorf("progress ended at %d of %d, and %d bytes were sent", sent, total, len(body))
	}
}

// What JSON cannot carry refuses the rest as any other refusal does.
func TestImportRefusesWhatIsNoUTF8(t *testing.T) {
	for _, tc := range []struct {
		options client.ImportOptions
		query   string
	}{
		{client.ImportOptions{}, "dry_run=true"},
		{client.ImportOptions{DryRun: true}, "dry_run=true"},
		{client.ImportOptions{KeepGoing: true}, "keep_going=true"},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			raw, err := io.ReadAll(r.Body)
			if err != nil || strings.Count(string(raw), "\n") != 1 || r.URL.RawQuery != tc.query {
				t.Errorf("sent %q to ?%s, want ?%s", raw, r.URL.RawQuery, tc.query)
			}
			_, _ = io.WriteString(w, `{"applied":false,"dry_run":true,"created":0,"refused":[{"source":"line 1","code":"RECORD_EXISTS","reason":"r","current_revision":7}]}`)
		})
		got, err := c.Import(t.Context(), items(
			client.Item{Source: "bad.json", MAC: "aa", Content: []byte("{\"\xe9\":1}")},
			client.Item{Source: "good.json", MAC: "bb", Content: []byte(`{}`)},
		), tc.options)
		if err != nil {
			t.Fatal(err)
		}
		want := client.Report{DryRun: tc.options.DryRun, Refused: []client.Refusal{
			{Source: "bad.json", MAC: "aa", Code: "VALIDATION_FAILED", Reason: "content is not valid UTF-8 (byte 2)"},
			{Source: "good.json", Code: "RECORD_EXISTS", Reason: "r", CurrentRevision: 7},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v: report (-want +got):\n%s", tc.options, diff)
		}
	}
}

func TestImportStopsAtAnErrorOfItsItems(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("was sent") })
	broken := errors.New("broken")
	_, err := c.Import(t.Context(), func(yield func(client.Item, error) bool) {
		_ = yield(client.Item{MAC: "aa", Content: []byte("{}")}, nil) && yield(client.Item{}, broken)
	}, client.ImportOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// Who may not import must hear so, however much there is to send.
func TestLargeImportHearsItsRefusal(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"The admin token is wrong","code":"UNAUTHORIZED"}`)
	})
	large := client.Item{MAC: "aa", Content: []byte(strings.Repeat("x", 16<<20))}
	if _, err := c.Import(t.Context(), items(large, large), client.ImportOptions{}); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("got %v", err)
	}
}

func TestImportThatIsTooLarge(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("was sent") })
	large := client.Item{MAC: "aa", Content: []byte(strings.Repeat("x", 600))}
	c.BoundImport(1000)
	if _, err := c.Import(t.Context(), items(large, large), client.ImportOptions{}); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestExport(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/export" {
			t.Errorf("asked %s", r.URL.Path)
		}
		_, _ = io.WriteString(w, `{"mac_address":"aa","content":" {\"a\":\"\u00e9<\"}\r\n"}`+"\n"+`{"mac_address":"bb","content":"{}"}`+"\n")
	})
	var got []string
	err := c.Export(t.Context(), func(mac string, content []byte) error {
		got = append(got, mac, string(content))
		return nil
	})
	if diff := cmp.Diff([]string{"aa", " {\"a\":\"é<\"}\r\n", "bb", "{}"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	full := errors.New("disk full")
	if err := c.Export(t.Context(), func(string, []byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("an error of each: %v", err)
	}
}

// An export that breaks off must not pass for a whole one.
func TestExportThatIsCut(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"mac_address":"aa","content":"{}"}`+"\n")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	n := 0
	err := c.Export(t.Context(), func(string, []byte) error { n++; return nil })
	if !errors.Is(err, client.ErrUnreachable) || n != 1 {
		t.Errorf("after %d: %v", n, err)
	}
	c = serveBody(t, 200, `{"mac_address":"aa"}`)
	if err := c.Export(t.Context(), func(string, []byte) error { return nil }); !errors.Is(err, client.ErrUnreadable) {
		t.Errorf("without content: %v", err)
	}
}

func TestImportRefusesAnItemThatYieldsAnError(t *testing.T) {
	var query string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		_, _ = io.WriteString(w, `{"applied":false,"dry_run":true,"created":1,"refused":[]}`)
	})
	got, err := c.Import(t.Context(), func(yield func(client.Item, error) bool) {
		unread := client.Item{Source: "a.json", MAC: "aa"}
		_ = yield(unread, &client.Error{Code: "INVALID_OPERATION", Message: "it cannot be read"}) &&
			yield(client.Item{Source: "b.json", MAC: "bb", Content: []byte("{}")}, nil)
	}, client.ImportOptions{})
	want := client.Report{Created: 1, Refused: []client.Refusal{
		{Source: "a.json", MAC: "aa", Code: "INVALID_OPERATION", Reason: "it cannot be read"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || query != "dry_run=true" {
		t.Errorf("sent to ?%s, %v (-want +got):\n%s", query, err, diff)
	}
}

func TestImportText(t *testing.T) {
	var kind, body string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		kind, body = r.Header.Get("Content-Type"), string(raw)
		_, _ = io.WriteString(w, report)
	})
	for text, want := range map[string][2]string{
		"{\"a\":\"\xff\"}\n": {"application/x-ndjson", "{\"a\":\"\xff\"}\n"},
		" \n[{}]":            {"application/json", " \n[{}]"},
		"\uFEFF[]":           {"application/json", "[]"},
		"":                   {"application/x-ndjson", "\n"},
	} {
		got, err := c.ImportText(t.Context(), []byte(text), client.ImportOptions{})
		if err != nil || got.Created != 2 || kind != want[0] || body != want[1] {
			t.Errorf("%q was sent as %s %q: %+v, %v", text, kind, body, got, err)
		}
	}
	c.BoundImport(10)
	if _, err := c.ImportText(t.Context(), []byte("12345678901"), client.ImportOptions{}); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("too much: %v", err)
	}
}
