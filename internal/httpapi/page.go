package httpapi

import (
	"net/http"
	"net/url"
	"strconv"

	"espalier.dev/espalier/internal/fleet"
)

// span is the part of a list that counts down which a request asks for: the cursor is the number to go on below.
type span struct {
	params url.Values
	below  int64
	limit  int
}

// spanOf reads limit and cursor.
func spanOf(r *http.Request) (span, error) {
	params, err := queryParams(r)
	if err != nil {
		return span{}, err
	}
	s := span{params: params}
	if s.limit, err = limitOf(params); err != nil {
		return span{}, err
	}
	if cursor := params.Get("cursor"); cursor != "" {
		if s.below, err = strconv.ParseInt(cursor, 10, 64); err != nil || s.below < 1 {
			return span{}, fleet.Invalid("cursor", "is not one that this server gave; begin again without it")
		}
	}
	return s, nil
}

// limitOf is the parameter limit; 0 where there is none.
func limitOf(params url.Values) (int, error) {
	if !params.Has("limit") {
		return 0, nil
	}
	n, err := strconv.Atoi(params.Get("limit"))
	if err != nil || n < 1 {
		return 0, fleet.Invalid("limit", "must be a number from 1 to "+strconv.Itoa(fleet.MaxPage))
	}
	return n, nil
}

// sendPage sends one page of a list that counts down: its items under a name, how many these are, and where the next page
// begins (0: there is none).
func sendPage[T any](w http.ResponseWriter, s span, name string, items []T, next int64, write func([]byte, T) []byte) error {
	b := []byte(`{"` + name + `":[`)
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, item)
	}
	b = append(b, `],"count":`...)
	b = strconv.AppendInt(b, int64(len(items)), 10)
	if next != 0 {
		b = appendNext(w, b, s.params, strconv.FormatInt(next, 10))
	}
	return sendJSON(w, http.StatusOK, append(b, '}'))
}

// appendNext says where the next page begins, in the answer and in its Link header. The address is relative to the list, so
// that it is right below any path of a proxy.
func appendNext(w http.ResponseWriter, b []byte, params url.Values, cursor string) []byte {
	next := url.Values{}
	for name, values := range params {
		next[name] = values
	}
	next.Set("cursor", cursor)
	w.Header().Set("Link", "<?"+next.Encode()+`>; rel="next"`)
	b = append(b, `,"next_cursor":`...)
	return appendString(b, cursor)
}
