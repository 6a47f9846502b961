package simulator

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

const pulseEvery = 250 * time.Millisecond

// pulse watches a server until ctx ends: one that fails to answer, or that answers as another process than before, was
// killed, and may have forgotten what it was told last.
func (s *simulation) pulse(ctx context.Context, server int) {
	well, process := time.Now(), ""
	for pause(ctx, pulseEvery) {
		// The end of the run does not break it off: the server would complain in its log.
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		now, err := s.servers[server].admin.process(asked)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrNoAnswer), err == nil && process != "" && now != process:
			s.serverFailed(server, well)
		}
		if err == nil {
			process = now
		}
		if !errors.Is(err, ErrNoAnswer) {
			well = time.Now()
		}
	}
}

// serverFailed says that a server was not well at some time since it was last.
func (s *simulation) serverFailed(server int, well time.Time) {
	now := time.Now()
	s.shaken.Store(now.UnixNano())
	s.listeners.Store(now.UnixNano())
	for _, d := range s.made {
		d.mu.Lock()
		d.truth.doubt(well.Add(-s.o.unflushed), func(f fact) bool { return !f.durable && (f.mqtt || d.server == server) })
		d.mu.Unlock()
	}
}

// brokerFailed says that a connection to the broker ended that should not have.
func (s *simulation) brokerFailed(now time.Time) {
	s.shaken.Store(now.UnixNano())
	if before := s.listeners.Swap(now.UnixNano()); now.Sub(time.Unix(0, before)) < time.Second {
		return // the others find the same; and what went by the broker since is in doubt as it is
	}
	for _, d := range s.made {
		d.mu.Lock()
		d.truth.doubt(now.Add(-s.o.unflushed), func(f fact) bool { return f.mqtt })
		d.mu.Unlock()
	}
}

// brokerShaky tells whether what goes by the broker now may find nobody: servers need a while to come back to it.
func (s *simulation) brokerShaky(at time.Time) bool {
	return at.Sub(time.Unix(0, s.listeners.Load())) < s.o.Bound
}

// lastShaken is when a server or the broker was last found to have failed.
func (s *simulation) lastShaken() time.Time { return time.Unix(0, s.shaken.Load()) }

// process is when the server's process began, as its metrics say; "" where they do not.
func (a *admin) process(ctx context.Context) (string, error) {
	reply, err := a.ask(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = reply.Close() }()
	found := ""
	lines := bufio.NewScanner(reply)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "process_start_time_seconds "); ok {
			found = value
		}
	}
	if err := lines.Err(); err != nil {
		return "", errors.Join(ErrNoAnswer, err)
	}
	return found, nil
}
