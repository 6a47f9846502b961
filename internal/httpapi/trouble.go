package httpapi

import (
	"context"
	"log/slog"
	"sync"

	"espalier.dev/espalier/internal/fleet"
)

// trouble tells the log when something begins to fail or fails otherwise, and when it is over, and nothing in between: who
// looks whether all is well does so again and again.
type trouble struct {
	logger *slog.Logger
	what   string

	mu   sync.Mutex
	code fleet.Code // of the present failure; "" where there is none
}

// note takes how it went. A request that ended before that was known says nothing.
func (t *trouble) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil {
		return
	}
	code := fleet.Code("")
	if err != nil {
		code = asFleetError(err).Code
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if code == t.code {
		return
	}
	t.code = code
	if err == nil {
		t.logger.InfoContext(ctx, t.what+": over")
		return
	}
	t.logger.WarnContext(ctx, t.what, "code", code, "cause", err.Error())
}
