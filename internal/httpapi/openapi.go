package httpapi

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"espalier.dev/espalier/internal/fleet"
)

// doc is what the OpenAPI document says of a route beside its method and path.
type doc struct {
	id, tag, summary, about string
	query                   []*huma.Param
	body                    any  // a value of the type of the request's body; nil: none
	lines                   bool // the body may also be lines of the array's items
	answers                 []answer
	refusals                []int // statuses of errors, beside those that follow from who may
}

// answer is one answer of a route: its media type, and a value of the type of its body; no media type means no body.
type answer struct {
	status int
	about  string
	media  string
	body   any
}

func with(status int, about string, body any) answer {
	return answer{status, about, "application/json", body}
}

func empty(status int, about string) answer { return answer{status: status, about: about} }

// describe writes the OpenAPI 3.1 document of the routes.
func describe(routes []route, version string) ([]byte, error) {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	api := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Espalier", Version: version, Description: "Configurations of a fleet of ESP32 devices: " +
			"kept, handed over, and announced. Every answer bears X-Correlation-ID; a request may bring its own."},
		Servers: []*huma.Server{{URL: "../..", Description: "This server"}},
		Tags: []*huma.Tag{{Name: "configs", Description: "What each device should have"},
			{Name: "transfer", Description: "Many configurations at once"},
			{Name: "devices", Description: "What devices fetch; open to everyone"},
			{Name: "operations", Description: "For those who run the server; open to everyone"},
			{Name: "docs", Description: "This description"}},
		Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
			"adminToken": {Type: "http", Scheme: "bearer", Description: "The server's ADMIN_TOKEN. Requests straight from the " +
				"server's own machine need none, and with TRUST_NETWORK none does."}}},
	}
	for i := range routes {
		api.AddOperation(operationOf(schemas, &routes[i]))
	}
	for _, schema := range schemas.Map() {
		// What is added later is added beside it, and a request may bring more than is read.
		if schema.AdditionalProperties == false {
			schema.AdditionalProperties = nil
		}
	}
	return api.MarshalJSON()
}

func operationOf(schemas huma.Registry, rt *route) *huma.Operation {
	op := &huma.Operation{Method: rt.method, Path: rt.pattern, OperationID: rt.doc.id, Summary: rt.doc.summary,
		Description: rt.doc.about, Tags: []string{rt.doc.tag}, Responses: map[string]*huma.Response{},
		Parameters: append(pathParams(rt.pattern), rt.doc.query...)}
	statuses := rt.doc.refusals
	if rt.access == admin {
		op.Security = []map[string][]string{{"adminToken": {}}, {}}
		statuses = append([]int{401, 403, 421, 429}, statuses...)
	}
	if rt.doc.body != nil {
		op.RequestBody = requestBody(schemas, rt)
	}
	for _, a := range rt.doc.answers {
		op.Responses[strconv.Itoa(a.status)] = response(schemas, a)
	}
	for _, status := range append(statuses, 500, 503) {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = response(schemas, with(status, http.StatusText(status), failure{}))
		}
	}
	return op
}

func requestBody(schemas huma.Registry, rt *route) *huma.RequestBody {
	t := reflect.TypeOf(rt.doc.body)
	schema := schemas.Schema(t, true, rt.doc.id)
	body := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	if rt.doc.lines {
		// The type is that of the whole: lines have no schema of their own in OpenAPI 3.1.
		body.Content["application/x-ndjson"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return body
}

func response(schemas huma.Registry, a answer) *huma.Response {
	res := &huma.Response{Description: a.about, Headers: map[string]*huma.Param{
		"X-Correlation-ID": {Description: "The name of the request in the log", Schema: &huma.Schema{Type: huma.TypeString}}}}
	switch {
	case a.media == "":
	case strings.HasPrefix(a.media, "application/x-ndjson"):
		res.Content = map[string]*huma.MediaType{a.media: {Schema: &huma.Schema{Type: huma.TypeString,
			Description: "Each line is an object with mac_address and content, both strings"}}}
	default:
		res.Content = map[string]*huma.MediaType{a.media: {Schema: schemas.Schema(reflect.TypeOf(a.body), true, "")}}
	}
	return res
}

func pathParams(pattern string) []*huma.Param {
	var params []*huma.Param
	for {
		_, after, ok := strings.Cut(pattern, "{")
		if !ok {
			return params
		}
		var name string
		name, pattern, _ = strings.Cut(after, "}")
		schema := &huma.Schema{Type: huma.TypeString}
		if name == "id" || name == "rev" {
			schema = &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
		}
		params = append(params, &huma.Param{Name: name, In: "path", Required: true, Schema: schema})
	}
}

func listParams() []*huma.Param {
	sort := &huma.Schema{Type: huma.TypeString, Default: string(fleet.ByMAC)}
	for _, column := range fleet.Columns {
		sort.Enum = append(sort.Enum, string(column))
	}
	least, most := 1.0, float64(fleet.MaxPage)
	return []*huma.Param{
		query("q", "Only those whose MAC address, name or entity id contains it", &huma.Schema{Type: huma.TypeString}),
		query("sort", "By which field", sort),
		query("order", "Which way", &huma.Schema{Type: huma.TypeString, Enum: []any{"asc", "desc"}, Default: "asc"}),
		query("limit", "The most that one page has", &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most}),
		query("cursor", "next_cursor of the page before", &huma.Schema{Type: huma.TypeString}),
	}
}

func importParams() []*huma.Param {
	conflicts := []any{string(fleet.ConflictFail), string(fleet.ConflictSkip), string(fleet.ConflictUpdate)}
	return []*huma.Param{
		query("on_conflict", "What to do with a device that has another configuration already",
			&huma.Schema{Type: huma.TypeString, Enum: conflicts, Default: conflicts[0]}),
		query("keep_going", "Import what can be imported", &huma.Schema{Type: huma.TypeBoolean, Default: false}),
		query("dry_run", "Do everything but keep it", &huma.Schema{Type: huma.TypeBoolean, Default: false}),
	}
}

func query(name, about string, schema *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: about, Schema: schema}
}

// schemaName names the types of wire.go as people say it.
func schemaName(t reflect.Type, hint string) string {
	names := map[string]string{"listed": "ListedConfig", "failure": "Error", "failureDetails": "ErrorDetails",
		"fieldFailure": "FieldError", "refused": "Refusal", "report": "ImportReport"}
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if better := names[t.Name()]; better != "" {
		return better
	}
	return name
}
