package diff

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// apply is a JSON Patch applier after the text of RFC 6902, section 4, for the operations that Compare makes.
func apply(doc any, patch []Operation) (any, error) {
	for i, op := range patch {
		var value any
		if op.Op != "remove" {
			v, err := decode(Text{Name: "value", JSON: op.Value})
			if err != nil {
				return nil, fmt.Errorf("operation %d: %w", i, err)
			}
			value = v
		}
		var path []string
		if op.Path != "" {
			if op.Path[0] != '/' {
				return nil, fmt.Errorf("operation %d: %q is no pointer", i, op.Path)
			}
			path = strings.Split(op.Path[1:], "/")
		}
		changed, err := applyAt(doc, op.Op, path, value)
		if err != nil {
			return nil, fmt.Errorf("operation %d, %s %q: %w", i, op.Op, op.Path, err)
		}
		doc = changed
	}
	return doc, nil
}

func applyAt(target any, op string, path []string, value any) (any, error) {
	if len(path) == 0 {
		if op == "remove" {
			return nil, fmt.Errorf("removes the root")
		}
		return value, nil
	}
	key := strings.ReplaceAll(strings.ReplaceAll(path[0], "~1", "/"), "~0", "~")
	switch t := target.(type) {
	case map[string]any:
		old, there := t[key]
		if !there && (len(path) > 1 || op != "add") {
			return nil, fmt.Errorf("no member %q", key)
		}
		if len(path) == 1 && op == "remove" {
			delete(t, key)
			return t, nil
		}
		changed, err := applyAt(old, op, path[1:], value)
		t[key] = changed
		return t, err
	case []any:
		at, err := strconv.Atoi(key)
		if key == "-" {
			at, err = len(t), nil
		}
		most := len(t) - 1
		if len(path) == 1 && op == "add" {
			most++
		}
		if err != nil || at < 0 || at > most {
			return nil, fmt.Errorf("no element %q of %d", key, len(t))
		}
		switch {
		case len(path) == 1 && op == "add":
			return slices.Insert(t, at, value), nil
		case len(path) == 1 && op == "remove":
			return slices.Delete(t, at, at+1), nil
		}
		t[at], err = applyAt(t[at], op, path[1:], value)
		return t, err
	}
	return nil, fmt.Errorf("%q is in no object or array", key)
}

// render is a decoded value as a text that is the same for the same value.
func render(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
