package events

import "log/slog"

// trouble tells the log when something begins to fail and when it is over, and nothing in between.
type trouble struct {
	logger *slog.Logger
	what   string
	on     bool
}

func (t *trouble) begin(err error) {
	if !t.on {
		t.logger.Warn(t.what+"; trying again until it works", "error", err)
	}
	t.on = true
}

func (t *trouble) over() {
	if t.on {
		t.logger.Info(t.what + ": over")
	}
	t.on = false
}
