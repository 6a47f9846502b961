package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// fleetHistory answers how the state of the fleet was over time.
func (a *API) fleetHistory(w http.ResponseWriter, r *http.Request) error {
	params, err := queryParams(r)
	if err != nil {
		return err
	}
	since, err := timeParam(params, "since")
	if err != nil {
		return err
	}
	until, err := timeParam(params, "until")
	if err != nil {
		return err
	}
	points := 0
	if params.Has("points") {
		if points, err = strconv.Atoi(params.Get("points")); err != nil || points == 0 {
			points = -1
		}
	}
	line, err := a.service.Timeline(r.Context(), since, until, points)
	if err != nil {
		return err
	}
	return sendJSON(w, http.StatusOK, appendTimeline(nil, line))
}

func appendTimeline(b []byte, line fleet.Timeline) []byte {
	b = append(b, `{"samples":[`...)
	for i, sum := range line.Samples {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSummary(b, sum)
	}
	b = append(b, `],"step_seconds":`...)
	b = strconv.AppendInt(b, int64(line.Step/time.Second), 10)
	return append(b, '}')
}
