package httpapi

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/fleet"
)

func (f *fixture) importing(query, kind, body string) reply {
	f.t.Helper()
	return f.do(request{method: "POST", target: "/api/import" + query, body: body, header: map[string]string{"Content-Type": kind}})
}

const ndjson, plainJSON = "application/x-ndjson", "application/json"

func TestImportReport(t *testing.T) {
	const one, two = `{"mac_address":"aa-bb-cc-dd-ee-01","content":{"v":1}}`, `{"mac_address":"AABBCCDDEE02","content":"{\"v\":2} "}`
	const counts = `"created":%d,"updated":%d,"unchanged":%d,"skipped":%d,"refused":`
	cases := []struct {
		name, query, kind, body string
		want                    string // the answer
		left                    int    // configurations afterwards, of which one was there before
	}{
		{"lines", "", ndjson, one + "\n" + two + "\n", `{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 2, 0, 0, 0) + `[]}`, 3},
		{"lines, no end, CRLF and blanks", "", ndjson, "\r\n" + one + "\r\n\n \n" + two, `{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 2, 0, 0, 0) + `[]}`, 3},
		{"array", "", plainJSON, "[" + one + "," + two + "]", `{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 2, 0, 0, 0) + `[]}`, 3},
		{"nothing", "", ndjson, " ", `{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 0, 0, 0, 0) + `[]}`, 1},
		{"empty array", "", plainJSON, "[]", `{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 0, 0, 0, 0) + `[]}`, 1},
		{"dry run", "?dry_run=true", ndjson, one, `{"applied":false,"dry_run":true,` + fmt.Sprintf(counts, 1, 0, 0, 0) + `[]}`, 1},
		{"dry run as a bare word", "?dry_run", ndjson, one, `{"applied":false,"dry_run":true,` + fmt.Sprintf(counts, 1, 0, 0, 0) + `[]}`, 1},
		{"conflict", "", ndjson, one + "\n" + `{"mac_address":"000000000000","content":{"v":9},"source":"a.json"}`,
			`{"applied":false,"dry_run":false,` + fmt.Sprintf(counts, 1, 0, 0, 0) + `[{"source":"a.json","mac_address":"00:00:00:00:00:00","code":"RECORD_EXISTS","reason":"Config for 00:00:00:00:00:00 already exists","current_revision":1}]}`, 1},
		{"changed since, and new since", "?on_conflict=update&keep_going", ndjson, `{"mac_address":"000000000000","content":{"v":9},"if_revision":7}` + "\n" +
			`{"mac_address":"aa-bb-cc-dd-ee-01","content":{"v":1},"if_revision":0}`,
			`{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 1, 0, 0, 0) + `[{"source":"line 1","mac_address":"00:00:00:00:00:00","code":"PRECONDITION_FAILED",` +
				`"reason":"Config for 00:00:00:00:00:00 is at revision 1, which is not the one that this change was made for","current_revision":1}]}`, 2},
		{"gone since", "", ndjson, `{"mac_address":"aa-bb-cc-dd-ee-01","content":{"v":1},"if_revision":1}`,
			`{"applied":false,"dry_run":false,` + fmt.Sprintf(counts, 0, 0, 0, 0) + `[{"source":"line 1","mac_address":"aa:bb:cc:dd:ee:01","code":"PRECONDITION_FAILED",` +
				`"reason":"Config for aa:bb:cc:dd:ee:01 is not there any more"}]}`, 1},
		{"no revision", "", plainJSON, `[{"mac_address":"aa","content":{},"if_revision":"1"},{"mac_address":"aa","content":{},"if_revision":-1},` +
			`{"mac_address":"aa","content":{},"if_revision":1.0},{"mac_address":"aa-bb-cc-dd-ee-01","content":{},"if_revision":null}]`,
			`{"applied":false,"dry_run":false,` + fmt.Sprintf(counts, 1, 0, 0, 0) + `[{"source":"item 1","code":"VALIDATION_FAILED","reason":"if_revision must be the number of a revision, or 0"},` +
				`{"source":"item 2","code":"VALIDATION_FAILED","reason":"if_revision must be the number of a revision, or 0"},` +
				`{"source":"item 3","code":"VALIDATION_FAILED","reason":"if_revision must be the number of a revision, or 0"}]}`, 1},
		{"update", "?on_conflict=update", ndjson, `{"mac_address":"000000000000","content":{"v":9}}`,
			`{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 0, 1, 0, 0) + `[]}`, 1},
		{"skip", "?on_conflict=skip", ndjson, `{"mac_address":"000000000000","content":{"v":9}}`,
			`{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 0, 0, 0, 1) + `[]}`, 1},
		{"broken line", "", ndjson, one + "\n{\"mac_address\":\n" + two,
			`{"applied":false,"dry_run":false,` + fmt.Sprintf(counts, 2, 0, 0, 0) + `[{"source":"line 2","code":"VALIDATION_FAILED","reason":"body is not valid JSON: it ends too early"}]}`, 1},
		{"broken line, going on", "?keep_going=1", ndjson, one + "\nsecret\n" + two,
			`{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 2, 0, 0, 0) + `[{"source":"line 2","code":"VALIDATION_FAILED","reason":"body is not valid JSON (line 1, column 1, byte 0)"}]}`, 3},
		{"wrong members", "", plainJSON, `[{"mac_address":1,"source":"x.json"},{"content":{},"source":[]},5]`,
			`{"applied":false,"dry_run":false,` + fmt.Sprintf(counts, 0, 0, 0, 0) +
				`[{"source":"x.json","code":"VALIDATION_FAILED","reason":"mac_address must be a string; content is required"},` +
				`{"source":"item 2","code":"VALIDATION_FAILED","reason":"mac_address is required; source must be a string"},` +
				`{"source":"item 3","code":"VALIDATION_FAILED","reason":"body must be a JSON object"}]}`, 1},
		{"long line", "?keep_going=true", ndjson, strings.Repeat("x", 7*fleet.DefaultMaxContent) + "\n" + one,
			`{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 1, 0, 0, 0) + `[{"source":"line 1","code":"PAYLOAD_TOO_LARGE","reason":"The line is too long"}]}`, 2},
		{"long item", "?keep_going=true", plainJSON, `["` + strings.Repeat("x", 7*fleet.DefaultMaxContent) + `",` + one + `]`,
			`{"applied":true,"dry_run":false,` + fmt.Sprintf(counts, 1, 0, 0, 0) + `[{"source":"item 1","code":"PAYLOAD_TOO_LARGE","reason":"The item is too long"}]}`, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.fill(1)
			got := f.importing(c.query, c.kind, c.body).want(t, 200)
			if got.body != c.want {
				t.Errorf("got\n%s\nwant\n%s", got.body, c.want)
			}
			if n := len(f.memory().configs); n != c.left {
				t.Errorf("%d configurations, want %d", n, c.left)
			}
		})
	}
}

