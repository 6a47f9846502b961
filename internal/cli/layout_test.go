package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLayOut(t *testing.T) {
	for _, tc := range []struct{ name, text, lines string }{
		{"compact", `{"a":1.0,"b":[1,{}]}`, "{\n  \"a\": 1.0,\n  \"b\": [\n    1,\n    {}\n  ]\n}\n"},
		{"as Python writes it", `{"a": "\u00fc/", "b": 1e400}` + "\n", "{\n  \"a\": \"\\u00fc/\",\n  \"b\": 1e400\n}\n"},
		{"with a colon apart", "\t{\"a\": 1,\"b\": 2} \r\n", "{\n  \"a\": 1,\n  \"b\": 2\n}\n"},
		{"on one line in a way of its own", `{ "a":1, "b" : 2 }`, `{ "a":1, "b" : 2 }` + "\n"},
		{"in lines", "{\n\t\"a\":1 }", "{\n\t\"a\":1 }\n"},
		{"in lines that end", "{\r\n\"a\":1 }\n", "{\r\n\"a\":1 }\n"},
		{"empty", "{}", "{}\n"},
	} {
		s := layOut([]byte(tc.text))
		if string(s.lines) != tc.lines {
			t.Errorf("%s is laid out\n%q, want\n%q", tc.name, s.lines, tc.lines)
		}
		if back := s.fold(s.lines); string(back) != tc.text {
			t.Errorf("%s comes back as %q", tc.name, back)
		}
	}
	s := layOut([]byte(`{"a": 1, "b": 2}`))
	if got := s.fold([]byte("{\n  \"a\": 1.50,\n\"c\":[1,2]\n}\n\n")); string(got) != `{"a": 1.50, "c": [1, 2]}` {
		t.Errorf("what was edited is saved as %s", got)
	}
}

func TestEveryDocumentComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOf(rapid.String(), rapid.SampledFrom([]any{1, "x", nil, []any{1, "a b"}, map[string]any{"k": ", : "}})).Draw(t, "value")
		compact, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		space := func(name string) string {
			return strings.Repeat(rapid.SampledFrom([]string{" ", "\n", "\t"}).Draw(t, name), rapid.IntRange(0, 2).Draw(t, name+" times"))
		}
		text := space("before") + string(compact) + space("after")
		if s := layOut([]byte(text)); string(s.fold(s.lines)) != text {
			t.Fatalf("%q is laid out %q and comes back as %q", text, s.lines, s.fold(s.lines))
		}
	})
}
