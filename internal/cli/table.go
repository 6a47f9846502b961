package cli

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"espalier.dev/espalier/client"
)

// colour is a colour of a terminal, as the number of ECMA-48.
type colour int

// The colours.
const (
	plain  colour = 0
	dim    colour = 2
	red    colour = 31
	green  colour = 32
	yellow colour = 33
	cyan   colour = 36
)

// screen is how something is written for whoever reads it: a person at a terminal, or a program.
type screen struct {
	out      io.Writer
	terminal bool // columns are aligned, and times are told as a person would
	colours  bool
	now      time.Time
}

func (p Program) screen() screen {
	s := screen{out: p.Stdout, terminal: p.watched(p.Stdout), now: p.clock()}
	s.colours = s.terminal && p.variable("NO_COLOR") == "" && p.variable("TERM") != "dumb"
	return s
}

// watched tells whether somebody looks at a stream, or types into it.
func (p Program) watched(stream any) bool { return p.terminal || isTerminal(stream) }

func (p Program) clock() time.Time {
	if p.now != nil {
		return p.now()
	}
	return time.Now()
}

// variable is a variable of the environment, "" where it is not set.
func (p Program) variable(name string) string {
	for _, entry := range slices.Backward(p.Environ) {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}

// paint colours a text for a terminal.
func (s screen) paint(c colour, text string) string {
	if !s.colours || c == plain {
		return text
	}
	return "\x1b[" + strconv.Itoa(int(c)) + "m" + text + "\x1b[0m"
}

// cell is one place of a table.
type cell struct {
	text   string
	colour colour
}

// none stands where there is nothing to say.
const none = "-"

// table is what is shown in columns: aligned on a terminal, else with a tab between them.
type table struct {
	screen
	rows [][]cell
}

// mostCell is how wide a column is on a terminal.
const mostCell = 40

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// header names the columns.
func (t *table) header(names ...string) {
	row := make([]cell, len(names))
	for i, name := range names {
		row[i] = cell{name, dim}
	}
	t.add(row...)
}

// write writes the table. The last column is as wide as it is.
func (t *table) write() error {
	var widths []int
	for _, row := range t.rows {
		for i := range row {
			row[i].text = harmless(row[i].text)
			if row[i].text == "" {
				row[i].text = none
			}
			if t.terminal && i < len(row)-1 {
				row[i].text = clip(row[i].text)
			}
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		for i, c := range row {
			b.WriteString(t.paint(c.colour, c.text))
			switch {
			case i == len(row)-1:
				b.WriteByte('\n')
			case t.terminal:
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			default:
				b.WriteByte('\t')
			}
		}
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

func clip(text string) string {
	if utf8.RuneCountInString(text) <= mostCell {
		return text
	}
	return string([]rune(text)[:mostCell-1]) + "…"
}

// harmless is a text on one line that cannot steer a terminal: names and messages are written by anybody.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return '\uFFFD'
		}
		return r
	}, text)
}

// when is a time: for a person, how long ago; for a program, RFC 3339.
func (s screen) when(at time.Time) string {
	if !s.terminal {
		return at.UTC().Format(time.RFC3339)
	}
	return ago(s.now, at)
}

// since is when of a time that may not be.
func (s screen) since(at *time.Time) string {
	if at == nil {
		return none
	}
	return s.when(*at)
}

// ago tells how long ago something was.
func ago(now, at time.Time) string {
	past := now.Sub(at)
	if past < -time.Second {
		return "in " + long(-past)
	}
	if past < time.Second {
		return "now"
	}
	return long(past) + " ago"
}

// long is a duration in its largest unit.
func long(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 2*day:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/day)) + "d"
}

func syncColour(state string) colour {
	switch state {
	case client.SyncApplied, client.SyncHeld:
		return green
	case client.SyncFetched:
		return cyan
	case client.SyncPending:
		return yellow
	case client.SyncError:
		return red
	}
	return dim
}

// text is a field that may say nothing.
func text(field *string) string {
	if field == nil {
		return ""
	}
	return *field
}

// number is a number that may not be there.
func number(field *int64) string {
	if field == nil {
		return ""
	}
	return strconv.FormatInt(*field, 10)
}
