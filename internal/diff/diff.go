// Package diff tells what differs between two states of a document: for programs as a JSON Patch (RFC 6902), for people as
// a unified diff. It imports no package of ours. Start at Compare.
package diff

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	unified "github.com/rogpeppe/go-internal/diff"
)

// Of says of which texts a unified diff is.
type Of string

// The texts.
const (
	Stored   Of = "stored"   // as they are kept
	Indented Of = "indented" // by two spaces: number literals and strings as they are kept, white space not
)

// Text is one side of a comparison.
type Text struct {
	// Name stands in the head of the unified diff, such as "revision 3".
	Name string
	// JSON is the document; nil or empty is none.
	JSON []byte
}

// Diff is what differs between two texts.
type Diff struct {
	// Patch makes the newer document of the older one; empty where they say the same. Numbers are compared and written as
	// the documents write them: 1 and 1.0 differ, as a device may tell one from the other, and neither is rounded. Where
	// there was no document before, it adds the root; where there is none any more, it replaces the root with null.
	Patch []Operation
	// Unified has three lines of context; empty where the texts are the same.
	Unified   string
	UnifiedOf Of
}

// Operation is one operation of a JSON Patch: add, remove or replace.
type Operation struct {
	Op    string         `json:"op"`
	Path  string         `json:"path"`            // JSON Pointer (RFC 6901)
	Value jsontext.Value `json:"value,omitempty"` // nil of remove
}

// Compare tells what makes the newer text of the older one. The unified diff is of the texts as they are kept, where both
// have their members on lines of their own and the lines end in the same way, or where nothing but white space differs;
// otherwise it is of both indented, unless they nest so deep that this makes megabytes of them. An error says that one of them is not JSON, which another program may have written:
// then there is no Patch, and Unified is of the texts as they are kept.
//
// It takes time that grows little faster than the texts: for two of 128 KiB that have nothing in common, well below a second.
func Compare(older, newer Text) (Diff, error) {
	d := Diff{UnifiedOf: Stored}
	a, errA := read(older)
	b, errB := read(newer)
	err := cmp.Or(errA, errB)
	if err == nil {
		d.Patch, err = patchOf(a, b)
	}
	if err == nil && !comparable(older.JSON, newer.JSON) && max(a.extent.depth, b.extent.depth) <= maxDepth {
		from, to := indented(older.JSON), indented(newer.JSON)
		if !bytes.Equal(from, to) && len(from)+len(to) <= maxIndented {
			d.UnifiedOf, older.JSON, newer.JSON = Indented, from, to
		}
	}
	d.Unified = unifiedOf(older, newer)
	return d, err
}

// maxIndented bounds the bytes of both texts when they are indented.
const maxIndented = 4 << 20

// unifiedOf is the unified diff of two texts, as the programs diff and git write it.
func unifiedOf(older, newer Text) string {
	out := unified.Diff(nameOf(older), older.JSON, nameOf(newer), newer.JSON)
	if _, rest, ok := bytes.Cut(out, []byte("\n")); ok {
		out = rest // the line "diff older newer" is of git's and of no use here
	}
	return string(out)
}

func nameOf(t Text) string {
	if len(t.JSON) == 0 {
		return "/dev/null"
	}
	return t.Name
}

// comparable tells whether a person would compare two texts line by line as they are.
func comparable(older, newer []byte) bool {
	a, b := breakOf(older), breakOf(newer)
	return a == b && a != oneLine || a == noLayout && b != oneLine || b == noLayout && a != oneLine
}

// The layouts that breakOf tells apart, besides those that are a line break.
const (
	oneLine  = "one line"
	noLayout = "nothing that could have a layout"
)

// breakOf is the line break between the brace of a text and its first member, or one of the layouts above.
func breakOf(text []byte) string {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
	inner := bytes.TrimLeft(rest, " \t\r\n")
	switch space := rest[:len(rest)-len(inner)]; {
	case !ok && len(rest) > 0:
		return oneLine
	case len(inner) == 0 || inner[0] == '}':
		return noLayout
	case bytes.Contains(space, []byte("\r\n")):
		return "\r\n"
	case bytes.ContainsRune(space, '\n'):
		return "\n"
	}
	return oneLine
}

// indented is a text of JSON with its members on lines of their own; none stays none.
func indented(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	v := jsontext.Value(bytes.Clone(text))
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return text
	}
	return append(v, '\n')
}

// textError says which of two texts is no JSON, and nothing of what it holds.
func textError(t Text) error {
	return fmt.Errorf("%s is not JSON, so no JSON Patch can be made of it", t.Name)
}
