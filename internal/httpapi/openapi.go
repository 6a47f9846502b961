package httpapi

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"espalier.dev/espalier/internal/fleet"
)

// doc is what the OpenAPI document says of a route beside its method and path.
type doc struct {
	id, tag, summary, about string
	query, headers          []*huma.Param
	body                    any      // a value of the type of the request's body; nil: none
	media                   []string // of the body, besides application/json
	lines                   bool     // the body may also be lines of the array's items
	answers                 []answer
	bears                   []string // headers of the answers that are no errors
	refusals                []int    // statuses of errors, beside those that follow from who may
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
			{Name: "history", Description: "What each device should have had, who changed it, and back again"},
			{Name: "audit", Description: "Every write, and every attempt that was refused"},
			{Name: "transfer", Description: "Many configurations at once"},
			{Name: "devices", Description: "What devices fetch and report; open to everyone"},
			{Name: "fleet", Description: "What devices have, and what happens"},
			{Name: "operations", Description: "For those who run the server; open to everyone"},
			{Name: "server", Description: "The server itself, for those who administer it"},
			{Name: "docs", Description: "This description; open to everyone"},
			{Name: "page", Description: "The web page; open to everyone, and of no use without the rest"}},
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
		Parameters: slices.Concat(pathParams(rt.pattern), rt.doc.query, rt.doc.headers)}
	statuses := rt.doc.refusals
	if rt.access == admin {
		op.Security = []map[string][]string{{"adminToken": {}}, {}}
		statuses = append([]int{401, 403, 421, 429}, statuses...)
	}
	if rt.doc.body != nil {
		op.RequestBody = requestBody(schemas, rt)
	}
	for _, a := range rt.doc.answers {
		res := response(schemas, a)
		if a.status < http.StatusBadRequest {
			bear(res, rt.doc.bears...)
		}
		op.Responses[strconv.Itoa(a.status)] = res
	}
	for _, status := range append(statuses, 500, 503) {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = response(schemas, with(status, http.StatusText(status), failure{}))
		}
	}
	if res := op.Responses["412"]; res != nil {
		bear(res, "ETag")
	}
	for _, status := range []string{"429", "503"} {
		if res := op.Responses[status]; res != nil {
			bear(res, "Retry-After")
		}
	}
	return op
}

// bear says that an answer may have headers.
func bear(res *huma.Response, names ...string) {
	about := map[string]string{
		"ETag":          `Names what is there: a revision of a configuration, such as "r7" for If-Match, or the bytes of a document`,
		"Last-Modified": "When it was written; two changes can fall in one second",
		"Location":      "Where it is",
		"Link":          `The next page, with rel="next"; missing on the last`,
		"Retry-After":   "Seconds to wait",
		replayedHeader:  "true where an earlier request with the same Idempotency-Key got this answer",
	}
	for _, name := range names {
		res.Headers[name] = &huma.Param{Description: about[name], Schema: &huma.Schema{Type: huma.TypeString}}
	}
}

func requestBody(schemas huma.Registry, rt *route) *huma.RequestBody {
	t := reflect.TypeOf(rt.doc.body)
	schema := schemas.Schema(t, true, rt.doc.id)
	body := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	for _, media := range rt.doc.media {
		body.Content[media] = &huma.MediaType{Schema: schema}
	}
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
		res.Content = map[string]*huma.MediaType{a.media: {Schema: &huma.Schema{Type: huma.TypeString, Description: a.about}}}
	case a.media == "text/event-stream":
		schemas.Schema(reflect.TypeOf(a.body), true, "") // the data of events has no place of its own in OpenAPI 3.1
		res.Content = map[string]*huma.MediaType{a.media: {Schema: &huma.Schema{Type: huma.TypeString, Description: a.about}}}
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
	yes := &huma.Schema{Type: huma.TypeBoolean}
	return append([]*huma.Param{
		query("q", "Only those whose MAC address, name or entity id contains it", &huma.Schema{Type: huma.TypeString}),
		query("sync", "Only those whose device is in one of these states: a list with commas of unknown, pending, fetched, held, applied and error",
			&huma.Schema{Type: huma.TypeString}),
		query("overdue", "Only those whose device is overdue, or with false only the others", yes),
		query("online", "Only those whose device is connected to the broker, or with false only those of which it is known that they are not", yes),
		query("deleted", "The configurations that were deleted instead of those that are there", yes),
		query("sort", "By which field; sync sorts in the order of its states", sort),
		query("order", "Which way", &huma.Schema{Type: huma.TypeString, Enum: []any{"asc", "desc"}, Default: "asc"}),
	}, pageParams()...)
}

func pageParams() []*huma.Param {
	least, most := 1.0, float64(fleet.MaxPage)
	return []*huma.Param{
		query("limit", "The most that one page has", &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most}),
		query("cursor", "next_cursor of the page before", &huma.Schema{Type: huma.TypeString}),
	}
}

func diffParams() []*huma.Param {
	least := 1.0
	number := &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &least}
	return []*huma.Param{
		query("from", "A revision; without it the one before the other", number),
		query("to", "A revision; without it the newest", number),
	}
}

func auditParams() []*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	at := &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	least := 1.0
	return []*huma.Param{
		query("mac_address", "Only of this device, in any form of a MAC address", text),
		query("config_id", "Only of this configuration", &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &least}),
		query("action", "Only of this action", text),
		query("result", "Only with this result", &huma.Schema{Type: huma.TypeString,
			Enum: []any{string(fleet.ResultApplied), string(fleet.ResultUnchanged), string(fleet.ResultRefused)}}),
		query("principal", "Only as this principal", text),
		query("address", "Only from this IP address", text),
		query("correlation_id", "Only of this request", text),
		query("since", "Only at this time or after it", at),
		query("until", "Only before this time", at),
	}
}

// writeHeaders describe what every write may say, and of others those that are named.
func writeHeaders(names ...string) []*huma.Param {
	longest := 255
	about := map[string]*huma.Param{
		changeMessageHeader: {Description: "Why, for the history: text in UTF-8, or UTF-8''percent-encoded (RFC 8187)",
			Schema: &huma.Schema{Type: huma.TypeString}},
		ifMatchHeader: {Description: `Only if the configuration has one of these revisions, such as "r7"; else 412`,
			Schema: &huma.Schema{Type: huma.TypeString}},
		ifNoneMatchHeader: {Description: "With *, 412 takes the place of 409", Schema: &huma.Schema{Type: huma.TypeString}},
		idempotencyKeyHeader: {Description: "A name for this request: whoever repeats the request with it within a day gets the first answer " +
			"again, and nothing is done twice. The request is its method, path, query, media type and body, whoever sends it. " +
			"An attempt that was refused is not remembered.", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &longest}},
	}
	var params []*huma.Param
	for _, name := range append([]string{changeMessageHeader}, names...) {
		p := about[name]
		p.Name, p.In = name, "header"
		params = append(params, p)
	}
	return params
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
		"fieldFailure": "FieldError", "refused": "Refusal", "report": "ImportReport", "serverState": "Server", "wholeRevision": "RevisionWithContent"}
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if better := names[t.Name()]; better != "" {
		return better
	}
	return name
}
