package cli

import (
	"github.com/spf13/cobra"

	"espalier.dev/espalier/internal/app"
)

// broker is what serve starts beside itself; people have no use for it.
func (p Program) broker() *cobra.Command {
	return &cobra.Command{
		Use:    "broker",
		Short:  "Run the embedded broker for a server that started this command",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.RunBroker(cmd.Context(), p.Stdin, p.Stdout, p.Stderr)
		},
	}
}
