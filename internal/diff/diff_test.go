package diff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func compare(t interface{ Fatalf(string, ...any) }, older, newer string) Diff {
	d, err := Compare(Text{"revision 3", []byte(older)}, Text{"revision 4", []byte(newer)})
	if err != nil {
		t.Fatalf("%s, %s: %v", older, newer, err)
	}
	return d
}

func TestPatch(t *testing.T) {
	for _, c := range []struct{ name, older, newer, want string }{
		{"the same", `{"a":1}`, `{"a":1}`, `[]`},
		{"white space", `{"a":1,"b":"\u0061"}`, "{\n \"b\": \"a\", \"a\": 1 }", `[]`},
		{"each operation", `{"a":1,"b":2,"c":{"d":null}}`, `{"b":3,"c":{"d":null,"e":null}}`,
			`[{"op":"remove","path":"/a"},{"op":"replace","path":"/b","value":3},{"op":"add","path":"/c/e","value":null}]`},
		{"numbers as written", `{"a":1,"b":1e400,"c":12345678901234567890,"d":0.10}`, `{"a":1.0,"b":1e401,"c":12345678901234567891,"d":0.10}`,
			`[{"op":"replace","path":"/a","value":1.0},{"op":"replace","path":"/b","value":1e401},{"op":"replace","path":"/c","value":12345678901234567891}]`},
		{"odd keys", `{"a/b":1,"m~n":1,"":1," é":1}`, `{"a/b":2,"m~n":2,"":2," é":2}`,
			`[{"op":"replace","path":"/","value":2},{"op":"replace","path":"/ é","value":2},{"op":"replace","path":"/a~1b","value":2},{"op":"replace","path":"/m~0n","value":2}]`},
		{"an element in front", `{"a":[{"x":1},{"x":2}]}`, `{"a":[{"x":0},{"x":1},{"x":2}]}`, `[{"op":"add","path":"/a/0","value":{"x":0}}]`},
		{"an element less", `{"a":[1,2,3]}`, `{"a":[1,3]}`, `[{"op":"remove","path":"/a/1"}]`},
		{"another type", `{"a":[1]}`, `{"a":{"0":1}}`, `[{"op":"replace","path":"/a","value":{"0":1}}]`},
		{"text of HTML", `{}`, `{"a":"<&>"}`, `[{"op":"add","path":"/a","value":"<&>"}]`},
		{"none before", ``, " {\"b\": 1e400, \"a\": [ ]}", `[{"op":"add","path":"","value":{"b":1e400,"a":[]}}]`},
		{"none any more", `{"a":1}`, ``, `[{"op":"replace","path":"","value":null}]`},
		{"none at all", ``, ``, `[]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(compare(t, c.older, c.newer).Patch)
			if err != nil {
				t.Fatal(err)
			}
			got = []byte(strings.NewReplacer(`\u003c`, `<`, `\u003e`, `>`, `\u0026`, `&`).Replace(string(got)))
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnified(t *testing.T) {
	for _, c := range []struct {
		name, older, newer string
		of                 Of
		want               string
	}{
		{"stored", "{\n\t\"a\": 1,\n\t\"b\": 1.0\n}\n", "{\n\t\"a\": 1,\n\t\"b\": 1.50\n}\n", Stored,
			"--- revision 3\n+++ revision 4\n@@ -1,4 +1,4 @@\n {\n \t\"a\": 1,\n-\t\"b\": 1.0\n+\t\"b\": 1.50\n }\n"},
		{"one is on one line", "{\n\t\"a\": 1,\n\t\"b\": \"\\u00e4\"\n}\n", `{"a":1,"b":"ä"}`, Indented,
			"--- revision 3\n+++ revision 4\n@@ -1,4 +1,4 @@\n {\n   \"a\": 1,\n-  \"b\": \"\\u00e4\"\n+  \"b\": \"ä\"\n }\n"},
		{"another line break", "{\n  \"a\": 1e400\n}\n", "{\r\n  \"a\": 1e400,\r\n  \"b\": 2\r\n}\r\n", Indented,
			"--- revision 3\n+++ revision 4\n@@ -1,3 +1,4 @@\n {\n-  \"a\": 1e400\n+  \"a\": 1e400,\n+  \"b\": 2\n }\n"},
		{"white space only", `{"a":1}`, "{ \"a\": 1 }", Stored,
			"--- revision 3\n+++ revision 4\n@@ -1,1 +1,1 @@\n-{\"a\":1}\n\\ No newline at end of file\n+{ \"a\": 1 }\n\\ No newline at end of file\n"},
		{"the same", `{"a":1}`, `{"a":1}`, Stored, ""},
		{"none before", ``, "{\n  \"a\": 1\n}\n", Stored, "--- /dev/null\n+++ revision 4\n@@ -0,0 +1,3 @@\n+{\n+  \"a\": 1\n+}\n"},
		{"none any more", `{"a":1}`, ``, Indented, "--- revision 3\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-{\n-  \"a\": 1\n-}\n"},
		{"nothing in it before", "{}\n", "{\n  \"a\": 1\n}\n", Stored, "--- revision 3\n+++ revision 4\n@@ -1,1 +1,3 @@\n-{}\n+{\n+  \"a\": 1\n+}\n"},
		{"none at all", ``, ``, Stored, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := compare(t, c.older, c.newer)
			if diff := cmp.Diff(c.want, got.Unified); diff != "" || got.UnifiedOf != c.of {
				t.Errorf("of %s: %s", got.UnifiedOf, diff)
			}
		})
	}
}

func TestNotJSON(t *testing.T) {
	const secret = "s3cr3t"
	for _, bad := range []string{secret, `{"a":"` + secret, `{"a":1} ` + secret} {
		for _, pair := range [][2]string{{bad, `{"a":1}`}, {`{"a":1}`, bad}, {bad, ""}, {"", bad}} {
			d, err := Compare(Text{"revision 3", []byte(pair[0])}, Text{"revision 4", []byte(pair[1])})
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%q: error %v", pair, err)
			}
			if d.Patch != nil || d.UnifiedOf != Stored || !strings.Contains(d.Unified, secret) {
				t.Errorf("%q: got %+v", pair, d)
			}
		}
	}
}

// anyValue draws a value whose members and elements repeat often.
func anyValue(t *rapid.T, depth int) string {
	kinds := []string{"leaf", "object", "array", "array"}
	if depth == 0 {
		kinds = kinds[:1]
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "object":
		return anyObject(t, depth)
	case "array":
		var elements []string
		for range rapid.IntRange(0, 5).Draw(t, "elements") {
			elements = append(elements, anyValue(t, depth-1))
		}
		return "[" + strings.Join(elements, ", ") + "]"
	}
	return rapid.SampledFrom([]string{"null", "true", "1", "1.0", "1e400", "12345678901234567890", `"a"`, `"\u00e4<"`, `{}`, `[]`}).Draw(t, "leaf")
}

func anyObject(t *rapid.T, depth int) string {
	keys := rapid.Permutation([]string{"a", "b/c", "d~e", "~1", "", "0", "-"}).Draw(t, "keys")
	var members []string
	for _, key := range keys[:rapid.IntRange(0, 4).Draw(t, "members")] {
		members = append(members, fmt.Sprintf("%q: %s", key, anyValue(t, depth-1)))
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// checkDiff holds a comparison against what is promised of it: its patch makes one document of the other, and its
// unified diff one text of the other.
func checkDiff(t interface{ Fatalf(string, ...any) }, older, newer string) {
	d := compare(t, older, newer)
	before, _ := decode(Text{JSON: []byte(older)})
	after, _ := decode(Text{JSON: []byte(newer)})
	if got, err := apply(before, d.Patch); err != nil || render(got) != render(after) {
		t.Fatalf("%s, %s: the patch %+v makes %s, %v", older, newer, d.Patch, render(got), err)
	}
	back := compare(t, newer, older)
	before, _ = decode(Text{JSON: []byte(older)})
	if extentOf(before).depth <= maxDepth && (render(before) == render(after)) != (len(d.Patch) == 0) || (len(back.Patch) == 0) != (len(d.Patch) == 0) {
		t.Fatalf("%s, %s: %d operations, and %d back", older, newer, len(d.Patch), len(back.Patch))
	}
	from, to := older, newer
	if d.UnifiedOf == Indented {
		from, to = string(indented([]byte(older))), string(indented([]byte(newer)))
	}
	if got := applyUnified(t, from, d.Unified); got != to {
		t.Fatalf("the diff\n%s\nmakes of\n%s\nthis:\n%s", d.Unified, from, got)
	}
	if (older == newer) != (d.Unified == "") {
		t.Fatalf("%q, %q: the diff is %q", older, newer, d.Unified)
	}
}

// applyUnified makes the newer text of the older one.
func applyUnified(t interface{ Fatalf(string, ...any) }, text, diff string) string {
	if diff == "" {
		return text
	}
	old := strings.SplitAfter(text, "\n")
	var out strings.Builder
	at, last := 0, byte(0)
	for i, line := range strings.SplitAfter(diff, "\n") {
		switch {
		case i < 2 || line == "":
			continue
		case strings.HasPrefix(line, "@@"):
			var from, count int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d", &from, &count); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			for ; at < from-1; at++ {
				out.WriteString(old[at])
			}
			continue
		case line[0] == '\\':
			if last != '-' {
				kept := strings.TrimSuffix(out.String(), "\n")
				out.Reset()
				out.WriteString(kept)
			}
			continue
		case line[0] == ' ' || line[0] == '-':
			if strings.TrimSuffix(old[at], "\n") != strings.TrimSuffix(line[1:], "\n") {
				t.Fatalf("line %d is %q, and the diff says %q", at+1, old[at], line)
			}
			at++
		}
		if line[0] != '-' {
			out.WriteString(line[1:])
		}
		last = line[0]
	}
	for ; at < len(old); at++ {
		out.WriteString(old[at])
	}
	return out.String()
}

func TestCompareAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		older := anyObject(t, 4)
		newer := anyObject(t, 4)
		if rapid.Bool().Draw(t, "older multi-line") {
			older = string(indented([]byte(older)))
		}
		if rapid.Bool().Draw(t, "newer multi-line") {
			newer = string(indented([]byte(newer)))
		}
		checkDiff(t, older, newer)
		checkDiff(t, older, older)
	})
}

