package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

func (p Program) audit() *cobra.Command {
	var f client.AuditFilter
	var since, until, word string
	limit := 50
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List who wrote, or tried to, when, and from where",
		Long: "Lists every write and every refused attempt, the newest first: as whom (token, local, network, console, system, or\n" +
			"anonymous for who was let in by nobody), from which address, what, and how it went.",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&word, "device", "", "only of this `DEVICE`")
	flags.StringVar(&f.Action, "action", "", "only this `action`: create, update, patch, delete, restore, replace_device or import")
	flags.StringVar(&f.Result, "result", "", "only applied, unchanged or refused `attempts`")
	flags.StringVar(&f.Principal, "principal", "", "only by token, local, network, anonymous, console or system")
	flags.StringVar(&f.Address, "address", "", "only from this IP `address`")
	flags.StringVar(&f.CorrelationID, "correlation-id", "", "only of the request with this `id`")
	flags.StringVar(&since, "since", "", "not before a `time` (RFC 3339, or a duration: so long ago)")
	flags.StringVar(&until, "until", "", "before a `time`")
	flags.IntVar(&limit, "limit", limit, limitFlag)
	format := outputFlag(cmd)
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, _ []string) (err error) {
		if since != "" {
			if f.Since, err = p.moment("--since", since); err != nil {
				return err
			}
		}
		if until != "" {
			if f.Until, err = p.moment("--until", until); err != nil {
				return err
			}
		}
		if word != "" {
			config, err := thereOrGone(cmd.Context(), c, word)
			switch {
			case errors.Is(err, client.ErrNotFound) && looksLikeMAC(word):
				f.MAC = word // there may be attempts, or a configuration that went to other hardware
			case err != nil:
				return err
			}
			f.ConfigID = config.ID
		}
		entries, more, err := collect(c.AllAudit(cmd.Context(), f), limit)
		if err != nil {
			return err
		}
		if format.json {
			return writeJSON(p.Stdout, entries)
		}
		if err := p.audited(entries); err != nil {
			return err
		}
		p.sayMore(more, limit)
		return nil
	})
}

// audited shows the audit in columns.
func (p Program) audited(entries []client.AuditEntry) error {
	t := table{screen: p.screen()}
	t.header("WHEN", "BY", "FROM", "ACTION", "RESULT", "DEVICE", "REVISION", "SAYS")
	for _, e := range entries {
		result, c := e.Result, plain
		if e.Result == "refused" {
			c = red
		}
		if e.Times > 1 {
			result += fmt.Sprintf(" x%d", e.Times)
		}
		says := fields(text(e.Code), text(e.Message))
		if other := text(e.OtherMAC); other != "" {
			says = append(says, "was "+other)
		}
		what := text(e.MAC)
		if what == "" {
			what = text(e.Target)
		}
		t.add(cell{text: t.when(e.At)}, cell{text: e.Principal}, cell{text: text(e.Address)}, cell{text: e.Action}, cell{result, c},
			cell{text: what}, cell{text: number(e.Revision)}, cell{text: strings.Join(says, ": ")})
	}
	return t.write()
}
