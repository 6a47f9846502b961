package httpapi

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
)

// whole is a configuration as the contract has it, with the fields in its order, and what was added behind them.
const whole = `{"id":1,"mac_address":"aa:bb:cc:dd:ee:ff","device_name":"Flur <&> ü \u2028","device_entity_id":null,` +
	`"enable_ota":null,"content":%s,"created_at":"2026-01-02T03:04:05.123456Z","updated_at":"%s","revision":%d,` +
	`"etag":"%s","sync":"unknown","last_seen":null,"device_revision":null,"overdue":false,"online":null}`

func wholeConfig(content, updated string, revision int) string {
	return fmt.Sprintf(strings.ReplaceAll(whole, `\u2028`, "\u2028"), content, updated, revision, fleet.ETag(sha256.Sum256([]byte(content))))
}

func TestLifeOfAConfiguration(t *testing.T) {
	f := newFixture(t)
	const listedEmpty = `{"configs":[],"count":0}`
	if got := f.get("/api/configs").want(t, 200); got.body != listedEmpty {
		t.Errorf("empty list: %s", got.body)
	}

	created := f.send("POST", "/api/configs/", `{"x":[1],"content":`+odd+`,"mac_address":"AABB.CCDD.EEFF"}`).want(t, 201)
	// As an object the document is what stands between its braces: what is around it belongs to the request.
	bare := strings.TrimSpace(odd)
	if want := wholeConfig(bare, "2026-01-02T03:04:05.123456Z", 1); created.body != want {
		t.Errorf("created:\n%s\nwant:\n%s", created.body, want)
	}
	if got := created.header.Get("Location"); got != "/api/configs/1" {
		t.Errorf("Location: %s", got)
	}
	if got := f.get("/api/configs/1").want(t, 200); got.body != created.body || got.header.Get("ETag") != `"r1"` {
		t.Errorf("read: %s %v", got.body, got.header)
	}

	f.clock.pass(time.Second)
	asString := string(appendString(nil, odd))
	updated := f.send("PUT", "/api/configs/1", `{"content":`+asString+`,"mac_address":"00:00:00:00:00:01","id":5}`).want(t, 200)
	if want := wholeConfig(odd, "2026-01-02T03:04:06.123456Z", 2); updated.body != want {
		t.Errorf("updated:\n%s\nwant:\n%s", updated.body, want)
	}
	for _, path := range []string{"/api/configs", "/api/configs/"} {
		want := `{"configs":[` + strings.Replace(updated.body, `"content":`+odd+`,`, "", 1) + `],"count":1}`
		if got := f.get(path).want(t, 200); got.body != want {
			t.Errorf("%s: %s\nwant %s", path, got.body, want)
		}
	}

	f.send("DELETE", "/api/configs/1", "").want(t, 204)
	f.send("DELETE", "/api/configs/1", "").want(t, 404)
	f.get("/api/configs/1").want(t, 404)
	f.get("/api/configs/aabbccddeeff.json").want(t, 404)
	f.send("PUT", "/api/configs/1", `{"content":{}}`).want(t, 404)
}

