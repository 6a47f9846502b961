package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTraceHasRoom divides documents as far as there is room: the values are all of the document and nothing twice, and where
// there is room for all, each is one that holds no others.
func TestTraceHasRoom(t *testing.T) {
	undivided, some := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(anyObject(t, 4, func() string { return "" }))
		all := newTrace(text, plenty).values
		needed := 0
		for _, v := range all {
			needed += len(v.Path) + blamedRest
		}
		room := rapid.IntRange(0, needed+1).Draw(t, "room")
		got, used := newTrace(text, room).values, 0
		covers := make([]int, len(all))
		for _, v := range got {
			used += len(v.Path) + blamedRest
			for i, one := range all {
				if one.Path == v.Path || strings.HasPrefix(one.Path, v.Path+"/") {
					covers[i]++
				}
			}
		}
		if used > room && len(got) > 1 || room >= needed && len(got) != len(all) || slices.Min(covers) != 1 || slices.Max(covers) != 1 {
			t.Fatalf("%s with room of %d for %d is divided into %v", text, room, needed, got)
		}
		switch {
		case len(got) == 1 && len(all) > 1:
			undivided++
		case len(got) < len(all):
			some++
		}
	})
	if undivided == 0 || some == 0 {
		t.Errorf("%d were not divided, and %d not as far as they could have been", undivided, some)
	}
}

// TestTraceSharesItsRoom: what needs little is divided whatever else needs.
func TestTraceSharesItsRoom(t *testing.T) {
	text := `{"` + strings.Repeat("k", 1000) + `":[` + strings.Repeat("1,", 1000) + `1],"wifi":{"ssid":"x","password":"y"},"l":[[1,2],[` + strings.Repeat("1,", 500) + `1]]}`
	var got []string
	for _, v := range newTrace([]byte(text), 10_000).values {
		got = append(got, strings.ReplaceAll(v.Path, "k", ""))
	}
	if want := []string{"/", "/wifi/ssid", "/wifi/password", "/l/0/0", "/l/0/1", "/l/1"}; !slices.Equal(got, want) {
		t.Errorf("divided into %v, want %v", got, want)
	}
}

// TestTraceComparesWhatIsNotDivided: such a value is the same where it is written in the same way but for white space.
func TestTraceComparesWhatIsNotDivided(t *testing.T) {
	text := `{"a":{"b":[1,"x y"],"c":{}}}`
	for older, want := range map[string]string{
		text: "open",
		" {\n\"a\" : {\"b\": [1 ,\"x y\"], \"c\":{ } } }": "open",
		`{"z":1,"a":{"b":[1,"x y"],"c":{}}}`:              "open",
		`{"a":{"b":[1.0,"x y"],"c":{}}}`:                  "given",
		`{"a":{"b":[1,"xy"],"c":{}}}`:                     "given",
		`{"a":{"b":[1,"x y"],"c":{},"d":1}}`:              "given",
		`{"a":{}}`:                                        "given",
		`{"a":1}`:                                         "given",
		`{}`:                                              "given",
		`{"a":{"b":[1,"x y"],"c":{}}`:                     "given",
		`{"a":{"b":[1,"x y"],"c":{}}} x`:                  "given",
		`{"a":{"b":[1,"x y"],"c":{}},"a":1}`:              "given",
		``:                                                "given",
		`[]`:                                              "given",
	} {
		tr := newTrace([]byte(text), 2*blamedRest)
		if len(tr.values) != 1 || tr.values[0].Path != "/a" {
			t.Fatalf("divided into %v", tr.values)
		}
		by := &Revision{Number: 7}
		tr.compare([]byte(older), by)
		got := "open"
		if tr.open == 0 && tr.values[0].By == by {
			got = "given"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", older, got, want)
		}
	}
}

// TestTraceOfOddNames tells names apart as documents may have them.
func TestTraceOfOddNames(t *testing.T) {
	text := `{"\ud800":1,"\u0061":3,"é":4,"":5,"\"":6}`
	for older, want := range map[string]string{
		text:                                   "[]",
		`{"a":3,"\u00e9":4,"":5,"\u0022":6}`:   "[/\uFFFD]",
		`{"\ud801":1,"a":3,"é":4,"":5,"\"":6}`: "[/\uFFFD]",
		`{"\ud800":1,"a":3,"a":3,"é":4,"":5,"\"":6}`: "[/a]",
		`{"\ud800":1,"A":3,"e":4,"\\":6}`:            "[/a /é / /\"]",
	} {
		tr, by := newTrace([]byte(text), plenty), &Revision{}
		tr.compare([]byte(older), by)
		given := []string{}
		for _, v := range tr.values {
			if v.By == by {
				given = append(given, v.Path)
			}
		}
		if got := fmt.Sprint(given); got != want || tr.open != len(tr.values)-len(given) {
			t.Errorf("%s: given anew are %s (%d open), want %s", older, got, tr.open, want)
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}],"c":""}`), []byte(`{"a":[1.0],"c":"","d":{}}`))
	f.Add([]byte(`{"a":[1,2]}`), []byte(`{"a":[1,2],"a":`))
	f.Fuzz(func(t *testing.T, text, older []byte) {
		tr, by := newTrace(text, 1000), &Revision{}
		tr.compare(text, by)
		if tr.open != len(tr.values) {
			t.Fatalf("%q is not the same as itself", text)
		}
		tr.compare(older, by)
		given := 0
		for _, v := range tr.values {
			if v.By != nil {
				given++
			}
		}
		if given+tr.open != len(tr.values) {
			t.Fatalf("%d given and %d open of %d", given, tr.open, len(tr.values))
		}
		if tr.settle(by); tr.open != 0 {
			t.Fatal("what is settled is open")
		}
	})
}
