package client_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

func TestPreview(t *testing.T) {
	c, last := recorder(t, 200, `{"mac_address":"m","revision":6,"changed":true,"patch":[{"op":"remove","path":"/a"}],"unified":"- a\n","unified_of":"stored"}`)
	got, err := c.Preview(t.Context(), 4, []byte(`{ "a":null }`))
	want := client.Preview{MAC: "m", Revision: ptr(int64(6)), Changed: true, Patch: json.RawMessage(`[{"op":"remove","path":"/a"}]`), Unified: "- a\n", UnifiedOf: "stored"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("answer %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(seen{"POST", "/api/configs/4/preview", `{"content":{ "a":null }}`}, *last); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	*last = seen{}
	if _, err := c.Preview(t.Context(), 4, []byte(`{}},"a":{"a":1`)); !errors.Is(err, client.ErrInvalid) || last.Method != "" {
		t.Errorf("a text that is no JSON: %v, and %s was sent", err, last.Body)
	}
	sent, header := headers(t)
	if _, err := sent.Preview(t.Context(), 4, []byte(`{}`), client.IfRevision(7)); err != nil || header.Get("If-Match") != `"r7"` {
		t.Errorf("sent %v: %v", *header, err)
	}
	refusing := serveBody(t, 412, `{"error":"no","code":"PRECONDITION_FAILED","details":{"message":"Read it","current_revision":9}}`)
	if _, err := refusing.Preview(t.Context(), 4, []byte(`{}`)); !errors.Is(err, client.ErrPrecondition) {
		t.Errorf("got %v", err)
	}
}
