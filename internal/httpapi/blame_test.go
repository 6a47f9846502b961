package httpapi

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// Contents implements fleet.ReadTx.
func (t memoryTx) Contents(_ context.Context, mac fleet.MAC, first, last int64) (map[int64][]byte, error) {
	found := map[int64][]byte{}
	for _, r := range t.m.revisions[mac] {
		if r.Number >= first && r.Number <= last {
			found[r.Number] = r.Content
		}
	}
	return found, nil
}

func TestBlame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"a":1,"b":{"c/~":"x","d":[]},"e":[1,{}]}}`).want(t, 201)
		f.clock.pass(time.Second)
		f.with(map[string]string{"X-Change-Message": "why \"so\""}, "PATCH", "/api/configs/1", `{"content":{"b":{"c/~":"y"}}}`).want(t, 200)
		first := `"revision":1,"created_at":"2026-01-02T03:04:05.123456Z","principal":"local","message":null,"source":"create"}`
		want := `{"config_id":1,"mac_address":"` + macA + `","revision":2,"complete":true,"values":[{"path":"/a",` + first +
			`,{"path":"/b/c~1~0","revision":2,"created_at":"2026-01-02T03:04:06.123456Z","principal":"local","message":"why \"so\"","source":"edit"}` +
			`,{"path":"/b/d",` + first + `,{"path":"/e/0",` + first + `,{"path":"/e/1",` + first + `]}`
		if got := f.get("/api/configs/1/blame").want(t, 200); got.body != want {
			t.Errorf("got\n%s\nwant\n%s", got.body, want)
		}
		if _, _, err := s.Prune(t.Context(), fleet.Retention{Revisions: 1}, f.clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		unknown := `{"path":"/a","revision":null,"created_at":null,"principal":null,"message":null,"source":null}`
		if got := f.get("/api/configs/1/blame").want(t, 200); !strings.Contains(got.body, unknown) || !strings.Contains(got.body, `"complete":true`) {
			t.Errorf("of what is not kept: %s", got.body)
		}
		for _, key := range []string{"2", "0", "-1", "x", "9223372036854775808"} {
			f.get("/api/configs/"+key+"/blame").want(t, 404)
		}
		f.send("POST", "/api/configs/1/blame", "{}").want(t, 405)
		f.send("DELETE", "/api/configs/1", "").want(t, 204)
		f.get("/api/configs/1/blame").want(t, 404)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`).want(t, 201)
		if got := f.get("/api/configs/2/blame").want(t, 200); !strings.Contains(got.body, `"values":[{"path":"","revision":4,`) {
			t.Errorf("made again: %s", got.body)
		}
	})
}

// TestBlameOfManyValues answers in more than one chunk.
func TestBlameOfManyValues(t *testing.T) {
	f := newFixture(t)
	f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"a":[`+strings.Repeat("1,", 5000)+`1]}}`).want(t, 201)
	var got struct{ Values []struct{ Path string } }
	if err := json.Unmarshal([]byte(f.get("/api/configs/1/blame").want(t, 200).body), &got); err != nil || len(got.Values) != 5001 || got.Values[5000].Path != "/a/5000" {
		t.Errorf("%d values, %v", len(got.Values), err)
	}
}

func TestPreview(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":"{\n  \"a\": 1.0\n}"}`).want(t, 201)
		whole := f.get("/api/configs/1").body
		got := f.with(map[string]string{"Content-Type": "application/merge-patch+json"}, "POST", "/api/configs/1/preview", `{"content":{"a":1,"b":{"c":1e400}}}`).want(t, 200)
		want := `{"mac_address":"` + macA + `","revision":1,"changed":true,"patch":[{"op":"replace","path":"/a","value":1},{"op":"add","path":"/b","value":{"c":1e400}}],` +
			`"unified":"--- revision 1\n+++ preview\n@@ -1,3 +1,6 @@\n {\n-  \"a\": 1.0\n+  \"a\": 1,\n+  \"b\": {\n+    \"c\": 1e400\n+  }\n }\n\\ No newline at end of file\n","unified_of":"stored"}`
		if got.body != want {
			t.Errorf("got\n%s\nwant\n%s", got.body, want)
		}
		same := f.send("POST", "/api/configs/1/preview", `{"content":{"a":1.0,"x":null}}`).want(t, 200)
		if want := `{"mac_address":"` + macA + `","revision":1,"changed":false,"patch":[],"unified":"","unified_of":"stored"}`; same.body != want {
			t.Errorf("of nothing: %s", same.body)
		}
		for name, tc := range map[string]struct {
			header map[string]string
			target string
			body   string
			status int
		}{
			"nothing there":     {nil, "/api/configs/2/preview", `{"content":{}}`, 404},
			"no content":        {nil, "/api/configs/1/preview", `{}`, 400},
			"more than content": {nil, "/api/configs/1/preview", `{"content":{},"mac_address":"x"}`, 400},
			"no object":         {nil, "/api/configs/1/preview", `{"content":[]}`, 400},
			"no document":       {nil, "/api/configs/1/preview", `{"content":{"deviceName":5}}`, 400},
			"too large":         {nil, "/api/configs/1/preview", `{"content":{"a":"` + strings.Repeat("x", fleet.DefaultMaxContent) + `"}}`, 413},
			"another patch":     {map[string]string{"Content-Type": "application/json-patch+json"}, "/api/configs/1/preview", `{"content":{}}`, 415},
			"another revision":  {map[string]string{"If-Match": `"r2"`}, "/api/configs/1/preview", `{"content":{}}`, 412},
			"this revision":     {map[string]string{"If-Match": `"r1"`}, "/api/configs/1/preview", `{"content":{}}`, 200},
			"a long message":    {map[string]string{"X-Change-Message": strings.Repeat("x", 501)}, "/api/configs/1/preview", `{"content":{}}`, 400},
		} {
			one := f.with(tc.header, "POST", tc.target, tc.body).want(t, tc.status)
			if tc.status == 200 {
				continue
			}
			if patched := f.with(tc.header, "PATCH", strings.TrimSuffix(tc.target, "/preview"), tc.body).want(t, tc.status); stripped(patched.body) != stripped(one.body) {
				t.Errorf("%s: refused as\n%s\nand PATCH as\n%s", name, one.body, patched.body)
			}
		}
		f.get("/api/configs/1/preview").want(t, 405)
		if f.get("/api/configs/1").body != whole || strings.Contains(f.get("/api/audit").body, `"update"`) {
			t.Error("it changed something")
		}
		for _, e := range f.refused.take() {
			if strings.HasSuffix(e.Target, "/preview") && e.Code != fleet.CodeMethodNotAllowed {
				t.Errorf("the audit has %+v", e)
			}
		}
	})
}