func FuzzCompare(f *testing.F) {
	f.Add(`{"a":[1,2,{"b":null}]}`, "{\n  \"a\": [2, 1]\n}\n")
	f.Add(`{"a/b":{"~":1e400}}`, `{"a/b":{"~":1.0},"":[[],{}]}`)
	f.Add("{\r\n\"a\":1}", "{\n\"a\":1}\n")
	f.Fuzz(func(t *testing.T, older, newer string) {
		if json.Valid([]byte(older)) && json.Valid([]byte(newer)) {
			checkDiff(t, older, newer)
		} else if _, err := Compare(Text{"a", []byte(older)}, Text{"b", []byte(newer)}); err == nil && older != "" && newer != "" {
			t.Fatalf("%q, %q: no error", older, newer)
		}
	})
}

// TestLargeDocuments has the comparisons that take a naive algorithm minutes, or gigabytes.
func TestLargeDocuments(t *testing.T) {
	const size = 128 << 10
	repeat := func(of func(i int) string, between string) string {
		var b strings.Builder
		b.WriteString(of(0))
		for i := 1; b.Len() < size-64; i++ {
			b.WriteString(between + of(i))
		}
		return b.String()
	}
	numbers := func(add int) string {
		return `{"a":[` + repeat(func(i int) string { return fmt.Sprint((i*7 + add) % 10) }, ",") + `]}`
	}
	lines := func(add int) string {
		return "{\n\"a\":[\n" + repeat(func(i int) string { return fmt.Sprint((i*i + add) % 7) }, ",\n") + "]}\n"
	}
	members := func(add int) string {
		return "{\n" + repeat(func(i int) string { return fmt.Sprintf(`"k%d":{"x":%d}`, i, i*add) }, ",\n") + "\n}\n"
	}
	deep := func(leaf string) string {
		return `{"a":` + strings.Repeat(`[`, 60) + repeat(func(int) string { return leaf }, ",") + strings.Repeat(`]`, 60) + `}`
	}
	wrap := func(inner string) string {
		return strings.Repeat(`{"`+strings.Repeat("/~", 750)+`":`, 40) + inner + strings.Repeat("}", 40)
	}
	around := func(leaf int) string {
		members := repeat(func(i int) string { return fmt.Sprintf(`"%d":%d`, i, leaf) }, ",")
		return wrap("{" + members[:strings.LastIndexByte(members[:size/2], ',')] + "}")
	}
	aroundArray := func(leaf int) string {
		return wrap("[" + strings.Repeat(fmt.Sprintf(`{"x":%d},`, leaf), size/20) + "0]")
	}
	for _, c := range []struct{ name, older, newer string }{
		{"numbers", numbers(0), numbers(3)},
		{"lines that all occur often", lines(0), lines(3)},
		{"members", members(1), members(2)},
		{"nothing in common", members(1), strings.ReplaceAll(members(1), "k", "q")},
		{"deep", deep("1"), deep("2")},
		{"deep, and the last differs", deep(`"x"`), strings.Replace(deep(`"x"`), `"x"]`, `"y"]`, 1)},
		{"nested as deep as another program may have", `{"a":` + strings.Repeat("[", 9900) + "1" + strings.Repeat("]", 9900) + "}",
			`{"a":` + strings.Repeat("[", 9900) + "2" + strings.Repeat("]", 9900) + "}"},
		{"long keys around many members", around(1), around(2)},
		{"long keys around many elements", aroundArray(1), aroundArray(2)},
		{"one line", `{"a":"` + strings.Repeat("x", size-10) + `"}`, `{"a":"` + strings.Repeat("y", size-10) + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			d := compare(t, c.older, c.newer)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %s", took)
			} else {
				t.Logf("%s, %d operations, %d bytes unified", took, len(d.Patch), len(d.Unified))
			}
			if len(d.Patch) == 0 || len(d.Patch) > maxOperations {
				t.Errorf("%d operations", len(d.Patch))
			}
			if paths := pathBytes(d.Patch); paths > maxPaths {
				t.Errorf("the paths have %d bytes", paths)
			}
			if len(d.Unified) > 2*maxIndented {
				t.Errorf("the unified diff has %d bytes", len(d.Unified))
			}
			checkDiff(t, c.older, c.newer)
		})
	}
}

