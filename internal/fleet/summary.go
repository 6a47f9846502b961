package fleet

import (
	"context"
	"time"
)

// Summary counts the configurations that there are by how their devices stand to them.
type Summary struct {
	Total int64
	// Sync has every Sync; the counts add up to Total.
	Sync map[Sync]int64
	// Overdue, Online and Offline count besides: a device is in one Sync, and may be in one of these.
	Overdue, Online, Offline int64
	Deleted                  int64 // configurations that were deleted and can be brought back
	At                       time.Time
}

// Summary is the state of the fleet.
func (s *Service) Summary(ctx context.Context) (Summary, error) {
	var sum Summary
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		sum, err = tx.Summary(ctx)
		return err
	})
	return sum, err
}
