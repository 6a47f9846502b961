package store

import (
	"context"
	"errors"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

func (r reader) Deleted(ctx context.Context, id int64) (fleet.Config, error) {
	return fleet.Config{}, errors.ErrUnsupported
}

func (r reader) RevisionByETag(ctx context.Context, mac fleet.MAC, etag string, most int64) (int64, error) {
	return 0, errors.ErrUnsupported
}

func (r reader) Audit(ctx context.Context, q fleet.AuditQuery) ([]fleet.AuditEntry, error) {
	return nil, errors.ErrUnsupported
}

func (t *tx) Answer(ctx context.Context, key string, fingerprint [32]byte, at time.Time) ([]byte, [32]byte, bool, error) {
	return nil, [32]byte{}, false, errors.ErrUnsupported
}

func (t *tx) KeepAnswer(ctx context.Context, key string, answer []byte) error {
	return errors.ErrUnsupported
}

// Refused implements fleet.Auditor.
func (s *Store) Refused(ctx context.Context, entries []fleet.AuditEntry) error {
	return errors.ErrUnsupported
}

// Prune implements fleet.Pruner.
func (s *Store) Prune(ctx context.Context, r fleet.Retention, now time.Time) (n int64, more bool, err error) {
	return 0, false, errors.ErrUnsupported
}
