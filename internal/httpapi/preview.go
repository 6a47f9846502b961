package httpapi

import (
	"bytes"
	"net/http"
	"strconv"

	"espalier.dev/espalier/internal/diff"
	"espalier.dev/espalier/internal/fleet"
)

// previewPatch tells what a merge patch would change, and changes nothing.
func (a *API) previewPatch(w http.ResponseWriter, r *http.Request) error {
	id, patch, at, err := a.patchOf(w, r)
	if err != nil {
		return err
	}
	before, after, err := a.service.Preview(r.Context(), id, patch, at)
	if err != nil {
		return err
	}
	d, err := diff.Compare(side(fleet.Revision{Number: before.Revision, Content: before.Content}), diff.Text{Name: "preview", JSON: after})
	b := append([]byte(`{"mac_address":`), appendString(nil, before.MAC.String())...)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, before.Revision)
	b = append(b, `,"changed":`...)
	b = strconv.AppendBool(b, !bytes.Equal(before.Content, after))
	return sendJSON(w, http.StatusOK, append(appendDifference(b, d, err == nil), '}'))
}
