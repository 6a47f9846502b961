package fleet

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// trace follows the values of a document back through older ones. A value is open until an older document is met that has not
// the same at its place.
type trace struct {
	text   []byte
	root   *traced
	values []Blamed
	open   int // how many values are
	round  int // of compare
}

// traced is one value of the document, with what is open in it.
type traced struct {
	node
	leaf  int // its place among the values; -1: it is divided
	names map[string]*traced
	items []*traced
	open  []*traced // of those that it holds, the ones in which something is open
	round int       // in which it was met last; -1: it is a value of which the revision is known
	// compact is the text of a value that others are in and that is not divided, once it was needed.
	compact []byte
}

// newTrace has every value of a document open, divided as far as there is room to tell of them (see rooms). A text that is no
// document is one value.
func newTrace(text []byte, room int) *trace {
	t := &trace{text: text}
	root := node{kind: jsontext.KindInvalid, end: len(text)}
	if scanObject(text, nil) == nil {
		if whole, err := parseTree(text); err == nil {
			root = whole
		}
	}
	t.root = t.add(root, "", room)
	return t
}

// add adds a value, with all in it that there is room for.
func (t *trace) add(n node, path string, room int) *traced {
	v := &traced{node: n, leaf: -1}
	rooms, ok := rooms(n, len(path), room)
	if !ok || n.len() == 0 {
		v.leaf = len(t.values)
		t.values = append(t.values, Blamed{Path: path})
		t.open++
		return v
	}
	v.open = make([]*traced, 0, n.len())
	for i, e := range n.elements {
		v.items = append(v.items, t.add(e, path+"/"+strconv.Itoa(i), rooms[i]))
		v.open = append(v.open, v.items[i])
	}
	if n.kind == '{' {
		v.names = make(map[string]*traced, len(n.members))
	}
	for i, m := range n.members {
		held := t.add(m.value, path+"/"+pointerName.Replace(m.name), rooms[i])
		v.names[nameOf(t.text[m.start:m.end])] = held
		v.open = append(v.open, held)
	}
	return v
}

// named is what an object has by a key.
func (v *traced) named(raw []byte) *traced {
	if bytes.IndexByte(raw, '\\') < 0 {
		return v.names[string(raw[1:len(raw)-1])] // which makes no copy
	}
	return v.names[nameOf(raw)]
}

// nameOf is what a key says, and what tells it from others: lone surrogates are all one once they are read.
func nameOf(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	if name := unquote(raw); !strings.ContainsRune(name, '\uFFFD') {
		return name
	}
	return "\xff" + string(raw)
}

// settle says of every value that is open that a revision gave it.
func (t *trace) settle(by *Revision) { t.settleIn(t.root, by) }

func (t *trace) settleIn(v *traced, by *Revision) {
	if v.leaf >= 0 && v.round >= 0 {
		t.values[v.leaf].By = by
		v.round = -1
		t.open--
	}
	for _, held := range v.open {
		t.settleIn(held, by)
	}
	v.open = nil
}

// compare says of every open value that an older document has not at its place that a revision gave it. An older text that is no
// document has none.
func (t *trace) compare(older []byte, by *Revision) {
	if t.root.kind == jsontext.KindInvalid {
		if !bytes.Equal(older, t.text) {
			t.settle(by)
		}
		return
	}
	t.round++
	c := comparison{t, by, jsontext.NewDecoder(bytes.NewBuffer(older), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))}
	err := c.value(t.root)
	if err == nil {
		_, err = c.dec.ReadToken()
	}
	if !errors.Is(err, io.EOF) {
		t.settle(by)
	}
}

// comparison is a trace with one older document.
type comparison struct {
	*trace
	by  *Revision
	dec *jsontext.Decoder
}

// value holds a value against the next of the older document.
func (c comparison) value(v *traced) error {
	switch {
	case c.dec.PeekKind() != v.kind:
		c.settleIn(v, c.by)
		return c.dec.SkipValue()
	case v.leaf >= 0:
		raw, err := c.dec.ReadValue()
		if err == nil && !c.same(v, raw) {
			c.settleIn(v, c.by)
		}
		return err
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	if err := c.held(v); err != nil {
		return err
	}
	still := v.open[:0]
	for _, held := range v.open {
		if held.round != c.round {
			c.settleIn(held, c.by)
		}
		if held.isOpen() {
			still = append(still, held)
		}
	}
	v.open = still
	_, err := c.dec.ReadToken()
	return err
}

// held holds what is in a value against what is in the next of the older document.
func (c comparison) held(v *traced) error {
	for i := 0; c.dec.PeekKind() != v.kind+2; i++ {
		var held *traced
		if v.kind == '{' {
			raw, err := c.dec.ReadValue()
			if err != nil {
				return err
			}
			held = v.named(raw)
		} else if i < len(v.items) {
			held = v.items[i]
		}
		if held == nil || !held.isOpen() {
			if err := c.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		twice := held.round == c.round
		held.round = c.round
		if err := c.value(held); err != nil {
			return err
		}
		if twice { // which of the two a device took, nobody knows
			c.settleIn(held, c.by)
		}
	}
	return nil
}

func (v *traced) isOpen() bool { return v.leaf >= 0 && v.round >= 0 || len(v.open) > 0 }

// same tells whether a value that is not divided says the same as that of an older document; of what others are in, whether it
// is written in the same way but for white space.
func (t *trace) same(v *traced, raw []byte) bool {
	if bytes.Equal(t.text[v.start:v.end], raw) {
		return true
	}
	if !v.isContainer() {
		return sameValue(t.text, v.node, raw, node{kind: v.kind, end: len(raw)})
	}
	if v.compact == nil {
		v.compact = compact(t.text[v.start:v.end])
	}
	return bytes.Equal(v.compact, compact(raw))
}

func compact(raw []byte) []byte {
	v := jsontext.Value(bytes.Clone(raw))
	if v.Compact(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) != nil {
		return raw
	}
	return v
}
