package diff

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/wI2L/jsondiff"
)

// maxOperations is how many operations a patch may have before one that replaces the document says more.
const maxOperations = 10_000

// maxDepth is how deep a document may be nested for its parts to be compared, each at its own level: more than any that the
// server accepts.
const maxDepth = 100

// maxPairs bounds the work of aligning arrays, in comparisons of two values. Beyond it their elements are compared place
// by place, which is as right, but longer where one was put in at the front.
const maxPairs = 1_000_000

// maxPaths bounds the bytes of all paths of a patch. Each operation repeats the keys above it, so that a document with long
// keys around many members has a patch some thousand times its size.
const maxPaths = 8 << 20

// side is one side of a comparison, read.
type side struct {
	Text
	value  any
	extent extent
}

// none tells whether there is no document.
func (s side) none() bool { return len(s.JSON) == 0 }

func read(t Text) (side, error) {
	s := side{Text: t}
	if s.none() {
		return s, nil
	}
	value, err := decode(t)
	s.value, s.extent = value, extentOf(value)
	return s, err
}

// patchOf is the JSON Patch from one document to another, either of which may be none.
func patchOf(a, b side) ([]Operation, error) {
	switch {
	case a.none() && b.none():
		return []Operation{}, nil
	case a.none():
		return whole("add", b.Text)
	case b.none():
		return []Operation{{Op: jsondiff.OperationReplace, Value: jsontext.Value("null")}}, nil
	case a.extent.depth > maxDepth || b.extent.depth > maxDepth, pathsOf(a.value, b.value, 0) > maxPaths:
		return whole(jsondiff.OperationReplace, b.Text)
	}
	var options []jsondiff.Option
	if (a.extent.values+b.extent.values)*max(a.extent.longest, b.extent.longest) <= maxPairs {
		options = append(options, jsondiff.LCS())
	}
	found, err := jsondiff.CompareWithoutMarshal(a.value, b.value, options...)
	if err != nil {
		return nil, err
	}
	if len(found) > maxOperations {
		return whole(jsondiff.OperationReplace, b.Text)
	}
	out := make([]Operation, len(found))
	for i, op := range found {
		out[i] = Operation{Op: op.Type, Path: op.Path}
		if op.Type == jsondiff.OperationRemove {
			continue
		}
		if out[i].Value, err = encode(op.Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// whole is the patch that puts a document in the place of whatever there was.
func whole(op string, t Text) ([]Operation, error) {
	v := jsontext.Value(bytes.Clone(t.JSON))
	if err := v.Format(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true)); err != nil {
		return nil, textError(t)
	}
	return []Operation{{Op: op, Value: v}}, nil
}

// decode reads a document; numbers stay as they are written.
func decode(t Text) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(t.JSON))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, textError(t)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, textError(t)
	}
	return v, nil
}

// encode writes a value that decode read.
func encode(v any) (jsontext.Value, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// extent is how much there is in a value.
type extent struct {
	values  int // the value itself included
	longest int // elements of the longest array
	depth   int // objects and arrays inside each other
}

func extentOf(v any) extent {
	e := extent{values: 1}
	add := func(one any) {
		inner := extentOf(one)
		e.values += inner.values
		e.longest = max(e.longest, inner.longest)
		e.depth = max(e.depth, inner.depth)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			add(one)
		}
		e.depth++
	case []any:
		for _, one := range v {
			add(one)
		}
		e.longest = max(e.longest, len(v))
		e.depth++
	}
	return e
}

// mostDigits is how long the index of an element is at most.
const mostDigits = 7

// pathsOf is how many bytes the paths of a patch from one value to another have at most; at is how long the path of the two is.
// Elements of arrays that differ are counted all, since any of them may be compared with any.
func pathsOf(a, b any, at int) int {
	switch before := a.(type) {
	case map[string]any:
		after, ok := b.(map[string]any)
		if !ok {
			return at
		}
		sum := 0
		for key, value := range before {
			if other, both := after[key]; both {
				sum += pathsOf(value, other, at+pointerLength(key))
			} else {
				sum += at + pointerLength(key)
			}
		}
		for key := range after {
			if _, both := before[key]; !both {
				sum += at + pointerLength(key)
			}
		}
		return sum
	case []any:
		if _, ok := b.([]any); ok && !reflect.DeepEqual(a, b) {
			return allPaths(a, at) + allPaths(b, at)
		}
	}
	if reflect.DeepEqual(a, b) {
		return 0
	}
	return at
}

// allPaths is how many bytes the paths to everything in a value have, itself included.
func allPaths(v any, at int) int {
	sum := at
	switch v := v.(type) {
	case map[string]any:
		for key, one := range v {
			sum += allPaths(one, at+pointerLength(key))
		}
	case []any:
		for _, one := range v {
			sum += allPaths(one, at+1+mostDigits)
		}
	}
	return sum
}

// pointerLength is how much a key adds to a path (RFC 6901).
func pointerLength(key string) int {
	return 1 + len(key) + strings.Count(key, "/") + strings.Count(key, "~")
}
