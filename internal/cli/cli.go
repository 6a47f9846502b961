// Package cli is the command line: one file per command.
//
// It may import app, client, settings and simulator, and nothing else of ours. Start reading at Program.Run; the exit
// statuses are in exit.go.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/settings"
)

// Program is what the commands have of the process that they run in.
type Program struct {
	// Version is this build's; "" is what the Go toolchain knows of it.
	Version string
	// Environ is as os.Environ gives it.
	Environ []string
	// Dir holds the .env file; "" is the working directory.
	Dir            string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Clock is the server's; nil is the system's.
	Clock func() time.Time

	terminal bool             // takes every stream for a terminal, in a test
	now      func() time.Time // nil is time.Now
}

// Run runs one command with the environment of this process and returns its exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return Program{Environ: os.Environ(), Stdin: stdin, Stdout: stdout, Stderr: stderr}.Run(ctx, args)
}

// Run runs one command and returns its exit status. When ctx ends, the command does in good order.
func (p Program) Run(ctx context.Context, args []string) int {
	if p.Version == "" {
		p.Version = buildVersion()
	}
	root, started := p.commands()
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	err := root.ExecuteContext(ctx)
	if err != nil && !*started {
		err = &usageError{err}
	}
	if p.pipeClosed(err) {
		return exitOK
	}
	if err != nil {
		p.complain(err)
	}
	return exitStatus(err)
}

// pipeClosed tells that whoever reads the output wants no more of it, as head does.
func (p Program) pipeClosed(err error) bool {
	failed, ok := errors.AsType[*fs.PathError](err)
	file, isFile := p.Stdout.(*os.File)
	return ok && isFile && failed.Path == file.Name() && errors.Is(err, syscall.EPIPE)
}

// The groups of commands in help.
const (
	groupDevices = "devices"
	groupServer  = "server"
)

// commands is the tree of commands. Until started is true, an error is one of the command line.
func (p Program) commands() (root *cobra.Command, started *bool) {
	started = new(bool)
	root = &cobra.Command{
		Use:   "espalier",
		Short: "The configuration server for fleets of ESP32 devices",
		Long: "Espalier keeps the JSON document that each ESP32 device of a fleet should have, hands it over by HTTP,\n" +
			"tells the device by MQTT when it changed, and knows who has it. Begin with: espalier serve\n\n" + exitHelp(),
		Version:       p.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			*started = true
		},
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("espalier {{.Version}}\n")
	root.AddGroup(&cobra.Group{ID: groupDevices, Title: "Devices and their documents, on a running server:"},
		&cobra.Group{ID: groupServer, Title: "The server itself:"})
	root.AddCommand(p.list(), p.show(), p.status(), p.watch(), p.create(), p.edit(), p.set(), p.unset(), p.patch(), p.update(),
		p.history(), p.diff(), p.blame(), p.restore(), p.remove(), p.undelete(), p.replaceDevice(), p.audit())
	for _, cmd := range []*cobra.Command{p.importing(), p.exporting()} {
		cmd.GroupID = groupDevices
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{p.serve(), p.database(), p.settings(), p.healthcheck(), p.simulate(), p.version(), p.broker()} {
		cmd.GroupID = groupServer
		root.AddCommand(cmd)
	}
	root.SetHelpCommandGroupID(groupServer)
	root.SetCompletionCommandGroupID(groupServer)
	return root, started
}

// load reads the settings for a command.
func (p Program) load(cmd *cobra.Command) (settings.Settings, []settings.Warning, error) {
	return settings.Load(settings.Source{Flags: cmd.Flags(), Environ: p.Environ, Dir: p.Dir})
}

// connect reads the settings and returns a client of the server that they name.
func (p Program) connect(cmd *cobra.Command) (*client.Client, error) {
	set, _, err := p.load(cmd)
	if err != nil {
		return nil, err
	}
	return p.clientOf(set)
}

func (p Program) clientOf(set settings.Settings) (*client.Client, error) {
	return client.New(set.ServerURL, client.Options{Token: set.AdminToken.Reveal(), UserAgent: "espalier/" + p.Version})
}

// complain tells a person what went wrong, and what to do where that is known.
func (p Program) complain(err error) {
	fmt.Fprintf(p.Stderr, "espalier: %v\n", err)
	if advice := advice(err); advice != "" {
		fmt.Fprintln(p.Stderr, advice)
	}
}

func (p Program) warn(warnings []settings.Warning) {
	for _, w := range warnings {
		fmt.Fprintf(p.Stderr, "espalier: warning: %s\n", w)
	}
}

// isTerminal tells whether somebody looks at a stream, or types into it.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// group is what a command that only has others below it does.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	unknown := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	if near := settings.Nearest(args[0], known); near != "" {
		return &usageError{fmt.Errorf("%w; did you mean %s?", unknown, near)}
	}
	return &usageError{fmt.Errorf("%w; see %s --help", unknown, cmd.CommandPath())}
}

// oneArgument wants one argument, and names it where it is missing.
func oneArgument(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("%s takes one %s, not %d arguments; see %s --help", cmd.CommandPath(), name, len(args), cmd.CommandPath())
	}
}

// flagError adds the nearest flag to the complaint about one that is not known.
func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := settings.Nearest(unknown.GetSpecifiedName(), known); near != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}

// outputFlag registers -o and returns whether it asks for JSON, once it is parsed.
func outputFlag(cmd *cobra.Command) *outputFormat {
	var format outputFormat
	cmd.Flags().VarP(&format, "output", "o", "text, or json for programs")
	return &format
}

// outputFormat implements pflag.Value.
type outputFormat struct{ json bool }

// String is the format.
func (f *outputFormat) String() string {
	if f.json {
		return "json"
	}
	return "text"
}

// Set takes text or json.
func (f *outputFormat) Set(v string) error {
	switch strings.ToLower(v) {
	case "text":
		f.json = false
	case "json":
		f.json = true
	default:
		return errors.New("must be text or json")
	}
	return nil
}

// Type names the kind of value in help.
func (f *outputFormat) Type() string { return "format" }
