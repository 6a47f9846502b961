package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) remove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete DEVICE",
		Short: "Delete the configuration of a device; undelete brings it back",
		Long: "Deletes the configuration: the device is not told, and finds no document when it asks. Its history stays, and\n" +
			"espalier undelete brings it back.",
		Args: arguments,
	}
	w := writing(cmd)
	w.conditional(cmd)
	w.asking(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		config, err := device(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		if err := p.confirmed(cmd.Context(), w, "Delete the configuration of "+named(config)+"?"); err != nil {
			return err
		}
		seen := config.Revision
		if w.yes {
			seen = 0
		}
		if err := c.Delete(cmd.Context(), config.ID, w.options(seen)...); err != nil {
			return err
		}
		return p.done(cmd.Context(), c, w, config, fmt.Sprintf("Deleted %s; bring it back with: espalier undelete %s", named(config), config.MAC))
	})
}

func (p Program) undelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "undelete DEVICE",
		Short: "Bring back a configuration that was deleted",
		Long:  "Brings back a configuration that was deleted, with its document, its id and its history.",
		Args:  arguments,
	}
	w := writing(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		config, err := thereOrGone(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		if config.DeletedAt == nil {
			return &refusedError{named(config) + " is there: it was not deleted"}
		}
		made, err := c.Undelete(cmd.Context(), config.ID, w.options(0)...)
		if errors.Is(err, client.ErrExists) {
			return fmt.Errorf("%s has another configuration by now: %w", config.MAC, err)
		}
		if err != nil {
			return err
		}
		return p.done(cmd.Context(), c, w, made, fmt.Sprintf("Brought back %s as revision %d", named(made), made.Revision))
	})
}

func (p Program) replaceDevice() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replace-device DEVICE NEW_MAC",
		Short: "Move a configuration and its history to new hardware",
		Long: "Moves the configuration of a device, with its history, to another MAC address: the hardware was replaced. The new\n" +
			"device is told, and the old one finds no document any more.",
		Args: arguments,
	}
	w := writing(cmd)
	w.conditional(cmd)
	w.asking(cmd)
	w.wait.register(cmd, "the new device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		config, err := device(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		if err := p.confirmed(cmd.Context(), w, fmt.Sprintf("Move the configuration of %s to %s?", named(config), harmless(args[1]))); err != nil {
			return err
		}
		seen := config.Revision
		if w.yes {
			seen = 0
		}
		made, err := c.ReplaceDevice(cmd.Context(), config.ID, args[1], w.options(seen)...)
		if err != nil {
			return err
		}
		return p.done(cmd.Context(), c, w, made, fmt.Sprintf("Moved %s to %s, revision %d", named(config), made.MAC, made.Revision))
	})
}
