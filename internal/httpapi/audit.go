package httpapi

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"espalier.dev/espalier/internal/fleet"
)

// maxTarget bounds the path of a refused request that is kept, in bytes.
const maxTarget = 256

// noteRefusal hands on an attempt to write that was refused: whatever would change something, was for the admin API (or for
// nothing that there is below /api), and was answered with 4xx. One that failed by our fault was not refused; the log has it.
// Nothing of a body, a query or a credential is in it.
func (a *API) noteRefusal(x *exchange, r *http.Request) {
	status, known := statusOf(x.code)
	if !known || status >= http.StatusInternalServerError || !writes(r.Method) {
		return
	}
	if x.route == nil && !belowAPI(r.URL.Path) || x.route != nil && (x.route.access != admin || x.route.reads) {
		return
	}
	e := a.refusal(x, r)
	if e.MAC == nil && e.ConfigID != 0 && x.code != fleet.CodeNotFound && x.principal != fleet.ByAnonymous {
		// The read is for those who were let in: nobody else can have the server do more by being refused.
		if c, err := a.service.Config(r.Context(), e.ConfigID); err == nil {
			e.MAC = &c.MAC
		}
	}
	a.refused(e)
}

// noteImport hands on what an import refused of what it was to keep: one entry for each reason.
func (a *API) noteImport(x *exchange, r *http.Request, done fleet.Report) {
	if done.DryRun {
		return
	}
	times := map[fleet.Code]int{}
	for _, one := range done.Refused {
		times[one.Code]++
	}
	for _, code := range slices.Sorted(maps.Keys(times)) {
		e := a.refusal(x, r)
		e.Code, e.Times = code, times[code]
		a.refused(e)
	}
}

// refusal is the entry of a request that was refused.
func (a *API) refusal(x *exchange, r *http.Request) fleet.AuditEntry {
	e := fleet.AuditEntry{At: a.now().UTC().Truncate(time.Microsecond), By: x.actor(r), Action: fleet.Action(clip(r.Method, 20)),
		Result: fleet.ResultRefused, Code: x.code, Target: clip(r.URL.EscapedPath(), maxTarget), MAC: x.mac, Times: 1}
	if x.route == nil {
		return e
	}
	e.Action = cmp.Or(x.route.action, e.Action)
	if strings.Contains(x.route.pattern, "{id}") {
		if id, err := configID(r); err == nil && id > 0 {
			e.ConfigID = id
		}
	}
	return e
}

func writes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

func belowAPI(p string) bool {
	p = path.Clean("/" + p)
	return p == "/api" || strings.HasPrefix(p, "/api/")
}

// noteMAC remembers the MAC address that a write names, if it is one.
func noteMAC(w http.ResponseWriter, text string) {
	if mac, err := fleet.ParseMAC(text); err == nil {
		w.(*exchange).mac = &mac
	}
}

func (a *API) listAudit(w http.ResponseWriter, r *http.Request) error {
	s, err := spanOf(r)
	if err != nil {
		return err
	}
	q, err := auditQuery(s.params)
	if err != nil {
		return err
	}
	q.Below, q.Limit = s.below, s.limit
	found, next, err := a.service.Audit(r.Context(), q)
	if err != nil {
		return err
	}
	return sendPage(w, s, "audit", found, next, appendAudit)
}

// exportAudit streams the audit, one entry a line.
func (a *API) exportAudit(w http.ResponseWriter, r *http.Request) error {
	params, err := queryParams(r)
	if err != nil {
		return err
	}
	q, err := auditQuery(params)
	if err != nil {
		return err
	}
	s := a.newStream(w, "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="audit.ndjson"`)
	if r.Method == http.MethodHead {
		return s.flush()
	}
	err = a.service.EachAudit(r.Context(), q, func(e fleet.AuditEntry) error {
		s.buf = append(appendAudit(s.buf, e), '\n')
		return s.flushIfFull()
	})
	if err != nil {
		return err
	}
	return s.flush()
}

// auditQuery reads what is asked of the audit.
func auditQuery(params url.Values) (q fleet.AuditQuery, err error) {
	q = fleet.AuditQuery{Action: fleet.Action(params.Get("action")), Result: fleet.AuditResult(params.Get("result")),
		Principal: fleet.Principal(params.Get("principal")), Correlation: params.Get("correlation_id")}
	if text := params.Get("mac_address"); text != "" {
		mac, bad := fleet.ParseMAC(text)
		if bad != nil {
			return q, fleet.Invalid("mac_address", "must be a MAC address such as aa:bb:cc:dd:ee:ff")
		}
		q.MAC = &mac
	}
	if text := params.Get("config_id"); text != "" {
		if q.ConfigID, err = strconv.ParseInt(text, 10, 64); err != nil || q.ConfigID < 1 {
			return q, fleet.Invalid("config_id", "must be a number from 1")
		}
	}
	if text := params.Get("address"); text != "" {
		addr, ok := parseIP(text)
		if !ok {
			return q, fleet.Invalid("address", "must be an IP address")
		}
		q.Address = addr.String()
	}
	if results := []fleet.AuditResult{fleet.ResultApplied, fleet.ResultUnchanged, fleet.ResultRefused}; q.Result != "" && !slices.Contains(results, q.Result) {
		return q, fleet.Invalid("result", "must be applied, unchanged or refused")
	}
	for name, text := range map[string]string{"action": string(q.Action), "principal": string(q.Principal), "correlation_id": q.Correlation} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > maxTarget {
			return q, fleet.Invalid(name, "must be text in UTF-8 of at most 256 bytes")
		}
	}
	if q.Since, err = timeParam(params, "since"); err != nil {
		return q, err
	}
	q.Until, err = timeParam(params, "until")
	return q, err
}

// timeParam is a parameter that is a time; the zero time where there is none.
func timeParam(params url.Values, name string) (time.Time, error) {
	text := params.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if at = at.UTC(); err != nil || at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, fleet.Invalid(name, "must be a time such as 2026-01-02T15:04:05Z (RFC 3339; write a plus sign as %2B)")
	}
	return at, nil
}

func appendAudit(b []byte, e fleet.AuditEntry) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, e.ID, 10)
	b = append(b, `,"at":`...)
	b = appendTime(b, e.At)
	b = append(b, `,"principal":`...)
	b = appendText(b, string(e.By.Principal))
	b = append(b, `,"address":`...)
	b = appendText(b, e.By.Address)
	b = append(b, `,"action":`...)
	b = appendString(b, string(e.Action))
	b = append(b, `,"result":`...)
	b = appendString(b, string(e.Result))
	b = append(b, `,"code":`...)
	b = appendText(b, string(e.Code))
	b = append(b, `,"target":`...)
	b = appendText(b, e.Target)
	b = append(b, `,"config_id":`...)
	b = appendNumber(b, e.ConfigID)
	b = append(b, `,"mac_address":`...)
	b = appendMAC(b, e.MAC)
	b = append(b, `,"revision":`...)
	b = appendNumber(b, e.Revision)
	b = append(b, `,"other_mac_address":`...)
	b = appendMAC(b, e.Other)
	b = append(b, `,"message":`...)
	b = appendText(b, e.Message)
	b = append(b, `,"correlation_id":`...)
	b = appendText(b, e.By.Correlation)
	b = append(b, `,"times":`...)
	b = strconv.AppendInt(b, int64(e.Times), 10)
	return append(b, '}')
}
