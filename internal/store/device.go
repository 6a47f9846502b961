package store

import (
	"context"
	"errors"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

func (r reader) Device(ctx context.Context, mac fleet.MAC) (fleet.Device, error) {
	return fleet.Device{}, errors.ErrUnsupported
}

func (r reader) Facts(ctx context.Context, mac fleet.MAC, below int64, until time.Time, limit int) ([]fleet.Fact, error) {
	return nil, errors.ErrUnsupported
}

func (r reader) Summary(ctx context.Context) (fleet.Summary, error) {
	return fleet.Summary{}, errors.ErrUnsupported
}

// Record implements fleet.Witness.
func (s *Store) Record(ctx context.Context, evidence []fleet.Evidence) error {
	return errors.ErrUnsupported
}

// Lose implements fleet.Witness.
func (s *Store) Lose(ctx context.Context, before, at time.Time) error {
	return errors.ErrUnsupported
}
