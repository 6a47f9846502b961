package httpapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// show has a device show things: each a minute after the one before.
func (f *fixture) show(evidence ...fleet.Evidence) {
	f.t.Helper()
	for _, e := range evidence {
		f.clock.pass(time.Minute)
		if e.MAC == (fleet.MAC{}) {
			e.MAC = someMAC
		}
		e.At = f.clock.Now()
		if err := f.memory().Record(f.t.Context(), []fleet.Evidence{e}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// known is an API over memory with a configuration in two revisions, whose entity tags it gives.
func known(t *testing.T) (f *fixture, first, now string) {
	t.Helper()
	f = newFixture(t)
	f.keep(odd)
	first = f.memory().configs[1].ETag
	f.send("PUT", "/api/configs/1", `{"content":{"new":1}}`).want(t, 200)
	return f, first, f.memory().configs[1].ETag
}

func TestADeviceThatWasNeverSeen(t *testing.T) {
	f, _, _ := known(t)
	const want = `{"config_id":1,"mac_address":"aa:bb:cc:dd:ee:ff","sync":"unknown","overdue":false,"online":null,"online_since":null,` +
		`"first_seen":null,"last_seen":null,"address":null,"device_revision":null,"rhythm_seconds":null,"overdue_at":null,` +
		`"fetched":null,"held":null,"reported":null,"has":null}`
	if got := f.get("/api/configs/1/device").want(t, 200); got.body != want {
		t.Error(cmp.Diff(want, got.body))
	}
	if got := f.get("/api/configs/1/facts").want(t, 200); got.body != `{"facts":[],"count":0}` {
		t.Error(got.body)
	}
	const then = `{"config_id":1,"mac_address":"aa:bb:cc:dd:ee:ff","at":"2026-01-01T00:00:00.000000Z","known":false,"revision":null,` +
		`"etag":null,"level":null,"fact_at":null}`
	if got := f.get("/api/configs/1/device?at=2026-01-01T00:00:00Z").want(t, 200); got.body != then {
		t.Error(cmp.Diff(then, got.body))
	}
}

func TestWhatIsKnownOfADevice(t *testing.T) {
	f, first, now := known(t)
	polled := fleet.Evidence{Kind: fleet.EvidenceFetched, ETag: first, Revision: 1, Address: "10.0.0.5"}
	f.show(polled, polled, polled, polled, polled, polled, // a rhythm of a minute
		fleet.Evidence{Kind: fleet.EvidenceHeld, ETag: first, Revision: 1, Address: "10.0.0.5"},
		fleet.Evidence{Kind: fleet.EvidenceFetched, ETag: now, Revision: 2, Address: "10.0.0.6"},
		fleet.Evidence{Kind: fleet.EvidenceReported, ETag: now, Revision: 2, Report: &fleet.DeviceReport{Code: "E1", Path: "/a", Message: "no", Firmware: "1"}},
		fleet.Evidence{Kind: fleet.EvidenceOnline},
		fleet.Evidence{Kind: fleet.EvidenceOffline},
	)
	at := func(minute int) string { return fmt.Sprintf(`"2026-01-02T03:%02d:05.123456Z"`, 4+minute) }
	want := `{"config_id":1,"mac_address":"aa:bb:cc:dd:ee:ff","sync":"error","overdue":false,"online":false,"online_since":` + at(11) +
		`,"first_seen":` + at(1) + `,"last_seen":` + at(10) + `,"address":"10.0.0.6","device_revision":2,"rhythm_seconds":60,"overdue_at":` + at(14) +
		`,"fetched":{"etag":"` + now + `","revision":2,"at":` + at(8) + `,"address":"10.0.0.6"}` +
		`,"held":{"etag":"` + first + `","revision":1,"at":` + at(7) + `,"address":"10.0.0.5"}` +
		`,"reported":{"status":"error","etag":"` + now + `","revision":2,"at":` + at(9) + `,"address":null,"code":"E1","path":"/a","message":"no","firmware":"1"}` +
		`,"has":{"etag":"` + now + `","revision":2,"at":` + at(9) + `,"level":"error","since_revision":2}}`
	if got := f.get("/api/configs/1/device").want(t, 200); got.body != want {
		t.Error(cmp.Diff(want, got.body))
	}
	for moment, want := range map[string]string{
		"2026-01-02T03:05:05.123455Z":  `"known":false,"revision":null,"etag":null,"level":null,"fact_at":null}`,
		"2026-01-02T03:05:05.123456Z":  `"known":true,"revision":1,"etag":"` + first + `","level":"fetched","fact_at":` + at(1) + `}`,
		"2026-01-02T04:11:30%2B01:00":  `"known":true,"revision":1,"etag":"` + first + `","level":"held","fact_at":` + at(7) + `}`,
		"2026-01-02T03:12:05.1234569Z": `"known":true,"revision":2,"etag":"` + now + `","level":"fetched","fact_at":` + at(8) + `}`,
		"2099-01-01T00:00:00Z":         `"known":true,"revision":2,"etag":"` + now + `","level":"error","fact_at":` + at(11) + `}`,
	} {
		if got := f.get("/api/configs/1/device?at="+moment).want(t, 200); !strings.HasSuffix(got.body, want) {
			t.Errorf("%s: %s, want %s", moment, got.body, want)
		}
	}
}

// That a device is connected says nothing of what it has.
func TestADeviceOfWhichLittleIsKnown(t *testing.T) {
	f, _, _ := known(t)
	f.show(fleet.Evidence{Kind: fleet.EvidenceOnline})
	got := f.get("/api/configs/1/device").want(t, 200).body
	for _, want := range []string{`"sync":"pending"`, `"online":true`, `"device_revision":null`, `"has":null`, `"address":null`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	then := f.get("/api/configs/1/device?at=2099-01-01T00:00:00Z").want(t, 200).body
	if !strings.Contains(then, `"known":false,"revision":null,"etag":null,"level":null,"fact_at":"2026-01-02T03:05:05.123456Z"`) {
		t.Error(then)
	}
	f.show(fleet.Evidence{Kind: fleet.EvidenceLost})
	if got := f.get("/api/configs/1/device").want(t, 200).body; !strings.Contains(got, `"online":null,"online_since":null`) {
		t.Error(got)
	}
}

func TestFacts(t *testing.T) {
	f, first, now := known(t)
	f.show(
		fleet.Evidence{Kind: fleet.EvidenceFetched, ETag: first, Revision: 1, Address: "10.0.0.5"},
		fleet.Evidence{Kind: fleet.EvidenceFetched, ETag: first, Revision: 1, Address: "10.0.0.5"}, // nothing new
		fleet.Evidence{Kind: fleet.EvidenceHeld, ETag: first, Revision: 1, Address: "10.0.0.5"},
		fleet.Evidence{Kind: fleet.EvidenceOnline},
		fleet.Evidence{Kind: fleet.EvidenceReported, ETag: now, Revision: 2, Report: &fleet.DeviceReport{Message: "no"}},
		fleet.Evidence{Kind: fleet.EvidenceReported, ETag: now, Revision: 2, Report: &fleet.DeviceReport{Applied: true, Firmware: "2"}},
	)
	got := f.get("/api/configs/1/facts?limit=1").want(t, 200)
	want := `{"facts":[{"id":5,"at":"2026-01-02T03:10:05.123456Z","kind":"applied","etag":"` + now + `","revision":2,"address":null,"code":null,` +
		`"path":null,"message":null,"firmware":"2","device_revision":2,"device_etag":"` + now + `","level":"applied"}],"count":1,"next_cursor":"5"}`
	if got.body != want {
		t.Error(cmp.Diff(want, got.body))
	}
	var kinds []string
	for next := "?limit=2"; next != ""; {
		page := f.get("/api/configs/1/facts"+next).want(t, 200)
		var list struct{ Facts []struct{ Kind string } }
		if err := json.Unmarshal([]byte(page.body), &list); err != nil || len(list.Facts) > 2 {
			t.Fatalf("%v: %s", err, page.body)
		}
		for _, one := range list.Facts {
			kinds = append(kinds, one.Kind)
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">")
	}
	if want := []string{"applied", "error", "online", "held", "fetched"}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
}

func TestDevicesOfWhatWasDeleted(t *testing.T) {
	f, first, _ := known(t)
	f.show(fleet.Evidence{Kind: fleet.EvidenceFetched, ETag: first, Revision: 1, Address: "10.0.0.5"})
	f.send("DELETE", "/api/configs/1", "").want(t, 204)
	for _, path := range []string{"/device", "/device?at=2099-01-01T00:00:00Z", "/facts"} {
		if got := f.get("/api/configs/1"+path).want(t, 200); !strings.Contains(got.body, first) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func TestDevicesThatCannotBeShown(t *testing.T) {
	f, _, _ := known(t)
	for _, path := range []string{"/device", "/device?at=2026-01-01T00:00:00Z", "/facts"} {
		for _, id := range []string{"7", "abc", "+1", "-1", "aabbccddeeff"} {
			f.get("/api/configs/"+id+path).want(t, 404)
		}
		f.do(request{method: "GET", target: "/api/configs/1" + path, from: "10.0.0.9:1"}).want(t, 403)
		f.send("POST", "/api/configs/1"+path, "{}").want(t, 405)
	}
	for query, field := range map[string]string{"device?at=yesterday": "at", "device?at=2026-13-01T00:00:00Z": "at", "device?at=%zz": "query",
		"facts?limit=0": "limit", "facts?limit=1001": "limit", "facts?cursor=x": "cursor", "facts?cursor=-1": "cursor", "facts?limit=%zz": "query"} {
		if got := f.get("/api/configs/1/"+query).want(t, 400); !strings.Contains(got.body, `"field":"`+field+`"`) {
			t.Errorf("%s: %s", query, got.body)
		}
	}
}

func TestFleetSummary(t *testing.T) {
	f, _, _ := known(t)
	f.fill(9)
	macs := []fleet.MAC{}
	for _, c := range f.memory().configs {
		if c.MAC != someMAC && c.MAC != (fleet.MAC{}) { // which show takes for none
			macs = append(macs, c.MAC)
		}
	}
	tag := func(mac fleet.MAC) string {
		for _, c := range f.memory().configs {
			if c.MAC == mac {
				return c.ETag
			}
		}
		return ""
	}
	shown := func(mac fleet.MAC, kind fleet.EvidenceKind, report *fleet.DeviceReport) fleet.Evidence {
		return fleet.Evidence{MAC: mac, Kind: kind, ETag: tag(mac), Revision: 1, Report: report}
	}
	f.show(
		shown(macs[0], fleet.EvidenceSeen, nil), shown(macs[1], fleet.EvidenceFetched, nil), shown(macs[2], fleet.EvidenceHeld, nil),
		shown(macs[3], fleet.EvidenceReported, &fleet.DeviceReport{Applied: true}), shown(macs[4], fleet.EvidenceReported, &fleet.DeviceReport{}),
		shown(macs[3], fleet.EvidenceOnline, nil), shown(macs[1], fleet.EvidenceOnline, nil), shown(macs[4], fleet.EvidenceOffline, nil),
	)
	f.send("DELETE", "/api/configs/1", "").want(t, 204)
	got := f.get("/api/fleet/summary").want(t, 200).body
	const want = `{"total":9,"sync":{"unknown":4,"pending":1,"fetched":1,"held":1,"applied":1,"error":1},"overdue":0,"online":2,"offline":1,"deleted":1,"at":"`
	if !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
	f.do(request{method: "GET", target: "/api/fleet/summary", from: "10.0.0.9:1"}).want(t, 403)
	f.memory().breakWith(fleet.Unavailable(nil))
	f.get("/api/fleet/summary").want(t, 503)
}
