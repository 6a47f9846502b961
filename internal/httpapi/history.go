package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"espalier.dev/espalier/internal/diff"
	"espalier.dev/espalier/internal/fleet"
)

// listRevisions answers one page of the history of a configuration, whether it is there or was deleted.
func (a *API) listRevisions(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	s, err := spanOf(r)
	if err != nil {
		return err
	}
	found, next, err := a.service.Revisions(r.Context(), id, s.below, s.limit)
	if err != nil {
		return err
	}
	return sendPage(w, s, "revisions", found, next, func(b []byte, rev fleet.Revision) []byte {
		return append(appendRevision(append(b, '{'), rev), '}')
	})
}

func (a *API) getRevision(w http.ResponseWriter, r *http.Request) error {
	rev, err := a.revision(r)
	if err != nil {
		return err
	}
	b := append(appendRevision([]byte{'{'}, rev), `,"content":`...)
	if rev.Gone() {
		b = append(b, "null"...)
	} else {
		b = append(b, rev.Content...)
	}
	return sendJSON(w, http.StatusOK, append(b, '}'))
}

// getRevisionDocument answers the bytes of a revision, as the device had them.
func (a *API) getRevisionDocument(w http.ResponseWriter, r *http.Request) error {
	rev, err := a.revision(r)
	if err != nil {
		return err
	}
	if rev.Gone() {
		return &fleet.Error{Code: fleet.CodeNotFound, Detail: "The configuration was deleted with it, or went to another MAC address",
			Message: "Revision " + strconv.FormatInt(rev.Number, 10) + " of " + rev.MAC.String() + " has no document"}
	}
	tag := fleet.ETag(rev.SHA256)
	w.Header().Set("ETag", `"`+tag+`"`)
	w.Header().Set("Last-Modified", rev.CreatedAt.UTC().Format(http.TimeFormat))
	if matchesETag(r.Header[ifNoneMatchHeader], tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return sendJSON(w, http.StatusOK, rev.Content)
}

func (a *API) revision(r *http.Request) (fleet.Revision, error) {
	id, number, err := revisionKey(r)
	if err != nil {
		return fleet.Revision{}, err
	}
	return a.service.Revision(r.Context(), id, number)
}

// revisionKey is the configuration and the number of the revision in the path. What no number can be is one that no revision
// has.
func revisionKey(r *http.Request) (id, number int64, err error) {
	if id, err = configID(r); err != nil {
		return 0, 0, err
	}
	key := r.PathValue("rev")
	number, err = strconv.ParseInt(key, 10, 64)
	if err != nil || strings.HasPrefix(key, "+") {
		return 0, 0, &fleet.Error{Code: fleet.CodeNotFound, Detail: "Revisions have numbers, from 1",
			Message: "Revision " + clip(strings.ToValidUTF8(key, "\uFFFD"), 64) + " was not found"}
	}
	return id, number, nil
}

func appendRevision(b []byte, rev fleet.Revision) []byte {
	b = append(b, `"revision":`...)
	b = strconv.AppendInt(b, rev.Number, 10)
	b = append(b, `,"mac_address":`...)
	b = appendString(b, rev.MAC.String())
	etag, sum := "", ""
	if !rev.Gone() {
		etag, sum = fleet.ETag(rev.SHA256), hex.EncodeToString(rev.SHA256[:])
	}
	b = append(b, `,"etag":`...)
	b = appendText(b, etag)
	b = append(b, `,"sha256":`...)
	b = appendText(b, sum)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, int64(rev.Size), 10)
	b = append(b, `,"source":`...)
	b = appendString(b, string(rev.Source))
	b = append(b, `,"created_at":`...)
	b = appendTime(b, rev.CreatedAt)
	b = append(b, `,"principal":`...)
	b = appendText(b, string(rev.By.Principal))
	b = append(b, `,"address":`...)
	b = appendText(b, rev.By.Address)
	b = append(b, `,"message":`...)
	b = appendText(b, rev.Message)
	b = append(b, `,"restored_from":`...)
	b = appendNumber(b, rev.Restored)
	b = append(b, `,"other_mac_address":`...)
	return appendMAC(b, rev.Other)
}

// restoreRevision makes a new revision with the bytes of an older one.
func (a *API) restoreRevision(w http.ResponseWriter, r *http.Request) error {
	id, number, err := revisionKey(r)
	if err != nil {
		return err
	}
	return a.bringBack(w, r, func(at fleet.Attempt) (fleet.Config, error) {
		return a.service.Restore(r.Context(), id, number, at)
	})
}

