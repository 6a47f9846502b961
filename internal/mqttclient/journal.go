package mqttclient

import (
	"context"
	"log/slog"
	"time"
)

// journal tells the log when a connection comes and goes, and of further failures at most once a minute.
type journal struct {
	logger *slog.Logger
	// quiet says that another connection to the same broker has told already what there is to tell.
	quiet  bool
	broker string // host:port
	failed int    // connects that failed since the last success
	told   time.Time
}

func (j *journal) up() {
	j.logger.Log(context.Background(), j.level(slog.LevelInfo), "connected to the MQTT broker", "broker", j.broker, "failures", j.failed)
	j.failed, j.told = 0, time.Time{}
}

func (j *journal) down(err error) {
	j.failed++
	if !j.told.IsZero() && time.Since(j.told) < logAgain {
		return
	}
	j.told = time.Now()
	j.logger.Log(context.Background(), j.level(slog.LevelWarn), "no connection to the MQTT broker; trying again",
		"broker", j.broker, "reason", err, "failures", j.failed)
}

func (j *journal) level(loud slog.Level) slog.Level {
	if j.quiet {
		return slog.LevelDebug
	}
	return loud
}
