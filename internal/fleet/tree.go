package fleet

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// node is one JSON value in a text: where it stands, and what is in it.
type node struct {
	kind       jsontext.Kind
	start, end int      // bytes of the text
	members    []member // of an object, in their order
	elements   []node   // of an array
}

// member is one member of an object.
type member struct {
	name       string // what the key says, whatever its escapes
	start, end int    // of the key
	value      node
}

// parseTree reads a text that scanObject has let through.
func parseTree(text []byte) (node, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowInvalidUTF8(true))
	root, err := readNode(dec)
	if err != nil {
		return node{}, tokenError(text, err, int(dec.InputOffset()))
	}
	return root, nil
}

func readNode(dec *jsontext.Decoder) (node, error) {
	kind := dec.PeekKind()
	if kind != '{' && kind != '[' {
		raw, err := dec.ReadValue()
		end := int(dec.InputOffset())
		return node{kind: kind, start: end - len(raw), end: end}, err
	}
	if _, err := dec.ReadToken(); err != nil {
		return node{}, err
	}
	n := node{kind: kind, start: int(dec.InputOffset()) - 1}
	for closing := kind + 2; dec.PeekKind() != closing; {
		var m member
		if kind == '{' {
			raw, err := dec.ReadValue()
			if err != nil {
				return node{}, err
			}
			m.end = int(dec.InputOffset())
			m.start, m.name = m.end-len(raw), unquote(raw)
		}
		value, err := readNode(dec)
		if err != nil {
			return node{}, err
		}
		if kind == '[' {
			n.elements = append(n.elements, value)
			continue
		}
		m.value = value
		n.members = append(n.members, m)
	}
	_, err := dec.ReadToken()
	n.end = int(dec.InputOffset())
	return n, err
}

// unquote is what a JSON string says. A lone surrogate says U+FFFD.
func unquote(raw []byte) string {
	text, _ := jsontext.AppendUnquote(nil, raw) // it complains of a lone surrogate, and answers it
	return string(text)
}

// holdsContainers tells whether an object or array is in n.
func (n node) holdsContainers() bool {
	for _, m := range n.members {
		if m.value.isContainer() {
			return true
		}
	}
	for _, e := range n.elements {
		if e.isContainer() {
			return true
		}
	}
	return false
}

func (n node) isContainer() bool { return n.kind == '{' || n.kind == '[' }

// len is how many members or elements n has.
func (n node) len() int { return len(n.members) + len(n.elements) }

// child is where the i-th member or element begins and ends.
func (n node) child(i int) (start, end int) {
	if n.kind == '{' {
		return n.members[i].start, n.members[i].value.end
	}
	return n.elements[i].start, n.elements[i].end
}

// around is the white space in n before its i-th member or element, and behind it: up to the comma, or to the end of n.
func (n node) around(text []byte, i int) (lead, gap string) {
	start, end := n.child(i)
	from := n.start + 1
	if i > 0 {
		_, from = n.child(i - 1)
		from += bytes.IndexByte(text[from:start], ',') + 1
	}
	to := n.end - 1
	if i < n.len()-1 {
		next, _ := n.child(i + 1)
		to = end + bytes.IndexByte(text[end:next], ',')
	}
	return string(text[from:start]), string(text[end:to])
}

// withoutNulls is an object without the members that are null, and so on in the objects in it: what a merge patch makes
// where there is nothing (RFC 7396, section 2).
func (n node) withoutNulls() node {
	if n.kind != '{' {
		return n
	}
	kept := make([]member, 0, len(n.members))
	for _, m := range n.members {
		if m.value.kind != 'n' {
			m.value = m.value.withoutNulls()
			kept = append(kept, m)
		}
	}
	n.members = kept
	return n
}

// sameValue tells whether two values say the same: numbers are the same where they are written in the same way, as devices
// may tell 1 from 1.0, strings whatever their escapes, and objects whatever the order of their members.
func sameValue(aText []byte, a node, bText []byte, b node) bool {
	if a.kind != b.kind || a.len() != b.len() {
		return false
	}
	rawA, rawB := aText[a.start:a.end], bText[b.start:b.end]
	switch a.kind {
	case '{':
		others := make(map[string]node, len(b.members))
		for _, m := range b.members {
			others[m.name] = m.value
		}
		for _, m := range a.members {
			other, there := others[m.name]
			if !there || !sameValue(aText, m.value, bText, other) {
				return false
			}
		}
		return true
	case '[':
		for i := range a.elements {
			if !sameValue(aText, a.elements[i], bText, b.elements[i]) {
				return false
			}
		}
		return true
	case '"':
		// Lone surrogates are all one once they are read: these strings are the same only as they are written.
		text := unquote(rawA)
		return bytes.Equal(rawA, rawB) || text == unquote(rawB) && !bytes.ContainsRune([]byte(text), '\uFFFD')
	}
	return bytes.Equal(rawA, rawB)
}
