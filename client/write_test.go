package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

// headers answers every request with a configuration and remembers the headers of the last.
func headers(t *testing.T) (*client.Client, *http.Header) {
	t.Helper()
	last := &http.Header{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		*last = r.Header
		_, _ = io.WriteString(w, whole)
	})
	return c, last
}

type writing func(context.Context, *client.Client, ...client.WriteOption) error

func writings() map[string]writing {
	return map[string]writing{
		"POST create": func(ctx context.Context, c *client.Client, o ...client.WriteOption) error {
			_, err := c.Create(ctx, "aa", []byte("{}"), o...)
			return err
		},
		"PUT": func(ctx context.Context, c *client.Client, o ...client.WriteOption) error {
			_, err := c.Update(ctx, 1, []byte("{}"), o...)
			return err
		},
		"PATCH": func(ctx context.Context, c *client.Client, o ...client.WriteOption) error {
			_, err := c.Patch(ctx, 1, []byte("{}"), o...)
			return err
		},
		"DELETE": func(ctx context.Context, c *client.Client, o ...client.WriteOption) error {
			return c.Delete(ctx, 1, o...)
		},
		"POST restore": func(ctx context.Context, c *client.Client, o ...client.WriteOption) error {
			_, err := c.Restore(ctx, 1, 2, o...)
			return err
		},
		"POST undelete": func(ctx context.Context, c *client.Client, o ...client.WriteOption) error {
			_, err := c.Undelete(ctx, 1, o...)
			return err
		},
		"POST replace": func(ctx context.Context, c *client.Client, o ...client.WriteOption) error {
			_, err := c.ReplaceDevice(ctx, 1, "bb", o...)
			return err
		},
	}
}

func TestWriteOptionsAreHeaders(t *testing.T) {
	for name, write := range writings() {
		t.Run(name, func(t *testing.T) {
			c, last := headers(t)
			if err := write(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			first := last.Get("Idempotency-Key")
			if (first != "") != strings.HasPrefix(name, "POST") {
				t.Errorf("of its own accord the key is %q", first)
			}
			if last.Get("If-Match")+last.Get("If-None-Match")+last.Get("X-Change-Message") != "" {
				t.Errorf("says what nobody asked for: %v", *last)
			}
			if err := write(t.Context(), c); err != nil || first != "" && last.Get("Idempotency-Key") == first {
				t.Errorf("two writes have one key, %q: %v", first, err)
			}
			err := write(t.Context(), c, client.Message("why"), client.IfRevision(7, 9), client.IdempotencyKey("k"))
			got := [...]string{last.Get("X-Change-Message"), last.Get("If-Match"), last.Get("Idempotency-Key")}
			if err != nil || got != [...]string{"why", `"r7", "r9"`, "k"} {
				t.Errorf("sent %q: %v", got, err)
			}
			if err := write(t.Context(), c, client.IfAbsent(), client.Message(""), client.IfRevision()); err != nil || last.Get("If-None-Match") != "*" {
				t.Errorf("sent %v: %v", *last, err)
			}
			if _, there := (*last)["X-Change-Message"]; there || last.Get("If-Match") != "" {
				t.Errorf("says what is empty: %v", *last)
			}
		})
	}
}

func TestMessagesAreEncodedWhereTheyMustBe(t *testing.T) {
	for text, want := range map[string]string{
		"new Wi-Fi, 100%":  "new Wi-Fi, 100%",
		"für ☂":            "UTF-8''f%C3%BCr%20%E2%98%82",
		"two\nlines":       "UTF-8''two%0Alines",
		" space around ":   "UTF-8''%20space%20around%20",
		"UTF-8''not this%": "UTF-8''UTF-8%27%27not%20this%25",
	} {
		c, last := headers(t)
		if err := c.Delete(t.Context(), 1, client.Message(text)); err != nil || last.Get("X-Change-Message") != want {
			t.Errorf("%q is sent as %q: %v", text, last.Get("X-Change-Message"), err)
		}
	}
}

func TestPatchSendsItsText(t *testing.T) {
	var got seen
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/merge-patch+json" {
			t.Errorf("Content-Type %q: %v", r.Header.Get("Content-Type"), err)
		}
		got = seen{r.Method, r.RequestURI, string(raw)}
		_, _ = io.WriteString(w, whole)
	})
	if _, err := c.Patch(t.Context(), 7, []byte(`{ "n":1e400,"x":null }`)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(seen{"PATCH", "/api/configs/7", `{"content":{ "n":1e400,"x":null }}`}, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	got = seen{}
	if _, err := c.Patch(t.Context(), 7, []byte(`{}},"mac_address":{"a":1`)); !errors.Is(err, client.ErrInvalid) || got.Method != "" {
		t.Errorf("a text that is no JSON: %v, and %s was sent", err, got.Body)
	}
}

func TestImportSaysWhy(t *testing.T) {
	var last http.Header
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		last = r.Header
		_, _ = io.WriteString(w, report)
	})
	if _, err := c.ImportText(t.Context(), nil, client.ImportOptions{Message: "from the old server"}); err != nil {
		t.Fatal(err)
	}
	if last.Get("X-Change-Message") != "from the old server" || last.Get("Idempotency-Key") == "" {
		t.Errorf("sent %v", last)
	}
}

func TestAPreconditionNamesTheRevision(t *testing.T) {
	c := serveBody(t, 412, `{"error":"Config for aa was changed","code":"PRECONDITION_FAILED","details":{"message":"Read it","current_revision":9}}`)
	err := c.Delete(t.Context(), 1, client.IfRevision(7))
	refused, ok := errors.AsType[*client.Error](err)
	if !errors.Is(err, client.ErrPrecondition) || !ok || refused.CurrentRevision != 9 {
		t.Errorf("got %v", err)
	}
}

func TestLookingLeavesNoTrace(t *testing.T) {
	c, last := headers(t)
	if _, err := c.Document(t.Context(), "aa", ""); err != nil || last.Get("X-No-Check-In") == "" {
		t.Errorf("sent %v: %v", *last, err)
	}
}