func TestImportRefusesTheRequest(t *testing.T) {
	cases := []struct {
		name, query, kind, body string
		status                  int
		says                    string
	}{
		{"type", "", "text/csv", "a,b", 415, "application/x-ndjson or application/json"},
		{"flag", "?keep_going=maybe", ndjson, "", 400, `"field":"keep_going"`},
		{"dry_run", "?dry_run=2", ndjson, "", 400, `"field":"dry_run"`},
		{"misspelled flag", "?dryrun=true", ndjson, "", 400, `"field":"query"`},
		{"flag twice", "?dry_run=false&dry_run=true", ndjson, "", 400, `"field":"dry_run"`},
		{"flags apart by a semicolon", "?keep_going=true;dry_run=true", ndjson, "", 400, `"field":"query"`},
		{"conflict", "?on_conflict=overwrite", ndjson, "", 400, `"field":"on_conflict"`},
		{"object", "", plainJSON, `{"mac_address":"x"}`, 400, "must be a JSON array"},
		{"cut array", "", plainJSON, `[{"mac_address":"x"}`, 400, "ends too early"},
		{"empty array body", "", plainJSON, ` `, 400, "ends too early"},
		{"garbage in the array", "", plainJSON, `[{"mac_address":"x"},}]`, 400, "not valid JSON (byte 20)"},
		{"garbage alone", "", plainJSON, `}`, 400, "not valid JSON (byte 0)"},
		{"two arrays", "", plainJSON, `[][]`, 400, "text after the JSON array"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			if got := f.importing(c.query, c.kind, c.body).want(t, c.status); !strings.Contains(got.body, c.says) {
				t.Errorf("%s does not say %q", got.body, c.says)
			}
		})
	}
}

