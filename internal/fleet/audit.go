package fleet

import (
	"context"
	"time"
)

// Action is what somebody wanted to do.
type Action string

// The actions on configurations. Refused attempts may bear others: the operation of the route that refused them.
const (
	ActionCreate  Action = "create"
	ActionUpdate  Action = "update"
	ActionPatch   Action = "patch"
	ActionDelete  Action = "delete"
	ActionRestore Action = "restore"
	ActionReplace Action = "replace_device"
	ActionImport  Action = "import"
)

// AuditResult is how an attempt went.
type AuditResult string

// The results.
const (
	ResultApplied   AuditResult = "applied"
	ResultUnchanged AuditResult = "unchanged" // what was saved was there already
	ResultRefused   AuditResult = "refused"
)

// AuditEntry is one attempt to write: append-only. Those that changed something are kept in the transaction of the change;
// refused ones within a second, and those that are alike in that second as one entry.
type AuditEntry struct {
	ID     int64
	At     time.Time
	By     Actor
	Action Action
	Result AuditResult
	// Code says why a refused attempt was refused; "" for others.
	Code Code
	// Target is the path of a refused request, without its query.
	Target string
	// ConfigID, MAC and Revision are of the configuration afterwards, where there is one; 0 and nil are none.
	ConfigID int64
	MAC      *MAC
	Revision int64
	// Other is the former MAC address, of ActionReplace.
	Other   *MAC
	Message string
	// Times is how many attempts the entry stands for.
	Times int
}

// AuditQuery asks for a part of the audit, newest first. Zero fields keep every entry.
type AuditQuery struct {
	MAC         *MAC
	ConfigID    int64
	Action      Action
	Result      AuditResult
	Principal   Principal
	Address     string
	Correlation string
	Since       time.Time // at or after
	Until       time.Time // before
	// Below continues behind an entry: those with a smaller id; 0 begins at the newest.
	Below int64
	Limit int
}

// Audit is one page of the audit, newest first, and the id to continue below (0: that was all). Errors:
// VALIDATION_FAILED (limit).
func (s *Service) Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, int64, error) {
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, 0, err
	}
	q.Limit = limit + 1
	var found []AuditEntry
	err = s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		found, err = tx.Audit(ctx, q)
		return err
	})
	if err != nil || len(found) <= limit {
		return found, 0, err
	}
	found = found[:limit]
	return found, found[limit-1].ID, nil
}

// EachAudit yields every entry of q, newest first, read in pages. q.Below and q.Limit are not used. An error of yield ends
// it and is returned.
func (s *Service) EachAudit(ctx context.Context, q AuditQuery, yield func(AuditEntry) error) error {
	q.Below, q.Limit = 0, MaxPage
	for {
		page, next, err := s.Audit(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := yield(e); err != nil {
				return err
			}
		}
		if next == 0 {
			return nil
		}
		q.Below = next
	}
}

// pageLimit is the limit of a page, DefaultPage for 0.
func pageLimit(limit int) (int, error) {
	if limit == 0 {
		return DefaultPage, nil
	}
	if limit < 1 || limit > MaxPage {
		return 0, Invalid("limit", "must be a number from 1 to 1000")
	}
	return limit, nil
}
