package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) history() *cobra.Command {
	limit := 50
	cmd := &cobra.Command{
		Use:   "history DEVICE",
		Short: "List the revisions of a document: when, by whom, and why",
		Long: "Lists every state that the document of a device was in, the newest first; also where the configuration was\n" +
			"deleted. HAS marks the one that the device is known to have, and how far it is with it where that is the newest.",
		Args: arguments,
	}
	cmd.Flags().IntVar(&limit, "limit", limit, limitFlag)
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		config, err := thereOrGone(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		revisions, more, err := collect(c.AllRevisions(cmd.Context(), config.ID), limit)
		if err != nil {
			return err
		}
		if format.json {
			return writeJSON(p.Stdout, revisions)
		}
		t := table{screen: p.screen()}
		t.header("REVISION", "CHANGED", "BY", "FROM", "WHAT", "BYTES", "HAS", "MESSAGE")
		for _, r := range revisions {
			has := cell{}
			if config.DeviceRevision != nil && *config.DeviceRevision == r.Revision {
				if has = (cell{config.Sync, syncColour(config.Sync)}); config.Sync == client.SyncPending {
					has.text = "yes" // what is pending is the newest one
				}
			}
			t.add(cell{text: strconv.FormatInt(r.Revision, 10)}, cell{text: t.when(r.CreatedAt)}, cell{text: text(r.Principal)},
				cell{text: text(r.Address)}, cell{text: origin(r)}, cell{text: strconv.Itoa(r.Size)}, has, cell{text: text(r.Message)})
		}
		if err := t.write(); err != nil {
			return err
		}
		p.sayMore(more, limit)
		return nil
	})
}

// origin is what a revision came from.
func origin(r client.Revision) string {
	switch {
	case r.RestoredFrom != nil:
		return fmt.Sprintf("%s of %d", r.Source, *r.RestoredFrom)
	case r.OtherMAC != nil && r.SHA256 == nil:
		return r.Source + " by " + *r.OtherMAC
	case r.OtherMAC != nil:
		return r.Source + " of " + *r.OtherMAC
	}
	return r.Source
}

// byWhom tells who made a revision, from where and why.
func byWhom(r client.Revision) string {
	parts := []string{origin(r)}
	if who := text(r.Principal); who != "" {
		parts = append(parts, "by "+who)
	}
	if from := text(r.Address); from != "" {
		parts = append(parts, "from "+from)
	}
	says := strings.Join(parts, " ")
	if why := text(r.Message); why != "" {
		says += ": " + why
	}
	return says
}