// stripped is an error without the name of its request.
func stripped(body string) string {
	before, _, _ := strings.Cut(body, `,"correlationId"`)
	return before
}

// TestPreviewIsTheDiffOfThePatch has each patch done after it was looked at.
func TestPreviewIsTheDiffOfThePatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.send("POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"a":[1,2,3]}}`).want(t, 201)
		type differs struct {
			Patch     json.RawMessage
			Unified   string
			UnifiedOf string `json:"unified_of"`
			Changed   bool
			Revision  int64
			To        int64
		}
		read := func(r reply) (d differs) {
			if err := json.Unmarshal([]byte(r.want(t, 200).body), &d); err != nil {
				t.Fatal(err)
			}
			return d
		}
		for i, patch := range []string{`{"b":{"c":"x","d":null}}`, `{"a":[1,2.0,3]}`, `{}`, `{"b":{"c":null}}`, `{"b":{},"a":[1,2.0,3]}`, `{"a":null,"b":null,"z":"\u00e4"}`, `{"z":"ä"}`} {
			body := `{"content":` + patch + `}`
			ahead := read(f.send("POST", "/api/configs/1/preview", body))
			f.send("PATCH", "/api/configs/1", body).want(t, 200)
			done := read(f.get("/api/configs/1/diff"))
			if !ahead.Changed {
				if done.To != ahead.Revision {
					t.Errorf("%d: a revision was made", i)
				}
				continue
			}
			done.Unified = strings.Replace(done.Unified, "+++ revision "+string(rune('0'+done.To)), "+++ preview", 1)
			if done.To != ahead.Revision+1 {
				t.Errorf("%d: revision %d was made of %d", i, done.To, ahead.Revision)
			}
			done.Changed, done.Revision, done.To = true, ahead.Revision, 0
			if diff := cmp.Diff(done, ahead); diff != "" {
				t.Errorf("%s (-done +preview):\n%s", patch, diff)
			}
		}
	})
}

// TestPreviewIsForWhoMayWrite: what would be changed is the admin API's to tell, and who is refused it wrote nothing.
func TestPreviewIsForWhoMayWrite(t *testing.T) {
	f := newFixture(t, withToken)
	f.do(request{method: "POST", target: "/api/configs/1/preview", body: `{"content":{}}`, from: "192.0.2.1:4711"}).want(t, 401)
	f.do(request{method: "GET", target: "/api/configs/1/blame", from: "192.0.2.1:4711"}).want(t, 401)
	if noted := f.refused.take(); len(noted) != 0 {
		t.Errorf("the audit has %+v", noted)
	}
	f.do(request{method: "PATCH", target: "/api/configs/1", body: `{"content":{}}`, from: "192.0.2.1:4711"}).want(t, 401)
	if noted := f.refused.take(); len(noted) != 1 {
		t.Errorf("of a patch the audit has %+v", noted)
	}
}
