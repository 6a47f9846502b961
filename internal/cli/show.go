package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) show() *cobra.Command {
	var revision int64
	var pretty bool
	cmd := &cobra.Command{
		Use:   "show DEVICE",
		Short: "Print the document of a device",
		Long: "Prints the document as it is stored, byte for byte, or as it was in an older revision. That somebody looks\n" +
			"leaves no trace: only the device itself counts as having fetched its document. With -o json, prints the whole\n" +
			"configuration, or the whole revision.",
		Args: arguments,
	}
	cmd.Flags().Int64Var(&revision, "revision", 0, "the document of this `revision`; also of a configuration that was deleted")
	cmd.Flags().BoolVar(&pretty, "pretty", false, "indent it for reading")
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		find := device
		if revision != 0 {
			find = thereOrGone
		}
		config, err := find(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		if format.json {
			return p.showJSON(cmd.Context(), c, config, revision)
		}
		if revision == 0 {
			revision = config.Revision
		}
		doc, err := c.RevisionDocument(cmd.Context(), config.ID, revision)
		if err != nil {
			return err
		}
		return p.showText(doc.Content, pretty)
	})
}

func (p Program) showJSON(ctx context.Context, c *client.Client, config client.Config, revision int64) error {
	if revision != 0 {
		whole, err := c.Revision(ctx, config.ID, revision)
		if err != nil {
			return err
		}
		return writeJSON(p.Stdout, whole)
	}
	whole, err := c.Config(ctx, config.ID)
	if err != nil {
		return err
	}
	return writeJSON(p.Stdout, whole)
}

// showText writes a document: to a program, nothing else; to a person, on lines of its own.
func (p Program) showText(text []byte, pretty bool) error {
	if pretty {
		text = indented(text)
	}
	if p.watched(p.Stdout) && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n')
	}
	_, err := io.Copy(p.Stdout, bytes.NewReader(text))
	return err
}
