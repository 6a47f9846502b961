package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"espalier.dev/espalier/internal/app"
)

// path names a place in a document: the names and indexes that lead there.
type path []string

// parsePath reads a JSON Pointer (RFC 6901), which begins with /, or names with a dot between them.
func parsePath(word string) (path, error) {
	if word == "" || word == "/" {
		return nil, &usageError{errors.New("PATH must name a place in the document, such as wifi.ssid or /wifi/ssid; to replace all of it there is espalier update")}
	}
	if !strings.HasPrefix(word, "/") {
		return strings.Split(word, "."), nil
	}
	names := strings.Split(word[1:], "/")
	for i, name := range names {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(name), "~") {
			return nil, &usageError{fmt.Errorf("PATH %s is no JSON Pointer: ~ is written ~0, and / in a name ~1", word)}
		}
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return names, nil
}

// String is the path as a JSON Pointer.
func (p path) String() string {
	var b strings.Builder
	for _, name := range p {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

// spot is where a value stands in a text.
type spot struct{ start, end int }

// child is a member of an object, or an element of an array.
type child struct {
	name string
	spot
}

// errNoPlace says that a path leads nowhere.
var errNoPlace = errors.New("is not in the document")

// children are the members or elements of the value at a spot of a JSON text; none of a value that can have none.
func children(text []byte, at spot) ([]child, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(text[at.start:at.end]), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	open, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	kind := open.Kind()
	if kind != '{' && kind != '[' {
		return nil, nil
	}
	var found []child
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		c := child{name: strconv.Itoa(len(found))}
		if kind == '{' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			c.name = name.String()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		c.end = at.start + int(dec.InputOffset())
		c.start = c.end - len(value)
		found = append(found, c)
	}
	return found, nil
}

// descend follows a path as far as it leads: to a spot, with its children, and what is left of the path.
func descend(text []byte, to path) (at spot, kids []child, rest path, err error) {
	at.end = len(bytes.TrimRight(text, " \t\r\n"))
	at.start = len(text) - len(bytes.TrimLeft(text, " \t\r\n"))
	for {
		if kids, err = children(text, at); err != nil || len(to) == 0 {
			return at, kids, to, err
		}
		i := slices.IndexFunc(kids, func(c child) bool { return c.name == to[0] })
		if i < 0 {
			return at, kids, to, nil
		}
		at, to = kids[i].spot, to[1:]
	}
}

// valueAt is the text of the value that a path leads to. Errors: errNoPlace.
func valueAt(text []byte, to path) ([]byte, error) {
	at, _, rest, err := descend(text, to)
	if err == nil && len(rest) > 0 {
		err = errNoPlace
	}
	return text[at.start:at.end], err
}

// setAt puts a value at a place, and keeps the text of everything else. Objects on the way are made where they are missing.
// Behind the last element of an array, named by its index or by -, the value is added.
func setAt(text []byte, to path, value []byte) ([]byte, error) {
	at, kids, rest, err := descend(text, to)
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		return splice(text, at, value), nil
	}
	done := to[:len(to)-len(rest)]
	for _, name := range rest[1:] {
		if _, err := strconv.Atoi(name); err == nil || name == "-" {
			return nil, fmt.Errorf("%s %w yet; make the list first, or the object, by setting it to [] or {}", append(slices.Clone(done), rest[0]), errNoPlace)
		}
	}
	switch text[at.start] {
	case '{':
		patch, err := nested(rest, []byte("0"))
		if err != nil {
			return nil, err
		}
		object, err := app.MergePatch(text[at.start:at.end], patch)
		if err == nil {
			object, err = setAt(object, rest, value)
		}
		return splice(text, at, object), err
	case '[':
		if rest[0] != "-" && rest[0] != strconv.Itoa(len(kids)) {
			return nil, fmt.Errorf("%s %w: the list at %s has %s, and - adds one", to[:len(done)+1], errNoPlace, done, count(len(kids), "element", "elements"))
		}
		if value, err = nested(rest[1:], value); err != nil {
			return nil, err
		}
		return added(text, at, kids, value), nil
	}
	return nil, fmt.Errorf("%s %w: what is at %s is neither an object nor a list", to, errNoPlace, done)
}

// unsetAt removes what is at a place, and keeps the text of everything else. Errors: errNoPlace.
func unsetAt(text []byte, from path) ([]byte, error) {
	name := from[len(from)-1]
	at, kids, rest, err := descend(text, from[:len(from)-1])
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(kids, func(c child) bool { return c.name == name })
	if len(rest) > 0 || i < 0 {
		return nil, fmt.Errorf("%s %w", from, errNoPlace)
	}
	if text[at.start] == '[' {
		return splice(text, gapOf(at, kids, i), nil), nil
	}
	patch, err := nested(path{name}, []byte("null"))
	if err != nil {
		return nil, err
	}
	object, err := app.MergePatch(text[at.start:at.end], patch)
	return splice(text, at, object), err
}

// gapOf is an element of an array with the comma that goes with it.
func gapOf(array spot, kids []child, i int) spot {
	switch {
	case i > 0:
		return spot{kids[i-1].end, kids[i].end}
	case len(kids) > 1:
		return spot{kids[0].start, kids[1].start}
	}
	return spot{array.start + 1, array.end - 1}
}

// added is a text with one more element in an array, written as its neighbours are.
func added(text []byte, array spot, kids []child, value []byte) []byte {
	if len(kids) == 0 {
		return splice(text, array, slices.Concat([]byte("["), value, []byte("]")))
	}
	last := len(kids) - 1
	between := slices.Concat([]byte(","), text[array.start+1:kids[0].start])
	if last > 0 {
		between = text[kids[last-1].end:kids[last].start]
	}
	return splice(text, spot{kids[last].end, kids[last].end}, slices.Concat(between, value))
}

func splice(text []byte, at spot, value []byte) []byte {
	return slices.Concat(text[:at.start], value, text[at.end:])
}

// nested is a value within an object for each name.
func nested(names path, value []byte) ([]byte, error) {
	for _, name := range slices.Backward(names) {
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return nil, &usageError{errors.New("PATH must be text in UTF-8")}
		}
		value = slices.Concat([]byte("{"), quoted, []byte(":"), value, []byte("}"))
	}
	return value, nil
}

// parseValue is a word of the command line as JSON: what is JSON already, and anything else as a string.
func parseValue(word string, asString bool) ([]byte, error) {
	if !asString && json.Valid([]byte(word)) {
		return bytes.TrimSpace([]byte(word)), nil
	}
	quoted, err := jsontext.AppendQuote(nil, word)
	if err != nil {
		return nil, &usageError{errors.New("VALUE must be text in UTF-8")}
	}
	return quoted, nil
}
