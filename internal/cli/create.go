package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) create() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create MAC [FILE]",
		Short: "Give a device that has none its document",
		Long: "Saves FILE, or - or nothing for standard input, as the document of the device of a MAC address, byte for byte. A\n" +
			"device that has a configuration is refused, with the exit status 4.",
		Args: arguments,
	}
	w := writing(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		document, err := p.readDocumentArgument(args)
		if err != nil {
			return err
		}
		made, err := c.Create(cmd.Context(), args[0], document, w.options(0)...)
		if err != nil {
			return err
		}
		return p.done(cmd.Context(), c, w, made, fmt.Sprintf("Created %s as #%d, revision %d", named(made), made.ID, made.Revision))
	})
}

func (p Program) update() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update DEVICE [FILE]",
		Short: "Replace the document of a device",
		Long:  "Saves FILE, or - or nothing for standard input, as the document of a device, byte for byte.",
		Args:  arguments,
	}
	w := writing(cmd)
	w.conditional(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		document, err := p.readDocumentArgument(args)
		if err != nil {
			return err
		}
		config, err := device(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		made, err := c.Update(cmd.Context(), config.ID, document, w.options(0)...)
		if err != nil {
			return err
		}
		return p.done(cmd.Context(), c, w, made, saved(config.Revision, made))
	})
}

func (p Program) patch() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "patch DEVICE [FILE]",
		Short: "Merge changes into the document of a device",
		Long: "Applies FILE, or - or nothing for standard input, to the document of a device: a JSON Merge Patch (RFC 7396), which\n" +
			"is an object with what is to be changed, and null for what is to be removed. Everything else keeps its text.",
		Args: arguments,
	}
	w := writing(cmd)
	w.conditional(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		changes, err := p.readDocumentArgument(args)
		if err != nil {
			return err
		}
		config, err := device(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		made, err := c.Patch(cmd.Context(), config.ID, changes, w.options(0)...)
		if err != nil {
			return err
		}
		return p.done(cmd.Context(), c, w, made, saved(config.Revision, made))
	})
}

// readDocumentArgument reads the file that is the second argument, or standard input.
func (p Program) readDocumentArgument(args []string) ([]byte, error) {
	name, from := "standard input", p.Stdin
	if len(args) > 1 && args[1] != "-" {
		file, err := os.Open(args[1])
		if err != nil {
			return nil, fmt.Errorf("read the document: %w", err)
		}
		defer file.Close() //nolint:errcheck // it was only read
		name, from = args[1], file
	} else if p.watched(p.Stdin) {
		fmt.Fprintln(p.Stderr, "Reading the document from here; end it with Ctrl-D")
	}
	document, err := io.ReadAll(io.LimitReader(from, mostFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if len(document) > mostFile {
		return nil, &refusedError{fmt.Sprintf("%s is larger than 16 MiB, and no document is", name)}
	}
	return document, nil
}
