package httpapi

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// refuse is a schema loader that reads nothing: the document holds all that it refers to.
type refuse struct{}

func (refuse) Load(url string) (any, error) {
	return nil, errors.New("schemas are not read from " + url)
}

const documentURL = "mem:///openapi.json"

// openapi reads the document and compiles schemas in it.
type openapi struct {
	document map[string]any
	compiler *jsonschema.Compiler
}

func parseOpenAPI(t testing.TB, text []byte) *openapi {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("the OpenAPI document is not JSON: %v", err)
	}
	// The document leaves objects open for what is added later. Here each member must be in it.
	schemas := parsed.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	for _, schema := range schemas {
		schema.(map[string]any)["additionalProperties"] = false
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(refuse{})
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(documentURL, parsed); err != nil {
		t.Fatal(err)
	}
	return &openapi{parsed.(map[string]any), c}
}

// at descends into the document; nil where there is nothing.
func (o *openapi) at(path ...string) any {
	var here any = o.document
	for _, key := range path {
		object, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = object[key]
	}
	return here
}

// compile compiles the schema at a place in the document.
func (o *openapi) compile(t testing.TB, path ...string) *jsonschema.Schema {
	t.Helper()
	pointer := ""
	for _, key := range path {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	schema, err := o.compiler.Compile(documentURL + "#" + pointer)
	if err != nil {
		t.Fatalf("schema %s: %v", pointer, err)
	}
	return schema
}

// documented is the path of the OpenAPI document that a request is about; empty for none.
func (o *openapi) documented(path string) string {
	paths := o.at("paths").(map[string]any)
	if _, exact := paths[path]; exact && !strings.Contains(path, "{") {
		return path
	}
	if trimmed := strings.TrimSuffix(path, "/"); trimmed == "/api/configs" {
		return trimmed
	}
	best := ""
	for pattern := range paths {
		if strings.Contains(pattern, "{") && fits(path, pattern) && len(pattern) > len(best) {
			best = pattern
		}
	}
	return best
}

// fits tells whether a path is one of a pattern's: each {parameter} stands for a part of a segment that is not empty.
func fits(path, pattern string) bool {
	parts, wanted := strings.Split(path, "/"), strings.Split(pattern, "/")
	if len(parts) != len(wanted) {
		return false
	}
	for i, want := range wanted {
		before, after, wild := strings.Cut(want, "{")
		_, suffix, _ := strings.Cut(after, "}")
		rest, ok := strings.CutPrefix(parts[i], before)
		switch {
		case !wild && want != parts[i], wild && (!ok || rest == "" || !strings.HasSuffix(rest, suffix)):
			return false
		}
	}
	return true
}

// specs are the documents that replies were checked against; to compile one takes longer than a test.
var specs = struct {
	sync.Mutex
	of map[string]*openapi
}{of: map[string]*openapi{}}

// checkReply holds an answer against what the OpenAPI document says of it, and against what all answers have in common.
func (f *fixture) checkReply(r *http.Request, got reply) {
	f.t.Helper()
	if got.header.Get("X-Correlation-ID") == "" {
		f.t.Errorf("%s %s: no X-Correlation-ID", r.Method, r.URL)
	}
	specs.Lock()
	defer specs.Unlock()
	text := string(f.OpenAPI())
	o := specs.of[text]
	if o == nil {
		o = parseOpenAPI(f.t, f.OpenAPI())
		specs.of[text] = o
	}
	media, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	pattern := o.documented(strings.ReplaceAll(r.URL.EscapedPath(), "%6f", "o"))
	operation := o.at("paths", pattern, strings.ToLower(r.Method))
	if operation == nil && r.Method == http.MethodHead {
		operation = o.at("paths", pattern, "get")
	}
	switch {
	case r.Method == http.MethodHead || got.status == http.StatusNoContent || got.status == http.StatusNotModified:
		if got.body != "" {
			f.t.Errorf("%s %s: %d with a body: %q", r.Method, r.URL, got.status, got.body)
		}
		return
	case operation == nil:
		f.checkSchema(r, got, o.compile(f.t, "components", "schemas", "Error"))
		return
	}
	method, status := strings.ToLower(r.Method), strconv.Itoa(got.status)
	if o.at("paths", pattern, method, "responses", status) == nil {
		f.t.Errorf("%s %s: status %s is not in the document of %s", r.Method, r.URL, status, pattern)
		return
	}
	for _, name := range []string{"ETag", "Link", "Location", "Retry-After", replayedHeader} {
		if got.header.Get(name) != "" && o.at("paths", pattern, method, "responses", status, "headers", name) == nil {
			f.t.Errorf("%s %s: the header %s of a %s is not in the document", r.Method, r.URL, name, status)
		}
	}
	if media == "application/json" {
		f.checkSchema(r, got, o.compile(f.t, "paths", pattern, method, "responses", status, "content", media, "schema"))
	}
}

func (f *fixture) checkSchema(r *http.Request, got reply, schema *jsonschema.Schema) {
	f.t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
	if err != nil {
		// Documents may hold what Go's number parser refuses; those tests look at the bytes.
		if !strings.Contains(got.body, "1e400") {
			f.t.Errorf("%s %s: the answer is not JSON: %v: %q", r.Method, r.URL, err, got.body)
		}
		return
	}
	if err := schema.Validate(value); err != nil {
		f.t.Errorf("%s %s: the answer is not as the document says: %v: %s", r.Method, r.URL, err, got.body)
	}
}
