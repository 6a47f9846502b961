package httpapi

import (
	"net/http"
	"strconv"

	"espalier.dev/espalier/internal/fleet"
)

// fleetSummary answers how many devices stand how to their documents.
func (a *API) fleetSummary(w http.ResponseWriter, r *http.Request) error {
	sum, err := a.service.Summary(r.Context())
	if err != nil {
		return err
	}
	return sendJSON(w, http.StatusOK, appendSummary(nil, sum))
}

func appendSummary(b []byte, sum fleet.Summary) []byte {
	b = append(b, `{"total":`...)
	b = strconv.AppendInt(b, sum.Total, 10)
	for i, state := range fleet.Syncs {
		if i == 0 {
			b = append(b, `,"sync":{`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, string(state))
		b = append(b, ':')
		b = strconv.AppendInt(b, sum.Sync[state], 10)
	}
	b = append(b, '}')
	for _, n := range []struct {
		name  string
		count int64
	}{{"overdue", sum.Overdue}, {"online", sum.Online}, {"offline", sum.Offline}, {"deleted", sum.Deleted}} {
		b = append(b, `,"`+n.name+`":`...)
		b = strconv.AppendInt(b, n.count, 10)
	}
	b = append(b, `,"at":`...)
	b = appendTime(b, sum.At)
	return append(b, '}')
}
