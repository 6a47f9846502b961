package httpapi

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// marker stands for what is secret in documents, tokens and queries.
const marker = "hunter2"

// summary is an entry of the audit in a line.
func summary(e fleet.AuditEntry) string {
	mac := "-"
	if e.MAC != nil {
		mac = e.MAC.String()
	}
	return fmt.Sprintf("%s %s %s from %s: %s %s, config %d of %s", e.Result, e.Action, e.Code, e.By.Address, e.By.Principal, e.Target, e.ConfigID, mac)
}

func TestRefusedAttempts(t *testing.T) {
	f := newFixture(t, withToken, withOrigins("https://front.example"))
	f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`).want(t, 201)
	big := `{"content":{"a":"` + marker + strings.Repeat("x", fleet.DefaultMaxContent) + `"}}`
	const lan = "10.0.0.9:4711"
	for _, c := range []struct {
		name   string
		req    request
		status int
		want   string // the entry; "" is none
	}{
		{"read", request{method: "GET", target: "/api/configs/9"}, 404, ""},
		{"read from the network", request{method: "GET", target: "/api/configs", from: lan}, 401, ""},
		{"question of a browser", request{method: "OPTIONS", target: "/api/configs", from: lan}, 204, ""},
		{"head", request{method: "HEAD", target: "/api/nothing"}, 404, ""},
		{"write that is done", request{method: "PUT", target: "/api/configs/1", body: `{"content":{}}`}, 200, ""},
		{"public", request{method: "POST", target: "/metrics"}, 405, ""},
		{"outside", request{method: "POST", target: "/nothing"}, 404, ""},
		{"older firmware's path", request{method: "POST", target: "/esp32/config/aabbccddeeff.json"}, 405, ""},

		{"create for what is there", request{method: "POST", target: "/api/configs", body: `{"mac_address":"AABBCCDDEE0A","content":{"p":"` + marker + `"}}`}, 409,
			"refused create RECORD_EXISTS from 127.0.0.1: local /api/configs, config 0 of " + macA},
		{"create without content", request{method: "POST", target: "/api/configs/", body: `{"mac_address":"` + macB + `","x":"` + marker + `"}`}, 400,
			"refused create VALIDATION_FAILED from 127.0.0.1: local /api/configs/, config 0 of " + macB},
		{"create for no address", request{method: "POST", target: "/api/configs?token=" + marker, body: `{"mac_address":"` + marker + `","content":{}}`}, 400,
			"refused create INVALID_OPERATION from 127.0.0.1: local /api/configs, config 0 of -"},
		{"no body", request{method: "PUT", target: "/api/configs/1"}, 400,
			"refused update VALIDATION_FAILED from 127.0.0.1: local /api/configs/1, config 1 of " + macA},
		{"too much", request{method: "PUT", target: "/api/configs/1", body: big}, 413,
			"refused update PAYLOAD_TOO_LARGE from 127.0.0.1: local /api/configs/1, config 1 of " + macA},
		{"media type", request{method: "PATCH", target: "/api/configs/1", body: marker, header: map[string]string{"Content-Type": "text/" + marker}}, 415,
			"refused patch UNSUPPORTED_MEDIA_TYPE from 127.0.0.1: local /api/configs/1, config 1 of " + macA},
		{"precondition", request{method: "DELETE", target: "/api/configs/1", header: map[string]string{"If-Match": `"r9"`}}, 412,
			"refused delete PRECONDITION_FAILED from 127.0.0.1: local /api/configs/1, config 1 of " + macA},
		{"nothing there", request{method: "DELETE", target: "/api/configs/77"}, 404,
			"refused delete RECORD_NOT_FOUND from 127.0.0.1: local /api/configs/77, config 77 of -"},
		{"no id", request{method: "DELETE", target: "/api/configs/x"}, 404,
			"refused delete RECORD_NOT_FOUND from 127.0.0.1: local /api/configs/x, config 0 of -"},
		{"negative id", request{method: "DELETE", target: "/api/configs/-1"}, 404,
			"refused delete RECORD_NOT_FOUND from 127.0.0.1: local /api/configs/-1, config 0 of -"},
		{"revision", request{method: "POST", target: "/api/configs/1/revisions/9/restore"}, 404,
			"refused restore RECORD_NOT_FOUND from 127.0.0.1: local /api/configs/1/revisions/9/restore, config 1 of -"},
		{"undelete of what is there", request{method: "POST", target: "/api/configs/1/undelete"}, 409,
			"refused restore RECORD_EXISTS from 127.0.0.1: local /api/configs/1/undelete, config 1 of " + macA},
		{"replace", request{method: "POST", target: "/api/configs/1/replace-device", body: `{"mac_address":"` + macA + `"}`}, 409,
			"refused replace_device RECORD_EXISTS from 127.0.0.1: local /api/configs/1/replace-device, config 1 of " + macA},
		{"import", request{method: "POST", target: "/api/import?dry_runn=" + marker, body: `[]`}, 400,
			"refused import VALIDATION_FAILED from 127.0.0.1: local /api/import, config 0 of -"},

		{"no token", request{method: "PUT", target: "/api/configs/1", body: marker, from: lan}, 401,
			"refused update UNAUTHORIZED from 10.0.0.9: anonymous /api/configs/1, config 1 of -"},
		{"wrong token", request{method: "DELETE", target: "/api/configs/1", from: lan, header: map[string]string{"Authorization": "Bearer " + marker}}, 401,
			"refused delete UNAUTHORIZED from 10.0.0.9: anonymous /api/configs/1, config 1 of -"},
		{"right token", request{method: "DELETE", target: "/api/configs/2", from: lan, header: map[string]string{"Authorization": bearing}}, 404,
			"refused delete RECORD_NOT_FOUND from 10.0.0.9: token /api/configs/2, config 2 of -"},
		{"through a proxy", request{method: "POST", target: "/api/configs", body: `{}`, header: map[string]string{"X-Forwarded-For": "1.1.1.1, 192.0.2.1"}}, 401,
			"refused create UNAUTHORIZED from 192.0.2.1: anonymous /api/configs, config 0 of -"},
		{"through a proxy that says nonsense", request{method: "POST", target: "/api/configs", body: `{}`, header: map[string]string{"X-Forwarded-For": marker}}, 401,
			"refused create UNAUTHORIZED from : anonymous /api/configs, config 0 of -"},
		{"misdirected", request{method: "POST", target: "/api/import", body: `[]`, header: map[string]string{"Host": "evil.example"}}, 421,
			"refused import MISDIRECTED_REQUEST from 127.0.0.1: anonymous /api/import, config 0 of -"},
		{"cross-site", request{method: "POST", target: "/api/configs", body: `{}`, header: map[string]string{"Origin": "https://evil.example"}}, 403,
			"refused create FORBIDDEN from 127.0.0.1: anonymous /api/configs, config 0 of -"},
		{"no such path", request{method: "POST", target: "/api/nothing?q=" + marker}, 404,
			"refused POST ROUTE_NOT_FOUND from 127.0.0.1: anonymous /api/nothing, config 0 of -"},
		{"no such method", request{method: "PUT", target: "/api/configs"}, 405,
			"refused PUT METHOD_NOT_ALLOWED from 127.0.0.1: anonymous /api/configs, config 0 of -"},
		{"no method at all", request{method: "BREW-" + strings.Repeat("X", 99), target: "/api/configs/1"}, 405,
			"refused BREW-XXXXXXXXXXXXXXX… METHOD_NOT_ALLOWED from 127.0.0.1: anonymous /api/configs/1, config 0 of -"},
		{"a device's path", request{method: "DELETE", target: "/api/configs/aabbccddeeff.json"}, 405,
			"refused DELETE METHOD_NOT_ALLOWED from 127.0.0.1: anonymous /api/configs/aabbccddeeff.json, config 0 of -"},
		{"a path in disguise", request{method: "POST", target: "/x/..//api/configs"}, 404,
			"refused POST ROUTE_NOT_FOUND from 127.0.0.1: anonymous /x/..//api/configs, config 0 of -"},
		{"a path that is not text", request{method: "POST", target: "/api/%00%FF%0A"}, 404,
			"refused POST ROUTE_NOT_FOUND from 127.0.0.1: anonymous /api/%00%FF%0A, config 0 of -"},
		{"a long path", request{method: "POST", target: "/api/" + strings.Repeat("y", 999)}, 404,
			"refused POST ROUTE_NOT_FOUND from 127.0.0.1: anonymous /api/" + strings.Repeat("y", 251) + "…, config 0 of -"},
	} {
		f.refused.take()
		if c.req.header == nil {
			c.req.header = map[string]string{}
		}
		c.req.header["X-Correlation-ID"] = "the-id"
		got := f.do(c.req)
		if got.status != c.status {
			t.Errorf("%s: status %d: %s", c.name, got.status, got.body)
		}
		var lines []string
		for _, e := range f.refused.take() {
			lines = append(lines, summary(e))
			if e.By.Correlation != "the-id" || e.Times != 1 || !e.At.Equal(f.clock.Now()) || e.Message != "" || e.Revision != 0 {
				t.Errorf("%s: %+v", c.name, e)
			}
		}
		if strings.Join(lines, "\n") != c.want {
			t.Errorf("%s: kept\n%s\nwant\n%s", c.name, strings.Join(lines, "\n"), c.want)
		}
		if strings.Contains(strings.Join(lines, ""), marker) || strings.Contains(got.body, marker) && !strings.Contains(c.req.body, `"mac_address":"`+marker) {
			t.Errorf("%s: a secret is in %q or in %s", c.name, lines, got.body)
		}
	}
	if log := strings.ReplaceAll(f.log.String(), `"remote"`, ""); strings.Contains(log, marker) || strings.Contains(log, token) {
		t.Error("a secret is in the log")
	}
}

