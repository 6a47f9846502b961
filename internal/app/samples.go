package app

import (
	"context"
	"time"
)

const (
	// sampleEvery is how often the state of the fleet is kept.
	sampleEvery = time.Minute
	// sampleTimeout is how long that may take: a database that hangs is asked again in the next minute.
	sampleTimeout = 30 * time.Second
)

// keepSampling keeps the state of the fleet, once in each minute of the clock that all servers share, until ctx ends.
func (a *App) keepSampling(ctx context.Context) {
	failing := false
	for wait := time.Duration(0); pause(ctx, wait); {
		wait = retryMigrations
		if a.ready.migrated.Load() {
			failing = a.sample(ctx, failing)
			wait = untilNext(a.store.Now(), sampleEvery)
		}
	}
}

// sample keeps the state of the fleet, and answers whether that failed. A minute without a sample is a gap in a picture and no
// more: the log has when that begins and when it is over.
func (a *App) sample(ctx context.Context, failing bool) bool {
	trying, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	_, err := a.store.Sample(trying, a.store.Now())
	switch {
	case ctx.Err() != nil:
	case err != nil && !failing:
		a.log.Warn("the state of the fleet cannot be kept for its history; trying again every minute", "error", err)
	case err == nil && failing:
		a.log.Info("the state of the fleet is kept again for its history")
	}
	return err != nil
}

// untilNext is how long it is until the next multiple of a duration.
func untilNext(now time.Time, every time.Duration) time.Duration {
	return now.Truncate(every).Add(every).Sub(now)
}
