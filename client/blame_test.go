package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

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
