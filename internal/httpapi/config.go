package httpapi

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// listConfigs answers all configurations, or those of q, as one list; with limit or cursor, one page of it.
func (a *API) listConfigs(w http.ResponseWriter, r *http.Request) error {
	params, err := queryParams(r)
	if err != nil {
		return err
	}
	q, err := listQuery(params)
	if err != nil {
		return err
	}
	if params.Has("limit") || params.Has("cursor") {
		return a.pageConfigs(w, r, q, params)
	}
	s := a.newStream(w, "application/json")
	s.buf = append(s.buf, `{"configs":[`...)
	n := 0
	err = a.service.EachConfig(r.Context(), q, false, func(c fleet.Config) error {
		if n > 0 {
			s.buf = append(s.buf, ',')
		}
		n++
		s.buf = appendConfig(s.buf, c, false)
		return s.flushIfFull()
	})
	if err != nil {
		return err
	}
	s.buf = append(s.buf, `],"count":`...)
	s.buf = strconv.AppendInt(s.buf, int64(n), 10)
	s.buf = append(s.buf, '}')
	return s.flush()
}

func listQuery(params url.Values) (fleet.Query, error) {
	q := fleet.Query{Search: params.Get("q"), Sort: fleet.Column(params.Get("sort"))}
	switch params.Get("order") {
	case "", "asc":
	case "desc":
		q.Descending = true
	default:
		return q, fleet.Invalid("order", "must be asc or desc")
	}
	var err error
	if q.Limit, err = limitOf(params); err != nil {
		return q, err
	}
	if params.Has("sync") {
		for state := range strings.SplitSeq(strings.Join(params["sync"], ","), ",") {
			if one := fleet.Sync(state); !slices.Contains(q.Syncs, one) {
				q.Syncs = append(q.Syncs, one)
			}
		}
	}
	if q.Deleted, err = yes(params, "deleted"); err != nil {
		return q, err
	}
	if q.Overdue, err = either(params, "overdue"); err != nil {
		return q, err
	}
	q.Online, err = either(params, "online")
	return q, err
}

// either is a parameter that asks for those of which something is so, or for those of which it is not; nil for all.
func either(params url.Values, name string) (*bool, error) {
	if !params.Has(name) {
		return nil, nil
	}
	is, err := yes(params, name)
	return &is, err
}

func (a *API) pageConfigs(w http.ResponseWriter, r *http.Request, q fleet.Query, params url.Values) error {
	page, err := a.service.Configs(r.Context(), q, params.Get("cursor"))
	if err != nil {
		return err
	}
	b := []byte(`{"configs":[`)
	for i, c := range page.Configs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendConfig(b, c, false)
	}
	b = append(b, `],"count":`...)
	b = strconv.AppendInt(b, int64(len(page.Configs)), 10)
	if page.Next != "" {
		b = appendNext(w, b, params, page.Next)
	}
	return sendJSON(w, http.StatusOK, append(b, '}'))
}

func (a *API) createConfig(w http.ResponseWriter, r *http.Request) error {
	at, err := attempt(w, r)
	if err != nil {
		return err
	}
	if at.IfNoneMatch, err = ifNoneMatch(r.Header[ifNoneMatchHeader]); err != nil {
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
	mac, wrongMAC := given.text("mac_address")
	noteMAC(w, mac)
	content, wrongContent := given.document()
	if err := invalid(wrongMAC, wrongContent); err != nil {
		return err
	}
	render := func(c fleet.Config) answered { return configAnswer(http.StatusCreated, c) }
	if at.Once, err = repeatable(r, sha256.Sum256(body), render); err != nil {
		return err
	}
	c, err := a.service.Create(r.Context(), mac, content, at)
	if err != nil {
		return err
	}
	return sendAnswer(w, at.Once, func() answered { return render(c) })
}

func (a *API) getConfig(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	c, err := a.service.Config(r.Context(), id)
	if err != nil {
		return err
	}
	return sendConfig(w, c)
}

func (a *API) updateConfig(w http.ResponseWriter, r *http.Request) error {
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
	content, wrong := given.document()
	if err := invalid(wrong); err != nil {
		return err
	}
	c, err := a.service.Update(r.Context(), id, content, at)
	if err != nil {
		return err
	}
	return sendConfig(w, c)
}

// patchConfig applies a merge patch to the configuration, of which only the content can change.
func (a *API) patchConfig(w http.ResponseWriter, r *http.Request) error {
	id, patch, at, err := a.patchOf(w, r)
	if err != nil {
		return err
	}
	c, err := a.service.Patch(r.Context(), id, patch, at)
	if err != nil {
		return err
	}
	return sendConfig(w, c)
}

// patchOf is what a request wants to patch, and with what.
func (a *API) patchOf(w http.ResponseWriter, r *http.Request) (id int64, patch []byte, at fleet.Attempt, err error) {
	if id, at, err = changing(w, r); err != nil {
		return 0, nil, at, err
	}
	if !mergePatch(r) {
		w.Header().Set("Accept-Patch", "application/merge-patch+json, application/json")
		return 0, nil, at, unsupportedMedia("application/merge-patch+json")
	}
	body, err := a.readBody(w, r)
	if err != nil {
		return 0, nil, at, err
	}
	given, err := parseFields(body)
	if err != nil {
		return 0, nil, at, err
	}
	patch, wrong := given.patch()
	return id, patch, at, invalid(wrong...)
}

func (a *API) deleteConfig(w http.ResponseWriter, r *http.Request) error {
	id, at, err := changing(w, r)
	if err != nil {
		return err
	}
	if err := a.service.Delete(r.Context(), id, at); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// changing is what every write to a configuration begins with: its id, and what the request says besides.
func changing(w http.ResponseWriter, r *http.Request) (int64, fleet.Attempt, error) {
	id, err := configID(r)
	if err != nil {
		return 0, fleet.Attempt{}, err
	}
	at, err := attempt(w, r)
	return id, at, err
}

// configID is the id in the path. What no id can be is an id that no configuration has.
func configID(r *http.Request) (int64, error) {
	key := r.PathValue(pathKey)
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil || strings.HasPrefix(key, "+") {
		return 0, fleet.NotFound(clip(strings.ToValidUTF8(key, "\uFFFD"), 64))
	}
	return id, nil
}

func sendConfig(w http.ResponseWriter, c fleet.Config) error {
	return sendAnswer(w, nil, func() answered { return configAnswer(http.StatusOK, c) })
}