func TestImportsAtATime(t *testing.T) {
	f := newFixture(t)
	for range maxImports {
		f.imports <- struct{}{}
	}
	got := f.importing("", ndjson, " ").want(t, 429)
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	<-f.imports
	f.importing("", ndjson, " ").want(t, 200)
	if len(f.imports) != maxImports-1 {
		t.Error("an import that ended keeps its place")
	}
}

// endless is a body that never ends. It fills what it reads into: reads of a byte each take minutes under the race detector.
type endless struct{ line string }

func (e endless) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], e.line)
	}
	return len(p), nil
}

func TestImportIsBounded(t *testing.T) {
	const bound = 1 << 20
	_, lines := readLines(limited(endless{"\n"}, bound), 100)
	_, array := readArray(limited(strings.NewReader("["+strings.Repeat(`{"mac_address":"x","content":{}},`, bound/32)), bound), 100)
	_, item := readArray(limited(io.MultiReader(strings.NewReader(`["`), endless{"x"}), bound), 100)
	for name, err := range map[string]error{"lines": lines, "array": array, "item": item} {
		e := asFleetError(importError(err))
		if e.Code != fleet.CodeTooLarge || !strings.Contains(e.Detail, "Split it") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, deep := readArray(limited(endless{"["}, bound), 100)
	if code := fleet.CodeOf(importError(deep)); code != fleet.CodeValidationFailed {
		t.Errorf("deep: %v", deep)
	}
}

// A body of small items must not cost many times its size: each has a bound of its own.
func TestImportHasFewEnoughItems(t *testing.T) {
	const item = `{"mac_address":"x","content":{}}`
	_, lines := readLines(endless{"secret\n"}, 100)
	_, array := readArray(io.MultiReader(strings.NewReader("["), endless{"1,"}), 100)
	for name, err := range map[string]error{"lines": lines, "array": array} {
		e := asFleetError(importError(err))
		if e.Code != fleet.CodeValidationFailed || !strings.Contains(e.Error(), "more than 10000 configurations that cannot be read") ||
			strings.Contains(e.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e := asFleetError(lines); !strings.Contains(e.Error(), "the first of them line 1 (body is not valid JSON (line 1, column 1, byte 0))") {
		t.Errorf("%v does not say what was wrong first", e)
	}
	// To read half a million of them takes long; what is read one by one is asked one by one, as above.
	most := batch{refused: make([]fleet.Refusal, maxUnreadable), items: make([]fleet.Item, maxImportItems-1)}
	most.add("line 1", []byte(item))
	if err := most.full(); err != nil {
		t.Errorf("at the bounds: %v", err)
	}
	most.add("line 2", []byte(item))
	if e := asFleetError(importError(most.full())); e.Code != fleet.CodeTooLarge || !strings.Contains(e.Error(), "more than 500000 configurations") {
		t.Errorf("above the bound: %v", e)
	}
}

func TestExportIsTheInverseOfImport(t *testing.T) {
	f := newFixture(t)
	f.keep(odd)
	f.fill(250)
	out := f.get("/api/export").want(t, 200)
	if n := strings.Count(out.body, "\n"); n != 251 {
		t.Errorf("%d lines", n)
	}
	again := newFixture(t)
	again.importing("", ndjson, out.body).want(t, 200)
	if got := again.get("/api/export").want(t, 200); got.body != out.body {
		t.Error("a round trip changes the export")
	}
	if got := again.get("/api/configs/aabbccddeeff.json").want(t, 200); got.body != odd {
		t.Errorf("%q", got.body)
	}
	if got := newFixture(t).get("/api/export").want(t, 200); got.body != "" || got.header.Get("Content-Type") != ndjson {
		t.Errorf("an empty export: %q %v", got.body, got.header)
	}
}
