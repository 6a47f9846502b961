// Command espalier is the configuration server for fleets of ESP32 devices, and the commands around it.
// Start reading at package cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"espalier.dev/espalier/internal/cli"
)

// version is set by the build; empty, it is what the Go toolchain knows.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	p := cli.Program{Version: version, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(p.Run(ctx, os.Args[1:]))
}
