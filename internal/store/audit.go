package store

import (
	"context"
	"fmt"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

// The most characters that the columns of the audit and of revisions take.
const (
	mostAddress     = 45
	mostCorrelation = 128
	mostPrincipal   = 16
	mostWord        = 32
	mostTarget      = 1024
	mostMessage     = 2000
)

// clean is text as both engines can keep it, and no longer than most characters. What a client sends may be anything.
func clean(text string, most int) string {
	if text == "" {
		return ""
	}
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
	if len(text) <= most {
		return text
	}
	for at := range text {
		if most == 0 {
			return text[:at]
		}
		most--
	}
	return text
}

// eventOf is what subscribers hear of a change that changed something.
func eventOf(c fleet.Change) fleet.EventKind {
	switch {
	case c.Kind == fleet.Delete:
		return fleet.EventDeleted
	case c.Kind == fleet.Move:
		return fleet.EventReplaced
	case c.Kind == fleet.Undelete || c.Source == fleet.FromRestore:
		return fleet.EventRestored
	case c.Kind == fleet.Create:
		return fleet.EventCreated
	}
	return fleet.EventUpdated
}

const keepAudit = `INSERT INTO audit (at, principal, address, correlation, action, result, code, target, config_id, mac_address, rev,
		other_mac, message, times, event)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

// auditRequest keeps an entry; event is "" where no subscriber hears of it.
func auditRequest(e fleet.AuditEntry, event fleet.EventKind) request {
	var id, mac, rev, other any
	if e.ConfigID != 0 {
		id = e.ConfigID
	}
	if e.Revision != 0 {
		rev = e.Revision
	}
	if e.MAC != nil {
		mac = e.MAC.String()
	}
	if e.Other != nil {
		other = e.Other.String()
	}
	return statement(keepAudit, e.At.UTC(), clean(string(e.By.Principal), mostPrincipal), clean(e.By.Address, mostAddress),
		clean(e.By.Correlation, mostCorrelation), clean(string(e.Action), mostWord), string(e.Result), string(e.Code),
		clean(e.Target, mostTarget), id, mac, rev, other, clean(e.Message, mostMessage), int64(max(1, e.Times)), orNull(string(event)))
}

// orNull is null for what says nothing.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// auditOf is the entry of a change that left a revision the newest, of a configuration with that id.
func auditOf(c fleet.Change, id int64, newest fleet.Revision, unchanged bool) request {
	e := fleet.AuditEntry{At: c.At, By: c.By, Action: c.Action, Result: fleet.ResultApplied, ConfigID: id,
		MAC: &newest.MAC, Revision: newest.Number, Other: newest.Other, Message: c.Message}
	if unchanged {
		e.Result = fleet.ResultUnchanged
		return auditRequest(e, "")
	}
	return auditRequest(e, eventOf(c))
}

// refusals is how many refused attempts are kept in one transaction.
const refusals = 500

// Refused implements fleet.Auditor.
func (s *Store) Refused(ctx context.Context, entries []fleet.AuditEntry) error {
	for start := 0; start < len(entries); start += refusals {
		some := entries[start:min(start+refusals, len(entries))]
		requests := make([]request, len(some))
		for i, e := range some {
			e.Result = fleet.ResultRefused
			requests[i] = auditRequest(e, "")
		}
		err := s.engine.update(ctx, func(ctx context.Context, t *tx) error { return t.run(ctx, requests...) })
		if err != nil {
			return err
		}
	}
	return nil
}

const auditColumns = `a.id, a.at, a.principal, a.address, a.correlation, a.action, a.result, a.code, a.target, a.config_id, a.mac_address,
	a.rev, a.other_mac, a.message, a.times`

func scanAudit(r row) (e fleet.AuditEntry, err error) {
	var principal, action, result, code string
	var id, rev *int64
	var mac, other *string
	err = r.Scan(&e.ID, &e.At, &principal, &e.By.Address, &e.By.Correlation, &action, &result, &code, &e.Target, &id, &mac, &rev, &other,
		&e.Message, &e.Times)
	e.By.Principal, e.Action, e.Result, e.Code = fleet.Principal(principal), fleet.Action(action), fleet.AuditResult(result), fleet.Code(code)
	e.ConfigID, e.Revision = orZero(id), orZero(rev)
	if err == nil {
		e.MAC, err = macOrNil(mac)
	}
	if err == nil {
		e.Other, err = macOrNil(other)
	}
	return e, err
}

func macOrNil(text *string) (*fleet.MAC, error) {
	if text == nil {
		return nil, nil //nolint:nilnil // no address is an answer here
	}
	mac, err := parseMAC(*text)
	return &mac, err
}

// Audit implements fleet.ReadTx. A MAC address finds also what moved a configuration away from it.
func (r reader) Audit(ctx context.Context, q fleet.AuditQuery) ([]fleet.AuditEntry, error) {
	var where []string
	var args []any
	keep := func(condition string, v any) {
		args = append(args, v)
		where = append(where, strings.ReplaceAll(condition, `?`, fmt.Sprintf("$%d", len(args))))
	}
	if q.MAC != nil {
		keep(`(a.mac_address = ? OR a.other_mac = ?)`, q.MAC.String())
	}
	if q.ConfigID != 0 {
		keep(`a.config_id = ?`, q.ConfigID)
	}
	for _, one := range []struct{ column, text string }{
		{`action`, string(q.Action)}, {`result`, string(q.Result)}, {`principal`, string(q.Principal)}, {`address`, q.Address},
		{`correlation`, q.Correlation},
	} {
		if one.text != "" {
			keep(`a.`+one.column+` = ?`, clean(one.text, mostTarget))
		}
	}
	if !q.Since.IsZero() {
		keep(`a.at >= ?`, q.Since.UTC())
	}
	if !q.Until.IsZero() {
		keep(`a.at < ?`, q.Until.UTC())
	}
	if q.Below > 0 {
		keep(`a.id < ?`, q.Below)
	}
	sql := `SELECT ` + auditColumns + ` FROM audit a`
	if len(where) > 0 {
		sql += ` WHERE ` + strings.Join(where, ` AND `)
	}
	args = append(args, int64(q.Limit))
	sql += fmt.Sprintf(` ORDER BY a.id DESC LIMIT $%d`, len(args))
	var found []fleet.AuditEntry
	err := r.run(ctx, request{sql: sql, args: args, scan: func(row row) error {
		e, err := scanAudit(row)
		found = append(found, e)
		return err
	}})
	return found, err
}
