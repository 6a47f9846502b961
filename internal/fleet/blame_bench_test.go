package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store/storetest"
)

// repeated is a document of about as many bytes, with a member for each that fill gives.
func repeated(size int, fill func(i int) string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"n":0`)
	for i := 0; ; i++ {
		next := fill(i)
		if b.Len()+len(next) > size {
			break
		}
		b.WriteString("," + next)
	}
	b.WriteString("}")
	return b.Bytes()
}

// largest are documents of about 127 KiB that are as much work as can be: of each the values stay, and are open to the end.
func largest() map[string][]byte {
	const size = 127 << 10
	return map[string][]byte{
		"members": repeated(size, func(i int) string { return fmt.Sprintf(`"k%d":%d`, i, i) }),
		"lists":   repeated(size, func(i int) string { return fmt.Sprintf(`"%d":[%s1]`, i, strings.Repeat("1,", 200)) }),
		"deep": repeated(size, func(i int) string {
			return fmt.Sprintf(`"%d":%s1%s`, i, strings.Repeat("[", 60), strings.Repeat("]", 60))
		}),
		"escapes": repeated(size, func(i int) string { return fmt.Sprintf(`"\u00e4%d":"\u00e4%s"`, i, strings.Repeat(`\n`, 20)) }),
		"paths": repeated(size, func(i int) string {
			return fmt.Sprintf(`"%s%d":[%s1]`, strings.Repeat("k", 20<<10), i, strings.Repeat("1,", 10<<10))
		}),
		"dense": []byte(`{"n":0,"a":[` + strings.Repeat("1,", size/2) + `1]}`),
	}
}

// BenchmarkBlame looks back through as much as is looked at, of documents of which nothing but one number ever changes.
func BenchmarkBlame(b *testing.B) {
	documents := largest()
	documents["small"] = repeated(1600, func(i int) string { return fmt.Sprintf(`"key%d":"value %d"`, i, i) })
	for _, engine := range storetest.Engines() {
		for name, text := range documents {
			b.Run(engine+"/"+name, func(b *testing.B) {
				st := storetest.OpenMigrated(b, storetest.NewURL(b, engine))
				change := storetest.Create(b, st, storetest.MAC(1), string(text))
				revisions := min(10_000, 16<<20/len(text))
				err := st.Update(b.Context(), func(ctx context.Context, tx fleet.Tx) error {
					for n := 1; n < revisions; n++ {
						changed := storetest.Document(b, strings.Replace(string(text), `"n":0`, fmt.Sprintf(`"n":%d`, n), 1))
						if _, err := tx.Apply(ctx, fleet.Change{Kind: fleet.Save, ID: change.ID, Document: changed, Source: fleet.FromEdit, At: storetest.Epoch()}); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				s := fleet.NewService(st, fleet.Options{})
				b.ReportAllocs()
				for b.Loop() {
					found, err := s.Blame(b.Context(), change.ID)
					if err != nil || found.Values[0].By.Number != int64(revisions) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
