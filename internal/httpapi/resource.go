package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// pathKey names the first wildcard of every pattern of the mux.
const pathKey = "key"

// access says who may use a route.
type access uint8

const (
	admin access = iota
	public
)

// route is one method of one path.
type route struct {
	method string
	// pattern is the path as the OpenAPI document has it. Its first {parameter} is the wildcard pathKey of the mux, and may be
	// followed by .json at the end; further ones are wildcards of their own names.
	pattern string
	// also is a second path of the same thing; the OpenAPI document does not have it.
	also      string
	operation operation    // that it is counted as; "" is not counted
	action    fleet.Action // that a refusal of it is kept as; "" is its method
	access    access
	quiet     bool // logged at debug level only
	reads     bool // changes nothing, whatever its method: who is refused it is not in the audit
	handle    func(w http.ResponseWriter, r *http.Request) error
	doc       doc
}

// resource is all methods of one path of the mux. Where the last segment is a wildcard, those for names that end in
// .json are apart: ServeMux cannot tell them from ids.
type resource struct {
	api        *API
	plain      map[string]*route
	jsonSuffix map[string]*route
}

// newMux puts the routes into a mux, by path only: what a path is called with is for the resource to judge, so that a
// wrong method is answered in the shape of every error.
func newMux(a *API, routes []route) (*http.ServeMux, error) {
	resources := map[string]*resource{}
	for i := range routes {
		for _, pattern := range []string{routes[i].pattern, routes[i].also} {
			if pattern == "" {
				continue
			}
			path, suffixed := muxPath(pattern)
			res := resources[path]
			if res == nil {
				res = &resource{a, map[string]*route{}, map[string]*route{}}
				resources[path] = res
			}
			methods := res.plain
			if suffixed {
				methods = res.jsonSuffix
			}
			if methods[routes[i].method] != nil {
				return nil, fmt.Errorf("httpapi: two routes for %s %s", routes[i].method, pattern)
			}
			methods[routes[i].method] = &routes[i]
		}
	}
	mux := http.NewServeMux()
	for path, res := range resources {
		mux.Handle(path, res)
	}
	mux.Handle("/", &resource{api: a})
	return mux, nil
}

// muxPath is the pattern as ServeMux has it, and whether names must end in .json.
func muxPath(pattern string) (path string, suffixed bool) {
	path, suffixed = strings.CutSuffix(pattern, "}.json")
	if suffixed {
		path += "}"
	}
	if before, after, wild := strings.Cut(path, "{"); wild {
		_, rest, _ := strings.Cut(after, "}")
		return before + "{" + pathKey + "}" + rest, suffixed
	}
	if strings.HasSuffix(path, "/") {
		path += "{$}"
	}
	return path, suffixed
}

// ServeHTTP finds the method, asks who may, and calls the handler.
func (res *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange) // serve is the only caller
	methods := res.plain
	if len(res.jsonSuffix) > 0 && strings.HasSuffix(r.PathValue(pathKey), ".json") {
		methods = res.jsonSuffix
	}
	if err := res.answer(x, r, methods); err != nil {
		res.api.fail(x, r, err)
	}
}

func (res *resource) answer(x *exchange, r *http.Request, methods map[string]*route) error {
	if len(methods) == 0 {
		return routeNotFound()
	}
	found := methods[r.Method]
	if found == nil && r.Method == http.MethodHead {
		found = methods[http.MethodGet]
	}
	if found == nil {
		allowed := allow(methods)
		x.Header().Set("Allow", allowed)
		if r.Method != http.MethodOptions {
			return methodNotAllowed(r.Method, allowed)
		}
		preflight(x.Header(), allowed)
		x.WriteHeader(http.StatusNoContent)
		return nil
	}
	x.route = found
	x.quiet = found.quiet
	if found.access == admin {
		x.Header().Set("Cache-Control", "no-store") // no disk of a browser or a proxy gets the passwords that documents hold
		var err error
		if x.principal, err = res.api.gate.admit(x, r); err != nil {
			return err
		}
	}
	return found.handle(x, r)
}

func allow(methods map[string]*route) string {
	names := slices.Collect(maps.Keys(methods))
	if methods[http.MethodGet] != nil && methods[http.MethodHead] == nil {
		names = append(names, http.MethodHead)
	}
	names = append(names, http.MethodOptions)
	slices.Sort(names)
	return strings.Join(names, ", ")
}
