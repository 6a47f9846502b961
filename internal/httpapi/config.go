package httpapi

import (
	"net/http"
	"net/url"
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
	if params.Has("limit") {
		n, err := strconv.Atoi(params.Get("limit"))
		if err != nil || n < 1 {
			return q, fleet.Invalid("limit", "must be a number from 1 to "+strconv.Itoa(fleet.MaxPage))
		}
		q.Limit = n
	}
	return q, nil
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
		b = append(b, `,"next_cursor":`...)
		b = appendString(b, page.Next)
		w.Header().Set("Link", "<"+nextPage(params, page.Next)+`>; rel="next"`)
	}
	return sendJSON(w, http.StatusOK, append(b, '}'))
}

// nextPage is the address of the page behind, relative to the list, so that it is right below any path of a proxy.
func nextPage(params url.Values, cursor string) string {
	next := url.Values{"cursor": {cursor}}
	for _, name := range []string{"limit", "order", "q", "sort"} {
		if params.Has(name) {
			next.Set(name, params.Get(name))
		}
	}
	return "?" + next.Encode()
}

func (a *API) createConfig(w http.ResponseWriter, r *http.Request) error {
	body, err := a.readBody(w, r)
	if err != nil {
		return err
	}
	given, err := parseFields(body)
	if err != nil {
		return err
	}
	mac, wrongMAC := given.text("mac_address")
	content, wrongContent := given.document()
	if err := invalid(wrongMAC, wrongContent); err != nil {
		return err
	}
	c, err := a.service.Create(r.Context(), mac, content, fleet.Attempt{})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/configs/"+strconv.FormatInt(c.ID, 10))
	return sendConfig(w, http.StatusCreated, c)
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
	return sendConfig(w, http.StatusOK, c)
}

func (a *API) updateConfig(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
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
	c, err := a.service.Update(r.Context(), id, content, fleet.Attempt{})
	if err != nil {
		return err
	}
	return sendConfig(w, http.StatusOK, c)
}

func (a *API) deleteConfig(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	if err := a.service.Delete(r.Context(), id, fleet.Attempt{}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
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

func sendConfig(w http.ResponseWriter, status int, c fleet.Config) error {
	w.Header().Set("ETag", `"r`+strconv.FormatInt(c.Revision, 10)+`"`)
	return sendJSON(w, status, appendConfig(nil, c, true))
}