func TestRequestBodies(t *testing.T) {
	const mac = `"mac_address":"aa:bb:cc:dd:ee:ff"`
	cases := []struct {
		name, body string
		status     int
		says       string // in the answer
	}{
		{"object", `{` + mac + `,"content":{"a":1}}`, 201, `"content":{"a":1}`},
		{"string", `{` + mac + `,"content":"{\"a\":\t1}"}`, 201, "{\"a\":\t1}"},
		{"escaped string", `{` + mac + `,"content":"{\"a\":\u00e4}"}`, 400, "content"},
		{"good string", `{` + mac + `,"content":" {\"\u00e4\":\"\\u00e4\"}\n"}`, 201, "\"content\": {\"ä\":\"\\u00e4\"}\n,"},
		{"lone surrogate in the document", `{` + mac + `,"content":{"a":"\ud800"}}`, 201, `{"a":"\ud800"}`},
		{"lone surrogate in the string", `{` + mac + `,"content":"{\"a\":\"\ud800\"}"}`, 400, "half of a surrogate pair"},
		{"pair in the string", `{` + mac + `,"content":"{\"a\":\"\ud83d\ude00\"}"}`, 201, `{"a":"😀"}`},
		{"empty", ``, 400, "is empty"},
		{"blank", ` `, 400, "is empty"},
		{"array", `[]`, 400, "must be a JSON object"},
		{"string alone", `"x"`, 400, "must be a JSON object"},
		{"cut", `{` + mac, 400, "ends too early"},
		{"no JSON", `{` + mac + `,}`, 400, "line 1, column 35, byte 34"},
		{"two objects", `{` + mac + `,"content":{}}{}`, 400, "has text after"},
		{"garbage behind", `{` + mac + `,"content":{}}x`, 400, "has text after"},
		{"key twice", `{` + mac + `,` + mac + `,"content":{}}`, 400, "has a key twice"},
		{"key twice by escapes", `{` + mac + `,"content":{},"conten\u0074":{}}`, 400, "has a key twice"},
		{"unknown key twice", `{` + mac + `,"content":{},"z":1,"z":2}`, 400, "has a key twice"},
		{"other case", `{` + mac + `,"Content":{}}`, 400, `"field":"content","message":"is required"`},
		{"MAC in other case", `{"MAC_address":"aa:bb:cc:dd:ee:ff","content":{}}`, 400, `"field":"mac_address"`},
		{"invalid UTF-8", `{` + mac + `,"content":{"a":"` + "\xff" + `"}}`, 400, "not valid UTF-8 (line 1, column 52, byte 51)"},
		{"content is a number", `{` + mac + `,"content":1}`, 400, "must be a JSON object"},
		{"content is an array as a string", `{` + mac + `,"content":"[]"}`, 400, "must be a JSON object, not an array"},
		{"deep", `{` + mac + `,"content":` + strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65) + `}`, 400, "nested deeper"},
		{"very deep", `{` + mac + `,"content":` + strings.Repeat(`[`, 20000) + `}`, 400, "body"},
		{"MAC holds half a pair", `{"mac_address":"\ud800","content":{}}`, 400, "INVALID_OPERATION"},
		{"MAC is full-width", `{"mac_address":"ＡＡ:bb:cc:dd:ee:ff","content":{}}`, 400, "INVALID_OPERATION"},
		{"BOM", "\ufeff" + `{` + mac + `,"content":{}}`, 400, "is not valid JSON"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			got := f.do(request{method: "POST", target: "/api/configs", body: c.body,
				header: map[string]string{"Content-Type": "application/json"}}).want(t, c.status)
			if !strings.Contains(got.body, c.says) && !strings.Contains(strings.ReplaceAll(got.body, `","message":"`, " "), c.says) {
				t.Errorf("%s does not say %q", got.body, c.says)
			}
		})
	}
}

func TestContentType(t *testing.T) {
	for value, status := range map[string]int{
		"":                                  201,
		"application/json":                  201,
		"Application/JSON; charset=UTF-8":   201,
		`application/json; charset="utf-8"`: 201,
		"application/merge-patch+json":      201,
		"application/json; charset=latin1":  415,
		"application/x-ndjson":              415,
		"application/x-www-form-urlencoded": 415,
		"text/plain":                        415,
		"multipart/form-data":               415,
		"application/json;;;=":              415,
		"json":                              415,
	} {
		f := newFixture(t)
		f.do(request{method: "POST", target: "/api/configs", body: `{"mac_address":"aabbccddeeff","content":{}}`,
			header: map[string]string{"Content-Type": value}}).want(t, status)
	}
	for coding, status := range map[string]int{"gzip": 415, "x-unknown": 415, "Identity": 201} {
		f := newFixture(t)
		f.do(request{method: "POST", target: "/api/configs", body: `{"mac_address":"aabbccddeeff","content":{}}`,
			header: map[string]string{"Content-Encoding": coding}}).want(t, status)
	}
}

// fill makes n configurations.
func (f *fixture) fill(n int) {
	f.t.Helper()
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "{\"mac_address\":\"00000000%04x\",\"content\":{\"deviceName\":\"device %d\"}}\n", i, i)
	}
	got := f.do(request{method: "POST", target: "/api/import", body: lines.String(),
		header: map[string]string{"Content-Type": "application/x-ndjson"}}).want(f.t, 200)
	if !strings.Contains(got.body, fmt.Sprintf(`"created":%d`, n)) {
		f.t.Fatal(got.body)
	}
}

