package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// getDocument answers a device that wrote the path in front of the MAC address in an unusual way; serve answers all others.
func (a *API) getDocument(w http.ResponseWriter, r *http.Request) error {
	return a.sendDocument(w, r, strings.TrimSuffix(r.PathValue(pathKey), ".json"))
}

// sendDocument answers a device with its document, byte for byte, or with 304 where it has that already. A date says less
// than a device needs (two changes can fall in one second), so If-Modified-Since is not looked at.
func (a *API) sendDocument(w http.ResponseWriter, r *http.Request, mac string) error {
	doc, err := a.service.Document(r.Context(), mac)
	if err != nil {
		if fleet.CodeOf(err) == fleet.CodeNotFound {
			a.strangers.Do(func() {
				a.logger.InfoContext(r.Context(), "a device asks for a configuration that does not exist", "mac", mac, "remote", r.RemoteAddr)
			})
		}
		return err
	}
	h := w.Header()
	h["Cache-Control"] = []string{"no-cache"}
	h["Etag"] = []string{`"` + doc.ETag + `"`}
	h["Last-Modified"] = []string{doc.UpdatedAt.UTC().Format(http.TimeFormat)}
	if matchesETag(r.Header["If-None-Match"], doc.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(doc.Content))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := w.Write(doc.Content); err != nil {
		return &sendError{err}
	}
	return nil
}

// matchesETag tells whether an If-None-Match field names the tag: by weak comparison, in a list, or as * (RFC 9110,
// section 13.1.2). A malformed field matches nothing from there on.
func matchesETag(field []string, tag string) bool {
	for _, list := range field {
		if strings.Trim(list, " \t") == "*" {
			return true
		}
		for list != "" {
			list = strings.TrimLeft(list, " \t,")
			list = strings.TrimPrefix(list, "W/")
			rest, quoted := strings.CutPrefix(list, `"`)
			if !quoted {
				break
			}
			one, after, closed := strings.Cut(rest, `"`)
			if !closed {
				break
			}
			if one == tag {
				return true
			}
			list = after
		}
	}
	return false
}
