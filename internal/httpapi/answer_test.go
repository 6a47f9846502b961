package httpapi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// keyed is a request with an idempotency key.
func keyed(key, method, target, body string) request {
	return request{method: method, target: target, body: body, header: map[string]string{"Idempotency-Key": key}}
}

// wantReplay wants an answer to be the first again.
func (r reply) wantReplay(t *testing.T, what string, first reply) {
	t.Helper()
	if r.status != first.status || r.body != first.body || r.header.Get("Location") != first.header.Get("Location") ||
		r.header.Get("ETag") != first.header.Get("ETag") || r.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("%s: the repetition got\n%d %v %s\nwant\n%d %v %s", what, r.status, r.header, r.body, first.status, first.header, first.body)
	}
	if r.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%s: Idempotent-Replayed is %q at first and %q then", what, first.header.Get("Idempotent-Replayed"), r.header.Get("Idempotent-Replayed"))
	}
}

// TestEveryPOSTCanBeRepeated asks for each twice with a key, after something else has changed what there is.
func TestEveryPOSTCanBeRepeated(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		asString := string(appendString(nil, odd))
		steps := []request{
			keyed("create", "POST", "/api/configs", `{"mac_address":"`+macA+`","content":`+asString+`}`),
			keyed("restore", "POST", "/api/configs/1/revisions/1/restore", ""),
			keyed("replace", "POST", "/api/configs/1/replace-device", `{"mac_address":"`+macB+`"}`),
			keyed("import", "POST", "/api/import?on_conflict=update", `[{"mac_address":"`+macB+`","content":{"i":1}},{"mac_address":"`+macA+`","content":{}}]`),
			keyed("import-going-on", "POST", "/api/import?keep_going=true", `[{"mac_address":"x"},{"mac_address":"000000000001","content":{}}]`),
			keyed("undelete", "POST", "/api/configs/1/undelete", ""),
		}
		between := 0
		change := func() {
			between++
			f.send("PUT", "/api/configs/1", fmt.Sprintf(`{"content":{"between":%d}}`, between)).want(t, 200)
		}
		var firsts []reply
		for _, step := range steps {
			if step.header["Idempotency-Key"] == "undelete" {
				f.send("DELETE", "/api/configs/1", "").want(t, 204)
			}
			first := f.do(step)
			if first.status >= 400 {
				t.Fatalf("%v: %d %s", step.header, first.status, first.body)
			}
			firsts = append(firsts, first)
			change()
			before := f.get("/api/configs/1").body
			f.do(step).wantReplay(t, step.target, first)
			if after := f.get("/api/configs/1").body; after != before {
				t.Errorf("%s: the repetition changed something: %s", step.target, after)
			}
		}
		// Much later, and through another way in, all of them are still what they were.
		f.API.gate.trust = true
		for i, step := range steps {
			step.from, step.header["Host"] = "10.0.0.9:1", "10.0.0.7"
			f.do(step).wantReplay(t, step.target+" from elsewhere", firsts[i])
		}
		if n := len(decoded(t, f.get("/api/audit?limit=1000").body)["audit"].([]any)); n != len(steps)+1+between+1 { // the import makes two entries, the delete one
			t.Errorf("%d entries in the audit", n)
		}
	})
}

func TestAKeyIsOneRequest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		body := func(mac string) string { return `{"mac_address":"` + mac + `","content":{}}` }
		first := f.do(keyed("k", "POST", "/api/configs", body(macA))).want(t, 201)
		f.do(keyed("k", "POST", "/api/configs/", body(macA))).wantReplay(t, "with a slash", first)
		other := keyed("k", "POST", "/api/configs", body(macA))
		other.header["Content-Type"] = "application/json; charset=utf-8"
		for what, req := range map[string]request{
			"another body":       keyed("k", "POST", "/api/configs", body(macB)),
			"another spelling":   keyed("k", "POST", "/api/configs", body(macA)+" "),
			"another query":      keyed("k", "POST", "/api/configs?x", body(macA)),
			"another path":       keyed("k", "POST", "/api/configs/1/revisions/1/restore", ""),
			"another import":     keyed("k", "POST", "/api/import", `[]`),
			"another media type": other,
		} {
			if got := f.do(req).want(t, 400); !strings.Contains(got.body, `{"field":"Idempotency-Key","message":"was used for another request`) {
				t.Errorf("%s: %s", what, got.body)
			}
		}
		f.do(keyed("K", "POST", "/api/configs", body(macB))).want(t, 201) // another key
		// Where nothing can be done twice, or the route has no use for it, a key says nothing.
		for range 2 {
			f.do(keyed("k", "PUT", "/api/configs/1", `{"content":{"v":1}}`)).want(t, 200)
		}
		if got := f.do(keyed("k", "GET", "/api/configs/1", "")).want(t, 200); !strings.Contains(got.body, `"revision":2,`) || got.header.Get("Idempotent-Replayed") != "" {
			t.Error(got.body)
		}
	})
}

