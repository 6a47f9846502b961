package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/settings"
)

func (p Program) database() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Work on the database itself",
		Long: "Works on the database of the settings (DATABASE_URL, or SQLite in DATA_DIR) without a server. While a\n" +
			"server has a SQLite database, only status works on it; load-test-data then goes through that server.",
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(p.databaseUpgrade(), p.databaseStatus(), p.databaseSample())
	return cmd
}

func (p Program) databaseUpgrade() *cobra.Command {
	var recreate, yes bool
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Bring the database to the schema of this program",
		Long: "Applies the migrations that are pending, and prints each. serve does this by itself. With --recreate, everything in\n" +
			"the database is deleted first, which is asked for once more, or confirmed by --yes.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, _, err := p.load(cmd)
			if err != nil {
				return err
			}
			if recreate && !yes {
				if err := p.confirm(shown(set, "DATABASE_URL")); err != nil {
					return err
				}
			}
			applied, err := app.UpgradeDatabase(cmd.Context(), set, recreate)
			if err != nil {
				return err
			}
			if len(applied) == 0 {
				_, err := fmt.Fprintln(p.Stdout, "The database is up to date.")
				return err
			}
			return p.migrations(applied)
		},
	}
	cmd.Flags().BoolVar(&recreate, "recreate", false, "delete everything in the database first")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before --recreate")
	settings.Flags(cmd.Flags(), "DATA_DIR", "DATABASE_URL")
	return cmd
}

// confirm asks on a terminal whether a database may be emptied.
func (p Program) confirm(database string) error {
	if !isTerminal(p.Stdin) {
		return &usageError{errors.New("--recreate deletes everything in " + database + "; confirm it with --yes")}
	}
	fmt.Fprintf(p.Stderr, "This deletes every configuration and revision in %s.\nType yes to go on: ", database)
	answer, err := bufio.NewReader(p.Stdin).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "yes") {
		return &refusedError{"nothing was deleted"}
	}
	return nil
}

func (p Program) databaseStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print every migration, and whether the database has had it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, _, err := p.load(cmd)
			if err != nil {
				return err
			}
			all, err := app.DatabaseStatus(cmd.Context(), set)
			if err != nil {
				return err
			}
			return p.migrations(all)
		},
	}
	settings.Flags(cmd.Flags(), "DATA_DIR", "DATABASE_URL")
	return cmd
}

func (p Program) migrations(list []app.Migration) error {
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	for _, m := range list {
		when := "pending"
		if !m.AppliedAt.IsZero() {
			when = "applied " + m.AppliedAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%03d\t%s\t%s\n", m.Version, m.Title, when)
	}
	return w.Flush()
}

func (p Program) databaseSample() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "load-test-data",
		Short: "Load a sample fleet of 24 devices",
		Long: "Loads 24 believable devices of eight kinds, through the validation of the API. Devices that are there already are\n" +
			"left as they are. Where a running server has the database, they are imported through it (SERVER_URL).",
		Args: cobra.NoArgs,
	}
	settings.Flags(cmd.Flags(), "DATA_DIR", "DATABASE_URL", "MAX_CONTENT_BYTES", "SERVER_URL", "ADMIN_TOKEN")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		set, _, err := p.load(cmd)
		if err != nil {
			return err
		}
		report, err := p.loadSample(cmd.Context(), set)
		if err != nil {
			return err
		}
		return p.report(report, format.json)
	}
	return cmd
}

// loadSample works on the database, or through the server that has it.
func (p Program) loadSample(ctx context.Context, set settings.Settings) (client.Report, error) {
	direct, err := app.LoadSample(ctx, set)
	if errors.Is(err, app.ErrDatabaseInUse) {
		return p.importSample(ctx, set)
	}
	if err != nil {
		return client.Report{}, err
	}
	r := client.Report{Applied: direct.Applied, DryRun: direct.DryRun, Created: direct.Created, Updated: direct.Updated,
		Unchanged: direct.Unchanged, Skipped: direct.Skipped, Refused: []client.Refusal{}}
	for _, refusal := range direct.Refused {
		r.Refused = append(r.Refused, client.Refusal{Source: refusal.Source, MAC: refusal.MAC,
			Code: string(refusal.Code), Reason: refusal.Reason})
	}
	return r, nil
}

func (p Program) importSample(ctx context.Context, set settings.Settings) (client.Report, error) {
	c, err := p.clientOf(set)
	if err != nil {
		return client.Report{}, err
	}
	defer c.Close()
	fmt.Fprintf(p.Stderr, "espalier: a server has the database; importing through it at %s\n", c.Server())
	return c.Import(ctx, func(yield func(client.Item, error) bool) {
		for _, item := range app.SampleItems() {
			if !yield(client.Item{Source: item.Source, MAC: item.MAC, Content: item.Content}, nil) {
				return
			}
		}
	}, client.ImportOptions{OnConflict: client.ConflictSkip})
}
