package app

import (
	"context"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/settings"
)

const (
	// pruneEvery is how often is looked for what retention does not keep.
	pruneEvery = time.Hour
	// pruneAgain is how soon it is tried again where the database was away, or had not been migrated yet.
	pruneAgain = time.Minute
	// prunePause lets others write between two pieces.
	prunePause = 50 * time.Millisecond
)

// retention is what the settings keep.
func retention(set settings.Settings) fleet.Retention {
	const day = 24 * time.Hour
	return fleet.Retention{
		Revisions: set.KeepRevisions, Age: time.Duration(set.KeepRevisionsDays) * day,
		Facts: time.Duration(set.KeepFactsDays) * day, Audit: time.Duration(set.KeepAuditDays) * day,
	}
}

// keepPruning lets go of what retention does not keep, at the start and then every hour, until ctx ends. Answers of
// repeatable writes go after a day, whatever the settings say.
func (a *App) keepPruning(ctx context.Context) {
	keep, wait := retention(a.options.Settings), time.Duration(0)
	for pause(ctx, wait) {
		wait = pruneEvery
		if !a.ready.migrated.Load() {
			wait = retryMigrations
			continue
		}
		began := time.Now()
		n, err := a.prune(ctx, keep)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Warn("what retention does not keep could not be removed; trying again", "error", err, "removed", n)
			wait = pruneAgain
		case n > 0:
			a.log.Info("removed what retention does not keep", "rows", n, "duration", time.Since(began).Round(time.Millisecond))
		}
	}
}

// prune removes piece after piece until nothing is left to remove.
func (a *App) prune(ctx context.Context, keep fleet.Retention) (removed int64, err error) {
	for more := true; more; {
		var n int64
		if n, more, err = a.store.Prune(ctx, keep, a.store.Now()); err != nil {
			return removed, err
		}
		removed += n
		if more && !pause(ctx, prunePause) {
			return removed, ctx.Err()
		}
	}
	return removed, nil
}

// pause waits, and answers false when ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
