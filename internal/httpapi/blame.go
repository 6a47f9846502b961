package httpapi

import (
	"net/http"
	"strconv"

	"espalier.dev/espalier/internal/fleet"
)

// blameConfig tells which revision gave the document each of its values.
func (a *API) blameConfig(w http.ResponseWriter, r *http.Request) error {
	id, err := configID(r)
	if err != nil {
		return err
	}
	found, err := a.service.Blame(r.Context(), id)
	if err != nil {
		return err
	}
	s := a.newStream(w, "application/json")
	s.buf = append(s.buf, `{"config_id":`...)
	s.buf = strconv.AppendInt(s.buf, found.Config.ID, 10)
	s.buf = append(s.buf, `,"mac_address":`...)
	s.buf = appendString(s.buf, found.Config.MAC.String())
	s.buf = append(s.buf, `,"revision":`...)
	s.buf = appendNumber(s.buf, found.Config.Revision)
	s.buf = append(s.buf, `,"complete":`...)
	s.buf = strconv.AppendBool(s.buf, found.Complete)
	s.buf = append(s.buf, `,"values":[`...)
	for i, value := range found.Values {
		if i > 0 {
			s.buf = append(s.buf, ',')
		}
		s.buf = appendBlamed(s.buf, value)
		if err := s.flushIfFull(); err != nil {
			return err
		}
	}
	s.buf = append(s.buf, `]}`...)
	return s.flush()
}

func appendBlamed(b []byte, value fleet.Blamed) []byte {
	b = append(b, `{"path":`...)
	b = appendString(b, value.Path)
	if value.By == nil {
		return append(b, `,"revision":null,"created_at":null,"principal":null,"message":null,"source":null}`...)
	}
	b = append(b, `,"revision":`...)
	b = strconv.AppendInt(b, value.By.Number, 10)
	b = append(b, `,"created_at":`...)
	b = appendTime(b, value.By.CreatedAt)
	b = append(b, `,"principal":`...)
	b = appendText(b, string(value.By.By.Principal))
	b = append(b, `,"message":`...)
	b = appendText(b, value.By.Message)
	b = append(b, `,"source":`...)
	b = appendString(b, string(value.By.Source))
	return append(b, '}')
}
