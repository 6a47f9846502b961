package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

// syncHelp says what the states are.
const syncHelp = "Sync is unknown (never seen), pending (it has not the current document), fetched (the document was served to it), held\n" +
	"(it showed that it has it), applied or error (it reported that it runs it, or cannot). Overdue is a device that has been\n" +
	"silent for three times the rhythm that it showed."

func (p Program) status() *cobra.Command {
	var at string
	var wait waitFlags
	facts := 10
	cmd := &cobra.Command{
		Use:   "status [DEVICE]",
		Short: "Tell what the fleet, or a device, has; or wait until it has its document",
		Long: "Without DEVICE, counts the devices by how they stand to their documents. With it, tells everything that is known of\n" +
			"the device: what it was served, what it showed that it has, and what it reported.\n\n" + syncHelp + "\n\n" +
			"With --wait, waits until the device, or every one, has its current document: the exit status is 0 then, 7 where it\n" +
			"took longer than --timeout, and 4 where the device reports that it cannot apply it.",
		Example: "  espalier status\n  espalier status hallway --wait applied --timeout 5m\n" +
			"  espalier status hallway --at 2026-03-01T12:00:00Z\n  espalier status hallway --at 2h",
		Args: arguments,
	}
	cmd.Flags().StringVar(&at, "at", "", "what the device had at a `time` (RFC 3339, or a duration: so long ago)")
	cmd.Flags().IntVar(&facts, "facts", facts, "how many of the last things that were learnt of the device; 0 for all")
	wait.register(cmd, "the device, or every one, is")
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		ctx := cmd.Context()
		if len(args) == 0 {
			if at != "" {
				return &usageError{errors.New("--at tells of one device; name it")}
			}
			return p.fleetStatus(ctx, c, wait, format.json)
		}
		config, err := thereOrGone(ctx, c, args[0])
		if err != nil {
			return err
		}
		switch {
		case at != "":
			return p.statusAt(ctx, c, config, at, format.json)
		case wait.state != "":
			if config.DeletedAt != nil {
				return &refusedError{fmt.Sprintf("the configuration of %s was deleted: there is nothing to wait for", named(config))}
			}
			return p.await(ctx, c, config, wait, p.Stdout)
		}
		return p.deviceStatus(ctx, c, config, facts, format.json)
	})
}

// syncStates lists the states in the order in which they are counted.
var syncStates = []string{client.SyncApplied, client.SyncHeld, client.SyncFetched, client.SyncPending, client.SyncError, client.SyncUnknown}

func describeSync(state string) string {
	says, ok := map[string]string{
		client.SyncUnknown: "it was never seen",
		client.SyncPending: "it has not the current document",
		client.SyncFetched: "the current document was served to it",
		client.SyncHeld:    "it showed that it has the current document",
		client.SyncApplied: "it reported that it runs the current document",
		client.SyncError:   "it reported that it cannot apply the current document",
	}[state]
	if !ok {
		return state
	}
	return state + ", " + says
}

// fleetStatus counts the fleet.
func (p Program) fleetStatus(ctx context.Context, c *client.Client, wait waitFlags, asJSON bool) error {
	if wait.state != "" {
		return p.awaitFleet(ctx, c, wait)
	}
	sum, err := c.Summary(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(p.Stdout, sum)
	}
	t := table{screen: p.screen()}
	for _, state := range syncStates {
		t.add(cell{state, syncColour(state)}, cell{text: strconv.FormatInt(sum.Sync[state], 10)})
	}
	t.add(cell{text: "total"}, cell{text: strconv.FormatInt(sum.Total, 10)})
	late := cell{text: "overdue"}
	if sum.Overdue > 0 {
		late.colour = red
	}
	t.add(late, cell{text: strconv.FormatInt(sum.Overdue, 10)})
	t.add(cell{text: "online"}, cell{text: strconv.FormatInt(sum.Online, 10)})
	t.add(cell{text: "offline"}, cell{text: strconv.FormatInt(sum.Offline, 10)})
	t.add(cell{text: "deleted"}, cell{text: strconv.FormatInt(sum.Deleted, 10)})
	if err := t.write(); err != nil {
		return err
	}
	if t.terminal {
		p.adviseFleet(sum)
	}
	return nil
}

// adviseFleet names the commands that show who it is.
func (p Program) adviseFleet(sum client.Summary) {
	var bad []string
	for _, state := range []string{client.SyncError, client.SyncPending} {
		if sum.Sync[state] > 0 {
			bad = append(bad, state)
		}
	}
	if len(bad) > 0 {
		fmt.Fprintf(p.Stderr, "Which: espalier list --sync %s\n", strings.Join(bad, ","))
	}
	if sum.Overdue > 0 {
		fmt.Fprintln(p.Stderr, "Which: espalier list --overdue")
	}
}

// whole is everything about a device, for programs.
type whole struct {
	Config   client.Config    `json:"config"`
	Device   client.Device    `json:"device"`
	Revision *client.Revision `json:"newest_revision"`
	Facts    []client.Fact    `json:"facts"`
}

