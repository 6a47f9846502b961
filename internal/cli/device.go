package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/settings"
)

// deviceHelp says what a person may name a device by.
const deviceHelp = "DEVICE is a MAC address in any form, an id (12 or #12), or the exact name or entity id of a device."

// forDevices makes a command that works on devices of a running server: its flags for that, and completion of its first
// argument.
func (p Program) forDevices(cmd *cobra.Command, run func(*cobra.Command, *client.Client, []string) error) *cobra.Command {
	cmd.GroupID = groupDevices
	settings.Flags(cmd.Flags(), "SERVER_URL", "ADMIN_TOKEN")
	if strings.Contains(cmd.Use, "DEVICE") {
		cmd.Long += "\n\n" + deviceHelp
		cmd.ValidArgsFunction = p.completeDevice
	} else {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := p.connect(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		return run(cmd, c, args)
	}
	return cmd
}

// arguments wants as many arguments as a command names in its use, those in brackets as well or not.
func arguments(cmd *cobra.Command, args []string) error {
	_, names, _ := strings.Cut(cmd.Use, " ")
	most := len(strings.Fields(names))
	least := most - strings.Count(names, "[")
	if len(args) >= least && len(args) <= most {
		return nil
	}
	return fmt.Errorf("%s takes %s, not %s; see %s --help", cmd.CommandPath(), names, count(len(args), "argument", "arguments"), cmd.CommandPath())
}

// device finds the one configuration that a person means.
func device(ctx context.Context, c *client.Client, word string) (client.Config, error) {
	found, err := c.Find(ctx, word, client.FindOptions{})
	if errors.Is(err, client.ErrNotFound) {
		gone, second := c.Find(ctx, word, client.FindOptions{Deleted: true})
		if second == nil && len(gone) > 0 {
			return client.Config{}, &client.Error{Code: "RECORD_NOT_FOUND",
				Message: fmt.Sprintf("The configuration of %s was deleted; bring it back with: espalier undelete %s", named(gone[0]), gone[0].MAC)}
		}
	}
	return theOne(word, found, err)
}

// thereOrGone is device, which also finds a configuration that was deleted.
func thereOrGone(ctx context.Context, c *client.Client, word string) (client.Config, error) {
	found, err := c.Find(ctx, word, client.FindOptions{Deleted: true})
	return theOne(word, found, err)
}

func theOne(word string, found []client.Config, err error) (client.Config, error) {
	if errors.Is(err, client.ErrNotFound) {
		return client.Config{}, fmt.Errorf("%w; those there are, and their names: espalier list", err)
	}
	if err != nil {
		return client.Config{}, err
	}
	if len(found) == 1 {
		return found[0], nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q is %d devices; say which by its MAC address or id:", word, len(found))
	const most = 20
	for i, config := range found {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(found)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s  #%d  %s  %s", config.MAC, config.ID, label(text(config.DeviceName)), label(text(config.DeviceEntityID)))
	}
	return client.Config{}, &refusedError{b.String()}
}

func label(name string) string {
	if name == "" {
		return none
	}
	return clip(harmless(name))
}

// named is a device as a person knows it.
func named(config client.Config) string {
	if name := text(config.DeviceName); name != "" {
		return config.MAC + " (" + label(name) + ")"
	}
	return config.MAC
}

// completionTimeout is how long a person waits for the list of names.
const completionTimeout = 2 * time.Second

// completeDevice offers the devices that a word may become, each with its name.
func (p Program) completeDevice(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	set, _, err := p.load(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := client.New(set.ServerURL, client.Options{Token: set.AdminToken.Reveal(), Retries: -1, Timeout: completionTimeout})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	const most = 200
	page, err := c.Configs(cmd.Context(), client.ListOptions{Search: word, Limit: most, Deleted: cmd.Name() == "undelete"})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	for _, config := range page.Configs {
		name := text(config.DeviceName)
		if strings.HasPrefix(config.MAC, strings.ToLower(word)) {
			offers = append(offers, config.MAC+"\t"+harmless(name))
		}
		if name != "" && strings.HasPrefix(name, word) && word != "" {
			offers = append(offers, harmless(name)+"\t"+config.MAC)
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}
