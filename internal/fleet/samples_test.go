package fleet

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStepOf(t *testing.T) {
	at := time.Date(2026, 3, 9, 8, 7, 0, 0, time.UTC)
	for _, c := range []struct {
		long   time.Duration
		points int
		want   time.Duration
	}{
		{time.Minute, 10, time.Minute},
		{10 * time.Minute, 10, time.Minute},
		{11 * time.Minute, 10, 2 * time.Minute},
		{24 * time.Hour, 1000, 2 * time.Minute},
		{24 * time.Hour, 300, 5 * time.Minute},
		{48 * time.Hour, 300, 10 * time.Minute},
		{7 * 24 * time.Hour, 300, time.Hour},
		{400 * 24 * time.Hour, 300, 48 * time.Hour},
		{400 * 24 * time.Hour, 10, 43 * 24 * time.Hour},
	} {
		if got := stepOf(at, at.Add(c.long), c.points); got != c.want {
			t.Errorf("%s in %d points: %s, want %s", c.long, c.points, got, c.want)
		}
	}
}

// However a time lies, it has no more steps than points, and not far fewer.
func TestStepOfKeepsToPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		since := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "since"), 0)
		long := time.Duration(rapid.Int64Range(1, int64(400*24*time.Hour/time.Second)).Draw(t, "seconds")) * time.Second
		points := rapid.IntRange(minPoints, maxPoints).Draw(t, "points")
		step := stepOf(since, since.Add(long), points)
		steps := map[int64]bool{}
		for at := since; at.Before(since.Add(long)); at = at.Add(min(step, time.Minute*7)) {
			steps[at.Unix()/int64(step/time.Second)] = true
			if len(steps) > points {
				t.Fatalf("%s by %s is more than %d", long, step, points)
			}
		}
		if step%time.Minute != 0 || step > time.Minute && int64(len(steps)*3+3) < int64(points) {
			t.Fatalf("%s by %s is only %d of %d", long, step, len(steps), points)
		}
	})
}
