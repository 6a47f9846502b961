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
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); {
		if left = goleak.Find(options...); left == nil { // it waits itself
			return
		}
	}
	t.Error(left)
}