// deviceStatus tells everything about a device.
func (p Program) deviceStatus(ctx context.Context, c *client.Client, config client.Config, most int, asJSON bool) error {
	all := whole{Config: config}
	var err error
	if all.Device, err = c.Device(ctx, config.ID); err != nil {
		return err
	}
	newest, _, err := collect(c.AllRevisions(ctx, config.ID), 1)
	if err != nil {
		return err
	}
	if len(newest) == 1 {
		all.Revision = &newest[0]
	}
	if all.Facts, _, err = collect(c.AllFacts(ctx, config.ID), most); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(p.Stdout, all)
	}
	s := p.screen()
	t := table{screen: s}
	for _, row := range aboutDevice(s, all) {
		t.add(row...)
	}
	if err := t.write(); err != nil || len(all.Facts) == 0 {
		return err
	}
	if _, err := io.WriteString(p.Stdout, "\n"); err != nil {
		return err
	}
	return factTable(s, all.Facts).write()
}

// aboutDevice is what is known of a device, a line for each.
func aboutDevice(s screen, all whole) [][]cell {
	config, d := all.Config, all.Device
	var rows [][]cell
	line := func(name string, c colour, says string) {
		if says != "" {
			rows = append(rows, []cell{{name, dim}, {says, c}})
		}
	}
	line("Device", plain, strings.Join(fields(config.MAC, "#"+strconv.FormatInt(config.ID, 10), text(config.DeviceName), text(config.DeviceEntityID)), "  "))
	if config.DeletedAt != nil {
		line("Deleted", red, s.when(*config.DeletedAt))
	}
	if r := all.Revision; r != nil {
		line("Document", plain, fmt.Sprintf("revision %d, %s, %s, %s", r.Revision, count(r.Size, "byte", "bytes"), s.when(r.CreatedAt), byWhom(*r)))
	}
	line("Sync", syncColour(d.Sync), describeSync(d.Sync))
	if h := d.Has; h != nil {
		line("Has", plain, fmt.Sprintf("revision %d (%s), since revision %d, last shown %s", h.Revision, h.Level, h.SinceRevision, s.when(h.At)))
	}
	seen, c := s.since(d.LastSeen), plain
	if d.RhythmSeconds != nil {
		seen += rhythm(d)
	}
	if d.Overdue {
		seen, c = seen+": overdue", red
	}
	line("Last seen", c, seen)
	line("Address", plain, text(d.Address))
	if d.Online != nil {
		state := map[bool]string{true: "yes", false: "no"}[*d.Online]
		if d.OnlineSince != nil {
			state += ", since " + s.when(*d.OnlineSince)
		}
		line("Online", plain, state)
	}
	line("Fetched", plain, showing(s, d.Fetched))
	line("Held", plain, showing(s, d.Held))
	if d.Reported != nil {
		c := green
		if d.Reported.Status == client.ReportError {
			c = red
		}
		line("Reported", c, reportText(d.Reported)+", "+s.when(d.Reported.At))
	}
	return rows
}

// showing is one fact in words.
func showing(s screen, shown *client.Shown) string {
	if shown == nil {
		return ""
	}
	says := fmt.Sprintf("revision %d, %s", shown.Revision, s.when(shown.At))
	if from := text(shown.Address); from != "" {
		says += ", from " + from
	}
	return says
}

// fields are the texts that say something.
func fields(texts ...string) []string {
	var said []string
	for _, one := range texts {
		if one != "" {
			said = append(said, one)
		}
	}
	return said
}

// factTable is the history of what was learnt of a device.
func factTable(s screen, facts []client.Fact) *table {
	t := &table{screen: s}
	t.header("LEARNT", "WHAT", "REVISION", "FROM", "IT HAS", "SAYS")
	for _, f := range facts {
		says := strings.Join(fields(text(f.Code), text(f.Path), text(f.Message), text(f.Firmware)), ", ")
		t.add(cell{text: s.when(f.At)}, cell{f.Kind, syncColour(f.Kind)}, cell{text: number(f.Revision)}, cell{text: text(f.Address)},
			cell{text: strings.Join(fields(number(f.DeviceRevision), text(f.Level)), " ")}, cell{text: says})
	}
	return t
}

// statusAt tells what a device had at a time.
func (p Program) statusAt(ctx context.Context, c *client.Client, config client.Config, word string, asJSON bool) error {
	at, err := p.moment("--at", word)
	if err != nil {
		return err
	}
	d, err := c.DeviceAt(ctx, config.ID, at)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(p.Stdout, d)
	}
	says := fmt.Sprintf("What %s had at %s is not known", named(config), d.At.UTC().Format(time.RFC3339))
	if d.Known {
		says = fmt.Sprintf("At %s %s had nothing that is known", d.At.UTC().Format(time.RFC3339), named(config))
	}
	if d.Known && d.Revision != nil {
		says = fmt.Sprintf("At %s %s had revision %d (%s)", d.At.UTC().Format(time.RFC3339), named(config), *d.Revision, text(d.Level))
	}
	if d.FactAt != nil {
		says += ", known since " + d.FactAt.UTC().Format(time.RFC3339)
	}
	_, err = fmt.Fprintln(p.Stdout, says)
	return err
}

// moment reads a time: as of RFC 3339, or as a duration before now.
func (p Program) moment(flag, word string) (time.Time, error) {
	if past, err := time.ParseDuration(word); err == nil && past >= 0 {
		return p.clock().Add(-past), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, word, p.clock().Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, &usageError{fmt.Errorf("%s must be a time such as 2026-03-01T12:00:00Z, or a duration such as 2h, not %q", flag, word)}
}
