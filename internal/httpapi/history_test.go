package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// decoded is an answer that is a JSON object.
func decoded(t *testing.T, body string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return object
}

// listedRevision is one revision of a list as its text.
type listedRevision struct {
	number            int
	mac, text, source string // text "" is none
	message           string
	restored          int
	other             string
	principal         string
}

func (r listedRevision) String() string {
	null := func(s string) string {
		if s == "" {
			return "null"
		}
		return `"` + s + `"`
	}
	etag, sum := "", ""
	if r.text != "" {
		hash := sha256.Sum256([]byte(r.text))
		etag, sum = fleet.ETag(hash), hex.EncodeToString(hash[:])
	}
	restored := "null"
	if r.restored > 0 {
		restored = fmt.Sprint(r.restored)
	}
	return fmt.Sprintf(`"revision":%d,"mac_address":"%s","etag":%s,"sha256":%s,"size":%d,"source":"%s","created_at":"2026-01-02T03:04:05.123456Z",`+
		`"principal":%s,"address":"127.0.0.1","message":%s,"restored_from":%s,"other_mac_address":%s`,
		r.number, r.mac, null(etag), null(sum), len(r.text), r.source, null(r.principal), null(r.message), restored, null(r.other))
}

const macA, macB = "aa:bb:cc:dd:ee:0a", "aa:bb:cc:dd:ee:0b"

func TestHistory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		asString := string(appendString(nil, odd))
		f.with(map[string]string{"X-Change-Message": "why not"}, "POST", "/api/configs", `{"mac_address":"`+macA+`","content":`+asString+`}`).want(t, 201)
		f.send("PUT", "/api/configs/1", `{"content":{"v":1}}`).want(t, 200)
		f.send("PUT", "/api/configs/1", `{"content":{"v":1}}`).want(t, 200) // is there already: no revision
		f.send("PATCH", "/api/configs/1", `{"content":{"w":2}}`).want(t, 200)
		f.send("PATCH", "/api/configs/1", `{"content":{"w":2}}`).want(t, 200)
		restored := f.send("POST", "/api/configs/1/revisions/1/restore", "").want(t, 200)
		if got := f.get("/api/configs/aabbccddee0a.json").want(t, 200); got.body != odd || !strings.Contains(restored.body, `"content":`+odd+`,`) {
			t.Errorf("restored %q", got.body)
		}
		f.importing("?on_conflict=update", plainJSON, `[{"mac_address":"`+macA+`","content":{"i":1}}]`).want(t, 200)
		f.send("DELETE", "/api/configs/1", "").want(t, 204)

		wanted := []listedRevision{
			{number: 6, mac: macA, source: "delete", principal: "local"},
			{number: 5, mac: macA, text: `{"i":1}`, source: "import", principal: "local"},
			{number: 4, mac: macA, text: odd, source: "restore", restored: 1, principal: "local"},
			{number: 3, mac: macA, text: `{"v":1,"w":2}`, source: "edit", principal: "local"},
			{number: 2, mac: macA, text: `{"v":1}`, source: "edit", principal: "local"},
			{number: 1, mac: macA, text: odd, source: "create", message: "why not", principal: "local"},
		}
		f.wantHistory(t, 1, wanted)

		back := f.send("POST", "/api/configs/1/undelete", "").want(t, 200)
		if !strings.Contains(back.body, `"id":1,`) || !strings.Contains(back.body, `"content":{"i":1},`) || strings.Contains(back.body, "deleted_at") ||
			back.header.Get("ETag") != `"r7"` {
			t.Errorf("brought back %s", back.body)
		}
		wanted = append([]listedRevision{{number: 7, mac: macA, text: `{"i":1}`, source: "restore", restored: 5, principal: "local"}}, wanted...)
		f.wantHistory(t, 1, wanted)

		moved := f.with(map[string]string{"X-Change-Message": "broken"}, "POST", "/api/configs/1/replace-device", `{"mac_address":"AABBCCDDEE0B","x":1}`).want(t, 200)
		if !strings.Contains(moved.body, `"id":1,"mac_address":"`+macB+`"`) || moved.header.Get("ETag") != `"r8"` {
			t.Errorf("moved %s", moved.body)
		}
		for i := range wanted {
			wanted[i].mac = macB
		}
		wanted = append([]listedRevision{{number: 8, mac: macB, text: `{"i":1}`, source: "replace", message: "broken", other: macA, principal: "local"}}, wanted...)
		f.wantHistory(t, 1, wanted)
		f.get("/api/configs/aabbccddee0a.json").want(t, 404)
		// The old address goes on behind its own numbers.
		if got := f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`).want(t, 201); got.header.Get("ETag") != `"r9"` {
			t.Errorf("made anew at the old address: %v", got.header)
		}
	})
}

// wantHistory reads the revisions of a configuration in each way that there is.
func (f *fixture) wantHistory(t *testing.T, id int, wanted []listedRevision) {
	t.Helper()
	base := fmt.Sprintf("/api/configs/%d/revisions", id)
	var all []string
	for _, w := range wanted {
		all = append(all, "{"+w.String()+"}")
		content := w.text
		if w.text == "" {
			content = "null"
		}
		one := fmt.Sprintf("%s/%d", base, w.number)
		if got := f.get(one).want(t, 200); got.body != "{"+w.String()+`,"content":`+content+"}" {
			t.Errorf("%s: %s", one, got.body)
		}
		if w.text == "" {
			if got := f.get(one+"/document").want(t, 404); !strings.Contains(got.body, "RECORD_NOT_FOUND") {
				t.Error(got.body)
			}
			continue
		}
		got := f.get(one+"/document").want(t, 200)
		tag := `"` + fleet.ETag(sha256.Sum256([]byte(w.text))) + `"`
		if got.body != w.text || got.header.Get("ETag") != tag || got.header.Get("Content-Type") != "application/json" || got.header.Get("Last-Modified") == "" {
			t.Errorf("%s/document: %s %v", one, got.body, got.header)
		}
		f.with(map[string]string{"If-None-Match": tag}, "GET", one+"/document", "").want(t, 304)
		f.with(map[string]string{"If-None-Match": `"r7"`}, "GET", one+"/document", "").want(t, 200)
	}
	if got := f.get(base).want(t, 200); got.body != fmt.Sprintf(`{"revisions":[%s],"count":%d}`, strings.Join(all, ","), len(all)) {
		t.Errorf("%s:\n%s\nwant\n%s", base, got.body, strings.Join(all, "\n"))
	}
	var paged []string
	for next := "?limit=2"; next != ""; {
		page := f.get(base+next).want(t, 200)
		list, _, _ := strings.Cut(strings.TrimPrefix(page.body, `{"revisions":[`), `],"count":`)
		paged = append(paged, list)
		next, _, _ = strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">")
		if (next != "") != strings.Contains(page.body, `"next_cursor":"`) {
			t.Errorf("next_cursor and Link disagree: %s %s", page.body, next)
		}
	}
	if diff := cmp.Diff(strings.Join(all, ","), strings.Join(paged, ",")); diff != "" {
		t.Errorf("pages together: %s", diff)
	}
}

