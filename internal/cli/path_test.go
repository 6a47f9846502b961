package cli

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"
)

func TestParsePath(t *testing.T) {
	for word, want := range map[string]path{
		"a":           {"a"},
		"wifi.ssid":   {"wifi", "ssid"},
		"list.0.b":    {"list", "0", "b"},
		"/wifi/ssid":  {"wifi", "ssid"},
		"/a.b/c~1d~0": {"a.b", "c/d~"},
		"/~01":        {"~1"},
		"/a/":         {"a", ""},
	} {
		got, err := parsePath(word)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", word, err, diff)
		}
		if again, err := parsePath(got.String()); err != nil || !slices.Equal(again, got) {
			t.Errorf("%q is written %q", word, got.String())
		}
	}
	for _, word := range []string{"", "/", "/a~2", "/a~"} {
		if _, err := parsePath(word); exitStatus(err) != exitUsage {
			t.Errorf("%q: %v", word, err)
		}
	}
}

func TestSetAt(t *testing.T) {
	const doc = " {\n  \"wifi\": { \"ssid\": \"x\", \"n\":1.0 },\n  \"list\": [ 1,  2,\n    {\"a\":1e400}],\n  \"none\":[], \"null\":null\n}\r\n"
	change := func(old, with string) string {
		if strings.Count(doc, old) != 1 {
			t.Fatalf("%q is not once in the document", old)
		}
		return strings.Replace(doc, old, with, 1)
	}
	for _, tc := range []struct{ path, value, want string }{
		{"wifi.ssid", `"y"`, change(`"x"`, `"y"`)},
		{"wifi", `{"a":null}`, change(`{ "ssid": "x", "n":1.0 }`, `{"a":null}`)},
		{"wifi.n", "null", change("1.0", "null")},
		{"null", "[ ]", change(":null", ":[ ]")},
		{"list.0", "9", change("[ 1,", "[ 9,")},
		{"/list/2/a", "2", change("1e400", "2")},
		{"list.2.b", "3", change(`{"a":1e400}`, `{"a":1e400,"b":3}`)},
		{"list.3", "true", change("{\"a\":1e400}]", "{\"a\":1e400},\n    true]")},
		{"list.-", "true", change("{\"a\":1e400}]", "{\"a\":1e400},\n    true]")},
		{"list.-.deep", "1", change("{\"a\":1e400}]", "{\"a\":1e400},\n    {\"deep\":1}]")},
		{"none.-", "1", change(`"none":[]`, `"none":[1]`)},
		{"wifi.new.deep", "null", change(`"n":1.0 }`, `"n":1.0, "new":{ "deep":null } }`)},
	} {
		to, err := parsePath(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := setAt([]byte(doc), to, []byte(tc.value))
		if diff := cmp.Diff(tc.want, string(got)); diff != "" || err != nil {
			t.Errorf("%s = %s: %v (-want +got):\n%s", tc.path, tc.value, err, diff)
		}
	}
	for path, says := range map[string]string{
		"list.9":       "/list/9 is not in the document: the list at /list has 3 elements, and - adds one",
		"list.x":       "/list/x is not in the document",
		"wifi.ssid.a":  "/wifi/ssid/a is not in the document: what is at /wifi/ssid is neither an object nor a list",
		"new.0":        "/new is not in the document yet; make the list first",
		"wifi.new.-.a": "/wifi/new is not in the document yet",
	} {
		to, err := parsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := setAt([]byte(doc), to, []byte("1")); !errors.Is(err, errNoPlace) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", path, err, says)
		}
	}
}

func TestUnsetAt(t *testing.T) {
	for _, tc := range []struct{ doc, path, want string }{
		{`{ "a": 1, "b":2 }`, "a", `{ "b":2 }`},
		{`{ "a": 1, "b":2 }`, "b", `{ "a": 1 }`},
		{`{"l":[ 1, 2,3 ]}`, "l.0", `{"l":[ 2,3 ]}`},
		{`{"l":[ 1, 2,3 ]}`, "l.1", `{"l":[ 1,3 ]}`},
		{`{"l":[ 1, 2,3 ]}`, "l.2", `{"l":[ 1, 2 ]}`},
		{`{"l":[ 1 ]}`, "l.0", `{"l":[]}`},
		{`{"l":[{"a":1,"b":2}]}`, "/l/0/b", `{"l":[{"a":1}]}`},
		{`{"l":null}`, "l", `{}`},
	} {
		from, err := parsePath(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unsetAt([]byte(tc.doc), from); err != nil || string(got) != tc.want {
			t.Errorf("%s without %s: %s, %v; want %s", tc.doc, tc.path, got, err, tc.want)
		}
	}
	for _, path := range []string{"b", "a.b", "l.1", "l.-", "l.0.a"} {
		from, err := parsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unsetAt([]byte(`{"a":1,"l":[1]}`), from); !errors.Is(err, errNoPlace) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What is set is there, what is unset is not, and everything else is as it was.
func TestSetAndUnsetAgreeWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{"a": map[string]any{"b": []any{"x", map[string]any{"c": "y"}}}, "d": "z"}
		text := marshal(t, doc)
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			to := path{"a", "b", "c", "d", "0", "1"}
			to = path(rapid.SliceOfN(rapid.SampledFrom(to), 1, 4).Draw(t, "path"))
			value := marshal(t, rapid.SampledFrom([]any{nil, "s", map[string]any{"b": nil}, []any{"q"}}).Draw(t, "value"))
			if rapid.Bool().Draw(t, "unset") {
				if changed, err := unsetAt(text, to); err == nil {
					text = changed
				}
				continue
			}
			changed, err := setAt(text, to, value)
			if err != nil {
				continue
			}
			if !json.Valid(changed) {
				t.Fatalf("%s is no JSON", changed)
			}
			if got, err := valueAt(changed, to); err != nil || string(got) != string(value) {
				t.Fatalf("%s of %s is %s, not %s: %v", to, changed, got, value, err)
			}
			if back, err := unsetAt(changed, to); err == nil {
				if _, err := valueAt(back, to); err == nil && !inAList(back, to) {
					t.Fatalf("%s is still in %s", to, back)
				}
			}
			text = changed
		}
	})
}

func inAList(text []byte, to path) bool {
	parent, err := valueAt(text, to[:len(to)-1])
	return err == nil && parent[0] == '['
}

func marshal(t *rapid.T, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestParseValue(t *testing.T) {
	for _, tc := range []struct {
		word     string
		asString bool
		want     string
	}{
		{"true", false, "true"},
		{"true", true, `"true"`},
		{" 1e400 ", false, "1e400"},
		{`{"a": 1}`, false, `{"a": 1}`},
		{`"12"`, false, `"12"`},
		{"007", false, `"007"`},
		{"Küche \"x\"", false, `"Küche \"x\""`},
		{"", false, `""`},
		{"1 2", false, `"1 2"`},
	} {
		if got, err := parseValue(tc.word, tc.asString); err != nil || string(got) != tc.want {
			t.Errorf("%q: %s, %v; want %s", tc.word, got, err, tc.want)
		}
	}
	if _, err := parseValue("a\xff", false); exitStatus(err) != exitUsage {
		t.Errorf("text that is no UTF-8: %v", err)
	}
}
