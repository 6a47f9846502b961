package testenv

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// NoLeaks fails a test after which goroutines go on that were not there before. It gives them the time that a busy machine takes to
// end them.
func NoLeaks(t testing.TB, options ...goleak.Option) {
	t.Helper()
	var left error
	if !poll(20*time.Second, func() bool { left = goleak.Find(options...); return left == nil }) {
		t.Error(left)
	}
}
