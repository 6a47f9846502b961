package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore DEVICE REVISION",
		Short: "Bring back an older revision of a document",
		Long: "Shows what that changes, asks, and makes a new revision with the bytes of the older one. A configuration that was\n" +
			"deleted comes back with it.",
		Args: arguments,
	}
	w := writing(cmd)
	w.conditional(cmd)
	w.asking(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		revision, err := revisionArgument(args[1])
		if err != nil {
			return err
		}
		config, err := thereOrGone(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		seen := int64(0)
		if !w.yes {
			if seen, err = p.offerRestore(cmd.Context(), c, w, config, revision); err != nil {
				return err
			}
		}
		made, err := c.Restore(cmd.Context(), config.ID, revision, w.options(seen)...)
		if err != nil {
			return err
		}
		says := fmt.Sprintf("Restored revision %d of %s as revision %d", revision, named(made), made.Revision)
		if made.Revision == config.Revision {
			says = fmt.Sprintf("%s has the document of revision %d already", named(made), revision)
		}
		return p.done(cmd.Context(), c, w, made, says)
	})
}

// offerRestore shows what a restore changes, asks, and returns the revision that was shown; 0 where there is none.
func (p Program) offerRestore(ctx context.Context, c *client.Client, w *writeFlags, config client.Config, revision int64) (int64, error) {
	if config.DeletedAt != nil {
		return 0, p.confirmed(ctx, w, fmt.Sprintf("Bring %s back, with revision %d?", named(config), revision))
	}
	d, err := c.Diff(ctx, config.ID, config.Revision, revision)
	if err != nil {
		return 0, err
	}
	out := p.Stdout
	if w.format.json {
		out = p.Stderr
	}
	if _, err := io.WriteString(out, p.screen().coloured(d.Unified)); err != nil {
		return 0, err
	}
	return config.Revision, p.confirmed(ctx, w, fmt.Sprintf("Restore revision %d of %s?", revision, named(config)))
}
