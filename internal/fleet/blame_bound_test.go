package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// long is a history of the same few documents, by their numbers.
type long struct {
	ReadTx
	size     int64
	document func(number int64) []byte
}

func (l long) revision(number int64) Revision {
	doc := l.document(number)
	return Revision{Number: number, Size: len(doc), Source: FromEdit, SHA256: [32]byte{1, byte(number), byte(number >> 8)}}
}

func (l long) Revisions(_ context.Context, _ MAC, below int64, limit int) (found []Revision, _ error) {
	if below == 0 {
		below = l.size + 1
	}
	for n := below - 1; n > 0 && len(found) < limit; n-- {
		found = append(found, l.revision(n))
	}
	return found, nil
}

func (l long) Contents(_ context.Context, _ MAC, first, last int64) (map[int64][]byte, error) {
	found, bytes := map[int64][]byte{}, 0
	for n := first; n <= last; n++ {
		found[n] = l.document(n)
		bytes += len(found[n])
	}
	if bytes > blameChunk && first != last {
		return nil, fmt.Errorf("%d bytes are read at once", bytes)
	}
	return found, nil
}

func TestBlameIsBounded(t *testing.T) {
	small := func(number int64) []byte { return fmt.Appendf(nil, `{"n":%d,"same":1}`, number%2) }
	pad := `","pad":"` + strings.Repeat("x", 128<<10-32) + `"}`
	large := func(number int64) []byte { return fmt.Appendf(nil, `{"same":1,"n":"%06d%s`, number, pad) }
	for name, tc := range map[string]struct {
		long     long
		want     []int64
		complete bool
	}{
		"as many as are looked at": {long{size: maxBlameRevisions, document: small}, []int64{maxBlameRevisions, 1}, true},
		"one more":                 {long{size: maxBlameRevisions + 1, document: small}, []int64{maxBlameRevisions + 1, 0}, false},
		"as large as is read":      {long{size: 128, document: large}, []int64{1, 128, 1}, true},
		"larger":                   {long{size: 129, document: large}, []int64{0, 129, 0}, false},
	} {
		text := tc.long.document(tc.long.size)
		b := blaming{tx: tc.long, trace: newTrace(text, maxBlamed), sum: tc.long.revision(tc.long.size).SHA256}
		complete, err := b.search(t.Context())
		var got []int64
		for _, v := range b.trace.values {
			if v.By == nil {
				v.By = &Revision{}
			}
			got = append(got, v.By.Number)
		}
		if err != nil || complete != tc.complete || !slices.Equal(got, tc.want) {
			t.Errorf("%s (%d bytes each): given by %v, complete %v, %v; want %v, %v", name, len(text), got, complete, err, tc.want, tc.complete)
		}
	}
}
