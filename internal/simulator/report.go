package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	everyTable = time.Second
	everyLine  = 5 * time.Second
	overdueAt  = 100 * time.Millisecond
)

// report writes how the run goes.
type report struct {
	out      io.Writer
	json     bool
	terminal bool
	drawn    int // lines of the table that stands on the terminal
}

func newReport(o Options) *report {
	r := &report{out: o.Out, json: o.JSON, terminal: o.Terminal && !o.JSON}
	if r.out == nil {
		r.out = io.Discard
	}
	return r
}

// printf writes to whoever looks. Where nobody does any more, the run goes on for its exit status.
func (r *report) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// run writes until ctx ends, and looks for what is overdue on the way.
func (r *report) run(ctx context.Context, s *simulation) {
	if !r.json {
		r.introduce(s)
	}
	every := everyLine
	if r.json || r.terminal {
		every = everyTable
	}
	show, look := time.NewTicker(every), time.NewTicker(overdueAt)
	defer show.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			s.overdue(now)
		case <-show.C:
			r.show(s.result())
		}
	}
}

func (r *report) introduce(s *simulation) {
	way := "they poll every " + s.o.Poll.String()
	if s.mqtt {
		way = "they listen at " + s.broker.hostPort + " (" + string(s.o.Listen) + ")"
	}
	r.printf("%d devices; %s\n", len(s.devices), way)
	if existing := len(s.devices) - len(s.made); existing > 0 {
		r.printf("%d take the addresses of configurations that exist: these are fetched and listened for, and never changed\n",
			existing)
	}
	if len(s.made) > 0 {
		ends := "removed at the end"
		if s.o.Keep {
			ends = "kept"
		}
		r.printf("%d configurations were made for the run, 02:e5:%02x:%02x:…, and are %s\n",
			len(s.made), byte(s.run>>8), byte(s.run), ends)
	}
}

func (r *report) show(now Result) {
	switch {
	case r.json:
		r.line(now)
	case r.terminal:
		r.draw(table(now))
	default:
		r.printf("%6s %s: %d/%d devices, %d changes, %d told, %d fetches, p50 %s, p99 %s, stale %d, missed %d, disagreements %d, errors %d\n",
			now.Elapsed.Round(time.Second), now.Phase, now.Online, now.Devices, now.Changes, now.Notifications, now.Fetches,
			short(now.P50), short(now.P99), now.Stale, now.Missed, now.Disagreements, now.errors())
	}
}

func (r Result) errors() int64 { return r.FetchErrors + r.WriteErrors + r.MQTTErrors }

func (r *report) line(now Result) {
	_ = json.NewEncoder(r.out).Encode(now)
}

// draw writes a table, on a terminal over the one before it.
func (r *report) draw(text string) {
	if !r.terminal {
		r.printf("%s", text)
		return
	}
	if r.drawn > 0 {
		r.printf("\x1b[%dA", r.drawn)
	}
	r.drawn = strings.Count(text, "\n")
	r.printf("%s", strings.ReplaceAll(text, "\n", "\x1b[K\n"))
}

func table(now Result) string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-14s "+format+"\n", append([]any{name}, args...)...)
	}
	row(now.Phase, "%s", now.Elapsed.Round(time.Second))
	row("devices", "%d of %d (%d made for the run)", now.Online, now.Devices, now.Made)
	row("firmware", "%d plain, %d polite, %d full; %d restarts", now.Firmware[FirmwarePlain], now.Firmware[FirmwarePolite],
		now.Firmware[FirmwareFull], now.Restarts)
	row("changes", "%d", now.Changes)
	row("notifications", "%d (of %d messages heard)", now.Notifications, now.Heard)
	row("fetches", "%d (%d not modified)", now.Fetches, now.Unmodified)
	row("reports", "%d (%d lost, %d too many)", now.Reports, now.ReportsLost, now.ReportsHeld)
	row("until in hand", "p50 %s, p99 %s, longest %s", short(now.P50), short(now.P99), short(now.Max))
	row("stale", "%d", now.Stale)
	row("missed", "%d", now.Missed)
	row("disagreements", "%d in %d comparisons, the last of %d devices, %d with one right state", now.Disagreements, now.Checks,
		now.Judged, now.Certain)
	row("other faults", "%d corrupt, %d unproven", now.Corrupt, now.Unproven)
	row("no answer", "%d fetches, %d writes, %d connections; %d reconnects", now.FetchErrors, now.WriteErrors, now.MQTTErrors, now.Reconnects)
	row("last of these", "%s", orElse(clip(now.LastError), "–"))
	return b.String()
}

// clip keeps a line a line: the table is redrawn by counting them.
func clip(text string) string {
	text = strings.ReplaceAll(text, "\n", "; ")
	if r := []rune(text); len(r) > 90 {
		return string(r[:89]) + "…"
	}
	return text
}

// final writes the result and the verdict.
func (r *report) final(now Result) {
	if r.json {
		r.line(now)
		return
	}
	r.draw(table(now))
	for _, i := range now.Incidents {
		r.printf("%s %s: %s\n", i.Kind, i.MAC, i.What)
	}
	if wrong := now.Stale + now.Missed + now.Corrupt + now.Unproven + now.Disagreements; wrong > int64(len(now.Incidents)) {
		r.printf("… and %d more\n", wrong-int64(len(now.Incidents)))
	}
	switch {
	case now.OK():
		r.printf("Every device holds the newest document; nothing was stale, nothing was missed; the API shows what is true.\n")
	case now.LastError != "":
		r.printf("NOT well. The last thing that did not answer: %s\n", now.LastError)
	default:
		r.printf("NOT well.\n")
	}
}

// short is a duration as people read it.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
