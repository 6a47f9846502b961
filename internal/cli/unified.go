package cli

import "strings"

// coloured is a unified difference for a terminal.
func (s screen) coloured(diff string) string {
	if !s.colours {
		return diff
	}
	var b strings.Builder
	for line := range strings.Lines(diff) {
		c := plain
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
			c = dim
		case strings.HasPrefix(line, "+"):
			c = green
		case strings.HasPrefix(line, "-"):
			c = red
		case strings.HasPrefix(line, "@@"):
			c = cyan
		}
		ends := strings.HasSuffix(line, "\n")
		b.WriteString(s.paint(c, strings.TrimSuffix(line, "\n")))
		if ends {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
