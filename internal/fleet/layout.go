package fleet

import (
	"bytes"
	"strings"
)

// layout is how a text is written: what a careful person sees who adds to it.
type layout struct {
	newline string
	unit    string // one step of indentation
	colon   string // with the white space around it
	comma   string // white space behind a comma on one line
	padding string // white space within the braces of an object on one line; for arrays, inset
	inset   string
	// lines tells of each class of containers whether they have a line for each of what they hold.
	lines map[class]bool
	root  bool // the same of the root
}

// class is what is written alike: objects and arrays, that hold others or none.
type class struct {
	object, holder bool
}

func classOf(n node) class { return class{object: n.kind == '{', holder: n.holdsContainers()} }

// tally counts how often each text was seen.
type tally map[string]int

// most is the text that was seen most often, the shorter of two, and otherwise where none was.
func (t tally) most(otherwise string) string {
	best, found := otherwise, 0
	for text, n := range t {
		if n > found || n == found && (len(text) < len(best) || len(text) == len(best) && text < best) {
			best, found = text, n
		}
	}
	return best
}

// survey is what is counted of a text to know its layout.
type survey struct {
	text                            []byte
	colons, commas, paddings, inset tally
	broken, all                     map[class]int
	unit                            *string
}

// layoutOf looks at how a text is written.
func layoutOf(text []byte, root node) layout {
	s := survey{text: text, colons: tally{}, commas: tally{}, paddings: tally{}, inset: tally{},
		broken: map[class]int{}, all: map[class]int{}}
	s.look(root, true)
	l := layout{newline: newlineOf(text), unit: "  ", colon: s.colons.most(":"), padding: s.paddings.most(""),
		inset: s.inset.most(""), lines: map[class]bool{}}
	if s.unit != nil {
		l.unit = *s.unit
	}
	space := ""
	if strings.HasSuffix(l.colon, " ") {
		space = " "
	}
	l.comma = s.commas.most(space)
	if root.len() > 0 {
		first, _ := root.around(text, 0)
		l.root = lines(first) > 0
	}
	for c, n := range s.all {
		l.lines[c] = 2*s.broken[c] >= n
	}
	return l
}

func (s *survey) look(n node, root bool) {
	for _, e := range n.elements {
		s.look(e, false)
	}
	for i, m := range n.members {
		if colon := string(s.text[m.end:m.value.start]); lines(colon) == 0 {
			s.colons[colon]++
		}
		s.look(n.members[i].value, false)
	}
	if n.len() == 0 {
		return
	}
	first, _ := n.around(s.text, 0)
	_, tail := n.around(s.text, n.len()-1)
	for i := 1; i < n.len(); i++ {
		if lead, _ := n.around(s.text, i); lines(lead) == 0 {
			s.commas[lead]++
		}
	}
	switch {
	case lines(first) > 0:
		if unit, ok := strings.CutPrefix(indentOf(first), indentOf(tail)); ok {
			s.unit = &unit // what is looked at last is the root
		}
	case n.kind == '{':
		s.paddings[first]++
	default:
		s.inset[first]++
	}
	if !root {
		s.all[classOf(n)]++
		if lines(first) > 0 {
			s.broken[classOf(n)]++
		}
	}
}

// onLines tells whether a container that is made is to have a line for each of what it holds: as its like have, and where
// there are none, as objects have.
func (l layout) onLines(n node) bool {
	array := class{}
	likely := []class{classOf(n), {object: true, holder: n.holdsContainers()}, {object: true, holder: !n.holdsContainers()}}
	if classOf(n) == array {
		likely = []class{array, {holder: true}, {object: true}, {object: true, holder: true}}
	}
	for _, c := range likely {
		if broken, seen := l.lines[c]; seen {
			return broken
		}
	}
	return l.root
}

// place is where a value is written.
type place struct {
	lines  bool   // what holds it has a line for each of what it holds
	indent string // of the line that it stands on
}

// appendValue writes a value of a text in this layout: literals, escapes and order stay, white space does not.
func (l layout) appendValue(out, text []byte, n node, at place) []byte {
	return l.appendAs(out, text, n, at, at.lines && l.onLines(n))
}

// appendAs is appendValue where it is known whether the value has a line for each of what it holds.
func (l layout) appendAs(out, text []byte, n node, at place, onLines bool) []byte {
	if !n.isContainer() {
		return append(out, text[n.start:n.end]...)
	}
	opening, closing := byte(n.kind), byte(n.kind)+2
	if n.len() == 0 {
		return append(out, opening, closing)
	}
	inner := place{lines: onLines, indent: at.indent + l.unit}
	first, between, last := l.padding, l.comma, l.padding
	if n.kind == '[' {
		first, last = l.inset, l.inset
	}
	if onLines {
		first, between, last = l.newline+inner.indent, l.newline+inner.indent, l.newline+at.indent
	}
	out = append(out, opening)
	for i := range n.len() {
		if i == 0 {
			out = append(out, first...)
		} else {
			out = append(append(out, ','), between...)
		}
		if n.kind == '[' {
			out = l.appendValue(out, text, n.elements[i], inner)
			continue
		}
		m := n.members[i]
		out = append(append(out, text[m.start:m.end]...), l.colon...)
		out = l.appendValue(out, text, m.value, inner)
	}
	return append(append(out, last...), closing)
}

// newlineOf is how the lines of a text end. A line break within a string would not be JSON.
func newlineOf(text []byte) string {
	at := bytes.IndexByte(text, '\n')
	switch {
	case at > 0 && text[at-1] == '\r':
		return "\r\n"
	case at < 0 && bytes.IndexByte(text, '\r') >= 0:
		return "\r"
	}
	return "\n"
}

// lines counts the line breaks in white space.
func lines(space string) int { return max(strings.Count(space, "\n"), strings.Count(space, "\r")) }

// indentOf is what stands behind the last line break of white space.
func indentOf(space string) string { return space[strings.LastIndexAny(space, "\r\n")+1:] }
