package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

// attic has four configurations, of which two have one name, and one that was deleted.
func attic(t *testing.T) *client.Client {
	const there = `{"id":1,"mac_address":"aa:bb:cc:dd:ee:01","device_name":"Hallway","device_entity_id":"light.hall"},` +
		`{"id":2,"mac_address":"aa:bb:cc:dd:ee:02","device_name":"Hallway","device_entity_id":"light.hall2"},` +
		`{"id":3,"mac_address":"11:22:33:44:55:66","device_name":"Attic"},{"id":4,"mac_address":"aa:bb:cc:dd:ee:04","device_name":"aabbccddee01"}`
	const gone = `{"id":7,"mac_address":"aa:bb:cc:dd:ee:07","device_name":"Cellar","deleted_at":"2026-01-02T03:04:05Z"}`
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/configs" && r.URL.Query().Get("q") == "":
			t.Error("asks for the whole list")
		case r.URL.Path == "/api/configs" && r.URL.Query().Get("deleted") == "true":
			_, _ = io.WriteString(w, `{"configs":[`+gone+`]}`)
		case r.URL.Path == "/api/configs":
			_, _ = io.WriteString(w, `{"configs":[`+there+`]}`)
		case r.URL.Path == "/api/configs/3":
			_, _ = io.WriteString(w, `{"id":3,"mac_address":"11:22:33:44:55:66","content":{}}`)
		case r.URL.Path == "/api/configs/7/revisions":
			_, _ = io.WriteString(w, `{"revisions":[{"revision":4,"mac_address":"aa:bb:cc:dd:ee:07"}]}`)
		default:
			w.WriteHeader(404)
			_, _ = io.WriteString(w, `{"error":"x was not found","code":"RECORD_NOT_FOUND"}`)
		}
	})
}

func TestFind(t *testing.T) {
	for _, tc := range []struct {
		device  string
		deleted bool
		want    []int64
	}{
		{"aa:bb:cc:dd:ee:02", false, []int64{2}},
		{"AA-BB-CC-DD-EE-02", false, []int64{2}},
		{"aabb.ccdd.ee02", false, []int64{2}},
		{" aabbccddee01 ", false, []int64{1}}, // and not the one of that name
		{"112233445566", false, []int64{3}},   // and not an id
		{"aabbccddee", false, nil},
		{"aa:bbccddee02", false, nil},
		{"3", false, []int64{3}},
		{"#3", false, []int64{3}},
		{"#9", true, nil},
		{"0", true, nil},
		{"-3", false, nil},
		{"", true, nil},
		{"Attic", false, []int64{3}},
		{"attic", false, nil},
		{"Hallway", false, []int64{1, 2}},
		{"light.hall", false, []int64{1}},
		{"Cellar", false, nil},
		{"Cellar", true, []int64{7}},
		{"aabbccddee07", true, []int64{7}},
		{"7", false, nil},
		{"#7", true, []int64{7}},
	} {
		found, err := attic(t).Find(t.Context(), tc.device, client.FindOptions{Deleted: tc.deleted})
		var ids []int64
		for _, config := range found {
			ids = append(ids, config.ID)
			if config.Content != nil {
				t.Errorf("%q is found with its content", tc.device)
			}
		}
		if diff := cmp.Diff(tc.want, ids); diff != "" {
			t.Errorf("%q, deleted %t (-want +got):\n%s", tc.device, tc.deleted, diff)
		}
		if tc.want == nil && (!errors.Is(err, client.ErrNotFound) || !strings.Contains(err.Error(), "There is no device")) || tc.want != nil && err != nil {
			t.Errorf("%q: %v", tc.device, err)
		}
	}
}

func TestFindPassesErrorsOn(t *testing.T) {
	for _, device := range []string{"aabbccddee01", "3", "Attic"} {
		c := serveBody(t, 401, `{"error":"No","code":"UNAUTHORIZED"}`)
		if _, err := c.Find(t.Context(), device, client.FindOptions{Deleted: true}); !errors.Is(err, client.ErrUnauthorized) {
			t.Errorf("%q: %v", device, err)
		}
	}
}
