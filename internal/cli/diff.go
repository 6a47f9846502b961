package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) diff() *cobra.Command {
	var asPatch bool
	cmd := &cobra.Command{
		Use:   "diff DEVICE [FROM] [TO]",
		Short: "Show what differs between two revisions of a document",
		Long: "Shows what was changed from one revision to another: without TO, to the newest; without FROM, by the newest. Also\n" +
			"where the configuration was deleted.",
		Args: arguments,
	}
	cmd.Flags().BoolVar(&asPatch, "patch", false, "as a JSON Patch (RFC 6902), which makes the later of the earlier")
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		var revisions [2]int64
		for i, word := range args[1:] {
			var err error
			if revisions[i], err = revisionArgument(word); err != nil {
				return err
			}
		}
		config, err := thereOrGone(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		d, err := c.Diff(cmd.Context(), config.ID, revisions[0], revisions[1])
		if err != nil {
			return err
		}
		switch {
		case format.json:
			return writeJSON(p.Stdout, d)
		case asPatch:
			_, err = fmt.Fprintf(p.Stdout, "%s\n", bytes.TrimSpace(d.Patch))
			return err
		}
		_, err = io.WriteString(p.Stdout, p.screen().coloured(d.Unified))
		return err
	})
}

// revisionArgument reads the number of a revision, with or without an r before it.
func revisionArgument(word string) (int64, error) {
	digits := word
	if len(word) > 1 && word[0] == 'r' {
		digits = word[1:]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 {
		return 0, &usageError{errors.New("a revision must be a number from 1, as espalier history lists them, not " + strconv.Quote(word))}
	}
	return n, nil
}
