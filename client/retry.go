package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// The pauses between attempts. A server that asks for a longer one gets the error to its caller.
const (
	firstPause  = 200 * time.Millisecond
	longestOwn  = 5 * time.Second
	longestWait = 30 * time.Second
)

// repeat makes attempts until one succeeds, or fails in a way that is not safe or of no use to repeat.
func (c *Client) repeat(ctx context.Context, method string, attempt func(context.Context) error) error {
	for n := 0; ; n++ {
		err := attempt(ctx)
		if err == nil || n >= c.options.Retries || !repeatable(method, err) {
			return err
		}
		wait := pause(n)
		if e, ok := errors.AsType[*Error](err); ok && e.RetryAfter > 0 {
			wait = e.RetryAfter
		}
		if wait > longestWait {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// pause doubles with each attempt; half of it is chance, so that clients do not come back together.
func pause(n int) time.Duration {
	full := min(firstPause<<min(n, 16), longestOwn)
	return full/2 + rand.N(full/2+1)
}

// repeatable tells whether nothing can be done twice by another attempt.
func repeatable(method string, err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreadable) {
		return false
	}
	if errors.Is(err, ErrTooManyRequests) || neverSent(err) {
		return true
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost: // of POST, the server knows the key or, of a report, the fact
	default:
		return false
	}
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrUnreachable)
}

// neverSent tells of an attempt that found no server.
func neverSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
