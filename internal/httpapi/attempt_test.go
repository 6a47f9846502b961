package httpapi

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

func TestIfMatchField(t *testing.T) {
	just := func(revisions ...int64) fleet.Match { return fleet.Match{Given: true, Revisions: revisions} }
	for _, c := range []struct {
		field []string
		want  fleet.Match
		bad   bool
	}{
		{nil, fleet.Match{}, false},
		{[]string{"*"}, fleet.Match{Given: true, Any: true}, false},
		{[]string{" * \t"}, fleet.Match{Given: true, Any: true}, false},
		{[]string{`"r7"`}, just(7), false},
		{[]string{`"r0"`}, just(0), false}, // what another program wrote
		{[]string{`"r7", "r8"`}, just(7, 8), false},
		{[]string{`"r7","r8"`, `"r9"`}, just(7, 8, 9), false},
		{[]string{`,, "r7" ,	,`}, just(7), false},
		{[]string{`W/"r7"`}, just(), false},
		{[]string{`W/"r7", "r8"`}, just(8), false},
		{[]string{`""`}, just(), false},
		{[]string{`"*"`}, just(), false},
		{[]string{`"r07"`}, just(), false},
		{[]string{`"r+7"`}, just(), false},
		{[]string{`"r-7"`}, just(), false},
		{[]string{`"R7"`}, just(), false},
		{[]string{`"7"`}, just(), false},
		{[]string{`"r7,r8"`}, just(), false},
		{[]string{`"r９"`}, just(), false},
		{[]string{`"ü"`}, just(), false},
		{[]string{`"r9223372036854775807"`}, just(9223372036854775807), false},
		{[]string{`"r9223372036854775808"`}, just(), false},
		{[]string{`"r` + strings.Repeat("9", 10_000) + `"`}, just(), false},
		{field: []string{""}, bad: true},
		{field: []string{" , "}, bad: true},
		{field: []string{"r7"}, bad: true},
		{field: []string{"7"}, bad: true},
		{field: []string{`"r7`}, bad: true},
		{field: []string{`r7"`}, bad: true},
		{field: []string{`'r7'`}, bad: true},
		{field: []string{`"r7" "r8"`}, bad: true},
		{field: []string{`"r7"x`}, bad: true},
		{field: []string{`"r 7"`}, bad: true},
		{field: []string{"\"r7\x7f\""}, bad: true},
		{field: []string{`w/"r7"`}, bad: true},
		{field: []string{`W/`}, bad: true},
		{field: []string{`W/r7`}, bad: true},
		{field: []string{`*, "r7"`}, bad: true},
		{field: []string{`"r7"`, `*`}, bad: true},
		{field: []string{`**`}, bad: true},
	} {
		got, err := ifMatch(c.field)
		if (err != nil) != c.bad {
			t.Errorf("%q: %v", c.field, err)
		}
		if !slices.Equal(got.Revisions, c.want.Revisions) || got.Given != c.want.Given || got.Any != c.want.Any {
			t.Errorf("%q: %+v, want %+v", c.field, got, c.want)
		}
		if _, err := ifNoneMatch(c.field); (err != nil) != c.bad {
			t.Errorf("If-None-Match %q: %v", c.field, err)
		}
	}
}

func FuzzEntityTags(f *testing.F) {
	for _, seed := range []string{"*", `"r7"`, `W/"a", "b"`, `"`, `,"",`, "\"\x00\"", `W/*`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		tags, any, ok := entityTags([]string{field})
		if !ok || any {
			return
		}
		// What was read is what a list of them says.
		again, _, ok := entityTags(tags)
		if !ok || !slices.Equal(tags, again) {
			t.Errorf("%q: %q, and of these %q", field, tags, again)
		}
	})
}

