package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/settings"
)

func (p Program) importing() *cobra.Command {
	var o client.ImportOptions
	cmd := &cobra.Command{
		Use:   "import PATH",
		Short: "Put a folder or file of documents into a running server",
		Long: "PATH is a folder of files named <mac>.json that each hold a document, one such file, a file with a JSON array or\n" +
			"lines of {\"mac_address\": …, \"content\": …}, or - for such an array or lines on standard input. All of it is\n" +
			"imported or, where something is refused, nothing. The exit status is 4 where something was refused.",
		Args: oneArgument("PATH"),
	}
	cmd.Flags().StringVar(&o.OnConflict, "on-conflict", client.ConflictFail,
		"what to do with a device that has another document: fail, skip or update")
	cmd.Flags().BoolVar(&o.KeepGoing, "keep-going", false, "import what can be, whatever else is refused")
	cmd.Flags().StringVarP(&o.Message, "message", "m", "", "why, for the history of each that is changed")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "say what would be done, and do nothing")
	settings.Flags(cmd.Flags(), "SERVER_URL", "ADMIN_TOKEN")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch o.OnConflict {
		case client.ConflictFail, client.ConflictSkip, client.ConflictUpdate:
		default:
			return &usageError{fmt.Errorf("--on-conflict must be fail, skip or update, not %q", o.OnConflict)}
		}
		c, err := p.connect(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		report, err := p.importPath(cmd.Context(), c, args[0], o)
		if err != nil {
			return err
		}
		return p.report(report, format.json)
	}
	return cmd
}

// importPath sends what a path holds.
func (p Program) importPath(ctx context.Context, c *client.Client, path string, o client.ImportOptions) (client.Report, error) {
	if isTerminal(p.Stderr) {
		bar := &progress{out: p.Stderr}
		o.Progress = bar.show
		defer bar.clear()
	}
	from, err := openSource(path, p.Stdin)
	if err != nil {
		return client.Report{}, err
	}
	if from.text != nil {
		return c.ImportText(ctx, from.text, o)
	}
	for _, name := range from.ignored {
		fmt.Fprintf(p.Stderr, "espalier: %s is passed over: it is no .json file\n", name)
	}
	return c.Import(ctx, from.items(), o)
}

// report says what became of an import. Refusals are an error, for the exit status.
func (p Program) report(r client.Report, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(p.Stdout, r)
	} else {
		_, err = io.WriteString(p.Stdout, describe(r))
	}
	if err == nil && len(r.Refused) > 0 {
		err = &refusedError{fmt.Sprintf("%s refused", count(len(r.Refused), "configuration was", "configurations were"))}
	}
	return err
}

func describe(r client.Report) string {
	var b strings.Builder
	conflicts := false
	for _, refusal := range r.Refused {
		where := refusal.Source
		if where == "" {
			where = refusal.MAC
		}
		fmt.Fprintf(&b, "refused  %s: %s\n", where, refusal.Reason)
		conflicts = conflicts || refusal.Code == "RECORD_EXISTS"
	}
	if conflicts {
		b.WriteString("What already exists is there with another document: --on-conflict update writes over it, skip leaves it\n")
	}
	heading := "Imported"
	switch {
	case r.DryRun:
		heading = "Would be"
	case !r.Applied:
		heading = "Nothing was imported, because of what was refused (--keep-going imports the rest). Would be"
	}
	fmt.Fprintf(&b, "%s: %d created, %d updated, %d unchanged, %d skipped, %d refused\n",
		heading, r.Created, r.Updated, r.Unchanged, r.Skipped, len(r.Refused))
	return b.String()
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// progress is a line on a terminal that says how far an import is.
type progress struct {
	out  io.Writer
	last int64
}

func (b *progress) show(sent, total int64) {
	const width = 30
	percent := sent * 100 / max(total, 1)
	if percent == b.last {
		return
	}
	b.last = percent
	if percent >= 100 {
		fmt.Fprint(b.out, "\r\x1b[Ksent; the server is importing")
		return
	}
	done := int(percent) * width / 100
	fmt.Fprintf(b.out, "\r\x1b[K[%s%s] %d%%", strings.Repeat("#", done), strings.Repeat(".", width-done), percent)
}

func (b *progress) clear() { fmt.Fprint(b.out, "\r\x1b[K") }
