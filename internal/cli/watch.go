package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) watch() *cobra.Command {
	var o client.EventOptions
	cmd := &cobra.Command{
		Use:   "watch [DEVICE]",
		Short: "Print what happens, as it happens",
		Long: "Prints a line for each change of a document and for each sign of life of a device, until it is interrupted; a\n" +
			"connection that breaks is made again, and nothing is missing then, or a line says so. With -o json, a line is a\n" +
			"JSON object, and --after goes on behind the id of an event that was seen.",
		Args: arguments,
	}
	cmd.Flags().StringSliceVar(&o.Kinds, "event", nil, "only these `kinds`: created, updated, deleted, restored, replaced, check-in, report or sync")
	cmd.Flags().StringVar(&o.After, "after", "", "begin behind the event with this `id`, and not with what happens from now on")
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		if len(args) == 1 {
			config, err := device(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			o.MAC = config.MAC
		}
		o.Lost = func(err error, wait time.Duration) {
			fmt.Fprintf(p.Stderr, "espalier: the connection is lost (%v); trying again\n", err)
		}
		s := p.screen()
		for e, err := range c.Events(cmd.Context(), o) {
			if err != nil {
				return err
			}
			if err := p.tell(s, e, format.json); err != nil {
				return err
			}
		}
		return nil
	})
}

// tell prints one event.
func (p Program) tell(s screen, e client.Event, asJSON bool) error {
	if e.Kind == client.EventReady {
		if s.terminal && !asJSON {
			fmt.Fprintln(p.Stderr, "Watching; end it with Ctrl-C")
		}
		return nil
	}
	if asJSON {
		enc := json.NewEncoder(p.Stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(e)
	}
	at := e.At.UTC().Format(time.RFC3339)
	if s.terminal {
		at = e.At.In(s.now.Location()).Format("15:04:05")
	}
	if e.Kind == client.EventReset {
		at = strings.Repeat(" ", len(at))
	}
	_, err := fmt.Fprintf(s.out, "%s  %s  %s\n", s.paint(dim, at), s.paint(eventColour(e), fmt.Sprintf("%-8s", e.Kind)), harmless(describeEvent(e)))
	return err
}

func eventColour(e client.Event) colour {
	switch e.Kind {
	case client.EventDeleted, client.EventReset:
		return red
	case client.EventSync, client.EventReport, client.EventCheckIn:
		return syncColour(e.Sync)
	}
	return plain
}

// describeEvent tells what happened, and how the device stands now.
func describeEvent(e client.Event) string {
	if e.Kind == client.EventReset {
		return "events are missing here: " + e.Reason
	}
	says := fmt.Sprintf("%s  revision %d", e.MAC, e.Revision)
	switch e.Kind {
	case client.EventCheckIn:
		says = e.MAC + "  " + standing(e)
		if from := text(e.Address); from != "" {
			says += ", from " + from
		}
		return says
	case client.EventSync:
		return e.MAC + "  " + standing(e)
	case client.EventReport:
		if e.Report == nil {
			return e.MAC + "  " + standing(e)
		}
		return fmt.Sprintf("%s  %s", e.MAC, reportText(e.Report))
	case client.EventReplaced:
		says += " takes the place of " + text(e.OtherMAC)
	}
	if who := text(e.Principal); who != "" {
		says += " by " + who
	}
	if from := text(e.Address); from != "" {
		says += " from " + from
	}
	if why := text(e.Message); why != "" {
		says += ": " + why
	}
	return says
}

// standing is how a device stands to its document.
func standing(e client.Event) string {
	says := e.Sync
	if e.DeviceRevision != nil {
		says += fmt.Sprintf(", has revision %d of %d", *e.DeviceRevision, e.Revision)
	}
	if e.Overdue {
		says += ", overdue"
	}
	if e.Online != nil {
		says += map[bool]string{true: ", online", false: ", offline"}[*e.Online]
	}
	return says
}

// reportText is what a device reported.
func reportText(r *client.ShownReport) string {
	says := fmt.Sprintf("%s revision %d", r.Status, r.Revision)
	for _, part := range []struct{ name, text string }{{"", text(r.Code)}, {"at ", text(r.Path)}, {"", text(r.Message)}, {"firmware ", text(r.Firmware)}} {
		if part.text != "" {
			says += ", " + part.name + part.text
		}
	}
	return harmless(says)
}
