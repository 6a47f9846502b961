package mqttbroker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// RunChild is the whole life of the broker's process: it reads its [Config] as JSON from in, runs the broker until in
// ends (the parent is gone, however it went) or a SIGTERM comes, and writes its [Report] to out and its log, a JSON
// object a line, to log. The process should exit with a failure when it returns an error.
func RunChild(ctx context.Context, in io.Reader, out, log io.Writer) error {
	// Not SIGINT: at a terminal it reaches parent and child alike, and the parent says when.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	signal.Ignore(os.Interrupt)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var config Config
	decoder := json.NewDecoder(in)
	if err := decoder.Decode(&config); err != nil {
		return fmt.Errorf("read the broker's configuration from the parent process: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends when the parent does
		cancel()
	}()
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: config.LogLevel}))
	if err := Run(ctx, config, out, logger); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
