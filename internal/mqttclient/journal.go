package mqttclient

import (
	"log/slog"
	"time"
)

// journal tells the log when the connection comes and goes, and of further failures at most once a minute.
type journal struct {
	logger *slog.Logger
	broker string // host:port
	failed int    // connects that failed since the last success
	told   time.Time
}

func (j *journal) up() {
	j.logger.Info("connected to the MQTT broker", "broker", j.broker, "failures", j.failed)
	j.failed, j.told = 0, time.Time{}
}

func (j *journal) down(err error) {
	j.failed++
	if !j.told.IsZero() && time.Since(j.told) < logAgain {
		return
	}
	j.told = time.Now()
	j.logger.Warn("no connection to the MQTT broker; trying again", "broker", j.broker, "reason", err, "failures", j.failed)
}
