package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) blame() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "blame DEVICE [PATH]",
		Short: "Show which revision gave each value of a document",
		Long: "Shows of each value in the document of a device, or of those at PATH, which revision gave it the value that it has had\n" +
			"since: when, by whom, and why. PATH is as for espalier set. A revision that is not kept any more is not named.",
		Example: "  espalier blame hallway\n" +
			"  espalier blame hallway wifi",
		Args: arguments,
	}
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		var place path
		if len(args) > 1 {
			var err error
			if place, err = parsePath(args[1]); err != nil {
				return err
			}
		}
		config, err := device(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		found, err := c.Blame(cmd.Context(), config.ID)
		if err != nil {
			return err
		}
		found.Values = slices.DeleteFunc(found.Values, func(v client.Blamed) bool { return !place.leadsTo(v.Path) })
		if len(found.Values) == 0 {
			return &client.Error{Code: "RECORD_NOT_FOUND", Message: fmt.Sprintf("%s: %s %v", named(config), place, errNoPlace)}
		}
		if format.json {
			return writeJSON(p.Stdout, found)
		}
		return p.showBlame(found)
	})
}

// leadsTo tells whether a JSON Pointer names what a path does, or something in it.
func (p path) leadsTo(pointer string) bool {
	return pointer == p.String() || strings.HasPrefix(pointer, p.String()+"/")
}

func (p Program) showBlame(found client.Blame) error {
	t := table{screen: p.screen()}
	t.header("REVISION", "CHANGED", "BY", "WHAT", "MESSAGE", "PATH")
	for _, v := range found.Values {
		t.add(cell{text: number(v.Revision)}, cell{text: t.since(v.CreatedAt)}, cell{text: text(v.Principal)}, cell{text: text(v.Source)},
			cell{text: text(v.Message)}, cell{text: v.Path})
	}
	if err := t.write(); err != nil {
		return err
	}
	if !found.Complete {
		fmt.Fprintln(p.Stderr, "espalier: the server does not look back further; the values without a revision are older")
	}
	return nil
}
