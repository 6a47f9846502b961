package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) set() *cobra.Command {
	var asString bool
	cmd := &cobra.Command{
		Use:   "set DEVICE PATH VALUE",
		Short: "Change one value in the document of a device",
		Long: "Puts VALUE at PATH, and keeps the text of everything else. PATH is names with dots between them (wifi.ssid) or, for\n" +
			"names with a dot, a JSON Pointer (/wifi/ssid); an element of a list is named by its index from 0, and - adds one.\n" +
			"Objects on the way are made where they are missing. VALUE is JSON (true, 12, [1,2], {\"a\":1}), and anything that is\n" +
			"not JSON is a string; --string makes a string of everything.",
		Example: "  espalier set hallway wifi.ssid Attic\n" +
			"  espalier set hallway wifi.password 12345678 --string\n" +
			"  espalier set aa:bb:cc:dd:ee:ff /sensors/0/interval 30 -m 'less traffic' --wait applied",
		Args: arguments,
	}
	cmd.Flags().BoolVar(&asString, "string", false, "VALUE is a string, whatever it looks like")
	w := writing(cmd)
	w.conditional(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		place, err := parsePath(args[1])
		if err != nil {
			return err
		}
		value, err := parseValue(args[2], asString)
		if err != nil {
			return err
		}
		return p.change(cmd.Context(), c, w, args[0], func(text []byte) ([]byte, error) {
			if was, err := valueAt(text, place); err == nil && kindOf(was) == '"' && kindOf(value) != '"' {
				fmt.Fprintf(p.Stderr, "espalier: %s was a string and no longer is; --string keeps it one\n", place)
			}
			return setAt(text, place, value)
		})
	})
}

func (p Program) unset() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unset DEVICE PATH",
		Short: "Remove one value from the document of a device",
		Long:  "Removes what is at PATH, which is as for espalier set, and keeps the text of everything else.",
		Args:  arguments,
	}
	w := writing(cmd)
	w.conditional(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		place, err := parsePath(args[1])
		if err != nil {
			return err
		}
		return p.change(cmd.Context(), c, w, args[0], func(text []byte) ([]byte, error) { return unsetAt(text, place) })
	})
}

func kindOf(value []byte) jsontext.Kind { return jsontext.Value(bytes.TrimSpace(value)).Kind() }

// changeAttempts is how often a change is made anew because somebody else changed the document meanwhile.
const changeAttempts = 10

// change saves what edit makes of the document of a device, and nothing over a change of somebody else: then it is made
// anew, on that.
func (p Program) change(ctx context.Context, c *client.Client, w *writeFlags, word string, edit func([]byte) ([]byte, error)) error {
	config, err := device(ctx, c, word)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		made, err := changeOnce(ctx, c, w, config, edit)
		if errors.Is(err, errNoPlace) {
			return &client.Error{Code: "RECORD_NOT_FOUND", Message: fmt.Sprintf("%s: %v", named(config), err)}
		}
		if err == nil {
			return p.done(ctx, c, w, made, saved(config.Revision, made))
		}
		if !errors.Is(err, client.ErrPrecondition) || w.revision != 0 || n == changeAttempts {
			return err
		}
		if config, err = c.Config(ctx, config.ID); err != nil {
			return err
		}
	}
}

// changeOnce changes one revision. Where nothing is changed, nothing is saved.
func changeOnce(ctx context.Context, c *client.Client, w *writeFlags, config client.Config, edit func([]byte) ([]byte, error)) (client.Config, error) {
	if w.revision != 0 && w.revision != config.Revision {
		return client.Config{}, &client.Error{Code: "PRECONDITION_FAILED", CurrentRevision: config.Revision,
			Message: fmt.Sprintf("%s is at revision %d, not %d", named(config), config.Revision, w.revision)}
	}
	doc, err := c.RevisionDocument(ctx, config.ID, config.Revision)
	if err != nil {
		return client.Config{}, err
	}
	changed, err := edit(doc.Content)
	if err != nil || bytes.Equal(changed, doc.Content) {
		return config, err
	}
	return c.Update(ctx, config.ID, changed, w.options(config.Revision)...)
}