func TestChangeMessageField(t *testing.T) {
	for _, c := range []struct {
		field []string
		want  string
		bad   bool
	}{
		{nil, "", false},
		{[]string{""}, "", false},
		{[]string{"louder"}, "louder", false},
		{[]string{"lauter für Küche"}, "lauter für Küche", false},
		{[]string{"it's 100% done"}, "it's 100% done", false},
		{[]string{"UTF-8''lauter%20f%C3%BCr%20K%c3%bcche"}, "lauter für Küche", false},
		{[]string{"utf-8'de'a+b"}, "a+b", false},
		{[]string{"UTF-8''it's"}, "it's", false},
		{[]string{"UTF-8''"}, "", false},
		{[]string{"UTF-8'x"}, "UTF-8'x", false},
		{[]string{"ISO-8859-1''%FC"}, "ISO-8859-1''%FC", false},
		{field: []string{"UTF-8''%"}, bad: true},
		{field: []string{"UTF-8''%4"}, bad: true},
		{field: []string{"UTF-8''%zz"}, bad: true},
		{field: []string{"UTF-8''%FC"}, bad: true},
		{field: []string{"one", "two"}, bad: true},
	} {
		if got, err := changeMessage(c.field); got != c.want || (err != nil) != c.bad {
			t.Errorf("%q: %q, %v", c.field, got, err)
		}
	}
}

func TestClientAddress(t *testing.T) {
	for _, c := range []struct {
		from      string
		forwarded []string
		want      string
	}{
		{"10.0.0.9:4711", nil, "10.0.0.9"},
		{"[2001:db8::1]:4711", nil, "2001:db8::1"},
		{"[fe80::1%eth0]:4711", nil, "fe80::1"},
		{"[::ffff:10.0.0.9]:1", nil, "10.0.0.9"},
		{"127.0.0.1:1", nil, "127.0.0.1"},
		{"@", nil, ""},
		{"10.0.0.9:1", []string{"192.0.2.1"}, "10.0.0.9"}, // who is no proxy of ours may say what he likes
		{"127.0.0.1:1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"[::1]:1", []string{"203.0.113.7, 192.0.2.1"}, "192.0.2.1"},
		{"127.0.0.1:1", []string{"203.0.113.7", "192.0.2.1 "}, "192.0.2.1"},
		{"127.0.0.1:1", []string{"192.0.2.1:8080"}, "192.0.2.1"},
		{"127.0.0.1:1", []string{"[2001:db8::2]:8080"}, "2001:db8::2"},
		{"127.0.0.1:1", []string{"2001:db8::2"}, "2001:db8::2"},
		{"127.0.0.1:1", []string{"unknown"}, ""},
		{"127.0.0.1:1", []string{"192.0.2.1, "}, ""},
		{"127.0.0.1:1", []string{"<script>"}, ""},
		{"127.0.0.1:1", []string{""}, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = c.from
		for _, one := range c.forwarded {
			r.Header.Add("X-Forwarded-For", one)
		}
		if got := clientAddress(r); got != c.want {
			t.Errorf("%s, %q: %q, want %q", c.from, c.forwarded, got, c.want)
		}
	}
}

// stale is what a write says that was made for another revision.
func stale(mac string, current int) string {
	return fmt.Sprintf(`{"error":"Config for %s is at revision %d, which is not the one that this change was made for","code":"PRECONDITION_FAILED",`+
		`"details":{"message":"Somebody else has changed it: read it again, and repeat the change on what is there now","current_revision":%d},"correlationId":"the-id"}`,
		mac, current, current)
}

func (r reply) wantStale(t *testing.T, what, mac string, current int) {
	t.Helper()
	if want := stale(mac, current); r.status != 412 || r.body != want || r.header.Get("ETag") != fmt.Sprintf(`"r%d"`, current) {
		t.Errorf("%s: %d %s %v\nwant %s", what, r.status, r.body, r.header, want)
	}
}

// TestPreconditions has each write asked for on each condition.
func TestPreconditions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		const mac = "aa:bb:cc:dd:ee:ff"
		f.send("POST", "/api/configs", `{"mac_address":"`+mac+`","content":{"v":1}}`).want(t, 201)
		f.send("PUT", "/api/configs/1", `{"content":{"v":2}}`).want(t, 200)
		writes := []request{
			{method: "PUT", target: "/api/configs/1", body: `{"content":{"v":3}}`},
			{method: "PATCH", target: "/api/configs/1", body: `{"content":{"w":1}}`},
			{method: "POST", target: "/api/configs/1/revisions/1/restore"},
			{method: "POST", target: "/api/configs/1/replace-device", body: `{"mac_address":"aa:bb:cc:dd:ee:00"}`},
			{method: "DELETE", target: "/api/configs/1"},
		}
		for _, w := range writes {
			what := w.method + " " + w.target
			for _, field := range []string{`"r1"`, `"r3", "r1"`, `W/"r2"`, `"r02"`, `"2"`, `"r-2"`, `"r99999999999999999999"`, `"ü"`} {
				w.header = map[string]string{"If-Match": field, "X-Correlation-ID": "the-id"}
				f.do(w).wantStale(t, what+" with "+field, mac, 2)
			}
			for _, field := range []string{`r2`, `"r2`, `*, "r2"`, `"r2" "r3"`, ","} {
				w.header = map[string]string{"If-Match": field}
				if got := f.do(w).want(t, 400); !strings.Contains(got.body, `"field":"If-Match"`) {
					t.Errorf("%s with %s: %s", what, field, got.body)
				}
			}
		}
		if got := f.get("/api/configs/1").want(t, 200); !strings.Contains(got.body, `"content":{"v":2}`) || got.header.Get("ETag") != `"r2"` {
			t.Errorf("a write that was refused changed something: %s", got.body)
		}
		current := `"r2"`
		for i, w := range writes {
			w.header = map[string]string{"If-Match": []string{current, "*", `"r1", ` + current}[i%3]}
			got := f.do(w)
			if got.status != 200 && got.status != 204 {
				t.Fatalf("%s %s with %s: %d %s", w.method, w.target, w.header, got.status, got.body)
			}
			if current = got.header.Get("ETag"); got.status == 200 && current != fmt.Sprintf(`"r%d"`, i+3) {
				t.Errorf("%s %s: ETag %s", w.method, w.target, current)
			}
		}
		for _, w := range writes[:2] { // of what is deleted there is nothing to match
			w.header = map[string]string{"If-Match": "*"}
			f.do(w).want(t, 404)
		}
	})
}