func pathBytes(patch []Operation) (sum int) {
	for _, op := range patch {
		sum += len(op.Path)
	}
	return sum
}

// TestPathsOf holds the bound on paths against what patches have: never more, and nothing where nothing differs, or a small
// change to a large document would be told as a new document.
func TestPathsOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		older, newer := anyObject(t, 4), anyObject(t, 4)
		a, _ := decode(Text{JSON: []byte(older)})
		b, _ := decode(Text{JSON: []byte(newer)})
		if got, most := pathBytes(compare(t, older, newer).Patch), pathsOf(a, b, 0); got > most {
			t.Fatalf("%s, %s: the paths have %d bytes, and %d were the most", older, newer, got, most)
		}
		if n := pathsOf(a, a, 0); n != 0 {
			t.Fatalf("%s and itself: %d", older, n)
		}
	})
	long := strings.Repeat("k", 2000)
	deep := func(leaf int) string {
		return strings.Repeat(`{"`+long+`":`, 40) + `{` + fmt.Sprintf(`"one":%d,"all":[%s0]`, leaf, strings.Repeat("1,", 20000)) + `}` + strings.Repeat("}", 40)
	}
	if d := compare(t, deep(1), deep(2)); len(d.Patch) != 1 || d.Patch[0].Path == "" {
		t.Errorf("one number changed, and the patch has %d operations, the first at %.20q", len(d.Patch), d.Patch[0].Path)
	}
}
