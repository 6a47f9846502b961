package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMergePatchAsACarefulPerson has what a merge makes of texts that people write. ¶ stands for a line break.
func TestMergePatchAsACarefulPerson(t *testing.T) {
	const lined = "{¶  \"a\": 1,¶  \"b\": {¶    \"c\": [1, 2],¶    \"d\": \"x\"¶  },¶  \"e\": true¶}¶"
	for _, c := range []struct{ name, text, patch, want string }{
		{"replace", lined, `{"a":1.50,"b":{"d":"\u00e4"}}`,
			"{¶  \"a\": 1.50,¶  \"b\": {¶    \"c\": [1, 2],¶    \"d\": \"\\u00e4\"¶  },¶  \"e\": true¶}¶"},
		{"remove the first", lined, `{"a":null}`, "{¶  \"b\": {¶    \"c\": [1, 2],¶    \"d\": \"x\"¶  },¶  \"e\": true¶}¶"},
		{"remove the middle", lined, `{"b":null}`, "{¶  \"a\": 1,¶  \"e\": true¶}¶"},
		{"remove the last", lined, `{"e":null}`, "{¶  \"a\": 1,¶  \"b\": {¶    \"c\": [1, 2],¶    \"d\": \"x\"¶  }¶}¶"},
		{"remove all", lined, `{"e":null,"a":null,"b":null}`, "{}¶"},
		{"remove all that is inside", lined, `{"b":{"c":null,"d":null}}`, "{¶  \"a\": 1,¶  \"b\": {},¶  \"e\": true¶}¶"},
		{"remove all but one", lined, `{"a":null,"b":null}`, "{¶  \"e\": true¶}¶"},
		{"remove what is not there", lined, `{"z":null,"b":{"z":{"y":null}},"a":1}`,
			"{¶  \"a\": 1,¶  \"b\": {¶    \"c\": [1, 2],¶    \"d\": \"x\",¶    \"z\": {}¶  },¶  \"e\": true¶}¶"},
		{"add", lined, `{"n":1e400,"b":{"m":"\/"}}`,
			"{¶  \"a\": 1,¶  \"b\": {¶    \"c\": [1, 2],¶    \"d\": \"x\",¶    \"m\": \"\\/\"¶  },¶  \"e\": true,¶  \"n\": 1e400¶}¶"},
		{"add what nests", lined, `{"n":{"z":{"y":[1,2],"x":null},"a":[{"b":[]}]}}`,
			strings.Replace(lined, "true¶}", "true,¶  \"n\": {¶    \"z\": {¶      \"y\": [1, 2]¶    },¶    \"a\": [{¶@¶}]¶  }¶}", 1)},
		{"remove the last and add", lined, `{"e":null,"n":2}`, "{¶  \"a\": 1,¶  \"b\": {¶    \"c\": [1, 2],¶    \"d\": \"x\"¶  },¶  \"n\": 2¶}¶"},
		{"remove all and add", lined, `{"a":null,"b":null,"e":null,"n":2,"m":{"k":3}}`, "{¶  \"n\": 2,¶  \"m\": {¶    \"k\": 3¶  }¶}¶"},
		{"into an empty object", "{¶  \"a\": {},¶  \"b\": [1,2]¶}", `{"a":{"c":{"d":1}}}`, "{¶  \"a\": {¶    \"c\": {¶      \"d\": 1¶    }¶  },¶  \"b\": [1,2]¶}"},
		{"an object for a scalar", "{¶  \"a\": 5,¶  \"b\": {\"x\": 1, \"y\": 2}¶}", `{"a":{"c":1,"d":[ 1,2 ]}}`,
			"{¶  \"a\": {\"c\": 1, \"d\": [1, 2]},¶  \"b\": {\"x\": 1, \"y\": 2}¶}"},
		{"an array for an array on lines", "{¶  \"a\": [¶    1,¶    2¶  ],¶  \"b\": [1],¶  \"c\": [2]¶}", `{"a":[3,[4]],"b":[2,3]}`,
			"{¶  \"a\": [¶    3,¶    [4]¶  ],¶  \"b\": [2, 3],¶  \"c\": [2]¶}"},

		{"an array for an array that hangs", "{\"a\": [¶   1,¶   2¶ ],¶ \"b\": 3}", `{"a":[4]}`, "{\"a\": [¶   4¶ ],¶ \"b\": 3}"},

		{"minified", `{"a":1,"b":{"c":2,"d":3},"e":[]}`, "{¶ \"a\": null, \"b\": {\"c\": null, \"f\": {\"g\": 1, \"h\": [1, 2]}}, \"i\": 5}",
			`{"b":{"d":3,"f":{"g":1,"h":[1,2]}},"e":[],"i":5}`},
		{"minified, the last", `{"a":1,"b":2}`, `{"b":null}`, `{"a":1}`},
		{"minified, the only one", `{"a":1}`, `{"a":null}`, `{}`},
		{"minified, the middle", `{"a":1,"b":2,"c":3}`, `{"b":null}`, `{"a":1,"c":3}`},
		{"on one line", `{"a": 1, "b": 2, "c": 3}`, `{"a":null,"d":{"e":[1,2]}}`, `{"b": 2, "c": 3, "d": {"e": [1, 2]}}`},
		{"on one line, the last", `{"a": 1, "b": 2}`, `{"b":null}`, `{"a": 1}`},
		{"one member on one line", `{"a": 1}`, `{"b":2}`, `{"a": 1, "b": 2}`},
		{"one member, the comma seen elsewhere", `{"a":{"b":1},"c":[1, 2, 3]}`, `{"a":{"d":2}}`, `{"a":{"b":1, "d":2},"c":[1, 2, 3]}`},
		{"padded", `{ "a": 1, "b": 2 }`, `{"a":null,"c":{"d":3},"e":{}}`, `{ "b": 2, "c": { "d": 3 }, "e": {} }`},
		{"padded, all anew", `{ "a": 1 }`, `{"a":null,"b":2}`, `{ "b": 2 }`},
		{"spaces before colons", `{"a" : 1, "b" : 2}`, `{"c":3}`, `{"a" : 1, "b" : 2, "c" : 3}`},

		{"tabs", "{¶\t\"a\":\t1,¶\t\"b\":\t{¶\t\t\"c\":\t2¶\t}¶}", `{"d":{"e":1},"b":{"f":{"g":2}}}`,
			"{¶\t\"a\":\t1,¶\t\"b\":\t{¶\t\t\"c\":\t2,¶\t\t\"f\":\t{¶\t\t\t\"g\":\t2¶\t\t}¶\t},¶\t\"d\":\t{¶\t\t\"e\":\t1¶\t}¶}"},
		{"CRLF", "{\r¶    \"a\": 1,\r¶    \"b\": 2\r¶}\r¶", `{"a":null,"c":{"d":3}}`,
			"{\r¶    \"b\": 2,\r¶    \"c\": {\r¶        \"d\": 3\r¶    }\r¶}\r¶"},
		{"CR", "{\r \"a\": 1,\r \"b\": 2\r}", `{"c":{"d":3}}`, "{\r \"a\": 1,\r \"b\": 2,\r \"c\": {\r  \"d\": 3\r }\r}"},
		{"lines without indentation", "{¶\"a\":1,¶\"b\":2¶}", `{"c":{"d":3}}`, "{¶\"a\":1,¶\"b\":2,¶\"c\":{¶\"d\":3¶}¶}"},
		{"commas in front", "{¶  \"a\": 1¶, \"b\": 2¶, \"c\": 3¶}", `{"b":null,"d":4}`, "{¶  \"a\": 1¶, \"c\": 3¶, \"d\": 4¶}"},
		{"commas in front, the first and the last", "{¶  \"a\": 1¶, \"b\": 2¶, \"c\": 3¶}", `{"a":null,"c":null}`, "{¶  \"b\": 2¶}"},
		{"hanging, as the field's are", "{\"deviceName\":\"x\",\"enableOTA\":true,¶ \"mqtt\":{\"port\":1883},\"audio\":{\"volume\":0.7}}",
			`{"enableOTA":null,"audio":{"volume":0.8},"wifi":{"ssid":"s","psk":"p"}}`,
			"{\"deviceName\":\"x\",¶ \"mqtt\":{\"port\":1883},\"audio\":{\"volume\":0.8},\"wifi\":{\"ssid\":\"s\",\"psk\":\"p\"}}"},
		{"hanging, the first", "{\"a\":1,¶ \"b\":2,¶ \"c\":3}", `{"a":null}`, "{\"b\":2,¶ \"c\":3}"},
		{"what begins a line", "{¶  \"a\": 1, \"b\": 2,¶  \"c\": 3, \"d\": 4¶}", `{"c":null}`, "{¶  \"a\": 1, \"b\": 2,¶  \"d\": 4¶}"},
		{"groups, the first of one", "{¶  \"a\": 1,¶¶  \"b\": 2,¶  \"c\": 3¶}", `{"b":null}`, "{¶  \"a\": 1,¶¶  \"c\": 3¶}"},
		{"groups, one whole", "{¶  \"a\": 1,¶¶  \"b\": 2,¶¶  \"c\": 3¶}", `{"b":null}`, "{¶  \"a\": 1,¶¶  \"c\": 3¶}"},
		{"groups, a new one joins the last", "{¶  \"a\": 1,¶¶  \"b\": 2¶}", `{"c":3}`, "{¶  \"a\": 1,¶¶  \"b\": 2,¶  \"c\": 3¶}"},
		{"an empty document takes the patch's layout", " {}¶", "{¶   \"a\": {¶      \"b\": [1,2],¶      \"c\": null¶   }¶}", " {¶   \"a\": {¶      \"b\": [1,2]¶   }¶}¶"},
		{"an empty document and a minified patch", "{ }", `{"a":{"b":1},"c":null}`, `{"a":{"b":1}}`},

		{"keys by what they say", `{"\u0061": 1, "b": 2}`, `{"a":3,"\u0062":null,"\u0063":4}`, `{"\u0061": 3, "\u0063": 4}`},
		{"equal, but written otherwise", `{"a": "\u0061", "b": [ {"x":1,"y":"ä"} ], "c":1.0, "d":{"e":[]}}`, `{"a":"a","b":[{"y":"\u00e4","x":1}],"c":1.0,"d":{"e":[]}}`,
			`{"a": "\u0061", "b": [ {"x":1,"y":"ä"} ], "c":1.0, "d":{"e":[]}}`},
		{"numbers are what is written", `{"a": 1, "b": 0, "c": 1e2}`, `{"a":1.0,"b":-0,"c":100}`, `{"a": 1.0, "b": -0, "c": 100}`},
		{"lone surrogates are not all one", `{"a":"\ud800","b":"\ud800"}`, `{"a":"\ud801","b":"\ud800"}`, `{"a":"\ud801","b":"\ud800"}`},
		{"nulls within arrays stay", `{"a":1}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`},
		{"null that is there stays", "{\"a\": null, \"b\": 1}", `{"b":2}`, `{"a": null, "b": 2}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := func(s string) string { return strings.ReplaceAll(s, "¶", "\n") }
			want := strings.Replace(lines(c.want), "[{\n@\n}]", "[\n      {\n        \"b\": []\n      }\n    ]", 1)
			got, err := MergePatch([]byte(lines(c.text)), []byte(lines(c.patch)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("%s\ngot:\n%s", diff, got)
			}
			checkMergeText(t, lines(c.text), lines(c.patch))
		})
	}
}

// checkMergeText is checkMerge where encoding/json can tell whether anything was changed.
func checkMergeText(t *testing.T, text, patch string) {
	t.Helper()
	if !strings.Contains(text+patch, `\ud80`) {
		checkMerge(t, []byte(text), []byte(patch))
	}
}