// TestBringingBackKnowsOfTheDelete has somebody restore what he does not know to be deleted.
func TestBringingBackKnowsOfTheDelete(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		for i, path := range []string{"/undelete", "/revisions/1/restore"} {
			mac := fmt.Sprintf("aa:bb:cc:dd:ee:%02x", i)
			made := f.send("POST", "/api/configs", `{"mac_address":"`+mac+`","content":{"v":1}}`).want(t, 201)
			at := made.header.Get("Location")
			f.send("DELETE", at, "").want(t, 204)
			for _, field := range []string{`"r1"`, `*`, `"r3"`} {
				f.with(map[string]string{"If-Match": field, "X-Correlation-ID": "the-id"}, "POST", at+path, "").wantStale(t, path+" with "+field, mac, 2)
			}
			f.get(at).want(t, 404)
			if got := f.with(map[string]string{"If-Match": `"r2"`}, "POST", at+path, "").want(t, 200); got.header.Get("ETag") != `"r3"` {
				t.Errorf("%s: %v", path, got.header)
			}
		}
	})
}

func TestCreateOnlyWhereThereIsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		const body = `{"mac_address":"aa:bb:cc:dd:ee:ff","content":{}}`
		only := map[string]string{"If-None-Match": "*", "X-Correlation-ID": "the-id"}
		f.with(only, "POST", "/api/configs", body).want(t, 201)
		const there = `{"error":"Config for aa:bb:cc:dd:ee:ff already exists","code":"PRECONDITION_FAILED",` +
			`"details":{"message":"It was to be made only if there was none","current_revision":1},"correlationId":"the-id"}`
		if got := f.with(only, "POST", "/api/configs", body).want(t, 412); got.body != there || got.header.Get("ETag") != `"r1"` {
			t.Errorf("%s %v", got.body, got.header)
		}
		f.with(map[string]string{"If-None-Match": `"r5"`}, "POST", "/api/configs", body).want(t, 409)
		if got := f.with(map[string]string{"If-None-Match": "r5"}, "POST", "/api/configs", body).want(t, 400); !strings.Contains(got.body, `"field":"If-None-Match"`) {
			t.Error(got.body)
		}
		// Other conditions say nothing of what is to be made.
		f.with(map[string]string{"If-Match": `"r5"`}, "POST", "/api/configs", `{"mac_address":"aa:bb:cc:dd:ee:00","content":{}}`).want(t, 201)
	})
}