// addresses are the MAC addresses of a list, in its order.
func addresses(t *testing.T, body string) (macs []string) {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewBufferString(body))
	for last := ""; ; {
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return macs
		}
		if err != nil {
			t.Fatal(err)
		}
		if last == "mac_address" {
			macs = append(macs, tok.String())
		}
		last = tok.String()
	}
}

func TestPagesTogetherAreTheList(t *testing.T) {
	f := newFixture(t)
	f.fill(25)
	for _, base := range []string{"limit=7", "limit=7&order=desc", "limit=25", "limit=7&sort=id&q=00:0", "limit=1000", "cursor="} {
		params, _ := url.ParseQuery(base)
		params.Del("limit")
		params.Del("cursor")
		all := addresses(t, f.get("/api/configs?"+params.Encode()).want(t, 200).body)
		if len(all) == 0 {
			t.Fatal("an empty list proves nothing")
		}
		var got []string
		next := "?" + base
		for next != "" {
			page := f.get("/api/configs"+next).want(t, 200)
			here := addresses(t, page.body)
			if want := fmt.Sprintf(`"count":%d`, len(here)); !strings.Contains(page.body, want) {
				t.Errorf("%s: no %s", next, want)
			}
			got = append(got, here...)
			link := page.header.Get("Link")
			if strings.Contains(page.body, "next_cursor") != (link != "") {
				t.Errorf("%s: next_cursor and Link disagree", next)
			}
			next, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">; rel=\"next\"")
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s: %s", base, diff)
		}
	}
}

func TestListParameters(t *testing.T) {
	f := newFixture(t)
	f.fill(3)
	for query, want := range map[string]struct {
		status int
		says   string
	}{
		"_=1767323045":                  {200, `"count":3`},
		"order=desc":                    {200, `"count":3`},
		"q=0002":                        {200, `"count":0`},
		"q=00:02":                       {200, `"count":1`},
		"sort=nothing":                  {400, `"field":"sort"`},
		"order=up":                      {400, `"field":"order"`},
		"limit=0":                       {400, `"field":"limit"`},
		"limit=-1":                      {400, `"field":"limit"`},
		"limit=1001":                    {400, `"field":"limit"`},
		"limit=ten":                     {400, `"field":"limit"`},
		"limit=":                        {400, `"field":"limit"`},
		"cursor=made-up":                {400, `"field":"cursor"`},
		"q=a;b":                         {400, `"field":"query"`},
		"q=%zz":                         {400, `"field":"query"`},
		"q=%ff":                         {400, `"field":"q"`},
		"q=" + strings.Repeat("x", 256): {400, `"field":"q"`},
	} {
		got := f.get("/api/configs?"+query).want(t, want.status)
		if !strings.Contains(got.body, want.says) {
			t.Errorf("%s: %s", query, got.body)
		}
	}
}

// TestAListThatBreaksOffIsNoList has a database that goes away while a long list is being sent: the client must not
// take what it got for the whole.
func TestAListThatBreaksOffIsNoList(t *testing.T) {
	for path, reads := range map[string]int{"/api/configs": 1, "/api/export": 10} {
		f := newFixture(t)
		f.fill(1500)
		f.memory().mu.Lock()
		f.memory().failAfter = reads
		f.memory().mu.Unlock()
		f.memory().breakWith(fleet.Unavailable(io.ErrClosedPipe))
		server := httptest.NewServer(f.Handler())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusOK || len(body) == 0 {
			t.Fatalf("%s: the list did not begin: %d", path, res.StatusCode)
		}
		if err == nil {
			t.Errorf("%s: a list that broke off ended well", path)
		}
		if err := res.Body.Close(); err != nil {
			t.Log(err)
		}
		server.Close()
		if strings.Count(f.log.String(), `"request failed"`) != 1 {
			t.Errorf("%s: not logged once", path)
		}
		if path == "/api/configs" && f.count(t, "list", "error") != 1 {
			t.Error("not counted as an error")
		}
	}
}