// TestWhoGuessesIsKept has the throttle turn somebody away.
func TestWhoGuessesIsKept(t *testing.T) {
	f := newFixture(t, withToken)
	for range mostFailures {
		f.do(request{method: "POST", target: "/api/configs", from: "10.0.0.9:1", header: map[string]string{"Authorization": "Bearer x"}}).want(t, 401)
	}
	f.refused.take()
	f.do(request{method: "POST", target: "/api/configs", from: "10.0.0.9:1", header: map[string]string{"Authorization": bearing}}).want(t, 429)
	if got := f.refused.take(); len(got) != 1 || got[0].Code != fleet.CodeTooManyRequests || got[0].By.Principal != fleet.ByAnonymous {
		t.Errorf("%+v", got)
	}
}

// TestAFailureIsNoRefusal has a write fail by our fault: whether it was done is not known, and it was not refused.
func TestAFailureIsNoRefusal(t *testing.T) {
	f := newFixture(t)
	for _, err := range []error{fleet.Unavailable(nil), errors.New("bug")} {
		f.memory().breakWith(err)
		if got := f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`); got.status < 500 {
			t.Errorf("%d", got.status)
		}
	}
	if got := f.refused.take(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	// The refusal of what the database could say the MAC address of, if it were there.
	if f.send("PUT", "/api/configs/1", `{}`).want(t, 400); len(f.refused.take()) != 1 {
		t.Error("a refusal is lost while the database is away")
	}
}

func TestRefusalsOfAnImport(t *testing.T) {
	f := newFixture(t)
	f.fill(1)
	const items = `[{"mac_address":"000000000000","content":{"p":"` + marker + `"}},{"mac_address":"000000000001","content":{}},` +
		`{"mac_address":"x","content":{}},{"mac_address":"000000000002","content":[]},{"mac_address":"000000000003","content":7}]`
	kept := func() (out []string) {
		for _, e := range f.refused.take() {
			out = append(out, fmt.Sprintf("%s %s ×%d", e.Action, e.Code, e.Times))
		}
		return out
	}
	want := []string{"import INVALID_OPERATION ×1", "import RECORD_EXISTS ×1", "import VALIDATION_FAILED ×2"}
	for _, query := range []string{"", "?keep_going=true"} {
		f.importing(query, plainJSON, items).want(t, 200)
		if diff := cmp.Diff(want, kept()); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
		f.send("DELETE", "/api/configs/2", "")
		kept()
	}
	f.importing("?dry_run", plainJSON, items).want(t, 200)
	if got := kept(); len(got) != 0 {
		t.Errorf("a dry run is kept: %v", got)
	}
}

// keepRefusals writes what was refused to the store, as a running server does.
func (f *fixture) keepRefusals(t *testing.T) {
	t.Helper()
	if err := f.store.(fleet.Auditor).Refused(t.Context(), f.refused.take()); err != nil {
		t.Fatal(err)
	}
}

func TestAudit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s, withToken, trusting)
		do := func(from, why, method, target, body string) reply {
			f.clock.pass(time.Second)
			header := map[string]string{"X-Change-Message": why, "X-Correlation-ID": method + "." + strings.ReplaceAll(target, "/", ":")}
			if from == "10.0.0.8:1" {
				header["Authorization"] = bearing
			}
			header["Host"] = "10.0.0.7"
			return f.do(request{method: method, target: target, body: body, from: from, header: header})
		}
		do("127.0.0.1:1", "new", "POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"p":"`+marker+`"}}`).want(t, 201)
		do("10.0.0.8:1", "", "PUT", "/api/configs/1", `{"content":{"p":"`+marker+`"}}`).want(t, 200) // nothing new
		do("10.0.0.9:1", "patched", "PATCH", "/api/configs/1", `{"content":{"p":1}}`).want(t, 200)
		do("10.0.0.9:1", "", "POST", "/api/configs/1/revisions/1/restore", "").want(t, 200)
		do("10.0.0.9:1", "broken", "POST", "/api/configs/1/replace-device", `{"mac_address":"`+macB+`"}`).want(t, 200)
		do("10.0.0.9:1", "", "DELETE", "/api/configs/1", "").want(t, 204)
		do("10.0.0.9:1", "", "POST", "/api/configs/1/undelete", "").want(t, 200)
		do("10.0.0.9:1", "", "PUT", "/api/configs/1", `{"content":{"`+marker+`":1,"`+marker+`":2}}`).want(t, 400)
		f.keepRefusals(t)

		line := func(id int, principal, address, action, result, code, target, mac, revision, other, message, correlation string) string {
			return fmt.Sprintf(`{"id":%d,"at":"2026-01-02T03:04:%02d.123456Z","principal":"%s","address":"%s","action":"%s","result":"%s","code":%s,"target":%s,`+
				`"config_id":1,"mac_address":"%s","revision":%s,"other_mac_address":%s,"message":%s,"correlation_id":"%s","times":1}`,
				id, 5+id, principal, address, action, result, code, target, mac, revision, other, message, correlation)
		}
		const none = "null"
		wanted := []string{
			line(8, "network", "10.0.0.9", "update", "refused", `"VALIDATION_FAILED"`, `"/api/configs/1"`, macB, none, none, none, "PUT.:api:configs:1"),
			line(7, "network", "10.0.0.9", "restore", "applied", none, none, macB, "6", none, none, "POST.:api:configs:1:undelete"),
			line(6, "network", "10.0.0.9", "delete", "applied", none, none, macB, "5", none, none, "DELETE.:api:configs:1"),
			line(5, "network", "10.0.0.9", "replace_device", "applied", none, none, macB, "4", `"`+macA+`"`, `"broken"`, "POST.:api:configs:1:replace-device"),
			line(4, "network", "10.0.0.9", "restore", "applied", none, none, macA, "3", none, none, "POST.:api:configs:1:revisions:1:restore"),
			line(3, "network", "10.0.0.9", "patch", "applied", none, none, macA, "2", none, `"patched"`, "PATCH.:api:configs:1"),
			line(2, "token", "10.0.0.8", "update", "unchanged", none, none, macA, "1", none, none, "PUT.:api:configs:1"),
			line(1, "local", "127.0.0.1", "create", "applied", none, none, macA, "1", none, `"new"`, "POST.:api:configs"),
		}
		all := f.get("/api/audit").want(t, 200)
		if want := fmt.Sprintf(`{"audit":[%s],"count":8}`, strings.Join(wanted, ",")); all.body != want {
			t.Errorf("%s\nwant\n%s", strings.ReplaceAll(all.body, "},{", "},\n{"), strings.ReplaceAll(want, "},{", "},\n{"))
		}
		f.wantFiltered(t, wanted)
		if strings.Contains(all.body+f.log.String(), marker) || strings.Contains(all.body+f.log.String(), token) {
			t.Error("a secret is in the audit or in the log")
		}
	})
}

