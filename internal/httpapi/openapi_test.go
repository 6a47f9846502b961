package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestOpenAPIGolden(t *testing.T) {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, newFixture(t).OpenAPI(), "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "openapi.golden.json", pretty.String()+"\n")
}

func TestOpenAPIIsServed(t *testing.T) {
	f := newFixture(t)
	got := f.get("/api/docs/openapi.json").want(t, 200)
	if got.body != string(f.OpenAPI()) {
		t.Error("what is served is not the document")
	}
}

// TestEveryRouteIsDocumentedAndAnswers walks the document and the table: each has all of the other, and the mux answers
// what they have.
func TestEveryRouteIsDocumentedAndAnswers(t *testing.T) {
	f := newFixture(t)
	o := parseOpenAPI(t, f.OpenAPI())
	var documented, tabled []string
	for path, item := range o.at("paths").(map[string]any) {
		for method := range item.(map[string]any) {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	for _, rt := range f.routes {
		tabled = append(tabled, rt.method+" "+rt.pattern)
		target := strings.NewReplacer("{id}", "1", "{mac}", "aabbccddeeff", "{file}", "index.html").Replace(rt.pattern)
		got := f.send(rt.method, target, "")
		if rt.doc.tag == "page" { // whether its parts are there is for the tests of the build
			continue
		}
		if got.status == http.StatusMethodNotAllowed || got.status == http.StatusNotFound && strings.Contains(got.body, "ROUTE_NOT_FOUND") {
			t.Errorf("%s %s: %d", rt.method, target, got.status)
		}
		if rt.also != "" {
			if got := f.send(rt.method, rt.also, ""); got.status == 404 || got.status == 405 {
				t.Errorf("%s %s: %d", rt.method, rt.also, got.status)
			}
		}
	}
	slices.Sort(documented)
	slices.Sort(tabled)
	if !slices.Equal(documented, tabled) {
		t.Errorf("documented:\n%v\nin the table:\n%v", documented, tabled)
	}
}

// TestWritesAreDocumented holds what each write takes besides its body against the document.
func TestWritesAreDocumented(t *testing.T) {
	f := newFixture(t)
	o := parseOpenAPI(t, f.OpenAPI())
	for _, rt := range f.routes {
		if rt.access != admin || !writes(rt.method) {
			continue
		}
		where, method := rt.method+" "+rt.pattern, strings.ToLower(rt.method)
		has := map[string]bool{}
		params, _ := o.at("paths", rt.pattern, method, "parameters").([]any)
		for _, p := range params {
			if param := p.(map[string]any); param["in"] == "header" {
				has[param["name"].(string)] = true
			}
		}
		id := strings.Contains(rt.pattern, "{id}")
		for name, want := range map[string]bool{changeMessageHeader: true, idempotencyKeyHeader: rt.method == http.MethodPost && !rt.reads, ifMatchHeader: id,
			ifNoneMatchHeader: rt.pattern == "/api/configs"} {
			if has[name] != want {
				t.Errorf("%s: %s is documented: %v", where, name, has[name])
			}
		}
		if id != (o.at("paths", rt.pattern, method, "responses", "412", "headers", "ETag") != nil) && rt.pattern != "/api/configs" {
			t.Errorf("%s: 412", where)
		}
		if rt.action == "" && !rt.reads {
			t.Errorf("%s: a refusal has no action", where)
		}
	}
}

// TestOpenAPIIsWellFormed checks what OpenAPI 3.1 asks of a document, as far as this one uses it.
func TestOpenAPIIsWellFormed(t *testing.T) {
	o := parseOpenAPI(t, newFixture(t).OpenAPI())
	if o.at("openapi") != "3.1.0" || o.at("info", "title") == nil || o.at("info", "version") != "1.2.3" {
		t.Errorf("openapi, info: %v %v", o.at("openapi"), o.at("info"))
	}
	tags := map[string]bool{}
	for _, tag := range o.at("tags").([]any) {
		tags[tag.(map[string]any)["name"].(string)] = true
	}
	ids := map[string]bool{}
	for path, item := range o.at("paths").(map[string]any) {
		for method, value := range item.(map[string]any) {
			operation := value.(map[string]any)
			where := method + " " + path
			id, _ := operation["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s: the operationId %q is empty or there twice", where, id)
			}
			ids[id] = true
			if operation["summary"] == "" || operation["summary"] == nil {
				t.Errorf("%s has no summary", where)
			}
			for _, tag := range operation["tags"].([]any) {
				if !tags[tag.(string)] {
					t.Errorf("%s: the tag %v is not declared", where, tag)
				}
			}
			checkParameters(t, where, path, operation)
			for status, res := range operation["responses"].(map[string]any) {
				if n, err := strconv.Atoi(status); err != nil || n < 200 || n > 599 {
					t.Errorf("%s: status %s", where, status)
				}
				if res.(map[string]any)["description"] == "" {
					t.Errorf("%s %s has no description", where, status)
				}
				for media := range asObject(res.(map[string]any)["content"]) {
					o.compile(t, "paths", path, method, "responses", status, "content", media, "schema")
				}
			}
			for media := range asObject(asObject(operation["requestBody"])["content"]) {
				o.compile(t, "paths", path, method, "requestBody", "content", media, "schema")
			}
		}
	}
	for name := range asObject(o.at("components", "schemas")) {
		o.compile(t, "components", "schemas", name)
	}
}

func asObject(v any) map[string]any {
	object, _ := v.(map[string]any)
	return object
}

// checkParameters holds the parameters of an operation against the braces of its path.
func checkParameters(t *testing.T, where, path string, operation map[string]any) {
	t.Helper()
	params, _ := operation["parameters"].([]any)
	inPath := 0
	for _, p := range params {
		param := p.(map[string]any)
		if param["in"] != "path" {
			continue
		}
		inPath++
		if !strings.Contains(path, "{"+param["name"].(string)+"}") || param["required"] != true {
			t.Errorf("%s: the path parameter %v", where, param)
		}
	}
	if inPath != strings.Count(path, "{") {
		t.Errorf("%s has %d path parameters", where, inPath)
	}
}

// TestDocumentedRequestsAreAccepted holds the request schemas against what handlers take and refuse.
func TestDocumentedRequestsAreAccepted(t *testing.T) {
	o := parseOpenAPI(t, newFixture(t).OpenAPI())
	schema := o.compile(t, "paths", "/api/configs", "post", "requestBody", "content", "application/json", "schema")
	for body, good := range map[string]bool{
		`{"mac_address":"aa:bb:cc:dd:ee:ff","content":{"a":1}}`:     true,
		`{"mac_address":"aa:bb:cc:dd:ee:ff","content":"{\"a\":1}"}`: true,
		`{"mac_address":"aa:bb:cc:dd:ee:ff"}`:                       false,
		`{"content":{}}`:                                            false,
		`{"mac_address":1,"content":{}}`:                            false,
		`{"mac_address":"aa:bb:cc:dd:ee:ff","content":[]}`:          false,
	} {
		var value any
		if err := json.Unmarshal([]byte(body), &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != good {
			t.Errorf("the schema says of %s: %v", body, err)
		}
		status := newFixture(t).send("POST", "/api/configs", body).status
		if (status == http.StatusCreated) != good {
			t.Errorf("the handler says of %s: %d", body, status)
		}
	}
}

// TestTheCheckOfRepliesCanFail shows that the harness notices an answer that is not as documented.
func TestTheCheckOfRepliesCanFail(t *testing.T) {
	o := parseOpenAPI(t, newFixture(t).OpenAPI())
	schema := o.compile(t, "components", "schemas", "Config")
	good := `{"id":1,"mac_address":"aa:bb:cc:dd:ee:ff","device_name":null,"device_entity_id":null,"enable_ota":null,"content":{},` +
		`"created_at":"2026-01-02T03:04:05.123456Z","updated_at":"2026-01-02T03:04:05.123456Z","revision":1,` +
		`"etag":"44136fa355b3678a1146ad16f7e8649e","sync":"unknown","last_seen":null,"device_revision":null,"overdue":false,"online":null}`
	for _, change := range [][2]string{{"", ""}, {`"id":1,`, ``}, {`"id":1,`, `"id":"1",`}, {`"id":1,`, `"id":1,"new":2,`}, {`{}`, `"{}"`},
		{`aa:`, `AA-`}, {`Z"`, `"`}, {`null`, `7`}, {`"sync":"unknown",`, ``}, {`unknown`, `lost`}, {`"overdue":false`, `"overdue":null`}} {
		var value any
		if err := json.Unmarshal([]byte(strings.Replace(good, change[0], change[1], 1)), &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != (change[0] == "") {
			t.Errorf("%q for %q: %v", change[1], change[0], err)
		}
	}
}