func TestKeysThatAreNone(t *testing.T) {
	f := newFixture(t)
	f.keep(`{}`)
	for _, key := range []string{"two words", strings.Repeat("k", 256), "ü", "tab\tbed", "\x01"} {
		for _, req := range []request{keyed(key, "POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`), keyed(key, "POST", "/api/import", `[]`),
			keyed(key, "POST", "/api/configs/1/revisions/1/restore", ""), keyed(key, "POST", "/api/configs/1/undelete", ""),
			keyed(key, "POST", "/api/configs/1/replace-device", `{"mac_address":"`+macA+`"}`)} {
			if got := f.do(req).want(t, 400); !strings.Contains(got.body, `"field":"Idempotency-Key"`) || len(key) > 100 && strings.Contains(got.body, key) {
				t.Errorf("%q for %s: %s", key, req.target, got.body)
			}
		}
	}
	for _, values := range [][]string{{""}, {"a", "b"}} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/configs", strings.NewReader(`{"mac_address":"`+macA+`","content":{}}`))
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		r.Header["Idempotency-Key"] = values
		w := httptest.NewRecorder()
		if f.Handler().ServeHTTP(w, r); w.Code != 400 || !strings.Contains(w.Body.String(), `"field":"Idempotency-Key"`) {
			t.Errorf("%q: %d %s", values, w.Code, w.Body)
		}
	}
	f.do(keyed(strings.Repeat("~", 255), "POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`)).want(t, 201)
}

// TestARefusalIsNotRemembered tries again with the same key what was refused at first.
func TestARefusalIsNotRemembered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		create := keyed("k", "POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`)
		f.send("POST", "/api/configs", create.body).want(t, 201)
		f.do(create).want(t, 409)
		f.send("DELETE", "/api/configs/1", "").want(t, 204)
		again := f.do(create).want(t, 201)
		f.do(create).wantReplay(t, "create", again)

		// The same key for what was put right meanwhile: the refused one was another request, and nobody knows of it.
		f.do(keyed("k2", "POST", "/api/configs", `{"mac_address":"`+macB+`","content":[]}`)).want(t, 400)
		f.do(keyed("k2", "POST", "/api/configs", `{"mac_address":"`+macB+`","content":{}}`)).want(t, 201)

		// An import that kept nothing was none.
		load := keyed("k3", "POST", "/api/import", `[{"mac_address":"`+macB+`","content":{"v":1}},{"mac_address":"000000000001","content":{}}]`)
		for range 2 {
			if got := f.do(load).want(t, 200); !strings.Contains(got.body, `"applied":false`) || got.header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%v %s", got.header, got.body)
			}
		}
		id := decoded(t, f.get("/api/configs?q="+macB).body)["configs"].([]any)[0].(map[string]any)["id"]
		f.send("DELETE", fmt.Sprintf("/api/configs/%v", id), "").want(t, 204)
		kept := f.do(load).want(t, 200)
		if !strings.Contains(kept.body, `"applied":true`) {
			t.Error(kept.body)
		}
		f.do(load).wantReplay(t, "import", kept)
		dry := keyed("k4", "POST", "/api/import?dry_run", `[]`)
		for range 2 {
			if got := f.do(dry).want(t, 200); got.header.Get("Idempotent-Replayed") != "" {
				t.Error("what changes nothing was remembered")
			}
		}
	})
}

// TestRepetitionAfterARestart asks another server for the answer of the first.
func TestRepetitionAfterARestart(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		create := keyed("k", "POST", "/api/configs", `{"mac_address":"`+macA+`","content":{"deviceName":"ü"}}`)
		s := storetest.OpenMigrated(t, url)
		first := over(t, s).do(create).want(t, 201)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		f := over(t, storetest.Open(t, url))
		f.send("DELETE", "/api/configs/1", "").want(t, 204)
		f.do(create).wantReplay(t, "create", first)
		f.get("/api/configs/1").want(t, 404)
	})
}

