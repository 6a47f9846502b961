package fleet

import (
	"errors"
	"slices"
)

// MergePatch applies a JSON Merge Patch (RFC 7396) to the text of a document. What the patch does not name keeps its text:
// order, spacing, number literals. So does a value that says the same in the patch, however its strings are escaped; numbers
// say the same only where they are written the same, so that 1.0 takes the place of 1. What is removed goes with its comma and
// the white space that belonged to it. What is new stands behind the last member, in the layout of its neighbours or of the
// document (of the patch, where the document is empty), with the literals, escapes and order of the patch. A patch that
// changes nothing gives the same bytes. Neither argument is written to. Errors: VALIDATION_FAILED, field content (the patch is
// not one JSON object, or not one that a document could be: the position is in the patch; or the text is not).
func MergePatch(text, patch []byte) ([]byte, error) {
	if err := scanObject(patch, nil); err != nil {
		return nil, err
	}
	if err := scanObject(text, nil); err != nil {
		return nil, unpatchable(err)
	}
	have, err := parseTree(text)
	if err != nil {
		return nil, unpatchable(err)
	}
	want, err := parseTree(patch)
	if err != nil {
		return nil, err
	}
	m := merge{text: text, patch: patch, layout: layoutOf(text, have)}
	merged, changed := m.object(have, want, place{})
	if have.len() == 0 && changed {
		l := layoutOf(patch, want)
		merged = l.appendAs(nil, patch, want.withoutNulls(), place{}, l.root)
	}
	if !changed {
		return text, nil
	}
	return slices.Concat(text[:have.start], merged, text[have.end:]), nil
}

// unpatchable says that what is kept is no document, as another program may have written it.
func unpatchable(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && len(e.Fields) > 0 {
		return Invalid("content", "cannot be patched, because the one that is there "+e.Fields[0].Message+"; replace it whole")
	}
	return err
}

// merge is one merge on its way.
type merge struct {
	text, patch []byte
	layout      layout
}

// part is one member of an object that is written anew.
type part struct {
	lead string // white space before it, unless it is the first
	body []byte // key, colon and value
	gap  string // white space between it and a comma
}

// object merges an object of the patch into one of the text, and answers false where that changes nothing.
func (m merge) object(have, want node, at place) ([]byte, bool) {
	in := m.inside(have, at)
	wanted := make(map[string]node, len(want.members))
	for _, w := range want.members {
		wanted[w.name] = w.value
	}
	var parts []part
	changed, removed := false, ""
	for i, old := range have.members {
		lead, gap := have.around(m.text, i)
		if i == have.len()-1 {
			gap = in.gap
		}
		w, named := wanted[old.name]
		delete(wanted, old.name)
		if named && w.kind == 'n' {
			// What stood on a line of its own, or behind an empty one, leaves that to what follows it.
			if lines(lead) > lines(removed) {
				removed = lead
			}
			changed = true
			continue
		}
		p := part{lead: lead, body: m.text[old.start:old.value.end], gap: gap}
		if lines(removed) > lines(lead) {
			p.lead = removed
		}
		removed = ""
		if named {
			if value, other := m.value(old.value, w, in.place); other {
				p.body, changed = slices.Concat(m.text[old.start:old.value.start], value), true
			}
		}
		parts = append(parts, p)
	}
	for _, w := range want.members {
		if _, added := wanted[w.name]; added && w.value.kind != 'n' {
			body := slices.Concat(m.patch[w.start:w.end], []byte(in.colon))
			body = m.layout.appendValue(body, m.patch, w.value.withoutNulls(), in.place)
			parts, changed = append(parts, part{lead: in.lead, body: body, gap: in.gap}), true
		}
	}
	return in.join(parts), changed
}

// value is what takes the place of a value, and false where the patch says the same.
func (m merge) value(have, want node, at place) ([]byte, bool) {
	if have.kind == '{' && want.kind == '{' {
		return m.object(have, want, at)
	}
	if sameValue(m.text, have, m.patch, want) {
		return nil, false
	}
	want = want.withoutNulls()
	if have.kind != want.kind || have.len() == 0 || want.len() == 0 {
		return m.layout.appendValue(nil, m.patch, want, at), true
	}
	// An array in the place of another is written as that was.
	first, _ := have.around(m.text, 0)
	if _, tail := have.around(m.text, have.len()-1); lines(tail) > 0 {
		at.indent = indentOf(tail)
	}
	return m.layout.appendAs(nil, m.patch, want, at, lines(first) > 0), true
}

// inside is how an object is written.
type inside struct {
	place              // of its members
	first, tail string // white space before its first member, and behind its last
	lead, gap   string // of a member that is added: see part
	colon       string
}

// inside looks at how an object is written, or is to be written where it is empty.
func (m merge) inside(n node, at place) inside {
	l := m.layout
	in := inside{first: l.padding, tail: l.padding, lead: l.comma, colon: l.colon}
	if n.len() == 0 {
		if at.lines && l.onLines(n) {
			in.place = place{lines: true, indent: at.indent + l.unit}
			in.first, in.tail = l.newline+in.indent, l.newline+at.indent
			in.lead = in.first
		}
		return in
	}
	in.first, _ = n.around(m.text, 0)
	in.place = place{lines: lines(in.first) > 0, indent: indentOf(in.first)}
	lead, tail := n.around(m.text, n.len()-1)
	in.tail = tail
	if n.len() > 1 {
		_, in.gap = n.around(m.text, n.len()-2)
	}
	if n.len() > 1 || in.lines {
		in.lead = lead
		if lines(lead) > 1 { // no empty line before what is added
			in.lead = l.newline + indentOf(lead)
		}
	}
	colons := tally{}
	for _, one := range n.members {
		if colon := string(m.text[one.end:one.value.start]); lines(colon) == 0 {
			colons[colon]++
		}
	}
	in.colon = colons.most(l.colon)
	return in
}

// join writes an object of parts.
func (in inside) join(parts []part) []byte {
	if len(parts) == 0 {
		return []byte("{}")
	}
	out := []byte("{" + in.first)
	for i, p := range parts {
		if i > 0 {
			out = append(out, parts[i-1].gap+","+p.lead...)
		}
		out = append(out, p.body...)
	}
	return append(out, in.tail+"}"...)
}