// TestOneOfTwoWritersWins lets writers race for one revision; of each round one may win. Without the condition all do.
func TestOneOfTwoWritersWins(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		f.lax = true
		f.send("POST", "/api/configs", `{"mac_address":"aa:bb:cc:dd:ee:ff","content":{}}`).want(t, 201)
		const writers, rounds = 4, 10
		race := func(round int, field string) map[int]int {
			var wait sync.WaitGroup
			statuses := make([]int, writers)
			for i := range writers {
				w := request{method: []string{"PUT", "PATCH"}[i%2], target: "/api/configs/1", body: fmt.Sprintf(`{"content":{"v":"%d of %d"}}`, i, round)}
				if field != "" {
					w.header = map[string]string{"If-Match": field}
				}
				wait.Go(func() { statuses[i] = f.do(w).status })
			}
			wait.Wait()
			counts := map[int]int{}
			for _, status := range statuses {
				counts[status]++
			}
			return counts
		}
		for round := range rounds {
			if diff := cmp.Diff(map[int]int{200: 1, 412: writers - 1}, race(round, fmt.Sprintf(`"r%d"`, round+1))); diff != "" {
				t.Errorf("round %d: %s", round, diff)
			}
		}
		if diff := cmp.Diff(map[int]int{200: writers}, race(rounds, "")); diff != "" {
			t.Errorf("without a condition: %s", diff)
		}
		if got := f.get("/api/configs/1").want(t, 200); got.header.Get("ETag") != fmt.Sprintf(`"r%d"`, rounds+1+writers) {
			t.Errorf("ETag %s", got.header.Get("ETag"))
		}
	})
}

func TestChangeMessage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		f := over(t, s)
		long := strings.Repeat("ü", fleet.MaxMessage)
		f.with(map[string]string{"X-Change-Message": "first"}, "POST", "/api/configs", `{"mac_address":"aa:bb:cc:dd:ee:ff","content":{}}`).want(t, 201)
		for i, message := range []string{long, "UTF-8''" + strings.Repeat("%C3%BC", fleet.MaxMessage), "UTF-8''two%0Alines%09and%20a%20tab", `<b>"quotes"</b>`} {
			f.with(map[string]string{"X-Change-Message": message}, "PUT", "/api/configs/1", fmt.Sprintf(`{"content":{"v":%d}}`, i)).want(t, 200)
		}
		f.with(map[string]string{"X-Change-Message": "gone"}, "DELETE", "/api/configs/1", "").want(t, 204)
		f.with(map[string]string{"X-Change-Message": "back"}, "POST", "/api/configs/1/undelete", "").want(t, 200)
		for name, message := range map[string]string{"501 characters": long + "x", "501 in percent": "UTF-8''" + strings.Repeat("%C3%BC", fleet.MaxMessage+1),
			"a control character": "UTF-8''a%00b", "an escape": "UTF-8''%1B[31m", "C1": "UTF-8''%C2%85", "bad percent": "UTF-8''%2", "no UTF-8": "\xfc", "no UTF-8 in percent": "UTF-8''%fc"} {
			for _, w := range []request{{method: "PUT", target: "/api/configs/1", body: `{"content":{"never":1}}`}, {method: "PATCH", target: "/api/configs/1", body: `{"content":{"never":1}}`},
				{method: "DELETE", target: "/api/configs/1"}, {method: "POST", target: "/api/configs/1/revisions/1/restore"}, {method: "POST", target: "/api/configs/1/undelete"},
				{method: "POST", target: "/api/configs/1/replace-device", body: `{"mac_address":"000000000001"}`},
				{method: "POST", target: "/api/configs", body: `{"mac_address":"000000000001","content":{}}`}, {method: "POST", target: "/api/import", body: `[]`}} {
				w.header = map[string]string{"X-Change-Message": message}
				if got := f.do(w).want(t, 400); !strings.Contains(got.body, `"field":"X-Change-Message"`) || strings.Contains(got.body, "ü") {
					t.Errorf("%s of %s %s: %s", name, w.method, w.target, got.body)
				}
			}
		}
		got := f.get("/api/configs/1/revisions").want(t, 200)
		var messages []any
		for _, rev := range decoded(t, got.body)["revisions"].([]any) {
			messages = append(messages, rev.(map[string]any)["message"])
		}
		if diff := cmp.Diff([]any{"back", "gone", `<b>"quotes"</b>`, "two\nlines\tand a tab", long, long, "first"}, messages[:7]); diff != "" {
			t.Error(diff)
		}
	})
}
