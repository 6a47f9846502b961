package httpapi

import (
	"net/http"

	"espalier.dev/espalier/web"
)

// docsPolicy lets the page of the docs run its own files, and nothing of anybody else's.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (a *API) docsPage(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", docsPolicy)
	return a.sendFile(w, r, web.DocsPage)
}

func (a *API) docsFile(w http.ResponseWriter, r *http.Request) error {
	return a.sendFile(w, r, r.PathValue(pathKey))
}

func (a *API) sendFile(w http.ResponseWriter, r *http.Request, name string) error {
	if !web.ServeDocs(w, r, name) {
		return routeNotFound()
	}
	return nil
}

// docsFolder leads to the page, whose links are relative to the path without the slash. The address is relative too, and
// written by hand: http.Redirect would make it one that is wrong behind a proxy that serves us below a path.
func (a *API) docsFolder(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Location", "../docs")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusPermanentRedirect)
	return nil
}

func (a *API) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-cache")
	return sendJSON(w, http.StatusOK, a.document)
}
