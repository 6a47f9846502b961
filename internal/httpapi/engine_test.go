package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// TestOnBothEngines walks through the API with a real database behind it.
func TestOnBothEngines(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.keep(odd)
		whole := f.get("/api/configs/1").want(t, 200)
		if want := wholeConfig(odd, "2026-01-02T03:04:05.123456Z", 1); whole.body != want {
			t.Errorf("got\n%s\nwant\n%s", whole.body, want)
		}
		if got := f.get("/esp32/config/aa-bb-cc-dd-ee-ff.json").want(t, 200); got.body != odd {
			t.Errorf("%q", got.body)
		}
		f.send("POST", "/api/configs", `{"mac_address":"aabbccddeeff","content":{}}`).want(t, 409)
		f.send("PUT", "/api/configs/1", `{"content":{"deviceName":"ä","enableOTA":true}}`).want(t, 200)
		f.send("PUT", "/api/configs/99999", `{"content":{}}`).want(t, 404)
		f.get("/api/configs/9223372036854775807").want(t, 404)

		f.fill(1200)
		for _, query := range []string{"", "?order=desc", "?sort=device_name", "?sort=device_name&order=desc", "?q=DEVICE%2011", "?sort=updated_at"} {
			all := addresses(t, f.get("/api/configs"+query).want(t, 200).body)
			var paged []string
			next := query + "&limit=500"
			if query == "" {
				next = "?limit=500"
			}
			for next != "" {
				page := f.get("/api/configs"+next).want(t, 200)
				paged = append(paged, addresses(t, page.body)...)
				next, _, _ = strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">")
			}
			if diff := cmp.Diff(all, paged); diff != "" || len(all) == 0 {
				t.Errorf("%s: %d: %s", query, len(all), diff)
			}
		}
		if n := strings.Count(f.get("/api/export").want(t, 200).body, "\n"); n != 1201 {
			t.Errorf("exported %d", n)
		}
		f.send("DELETE", "/api/configs/1", "").want(t, 204)
		if body := f.get("/metrics").body; !strings.Contains(body, fmt.Sprintf("iot_config_files_count %d\n", 1200)) {
			t.Error("the count is wrong")
		}
		f.get("/readyz").want(t, 200)
	})
}
