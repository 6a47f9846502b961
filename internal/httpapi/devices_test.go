package httpapi

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// devicesHeader is the first line that a server without events sends.
func devicesHeader(count int) string {
	return `{"columns":["id","mac_address","device_name","device_entity_id","enable_ota","sync","last_seen","revision",` +
		`"device_revision","updated_at","overdue","online"],"count":` + fmt.Sprint(count) + `,"position":null}`
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func lines(body string) []string { return strings.Split(strings.TrimSuffix(body, "\n"), "\n") }

func TestFleetDevices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		if got := f.get("/api/fleet/devices").want(t, 200); got.body != devicesHeader(0)+"\n" {
			t.Errorf("nothing is %q", got.body)
		}
		f.send("POST", "/api/configs", `{"mac_address":"02:00:00:00:00:03","content":{"deviceName":"A \"b\" ä","deviceEntityId":"three","enableOTA":true}}`).want(t, 201)
		f.send("POST", "/api/configs", `{"mac_address":"02:00:00:00:00:01","content":{"enableOTA":false}}`).want(t, 201)
		f.send("POST", "/api/configs", `{"mac_address":"02:00:00:00:00:02","content":{}}`).want(t, 201)
		f.send("PUT", "/api/configs/2", `{"content":{"v":2}}`).want(t, 200)
		f.send("DELETE", "/api/configs/3", ``).want(t, 204)
		seen := time.Now().Truncate(time.Second)
		must(t, s.Record(t.Context(), []fleet.Evidence{
			{MAC: storetest.MAC(3), Kind: fleet.EvidenceOnline, At: seen},
			{MAC: storetest.MAC(1), Kind: fleet.EvidenceFetched, ETag: storetest.Document(t, `{"enableOTA":false}`).ETag(), Revision: 1, At: seen},
		}))
		first := fmt.Sprintf(`[2,"02:00:00:00:00:01",null,null,null,"pending",%d,2,1,1767323045,0,null]`, seen.Unix())
		third := fmt.Sprintf(`[1,"02:00:00:00:00:03","A \"b\" ä","three",1,"pending",%d,1,null,1767323045,0,1]`, seen.Unix())
		for _, c := range []struct {
			query string
			want  []string
		}{
			{"", []string{devicesHeader(2), first, third}},
			{"?ids=1", []string{devicesHeader(1), third}},
			{"?ids=1,3,2,2,9223372036854775807", []string{devicesHeader(2), first, third}},
			{"?ids=77", []string{devicesHeader(0)}},
		} {
			got := f.get("/api/fleet/devices"+c.query).want(t, 200)
			if diff := cmp.Diff(c.want, lines(got.body)); diff != "" || got.header.Get("Content-Type") != "application/x-ndjson" {
				t.Errorf("%s: %v\n%s", c.query, got.header, diff)
			}
		}
	})
}

func TestFleetDevicesRefuses(t *testing.T) {
	f := newFixture(t)
	for _, query := range []string{"ids=", "ids=a", "ids=0", "ids=-1", "ids=1,,2", "ids=" + strings.Repeat("1,", 500) + "1"} {
		if got := f.get("/api/fleet/devices?"+query).want(t, 400); !strings.Contains(got.body, `"ids"`) {
			t.Errorf("%.20s: %s", query, got.body)
		}
	}
	f.get("/api/fleet/devices?ids="+strings.Repeat("1,", 499)+"1").want(t, 200)
}

func TestFleetDevicesIsPacked(t *testing.T) {
	f := newFixture(t)
	f.fill(9000)
	plain := f.get("/api/fleet/devices").want(t, 200)
	if n := len(lines(plain.body)); n != 9001 {
		t.Fatalf("%d lines", n)
	}
	for accepted, packed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "*": true, "gzip;q=0": false, "*;q=0": false, "br": false,
		"gzip;q=0, *": false, "": false} {
		got := f.with(map[string]string{"Accept-Encoding": accepted}, "GET", "/api/fleet/devices", "").want(t, 200)
		if is := got.header.Get("Content-Encoding") == "gzip"; is != packed || got.header.Get("Vary") == "" {
			t.Errorf("%q: %v", accepted, got.header)
		}
		body := got.body
		if packed {
			r, err := gzip.NewReader(strings.NewReader(body))
			must(t, err)
			text, err := io.ReadAll(r)
			must(t, err)
			body = string(text)
		}
		if body != plain.body {
			t.Errorf("%q: the answer is another one", accepted)
		}
	}
}

// The position is that of before the first row: what happens while rows are read is told behind it.
func TestFleetDevicesSaysWhereTheEventsAre(t *testing.T) {
	s := newSource()
	s.add(fleet.Event{Kind: fleet.EventCreated}, fleet.Event{Kind: fleet.EventCreated})
	f := newFixture(t, func(o *Options) { o.Events = s })
	f.fill(1)
	at := fleet.EventPosition{Epoch: sourceEpoch, Change: 2}.String()
	if got := f.get("/api/fleet/devices").want(t, 200); !strings.Contains(lines(got.body)[0], `"position":"`+at+`"`) {
		t.Errorf("%s is not in %s", at, got.body)
	}
	s.finish(fleet.Unavailable(nil))
	f.get("/api/fleet/devices").want(t, 503)
	if got := f.send("HEAD", "/api/fleet/devices", "").want(t, 200); got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%v", got.header)
	}
}

func TestFleetDevicesThatBreaksOff(t *testing.T) {
	for _, coding := range []string{"identity", "gzip"} {
		f := newFixture(t)
		f.fill(9000)
		server := httptest.NewServer(f.Handler())
		defer server.Close()
		ask := func() (int, http.Header, error) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/fleet/devices", nil)
			must(t, err)
			r.Header.Set("Accept-Encoding", coding)
			res, err := server.Client().Do(r)
			must(t, err)
			defer res.Body.Close()
			_, err = io.Copy(io.Discard, res.Body)
			return res.StatusCode, res.Header, err
		}
		if status, _, err := ask(); status != 200 || err != nil {
			t.Errorf("%s: while all is well: %d, %v", coding, status, err)
		}
		f.memory().breakWith(fleet.Unavailable(nil))
		if status, header, err := ask(); status != 503 || err != nil || header.Get("Content-Encoding") != "" {
			t.Errorf("%s: before it began: %d %v %v", coding, status, header, err)
		}
		f.memory().mu.Lock()
		f.memory().failAfter = 2
		f.memory().mu.Unlock()
		if status, _, err := ask(); status != 200 || err == nil {
			t.Errorf("%s: a fleet that broke off ended well: %d, %v", coding, status, err)
		}
	}
}
