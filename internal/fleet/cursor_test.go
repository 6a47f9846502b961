package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{ID: rapid.Int64Min(1).Draw(t, "id"), Revision: rapid.Int64Min(1).Draw(t, "revision"),
			CreatedAt: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "created")).UTC()}
		if rapid.Bool().Draw(t, "named") {
			name, ota := rapid.StringMatching(`[^\x00]{0,20}`).Draw(t, "name"), rapid.Bool().Draw(t, "ota")
			c.DeviceName, c.DeviceEntityID, c.EnableOTA = &name, &name, &ota
		}
		q := Query{Sort: rapid.SampledFrom(Columns).Draw(t, "sort"), Descending: rapid.Bool().Draw(t, "descending"),
			Search: rapid.String().Draw(t, "search")}
		want := c.Position(q.Sort)
		got, err := decodeCursor(q, encodeCursor(q, want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Fatal(diff)
		}
		other := q
		other.Descending = !q.Descending
		if _, err := decodeCursor(other, encodeCursor(q, want)); CodeOf(err) != CodeValidationFailed {
			t.Fatalf("a cursor of another list was taken: %v", err)
		}
	})
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add("")
	f.Add(encodeCursor(Query{Sort: ByMAC}, Position{Value: "aa:bb:cc:dd:ee:ff", ID: 3}))
	f.Add("eyJzIjoibWFjX2FkZHJlc3MifQ")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := decodeCursor(Query{Sort: ByMAC}, text); err != nil && CodeOf(err) != CodeValidationFailed {
			t.Fatalf("code %s", CodeOf(err))
		}
	})
}

func TestCheckQuery(t *testing.T) {
	got, err := checkQuery(Query{})
	if diff := cmp.Diff(Query{Sort: ByMAC, Limit: DefaultPage}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for name, q := range map[string]Query{
		"sort": {Sort: "content"}, "negative limit": {Limit: -1}, "large limit": {Limit: MaxPage + 1},
		"bad UTF-8": {Search: "\xff"}, "NUL": {Search: "a\x00b"},
	} {
		if _, err := checkQuery(q); CodeOf(err) != CodeValidationFailed {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
