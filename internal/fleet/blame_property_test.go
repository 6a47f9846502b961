package fleet_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// state is a document that a device was to have, and the one before it; nil where there was none. Its message is like no other.
type state struct {
	message string
	values  []valued
	source  fleet.Source
	before  *state
}

// valued is a value with the path of it: as a JSON Pointer, and with what kind each holder on the way is.
type valued struct{ pointer, place, text string }

// flat is every value of a document that holds no others, in order, by Go's own JSON.
func flat(t *rapid.T, text []byte) []valued {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var out []valued
	var walk func(pointer, place string)
	token := func() json.Token {
		tok, err := dec.Token()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return tok
	}
	walk = func(pointer, place string) {
		switch tok := token().(type) {
		case json.Delim:
			first := len(out)
			for i := 0; dec.More(); i++ {
				name := strconv.Itoa(i)
				if tok == '{' {
					name = token().(string)
				}
				walk(pointer+"/"+strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"), fmt.Sprintf("%s %v%q", place, tok, name))
			}
			if token(); len(out) == first {
				out = append(out, valued{pointer, place, fmt.Sprintf("%v", tok)})
			}
		default:
			out = append(out, valued{pointer, place, fmt.Sprintf("%T %v", tok, tok)})
		}
	}
	walk("", "")
	return out
}

// has tells whether a document has a value at its place.
func (s *state) has(v valued) bool { return s != nil && slices.Contains(s.values, v) }

// lives are the states of some devices, and what a service says of them.
type lives struct {
	*bundle
	macs  []fleet.MAC
	there map[fleet.MAC]*state
	ids   map[fleet.MAC]int64 // of configurations that are there, or were deleted
	steps int
}

// anyValue is a value of a document, from few, so that they come back.
func anyValue(t *rapid.T, depth int) string {
	if depth == 0 || rapid.Bool().Draw(t, "scalar") {
		return rapid.SampledFrom([]string{"1", "1.0", `"x"`, `"\u0078"`, "true", "[]", "{ }"}).Draw(t, "value")
	}
	if rapid.Bool().Draw(t, "list") {
		return "[" + anyValue(t, depth-1) + ", " + anyValue(t, depth-1) + "]"
	}
	return anyDocument(t, depth-1)
}

func anyDocument(t *rapid.T, depth int) string {
	var members []string
	for _, key := range []string{`"a"`, `"b/~"`, `"0"`, `"\u0061a"`} {
		if rapid.IntRange(0, 2).Draw(t, "member") > 0 {
			members = append(members, key+":"+anyValue(t, depth))
		}
	}
	return "{" + strings.Join(members, rapid.SampledFrom([]string{",", " ,\n"}).Draw(t, "comma")) + "}"
}

// made takes what a write made for the state of a device.
func (l *lives) made(t *rapid.T, mac fleet.MAC, c fleet.Config, err error, a fleet.Attempt, source fleet.Source, before *state) {
	if err != nil {
		t.Fatalf("%s of %s: %v", source, mac, err)
	}
	l.ids[mac] = c.ID
	if values := flat(t, c.Content); c.Revision != 0 {
		l.there[mac] = &state{message: a.Message, values: values, source: source, before: before}
	}
}

// step does one thing to one device.
func (l *lives) step(t *rapid.T) {
	ctx := t.Context()
	l.steps++
	a := fleet.Attempt{Message: fmt.Sprintf("w%d", l.steps)}
	mac := rapid.SampledFrom(l.macs).Draw(t, "device")
	now, id := l.there[mac], l.ids[mac]
	switch does := rapid.SampledFrom([]string{"patch", "patch", "patch", "update", "import", "restore", "delete", "replace", "hold", "prune"}).Draw(t, "step"); {
	case does == "prune":
		l.prune(t)
	case does == "import":
		l.load(t, mac, a)
	case now == nil && id == 0 || now == nil && does == "update":
		c, err := l.Create(ctx, mac.String(), []byte(anyDocument(t, 2)), a)
		l.made(t, mac, c, err, a, fleet.FromCreate, nil)
	case now == nil:
		c, err := l.Undelete(ctx, id, a)
		l.made(t, mac, c, err, a, fleet.FromRestore, nil)
	case does == "delete":
		if err := l.Delete(ctx, id, a); err != nil {
			t.Fatal(err)
		}
		delete(l.there, mac)
	case does == "replace":
		l.replace(t, mac, a)
	case does == "hold":
		c, err := l.Config(ctx, id)
		if err == nil {
			err = l.store.Record(ctx, []fleet.Evidence{{MAC: mac, Kind: fleet.EvidenceHeld, ETag: c.ETag, Revision: c.Revision, At: l.clock}})
		}
		if err != nil {
			t.Fatal(err)
		}
	default:
		l.save(t, does, mac, a)
	}
}

// save gives a configuration that is there another document, unless it has that already.
func (l *lives) save(t *rapid.T, does string, mac fleet.MAC, a fleet.Attempt) {
	ctx, id, now := t.Context(), l.ids[mac], l.there[mac]
	before, err := l.Config(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var c fleet.Config
	source := fleet.FromEdit
	switch does {
	case "patch":
		key := rapid.SampledFrom([]string{`"a"`, `"b/~"`, `"0"`, `"aa"`}).Draw(t, "key")
		c, err = l.Patch(ctx, id, []byte("{"+key+":"+rapid.SampledFrom([]string{anyValue(t, 2), "null"}).Draw(t, "value")+"}"), a)
	case "update":
		c, err = l.Update(ctx, id, []byte(anyDocument(t, 2)), a)
	case "restore":
		revisions := l.revisions(t, id)
		revisions = slices.DeleteFunc(revisions, fleet.Revision.Gone)
		source = fleet.FromRestore
		c, err = l.Restore(ctx, id, rapid.SampledFrom(revisions).Draw(t, "revision").Number, a)
	}
	if c.Revision == before.Revision {
		a.Message = now.message
		source, now = now.source, now.before
	}
	l.made(t, mac, c, err, a, source, now)
}

func (l *lives) load(t *rapid.T, mac fleet.MAC, a fleet.Attempt) {
	ctx, now := t.Context(), l.there[mac]
	text := []byte(anyDocument(t, 2))
	done, err := l.Import(ctx, []fleet.Item{{MAC: mac.String(), Content: text}}, fleet.ImportOptions{OnConflict: fleet.ConflictUpdate}, a)
	if err != nil || !done.Applied && done.Unchanged == 0 {
		t.Fatalf("import: %+v, %v", done, err)
	}
	if done.Unchanged > 0 {
		return
	}
	l.there[mac] = &state{message: a.Message, values: flat(t, text), source: fleet.FromImport, before: now}
	page, err := l.Configs(ctx, fleet.Query{Search: mac.String(), Limit: 1}, "")
	if err != nil || len(page.Configs) != 1 {
		t.Fatalf("%s was imported: %+v, %v", mac, page, err)
	}
	l.ids[mac] = page.Configs[0].ID
}

func (l *lives) replace(t *rapid.T, mac fleet.MAC, a fleet.Attempt) {
	to := rapid.SampledFrom(l.macs).Draw(t, "to")
	for _, other := range l.macs { // mostly where there was one before
		if l.there[other] == nil && (l.ids[other] != 0 || l.there[to] != nil) {
			to = other
		}
	}
	if l.there[to] != nil {
		return
	}
	c, err := l.ReplaceDevice(t.Context(), l.ids[mac], to.String(), a)
	before := l.there[mac]
	delete(l.there, mac)
	delete(l.ids, mac)
	l.made(t, to, c, err, a, fleet.FromReplace, before)
}

func (l *lives) prune(t *rapid.T) {
	r := fleet.Retention{Revisions: rapid.IntRange(1, 4).Draw(t, "keep")}
	for more := true; more; {
		var err error
		if _, more, err = l.store.Prune(t.Context(), r, l.clock.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *lives) revisions(t *rapid.T, id int64) []fleet.Revision {
	found, _, err := l.Revisions(t.Context(), id, 0, fleet.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// check holds what is said of every device against its states: of a value, the revision that gave it, where that and each since
// are kept, and it can be seen that the one before had something else.
func (l *lives) check(t *rapid.T) {
	for mac, now := range l.there {
		found, err := l.Blame(t.Context(), l.ids[mac])
		if err != nil || !found.Complete || found.Config.MAC != mac {
			t.Fatalf("blame of %s: %+v, %v", mac, found, err)
		}
		kept := map[string]fleet.Revision{}
		numbers := map[int64]bool{}
		for _, r := range l.revisions(t, l.ids[mac]) {
			kept[r.Message], numbers[r.Number] = r, true
		}
		var want, got []string
		for _, v := range now.values {
			want = append(want, v.pointer+" "+now.gave(v, kept, numbers))
		}
		for _, v := range found.Values {
			by := "unknown"
			if v.By != nil {
				by = v.By.Message
				if diff := cmp.Diff(kept[by], *v.By); diff != "" {
					t.Fatalf("%s is given by (-want +got):\n%s", v.Path, diff)
				}
			}
			got = append(got, v.Path+" "+by)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("blame of %s (-want +got):\n%s", mac, diff)
		}
	}
}

// gave is the message of the state that gave a value, as far as what is kept shows it.
func (s *state) gave(v valued, kept map[string]fleet.Revision, numbers map[int64]bool) string {
	moved := false
	for s.before.has(v) {
		if _, ok := kept[s.message]; !ok {
			return "unknown"
		}
		moved = moved || s.source == fleet.FromReplace
		s = s.before
	}
	mine, ok := kept[s.message]
	switch {
	case !ok:
		return "unknown"
	case s.before != nil:
		_, ok = kept[s.before.message]
	case s.source == fleet.FromCreate || mine.Number == 1:
	default: // a history without its beginning looks the same
		ok = numbers[mine.Number-1] && (!moved || mine.Restored > 0)
	}
	if !ok {
		return "unknown"
	}
	return s.message
}

func TestBlameOfAnything(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		var run atomic.Int32
		rapid.Check(t, func(t *rapid.T) {
			l := &lives{bundle: newBundle(st, fleet.Options{}), there: map[fleet.MAC]*state{}, ids: map[fleet.MAC]int64{}}
			for n := range 3 {
				l.macs = append(l.macs, storetest.MAC(int(run.Add(1))*4+n))
			}
			for range rapid.IntRange(1, 20).Draw(t, "steps") {
				l.step(t)
			}
			l.check(t)
		})
	})
}
