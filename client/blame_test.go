package client_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

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

func TestBlame(t *testing.T) {
	c, last := recorder(t, 200, `{"config_id":4,"mac_address":"m","revision":7,"complete":false,"values":[{"path":"/a~1b","revision":3,"created_at":"2026-01-02T03:04:05.000006Z",`+
		`"principal":"token","message":null,"source":"edit"},{"path":"/c","revision":null,"created_at":null,"principal":null,"message":null,"source":null}]}`)
	got, err := c.Blame(t.Context(), 4)
	want := client.Blame{ConfigID: 4, MAC: "m", Revision: ptr(int64(7)), Values: []client.Blamed{{Path: "/a~1b", Revision: ptr(int64(3)),
		CreatedAt: ptr(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)), Principal: ptr("token"), Source: ptr("edit")}, {Path: "/c"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("answer %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(seen{"GET", "/api/configs/4/blame", ""}, *last); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	refusing := serveBody(t, 404, `{"error":"Config 4 was not found","code":"RECORD_NOT_FOUND"}`)
	if _, err := refusing.Blame(t.Context(), 4); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
