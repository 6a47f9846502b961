package store

import (
	"context"
	"errors"

	"espalier.dev/espalier/internal/fleet"
)

// Head implements fleet.Journal.
func (s *Store) Head(ctx context.Context) (fleet.EventPosition, error) {
	return fleet.EventPosition{}, errors.ErrUnsupported
}

// Events implements fleet.Journal.
func (s *Store) Events(ctx context.Context, after fleet.EventPosition, limit int) ([]fleet.Event, fleet.EventPosition, error) {
	return nil, after, errors.ErrUnsupported
}
