package store_test

import (
	"context"
	"testing"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

func TestContents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		made := storetest.Create(t, s, storetest.MAC(1), `{"n":1}`)
		storetest.Save(t, s, made.ID, `{"n":2}`)
		storetest.Save(t, s, made.ID, " {\"n\":1e400}\r\n")
		storetest.Delete(t, s, made.ID)
		storetest.Create(t, s, storetest.MAC(1), `{}`)
		storetest.Create(t, s, storetest.MAC(2), `{"other":1}`)
		for _, tc := range []struct {
			first, last int64
			want        map[int64][]byte
		}{
			{1, 5, map[int64][]byte{1: []byte(`{"n":1}`), 2: []byte(`{"n":2}`), 3: []byte(" {\"n\":1e400}\r\n"), 4: nil, 5: []byte(`{}`)}},
			{3, 4, map[int64][]byte{3: []byte(" {\"n\":1e400}\r\n"), 4: nil}},
			{2, 2, map[int64][]byte{2: []byte(`{"n":2}`)}},
			{5, 9, map[int64][]byte{5: []byte(`{}`)}},
			{6, 9, map[int64][]byte{}},
			{3, 2, map[int64][]byte{}},
		} {
			got, err := view(s, func(ctx context.Context, tx fleet.ReadTx) (map[int64][]byte, error) {
				return tx.Contents(ctx, made.MAC, tc.first, tc.last)
			})
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%d to %d (-want +got) %v:\n%s", tc.first, tc.last, err, diff)
			}
		}
	})
}