func TestDiff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":"{\n  \"v\": 1.0,\n  \"n\": 12345678901234567890\n}"}`).want(t, 201)
		f.send("PUT", "/api/configs/1", `{"content":"{\n  \"v\": 1e400,\n  \"n\": 12345678901234567890\n}"}`).want(t, 200)
		f.send("PUT", "/api/configs/1", `{"content":{"v":1e400,"n":12345678901234567890}}`).want(t, 200)
		const head = `{"mac_address":"` + macA + `",`
		const second = head + `"from":1,"to":2,"patch":[{"op":"replace","path":"/v","value":1e400}],` +
			`"unified":"--- revision 1\n+++ revision 2\n@@ -1,4 +1,4 @@\n {\n-  \"v\": 1.0,\n+  \"v\": 1e400,\n   \"n\": 12345678901234567890\n }\n\\ No newline at end of file\n","unified_of":"stored"}`
		f.wantDiff(t, "?from=1&to=2", second)
		f.wantDiff(t, "?to=2", second)
		f.wantDiff(t, "?from=2&to=2", head+`"from":2,"to":2,"patch":[],"unified":"","unified_of":"stored"}`)
		newest := f.get("/api/configs/1/diff").want(t, 200)
		if got := decoded(t, newest.body); got["from"] != 2.0 || got["to"] != 3.0 || len(got["patch"].([]any)) != 0 || got["unified"] == "" {
			t.Errorf("white space: %s", newest.body)
		}
		back := f.get("/api/configs/1/diff?from=3&to=1").want(t, 200)
		if got := decoded(t, back.body); got["patch"].([]any)[0].(map[string]any)["value"] != 1.0 {
			t.Errorf("backwards: %s", back.body)
		}
		first := f.get("/api/configs/1/diff?to=1").want(t, 200)
		if got := decoded(t, first.body); got["from"] != nil || got["to"] != 1.0 || !strings.HasPrefix(got["unified"].(string), "--- /dev/null\n+++ revision 1\n") {
			t.Errorf("the first: %s", first.body)
		}
		f.send("DELETE", "/api/configs/1", "").want(t, 204)
		gone := f.get("/api/configs/1/diff").want(t, 200)
		if got := decoded(t, gone.body); got["from"] != 3.0 || got["to"] != 4.0 || !strings.Contains(got["unified"].(string), "+++ /dev/null\n") {
			t.Errorf("the delete: %s", gone.body)
		}
		for query, want := range map[string]struct {
			status int
			says   string
		}{
			"?from=0": {400, `"field":"from"`}, "?to=0": {400, `"field":"to"`}, "?from=-1": {400, `"field":"from"`}, "?from=": {400, `"field":"from"`},
			"?to=x": {400, `"field":"to"`}, "?to=1.5": {400, `"field":"to"`}, "?to=9223372036854775808": {400, `"field":"to"`}, "?to=%zz": {400, `"field":"query"`},
			"?to=5": {404, "Revision 5 of " + macA + " was not found"}, "?from=9223372036854775807&to=1": {404, "RECORD_NOT_FOUND"},
		} {
			if got := f.get("/api/configs/1/diff"+query).want(t, want.status); !strings.Contains(got.body, want.says) {
				t.Errorf("%s: %s", query, got.body)
			}
		}
		f.get("/api/configs/99999/diff").want(t, 404)
	})
}

func (f *fixture) wantDiff(t *testing.T, query, want string) {
	t.Helper()
	if got := f.get("/api/configs/1/diff"+query).want(t, 200); got.body != want {
		t.Errorf("%s:\n%s\nwant\n%s", query, got.body, want)
	}
}

// TestHistoryThatIsNot asks for what there is not, and for what there cannot be.
func TestHistoryThatIsNot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"v":1}}`).want(t, 201)
		for _, rev := range []string{"0", "2", "-1", "+1", "abc", "9223372036854775807", "9223372036854775808", "1%2F2", "%FF", "1.0", "%EF%BC%91"} {
			for method, path := range map[string]string{"GET": "/api/configs/1/revisions/" + rev, "HEAD": "/api/configs/1/revisions/" + rev + "/document",
				"POST": "/api/configs/1/revisions/" + rev + "/restore"} {
				if got := f.send(method, path, "").want(t, 404); method != "HEAD" && !strings.Contains(got.body, "RECORD_NOT_FOUND") {
					t.Errorf("%s %s: %s", method, path, got.body)
				}
			}
		}
		for _, id := range []string{"2", "0", "-1", "abc", "9223372036854775808", macA} {
			for _, path := range []string{"/revisions", "/revisions/1", "/revisions/1/document", "/diff"} {
				f.get("/api/configs/"+id+path).want(t, 404)
			}
			for _, path := range []string{"/revisions/1/restore", "/undelete"} {
				f.send("POST", "/api/configs/"+id+path, "").want(t, 404)
			}
			f.send("POST", "/api/configs/"+id+"/replace-device", `{"mac_address":"`+macB+`"}`).want(t, 404)
			f.send("PATCH", "/api/configs/"+id, `{"content":{}}`).want(t, 404)
		}
		for query, field := range map[string]string{"?limit=0": "limit", "?limit=1001": "limit", "?limit=x": "limit", "?cursor=x": "cursor", "?cursor=0": "cursor",
			"?cursor=-5": "cursor", "?cursor=9223372036854775808": "cursor", "?limit=%zz": "query"} {
			if got := f.get("/api/configs/1/revisions"+query).want(t, 400); !strings.Contains(got.body, `"field":"`+field+`"`) {
				t.Errorf("%s: %s", query, got.body)
			}
		}
		if got := f.get("/api/configs/1/revisions?cursor=1").want(t, 200); got.body != `{"revisions":[],"count":0}` {
			t.Errorf("behind the last: %s", got.body)
		}
		f.send("POST", "/api/configs/1/undelete", "").want(t, 409)
		f.send("DELETE", "/api/configs/1", "").want(t, 204)
		f.send("POST", "/api/configs/1/revisions/2/restore", "").want(t, 404) // the delete, which has no bytes
		for _, w := range []request{{method: "PUT", target: "/api/configs/1", body: `{"content":{}}`}, {method: "PATCH", target: "/api/configs/1", body: `{"content":{}}`},
			{method: "DELETE", target: "/api/configs/1"}, {method: "POST", target: "/api/configs/1/replace-device", body: `{"mac_address":"` + macB + `"}`}} {
			f.do(w).want(t, 404)
		}
		// What is made anew at the address has another id, and the one before cannot come back beside it.
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`).want(t, 201)
		for _, path := range []string{"/api/configs/1/undelete", "/api/configs/1/revisions/1/restore"} {
			if got := f.send("POST", path, ""); got.status != 404 && got.status != 409 {
				t.Errorf("%s beside its successor: %d", path, got.status)
			}
		}
	})
}

func TestReplaceDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"v":1}}`).want(t, 201)
		f.send("POST", "/api/configs", `{"mac_address":"`+macB+`","content":{"v":2}}`).want(t, 201)
		for body, want := range map[string]struct {
			status int
			says   string
		}{
			`{"mac_address":"` + macA + `"}`:        {409, "Config for " + macA + " already exists"}, // itself
			`{"mac_address":"AA-BB-CC-DD-EE-0A"}`:   {409, "already exists"},
			`{"mac_address":"` + macB + `"}`:        {409, "Config for " + macB + " already exists"},
			`{"mac_address":"x"}`:                   {400, "INVALID_OPERATION"},
			`{"mac_address":"ＡＡ:bb:cc:dd:ee:ff"}`:   {400, "INVALID_OPERATION"},
			`{"mac_address":null}`:                  {400, `"field":"mac_address"`},
			`{"mac_address":12}`:                    {400, `"field":"mac_address"`},
			`{}`:                                    {400, `"field":"mac_address"`},
			``:                                      {400, "is empty"},
			`[]`:                                    {400, "must be a JSON object"},
			`{"mac_address":"a","mac_address":"b"}`: {400, "has a key twice"},
			`{"mac_address":"` + macA + `"}{}`:      {400, "has text after"},
			`{"mac_address":"aa:bb:cc:dd:ee:0a\ud800"}`: {400, "INVALID_OPERATION"},
		} {
			if got := f.send("POST", "/api/configs/1/replace-device", body).want(t, want.status); !strings.Contains(got.body, want.says) {
				t.Errorf("%s: %s", body, got.body)
			}
		}
		f.with(map[string]string{"Content-Type": "text/plain"}, "POST", "/api/configs/1/replace-device", `{}`).want(t, 415)
		// To where one was deleted: its numbers go on.
		f.send("DELETE", "/api/configs/2", "").want(t, 204)
		got := f.send("POST", "/api/configs/1/replace-device", `{"mac_address":"`+macB+`"}`).want(t, 200)
		if got.header.Get("ETag") != `"r4"` || !strings.Contains(got.body, `"content":{"v":1}`) {
			t.Errorf("ETag %s: %s", got.header.Get("ETag"), got.body)
		}
		if body := f.get("/api/configs/1/revisions?limit=10").body; strings.Count(body, `"mac_address":"`+macB+`"`) != 4 {
			t.Errorf("the histories did not come together: %s", body)
		}
		f.send("POST", "/api/configs/2/undelete", "").want(t, 404)
	})
}

func TestPatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":"{ \"deviceName\" : \"A\",\n \"n\": [1.0, 1e400], \"wifi\": {\"ssid\": \"x\", \"psk\": \"y\"} }"}`).want(t, 201)
		f.clock.pass(time.Second)
		got := f.with(map[string]string{"Content-Type": "application/merge-patch+json"}, "PATCH", "/api/configs/1",
			`{"content":{"deviceName":null,"wifi":{"psk":"z"},"deviceEntityId":"a"}}`).want(t, 200)
		for _, want := range []string{`"n": [1.0, 1e400]`, `"ssid": "x"`, `"psk": "z"`, `"device_name":null`, `"device_entity_id":"a"`, `"revision":2,`,
			`"updated_at":"2026-01-02T03:04:06.123456Z"`} {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s lacks %s", got.body, want)
			}
		}
		if served := f.get("/api/configs/aabbccddee0a.json").body; !strings.Contains(got.body, `"content":`+served+`,`) {
			t.Errorf("served %s", served)
		}
		f.send("PATCH", "/api/configs/1", `{"content":{}}`).want(t, 200)
		if same := f.get("/api/configs/1"); same.body != got.body {
			t.Errorf("an empty patch changed %s", same.body)
		}
		for body, want := range map[string]struct {
			status int
			says   string
		}{
			`{}`:                             {400, `"field":"content","message":"is required"`},
			`{"content":null}`:               {400, `"field":"content"`},
			`{"content":[]}`:                 {400, `"field":"content"`},
			`{"content":"{\"a\":1}"}`:        {400, `"field":"content"`},
			`{"content":{},"mac_address":1}`: {400, `"field":"mac_address","message":"cannot be patched; only content can"`},
			`{"b":1,"a":2,"content":{}}`:     {400, `[{"field":"a","message":"cannot be patched; only content can"},{"field":"b",`},
			`{"Content":{}}`:                 {400, `"field":"Content"`},
			`{"content":{"deviceName":7}}`:   {400, `"field":"content.deviceName"`},
			`{"content":{"a":1,"a":2}}`:      {400, `"field":"content"`},
			`[]`:                             {400, `"field":"body"`},
			`{"content":{"a":` + strings.Repeat(`{"a":`, 80) + `1` + strings.Repeat(`}`, 80) + `}}`: {400, `"field":"content"`},
			`{"content":{"a":"` + strings.Repeat("x", fleet.DefaultMaxContent) + `"}}`:              {413, "PAYLOAD_TOO_LARGE"},
		} {
			got := f.send("PATCH", "/api/configs/1", body).want(t, want.status)
			if !strings.Contains(got.body, want.says) {
				t.Errorf("%.80s: %s", body, got.body)
			}
		}
		for kind, status := range map[string]int{"application/json-patch+json": 415, "application/problem+json": 415, "text/plain": 415, "application/x-ndjson": 415,
			"": 200, "application/json; charset=utf-8": 200, "Application/Merge-Patch+JSON": 200} {
			got := f.with(map[string]string{"Content-Type": kind}, "PATCH", "/api/configs/1", `{"content":{}}`).want(t, status)
			if status == 415 && got.header.Get("Accept-Patch") == "" {
				t.Errorf("%s: it is not said which patches there are", kind)
			}
		}
		f.clock.pass(time.Second)
		full := `{"content":{"deviceName":null,"n":null,"wifi":null,"deviceEntityId":null,"a":"` + strings.Repeat("x", fleet.DefaultMaxContent-100) + `"}}`
		if got := f.send("PATCH", "/api/configs/1", full).want(t, 200); !strings.Contains(got.body, `"revision":3,`) {
			t.Errorf("a patch of 128 KiB: %.300s", got.body)
		}
		if n := len(f.get("/api/configs/aabbccddee0a.json").body); n > fleet.DefaultMaxContent || n < fleet.DefaultMaxContent-100 {
			t.Errorf("it made a document of %d bytes", n)
		}
	})
}

func TestDeletedList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		for _, mac := range []string{macA, macB} {
			f.send("POST", "/api/configs", `{"mac_address":"`+mac+`","content":{"deviceName":"d"}}`).want(t, 201)
		}
		if got := f.get("/api/configs?deleted=true").want(t, 200); got.body != `{"configs":[],"count":0}` {
			t.Error(got.body)
		}
		f.clock.pass(time.Minute)
		f.send("DELETE", "/api/configs/1", "").want(t, 204)
		got := f.get("/api/configs?deleted=true").want(t, 200)
		if !strings.Contains(got.body, `"id":1,"mac_address":"`+macA+`","device_name":"d"`) || !strings.Contains(got.body, `"deleted_at":"2026-01-02T03:05:05.123456Z"}],"count":1}`) ||
			strings.Contains(got.body, "content") {
			t.Error(got.body)
		}
		if there := f.get("/api/configs?deleted=false&sync=unknown,pending&limit=5").want(t, 200); strings.Contains(there.body, "deleted_at") || !strings.Contains(there.body, `"count":1}`) {
			t.Error(there.body)
		}
		f.get("/api/configs/1").want(t, 404)
		for query, want := range map[string]struct {
			status int
			says   string
		}{
			"deleted":                {200, `"count":1`},
			"deleted=maybe":          {400, `"field":"deleted"`},
			"overdue=2":              {400, `"field":"overdue"`},
			"online=":                {200, `"count":0`},
			"online=x":               {400, `"field":"online"`},
			"online=false":           {200, `"count":0`}, // it is not known
			"overdue=false":          {200, `"count":1`},
			"overdue=true":           {200, `"count":0`},
			"sync=unknown":           {200, `"count":1`},
			"sync=held&sync=unknown": {200, `"count":1`},
			"sync=held,applied":      {200, `"count":0`},
			"sync=":                  {400, `"field":"sync"`},
			"sync=unknown,":          {400, `"field":"sync"`},
			"sync=Unknown":           {400, `"field":"sync"`},
			"sync=" + strings.Repeat("held,", 2000) + "unknown": {200, `"count":1`},
			"sort=sync":                    {200, `"count":1`},
			"sort=last_seen&order=desc":    {200, `"count":1`},
			"sort=deleted_at&deleted=true": {200, `"count":1`},
		} {
			if got := f.get("/api/configs?"+query).want(t, want.status); !strings.Contains(got.body, want.says) {
				t.Errorf("%.60s: %s", query, got.body)
			}
		}
	})
}

// TestPagesKeepTheFilter follows the links of a filtered list.
func TestPagesKeepTheFilter(t *testing.T) {
	f := newFixture(t)
	f.fill(5)
	page := f.get("/api/configs?limit=2&sync=unknown&overdue=false&_=7").want(t, 200)
	if want := `overdue=false&sync=unknown>; rel="next"`; !strings.HasSuffix(page.header.Get("Link"), want) {
		t.Errorf("Link: %s", page.header.Get("Link"))
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">")
	f.get("/api/configs"+next).want(t, 200)
	if got := f.get("/api/configs"+strings.Replace(next, "overdue=false", "overdue=true", 1)).want(t, 400); !strings.Contains(got.body, `"field":"cursor"`) {
		t.Errorf("a cursor of another list: %s", got.body)
	}
}

// TestHEAD asks for the head of whatever can be got.
func TestHEAD(t *testing.T) {
	f := newFixture(t)
	f.keep(odd)
	for _, rt := range f.routes {
		if rt.method != http.MethodGet || strings.HasPrefix(rt.pattern, "/api/events") {
			continue
		}
		target := strings.NewReplacer("{id}", "1", "{rev}", "1", "{mac}", "aabbccddeeff", "{file}", "swagger-ui.css").Replace(rt.pattern)
		whole, head := f.get(target), f.send("HEAD", target, "")
		if whole.status != head.status || head.body != "" || whole.header.Get("Content-Type") != head.header.Get("Content-Type") ||
			whole.header.Get("ETag") != head.header.Get("ETag") || target != "/metrics" && whole.header.Get("Content-Length") != head.header.Get("Content-Length") {
			t.Errorf("%s: %d %v and %d %v", target, whole.status, whole.header, head.status, head.header)
		}
	}
}

// What only an administrator may read lies on no disk: most of it has documents, and these hold passwords.
func TestNothingKeepsWhatAnAdministratorReads(t *testing.T) {
	f := newFixture(t)
	f.keep(odd)
	for _, rt := range f.routes {
		if rt.access != admin || rt.method != http.MethodGet || strings.HasPrefix(rt.pattern, "/api/events") {
			continue
		}
		target := strings.NewReplacer("{id}", "1", "{rev}", "1").Replace(rt.pattern)
		if got := f.get(target); got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", target, got.status, got.header)
		}
	}
	for target, body := range map[string]string{"PUT /api/configs/1": `{"content":"{}"}`, "POST /api/configs/1/preview": `{"patch":{"a":1}}`} {
		method, path, _ := strings.Cut(target, " ")
		if got := f.send(method, path, body); got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", target, got.status, got.header)
		}
	}
}
