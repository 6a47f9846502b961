package fleet

import (
	"context"
	"slices"
)

const (
	// devicePage is how many devices are read in one transaction.
	devicePage = 4000
	// maxIDs is how many may be asked for by their ids.
	maxIDs = 500
)

// Glance asks for a part of the fleet.
type Glance struct {
	// IDs keeps those that have one of these ids, each once; none keeps all.
	IDs []int64
	// After begins behind a MAC address; nil begins at the beginning.
	After *MAC
	// Limit is the most to answer; at least 1.
	Limit int
}

// DevicePage is a part of the whole fleet.
type DevicePage struct {
	// Configs have what a Glance has, by MAC address.
	Configs []Config
	// Count is about how many there are in all the pages.
	Count int64
}

// EachDevice yields the fleet, or those of some ids that exist (none: all), in pages by MAC address, at least one; Configs are
// as ReadTx.Glance has them. While a page is yielded the next is read, and a slow reader holds no transaction open. A configuration that
// is changed meanwhile is seen once, before or after the change. An error of yield ends it and is returned. Errors:
// VALIDATION_FAILED (more than 500 ids).
func (s *Service) EachDevice(ctx context.Context, ids []int64, yield func(DevicePage) error) error {
	if len(ids) > maxIDs {
		return Invalid("ids", "must be at most 500 numbers")
	}
	ctx, cancel := context.WithCancel(ctx)
	pages, failed := make(chan DevicePage), make(chan error, 1)
	go func() {
		defer close(pages)
		failed <- s.readDevices(ctx, ids, pages)
	}()
	defer func() {
		cancel()
		for range pages { //nolint:revive // what was read ahead; it ends with its reader
		}
	}()
	for page := range pages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(page); err != nil {
			return err
		}
	}
	return <-failed
}

// readDevices hands over page after page.
func (s *Service) readDevices(ctx context.Context, ids []int64, pages chan<- DevicePage) error {
	g := Glance{IDs: slices.Compact(slices.Sorted(slices.Values(ids))), Limit: devicePage}
	for count := int64(-1); ; {
		var page DevicePage
		err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
			if count < 0 && len(ids) == 0 {
				if page.Count, err = tx.Count(ctx); err != nil {
					return err
				}
			}
			page.Configs, err = tx.Glance(ctx, g)
			return err
		})
		if err != nil {
			return err
		}
		switch {
		case len(ids) > 0:
			page.Count = int64(len(page.Configs))
		case count >= 0:
			page.Count = count
		}
		count = page.Count
		select {
		case pages <- page:
		case <-ctx.Done():
			return ctx.Err()
		}
		if len(page.Configs) < g.Limit {
			return nil
		}
		g.After = &page.Configs[g.Limit-1].MAC
	}
}
