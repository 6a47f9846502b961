package fleet

import (
	"context"
	"slices"
	"time"
)

// How long samples of the fleet are kept: each minute's, and then the first of each hour.
const (
	KeptMinutes = 48 * time.Hour
	KeptHours   = 400 * 24 * time.Hour
)

// The bounds of how many samples are answered.
const (
	minPoints     = 10
	maxPoints     = 1000
	defaultPoints = 300
)

// Timeline is the state of the fleet over time.
type Timeline struct {
	// Samples are oldest first, at most one for each Step: the first that there is of it.
	Samples []Summary
	// Step is a number of whole minutes, and begins at a multiple of itself since 1970 in UTC.
	Step time.Duration
}

// Timeline is the state of the fleet in the minutes that begin at a time (zero: a day ago) or behind it, and before another (zero,
// or later than now: all until now), in at most as many points (0: 300). Steps of one length begin at the same times whoever asks: one
// that lies within what is asked for shows the same minute each time, for as long as its minutes are kept (KeptMinutes).
// Errors: VALIDATION_FAILED with the field (points, until).
func (s *Service) Timeline(ctx context.Context, since, until time.Time, points int) (Timeline, error) {
	if points == 0 {
		points = defaultPoints
	}
	if points < minPoints || points > maxPoints {
		return Timeline{}, Invalid("points", "must be a number from 10 to 1000")
	}
	now := s.now()
	if until.IsZero() || until.After(now) {
		until = now.Truncate(time.Minute).Add(time.Minute) // the present one has a sample too
	}
	if since.IsZero() {
		since = now.Add(-24 * time.Hour)
	}
	if earliest := now.Add(-KeptHours - time.Hour); since.Before(earliest) {
		since = earliest
	}
	if !since.Before(until) {
		return Timeline{}, Invalid("until", "must be later than since")
	}
	line := Timeline{Step: stepOf(since, until, points)}
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		line.Samples, err = tx.Samples(ctx, since, until, line.Step)
		return err
	})
	return line, err
}

// stepOf is the shortest step that divides a time into no more parts than points.
func stepOf(since, until time.Time, points int) time.Duration {
	const day = 24 * time.Hour
	parts := func(step time.Duration) int64 {
		seconds := int64(step / time.Second)
		return (until.Unix()-1)/seconds - since.Unix()/seconds + 1
	}
	steps := []int{1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720} // what divides a day, or an hour, evenly
	i := slices.IndexFunc(steps, func(minutes int) bool { return parts(time.Duration(minutes)*time.Minute) <= int64(points) })
	if i >= 0 {
		return time.Duration(steps[i]) * time.Minute
	}
	step := day
	for parts(step) > int64(points) {
		step += day
	}
	return step
}
