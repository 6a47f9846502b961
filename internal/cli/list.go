package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) list() *cobra.Command {
	var o client.ListOptions
	var overdue, online bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the devices, and how each stands to its document",
		Long: "Lists every device: its MAC address, id, name and entity id, whether it may update itself over the air, its sync\n" +
			"state, when it was last seen, the revision that it should have and the newest that it is known to have had, and\n" +
			"when its document was changed.\n\n" + syncHelp,
		Args: arguments,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Search, "search", "", "only those whose MAC address, name or entity id contains this")
	flags.StringSliceVar(&o.Syncs, "sync", nil, "only those in one of these `states`, such as pending,error")
	flags.BoolVar(&overdue, "overdue", false, "only those that have been silent for too long; =false for the others")
	flags.BoolVar(&online, "online", false, "only those that the broker says are connected; =false for those that are not")
	flags.BoolVar(&o.Deleted, "deleted", false, "those that were deleted, instead of those that are there")
	flags.StringVar(&o.Sort, "sort", "", "a `field` of the JSON: mac_address, id, device_name, device_entity_id, enable_ota, revision, created_at, updated_at, sync, last_seen or deleted_at")
	flags.BoolVar(&o.Descending, "desc", false, "the other way around")
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		for name, choice := range map[string]**bool{"overdue": &o.Overdue, "online": &o.Online} {
			if flags.Changed(name) {
				value := map[string]bool{"overdue": overdue, "online": online}[name]
				*choice = &value
			}
		}
		configs, _, err := collect(c.All(cmd.Context(), o), 0)
		if err != nil {
			return err
		}
		if format.json {
			return writeJSON(p.Stdout, configs)
		}
		return p.listed(configs, o.Deleted)
	})
}

// listed shows a list in columns.
func (p Program) listed(configs []client.Config, deleted bool) error {
	t := table{screen: p.screen()}
	if len(configs) == 0 {
		fmt.Fprintln(p.Stderr, "There are no such devices")
		if t.terminal {
			return nil
		}
	}
	last := "CHANGED"
	if deleted {
		last = "DELETED"
	}
	t.header("MAC ADDRESS", "ID", "NAME", "ENTITY ID", "OTA", "SYNC", "LAST SEEN", "REVISION", "HAS", last)
	for _, config := range configs {
		seen := cell{text: t.since(config.LastSeen)}
		if config.Overdue {
			seen = cell{seen.text + " (overdue)", red}
		}
		changed := t.when(config.UpdatedAt)
		if config.DeletedAt != nil {
			changed = t.when(*config.DeletedAt)
		}
		t.add(cell{text: config.MAC}, cell{text: strconv.FormatInt(config.ID, 10)}, cell{text: text(config.DeviceName)},
			cell{text: text(config.DeviceEntityID)}, cell{text: yesOrNo(config.EnableOTA)}, cell{config.Sync, syncColour(config.Sync)}, seen,
			cell{text: strconv.FormatInt(config.Revision, 10)}, cell{text: number(config.DeviceRevision)}, cell{text: changed})
	}
	return t.write()
}

func yesOrNo(field *bool) string {
	if field == nil {
		return ""
	}
	return map[bool]string{true: "yes", false: "no"}[*field]
}
