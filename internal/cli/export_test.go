package cli

import "time"

// OnATerminal is the program with a person at each of its streams, at a time.
func (p Program) OnATerminal(now time.Time) Program {
	p.terminal, p.now = true, func() time.Time { return now }
	return p
}
