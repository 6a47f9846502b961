package httpapi

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// reportDocument takes what a device says of a revision of its document. Everybody may, as everybody may fetch; but not a page of
// another site, since a browser would carry it into a network that it has no business in.
func (a *API) reportDocument(w http.ResponseWriter, r *http.Request) error {
	if a.gate.crossSite(r, false) {
		return forbidden("A page of another site may not use this API", "Devices send no Origin header")
	}
	text, err := readReport(w, r)
	if err != nil {
		return err
	}
	rev, etag, said, err := fleet.ParseReport(text)
	if err != nil {
		return err
	}
	err = a.service.Report(r.Context(), r.PathValue(pathKey), rev, etag, said, clientAddress(r))
	if e, ok := errors.AsType[*fleet.Error](err); ok && e.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((e.Wait+time.Second-1)/time.Second)))
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readReport reads the body. The HTTP clients that firmware is built with call every body a form where they are not told
// otherwise, so that name says nothing; other names are believed.
func readReport(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind, err := mediaType(r); err != nil || kind != jsonBody && !formBody(r.Header) {
		return nil, unsupportedMedia("application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, fleet.MaxReport))
	if err != nil {
		return nil, readError(err, strconv.Itoa(fleet.MaxReport)+" bytes")
	}
	return text, nil
}

func formBody(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}