// undeleteConfig brings back a configuration that was deleted.
func (a *API) undeleteConfig(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	return a.bringBack(w, r, func(at fleet.Attempt) (fleet.Config, error) {
		return a.service.Undelete(r.Context(), id, at)
	})
}

// bringBack does a write whose request says everything in its path. A body is not read.
func (a *API) bringBack(w http.ResponseWriter, r *http.Request, do func(fleet.Attempt) (fleet.Config, error)) error {
	at, err := attempt(w, r)
	if err != nil {
		return err
	}
	return changeOnce(w, r, at, nil, do)
}

// replaceDevice moves a configuration with its history to the MAC address of new hardware.
func (a *API) replaceDevice(w http.ResponseWriter, r *http.Request) error {
	id, at, err := changing(w, r)
	if err != nil {
		return err
	}
	body, err := a.readBody(w, r)
	if err != nil {
		return err
	}
	given, err := parseFields(body)
	if err != nil {
		return err
	}
	mac, wrong := given.text("mac_address")
	if err := invalid(wrong); err != nil {
		return err
	}
	return changeOnce(w, r, at, body, func(at fleet.Attempt) (fleet.Config, error) {
		return a.service.ReplaceDevice(r.Context(), id, mac, at)
	})
}

// changeOnce does a write that answers with the configuration, once for each idempotency key.
func changeOnce(w http.ResponseWriter, r *http.Request, at fleet.Attempt, body []byte, do func(fleet.Attempt) (fleet.Config, error)) error {
	render := func(c fleet.Config) answered { return configAnswer(http.StatusOK, c) }
	var err error
	if at.Once, err = repeatable(r, sha256.Sum256(body), render); err != nil {
		return err
	}
	c, err := do(at)
	if err != nil {
		return err
	}
	return sendAnswer(w, at.Once, func() answered { return render(c) })
}

// diffRevisions tells what differs between two revisions.
func (a *API) diffRevisions(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	params, err := queryParams(r)
	if err != nil {
		return err
	}
	from, err := revisionParam(params, "from")
	if err != nil {
		return err
	}
	to, err := revisionParam(params, "to")
	if err != nil {
		return err
	}
	older, newer, err := a.service.TwoRevisions(r.Context(), id, from, to)
	if err != nil {
		return err
	}
	// What is no JSON, as another program may have written, has no patch; the rest of the answer stands.
	d, err := diff.Compare(side(older), side(newer))
	return sendJSON(w, http.StatusOK, appendDiff(nil, older, newer, d, err == nil))
}

func side(rev fleet.Revision) diff.Text {
	return diff.Text{Name: "revision " + strconv.FormatInt(rev.Number, 10), JSON: rev.Content}
}

func appendDiff(b []byte, older, newer fleet.Revision, d diff.Diff, patched bool) []byte {
	b = append(b, `{"mac_address":`...)
	b = appendString(b, newer.MAC.String())
	b = append(b, `,"from":`...)
	b = appendNumber(b, older.Number)
	b = append(b, `,"to":`...)
	b = appendNumber(b, newer.Number)
	return append(appendDifference(b, d, patched), '}')
}

// appendDifference writes what differs as further members of an object; patched says that there is a JSON Patch of it.
func appendDifference(b []byte, d diff.Diff, patched bool) []byte {
	b = append(b, `,"patch":`...)
	if patched {
		b = appendPatch(b, d.Patch)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"unified":`...)
	b = appendString(b, d.Unified)
	b = append(b, `,"unified_of":`...)
	return appendString(b, string(d.UnifiedOf))
}

// appendPatch writes the operations of a JSON Patch. Their values stand there as in the document: writing them anew would
// round numbers.
func appendPatch(b []byte, patch []diff.Operation) []byte {
	b = append(b, '[')
	for i, op := range patch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"op":`...)
		b = appendString(b, op.Op)
		b = append(b, `,"path":`...)
		b = appendString(b, op.Path)
		if op.Value != nil {
			b = append(b, `,"value":`...)
			b = append(b, op.Value...)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// revisionParam is a parameter that names a revision; 0 where there is none.
func revisionParam(params url.Values, name string) (int64, error) {
	if !params.Has(name) {
		return 0, nil
	}
	n, err := strconv.ParseInt(params.Get(name), 10, 64)
	if err != nil || n < 1 {
		return 0, fleet.Invalid(name, "must be the number of a revision, from 1")
	}
	return n, nil
}
