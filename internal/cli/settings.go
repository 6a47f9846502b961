package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/internal/settings"
)

func (p Program) settings() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settings",
		Short: "Print the effective settings, and where each comes from",
		Long: "Prints every setting as serve would see it from here: from its flags, the environment and the file .env in\n" +
			"the working directory. Secrets are masked.",
		Args: cobra.NoArgs,
	}
	settings.Flags(cmd.Flags())
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		set, warnings, err := p.load(cmd)
		if err != nil {
			return err
		}
		p.warn(warnings)
		if format.json {
			return writeJSON(p.Stdout, set.Effective())
		}
		w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
		for _, e := range set.Effective() {
			fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, e.Value, e.Origin)
		}
		return w.Flush()
	}
	return cmd
}

// writeJSON writes a value for programs, in lines that people can read too.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