// TestALostAnswerIsFound has the connection break while the answer is sent.
func TestALostAnswerIsFound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		create := keyed("k", "POST", "/api/configs", `{"mac_address":"`+macA+`","content":{}}`)
		r := httptest.NewRequestWithContext(t.Context(), create.method, create.target, strings.NewReader(create.body))
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Content-Type", "application/json")
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					t.Error("the connection is not cut")
				}
			}()
			f.Handler().ServeHTTP(broken{http.Header{}}, r)
		}()
		if refused := f.refused.take(); len(refused) != 0 {
			t.Errorf("what was done is kept as refused: %+v", refused)
		}
		got := f.do(create).want(t, 201)
		if got.header.Get("Idempotent-Replayed") != "true" || got.header.Get("Location") != "/api/configs/1" {
			t.Errorf("%v", got.header)
		}
		f.send("POST", "/api/configs", create.body).want(t, 409) // without the key nobody can tell
	})
}

// broken is a connection that takes nothing.
type broken struct{ header http.Header }

func (b broken) Header() http.Header     { return b.header }
func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
func (broken) WriteHeader(int)           {}

// TestRepetitionsAtOnce sends one request many times at once: it is done once, and all get the one answer.
func TestRepetitionsAtOnce(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		first := storetest.OpenMigrated(t, url)
		servers := []*fixture{over(t, first), over(t, first)}
		if strings.HasPrefix(url, "postgres") {
			servers[1] = over(t, storetest.Open(t, url)) // another server
		}
		const times = 8
		for round := range 5 {
			create := keyed(fmt.Sprintf("k%d", round), "POST", "/api/configs", fmt.Sprintf(`{"mac_address":"00000000000%d","content":{}}`, round))
			got := make([]reply, times)
			var wait sync.WaitGroup
			for i := range times {
				f := servers[i%2]
				f.lax = true
				wait.Go(func() { got[i] = f.do(create) })
			}
			wait.Wait()
			fresh := 0
			for _, r := range got {
				if r.status != 201 || r.body != got[0].body || r.header.Get("Location") != got[0].header.Get("Location") {
					t.Errorf("round %d: %d %s, and %s", round, r.status, r.body, got[0].body)
				}
				if r.header.Get("Idempotent-Replayed") == "" {
					fresh++
				}
			}
			if fresh != 1 {
				t.Errorf("round %d: %d got an answer of their own", round, fresh)
			}
		}
		if n := len(addresses(t, servers[0].get("/api/configs").body)); n != 5 {
			t.Errorf("%d configurations", n)
		}
		if n := len(decoded(t, servers[0].get("/api/audit").body)["audit"].([]any)); n != 5 {
			t.Errorf("%d writes in the audit", n)
		}
	})
}

func TestKeptAnswers(t *testing.T) {
	for _, a := range []answered{
		{status: 200},
		{status: 201, location: "/api/configs/7", etag: `"r1"`, body: []byte("{\"a\":1}\n\n{}")},
		{status: 200, body: []byte("\n\x00\xff\n")},
	} {
		again, err := decodeAnswer(a.encode())
		if diff := cmp.Diff(fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", again)); diff != "" || err != nil {
			t.Errorf("%s %v", diff, err)
		}
	}
	for _, text := range []string{"", "x", "espalier answer 1", "espalier answer 1\n200\n\n", "espalier answer 2\n200\n\n\n{}", "espalier answer 1\nsecret\n\n\n{}", "{}\n{}\n{}\n{}\n{}"} {
		if _, err := decodeAnswer([]byte(text)); fleet.CodeOf(err) != fleet.CodeInternal || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFingerprint(t *testing.T) {
	of := func(method, target, kind, body string) [32]byte {
		r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
		r.Header.Set("Content-Type", kind)
		return fingerprint(r, sha256.Sum256([]byte(body)))
	}
	seen := map[[32]byte]string{}
	for _, c := range [][4]string{{"POST", "/a", "k", "b"}, {"PUT", "/a", "k", "b"}, {"POST", "/ab", "k", "b"}, {"POST", "/a", "kb", ""}, {"POST", "/a", "k", ""},
		{"POST", "/a?k", "", "b"}, {"POST", "/a?b", "k", "b"}, {"POST", "/a%2Fb", "k", "b"}, {"POST", "/a/b", "k", "b"}} {
		sum := of(c[0], c[1], c[2], c[3])
		if before, twice := seen[sum]; twice {
			t.Errorf("%q has the fingerprint of %q", c, before)
		}
		seen[sum] = fmt.Sprint(c)
	}
	if of("POST", "/api/configs", "k", "b") != of("POST", "/api/configs/", "k", "b") {
		t.Error("the two spellings of the list differ")
	}
}
