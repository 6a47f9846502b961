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
	began := a.now()
	doc, err := a.service.Document(r.Context(), mac)
	if err != nil {
		if fleet.CodeOf(err) == fleet.CodeNotFound {
			a.strangers.Do(func() {
				a.logger.InfoContext(r.Context(), "a device asks for a configuration that does not exist", "mac", mac, "remote", r.RemoteAddr)
			})
		}
		return err
	}
	asked := noneMatch(r.Header[ifNoneMatchHeader], doc.ETag)
	if err := writeDocument(w, r, doc, asked); err != nil {
		return err
	}
	if !isDevice(r.Header) {
		return nil
	}
	// net/http writes a small answer when the handler returns; what is told of a device must have gone out to it.
	if err := http.NewResponseController(w).Flush(); err != nil {
		return &sendError{err}
	}
	if key, err := fleet.ParseMAC(mac); err == nil {
		a.checkIn(r, key, doc, asked, began)
	}
	return nil
}

func writeDocument(w http.ResponseWriter, r *http.Request, doc fleet.Served, asked condition) error {
	h := w.Header()
	h["Cache-Control"] = []string{"no-cache"}
	h["Etag"] = []string{`"` + doc.ETag + `"`}
	h["Last-Modified"] = []string{doc.UpdatedAt.UTC().Format(http.TimeFormat)}
	if asked.met {
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
