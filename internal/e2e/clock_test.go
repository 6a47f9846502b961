package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// clockFile names the file that says how far the clock of the program under test is ahead of the system's.
const clockFile = "ESPALIER_E2E_CLOCK"

// programClock is the clock of the program under test, nil for the system's. It follows the file until ctx ends.
func programClock(ctx context.Context) func() time.Time {
	path := os.Getenv(clockFile)
	if path == "" {
		return nil
	}
	var ahead atomic.Int64
	read := func() {
		text, err := os.ReadFile(path)
		if d, bad := time.ParseDuration(strings.TrimSpace(string(text))); err == nil && bad == nil {
			ahead.Store(int64(d))
		}
	}
	read()
	go func() {
		for tick := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			read()
		}
	}()
	return func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
}

// clock is that of servers, which a test sets.
type clock struct {
	t    testing.TB
	path string
}

// newClock is the setting that servers take a clock by, and the clock.
func newClock(t testing.TB) (setting string, c *clock) {
	t.Helper()
	c = &clock{t: t, path: filepath.Join(t.TempDir(), "clock")}
	c.set(0)
	return clockFile + "=" + c.path, c
}

// set has the clock jump to a distance from the system's.
func (c *clock) set(ahead time.Duration) {
	c.t.Helper()
	next := c.path + ".next"
	if err := os.WriteFile(next, []byte(ahead.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(next, c.path); err != nil {
		c.t.Fatal(err)
	}
}