// wantFiltered asks for parts of the audit, which together has the entries wanted, newest first.
func (f *fixture) wantFiltered(t *testing.T, wanted []string) {
	t.Helper()
	at := func(second int) string {
		return url.QueryEscape(fmt.Sprintf("2026-01-02T04:04:%02d.123456+01:00", 5+second))
	}
	for query, places := range map[string]string{
		"mac_address=AABBCCDDEE0A":             "34567", // and what moved it away
		"mac_address=" + macB:                  "0123",
		"mac_address=000000000001":             "",
		"config_id=1":                          "01234567",
		"config_id=2":                          "",
		"action=restore":                       "14",
		"action=nothing":                       "",
		"result=refused":                       "0",
		"result=unchanged":                     "6",
		"result=applied&action=patch":          "5",
		"principal=token":                      "6",
		"principal=local":                      "7",
		"principal=network&action=delete":      "2",
		"address=10.0.0.8":                     "6",
		"address=%3A%3Affff:10.0.0.8":          "6",
		"correlation_id=DELETE.:api:configs:1": "2",
		"since=" + at(7):                       "01",
		"until=" + at(2):                       "7",
		"since=" + at(3) + "&until=" + at(5):   "45",
		"mac_address=&action=&since=&until=&config_id=&address=&result=": "01234567",
	} {
		var want []string
		for _, place := range places {
			want = append(want, wanted[place-'0'])
		}
		got := f.get("/api/audit?"+query).want(t, 200)
		if got.body != fmt.Sprintf(`{"audit":[%s],"count":%d}`, strings.Join(want, ","), len(want)) {
			t.Errorf("%s: %s", query, got.body)
		}
		lines := f.get("/api/audit/export?"+query).want(t, 200)
		text := strings.Join(want, "\n")
		if text != "" {
			text += "\n"
		}
		if lines.body != text || lines.header.Get("Content-Type") != "application/x-ndjson" || !strings.Contains(lines.header.Get("Content-Disposition"), "audit.ndjson") {
			t.Errorf("%s: exported %s %v", query, lines.body, lines.header)
		}
	}
	var paged []string
	for next := "?limit=3&config_id=1"; next != ""; {
		page := f.get("/api/audit"+next).want(t, 200)
		list, _, _ := strings.Cut(strings.TrimPrefix(page.body, `{"audit":[`), `],"count":`)
		paged = append(paged, list)
		next, _, _ = strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">")
	}
	if diff := cmp.Diff(strings.Join(wanted, ","), strings.Join(paged, ",")); diff != "" || len(paged) != 3 {
		t.Errorf("pages together: %s", diff)
	}
	for query, field := range map[string]string{"mac_address=x": "mac_address", "config_id=0": "config_id", "config_id=x": "config_id", "result=done": "result",
		"address=x": "address", "since=yesterday": "since", "since=2026-01-02": "since", "until=2026-01-02T03:04:05": "until", "until=2026-01-02T03:04:05+01:00": "until",
		"since=0000-01-01T00:00:00Z": "since", "until=0001-01-01T00:00:00%2B23:00": "until", "action=%ff": "action", "principal=%00": "principal",
		"correlation_id=" + strings.Repeat("x", 999): "correlation_id", "q=%zz": "query"} {
		for _, path := range []string{"/api/audit?", "/api/audit/export?"} {
			if got := f.get(path+query).want(t, 400); !strings.Contains(got.body, `"field":"`+field+`"`) {
				t.Errorf("%s: %s", query, got.body)
			}
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "cursor=x", "cursor=0"} {
		f.get("/api/audit?"+query).want(t, 400)
	}
}

// TestAuditIsStreamed exports more than one page holds, and breaks it off in the middle.
func TestAuditIsStreamed(t *testing.T) {
	f := newFixture(t)
	f.fill(2500)
	f.lax = true
	got := f.get("/api/audit/export").want(t, 200)
	if n := strings.Count(got.body, "\n"); n != 2500 || !strings.HasPrefix(got.body, `{"id":2500,`) {
		t.Errorf("%d lines", n)
	}
	f.memory().mu.Lock()
	f.memory().failAfter = 1
	f.memory().mu.Unlock()
	f.memory().breakWith(fleet.Unavailable(errors.New("away")))
	defer func() {
		if recover() == nil {
			t.Error("an export that broke off ended well")
		}
	}()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/audit/export", nil)
	r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
	f.Handler().ServeHTTP(httptest.NewRecorder(), r)
}
