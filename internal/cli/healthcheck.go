package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/settings"
)

// healthTimeout is shorter than what container engines give a check.
const healthTimeout = 5 * time.Second

func (p Program) healthcheck() *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a running server whether it is well",
		Long: "Asks once whether the server at SERVER_URL answers, or with --ready whether it can do its work (database and\n" +
			"migrations). Exit status 0 says yes and 1 says no, as container engines want it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, _, err := p.load(cmd)
			if err != nil {
				return err
			}
			c, err := client.New(set.ServerURL, client.Options{Retries: -1, Timeout: healthTimeout})
			if err != nil {
				return err
			}
			defer c.Close()
			// The cause is text here: its kind would be another exit status than 1.
			if err := ask(cmd, c, ready); err != nil {
				return errors.New(err.Error())
			}
			_, err = fmt.Fprintln(p.Stdout, "well")
			return err
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it can do its work, and not only whether it answers")
	settings.Flags(cmd.Flags(), "PORT", "SERVER_URL")
	return cmd
}

func ask(cmd *cobra.Command, c *client.Client, ready bool) error {
	if !ready {
		return c.Alive(cmd.Context())
	}
	r, ok, err := c.Ready(cmd.Context())
	if err == nil && !ok {
		err = fmt.Errorf("the server at %s is %s: database %s, migrations %s", c.Server(), r.Status, r.Database, r.Migrations)
	}
	return err
}
