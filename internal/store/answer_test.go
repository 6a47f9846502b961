package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// repeat is a write that is done once under a key, as fleet.Service does it: what a caller got, and whether it was the first.
func repeat(s *store.Store, key, request string, at time.Time, do func(ctx context.Context, tx fleet.Tx) ([]byte, error)) (answer []byte, first bool, err error) {
	print := sha256.Sum256([]byte(request))
	err = s.Update(context.Background(), func(ctx context.Context, tx fleet.Tx) error {
		got, of, kept, err := tx.Answer(ctx, key, print, at)
		if answer, first = got, !kept; err != nil || kept {
			if kept && of != print {
				return errors.New("another request")
			}
			return err
		}
		if answer, err = do(ctx, tx); err != nil {
			return err
		}
		return tx.KeepAnswer(ctx, key, answer)
	})
	return answer, first, err
}

func TestAnAnswerIsGivenAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := storetest.Epoch()
		say := func(text string) func(context.Context, fleet.Tx) ([]byte, error) {
			return func(context.Context, fleet.Tx) ([]byte, error) { return []byte(text), nil }
		}
		_, _, err := repeat(s, "key", "a", at, func(context.Context, fleet.Tx) ([]byte, error) { return nil, errOurs })
		if !errors.Is(err, errOurs) {
			t.Fatal(err)
		}
		for i, want := range []bool{true, false, false} { // what failed left the key free
			answer, first, err := repeat(s, "key", "a", at, say(fmt.Sprintf("answer %d\x00\xff", i)))
			if err != nil || first != want || !bytes.Equal(answer, []byte("answer 0\x00\xff")) {
				t.Errorf("time %d: %q, first %v, %v", i, answer, first, err)
			}
		}
		if _, _, err := repeat(s, "key", "b", at, say("")); err == nil {
			t.Error("another request got the answer of the first")
		}
		for range 2 {
			if answer, _, err := repeat(s, "empty", "a", at, say("")); err != nil || len(answer) != 0 {
				t.Errorf("an empty answer came back as %q, %v", answer, err)
			}
		}
		if answer, first, err := repeat(s, "KEY", "c", at, say("other")); err != nil || !first || string(answer) != "other" {
			t.Errorf("another key: %q, first %v, %v", answer, first, err)
		}
	})
}

func TestRepetitionsAtOnceAreDoneOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const keys, repetitions = 5, 12
		var group sync.WaitGroup
		var firsts [keys]atomic.Int64
		answers := make([][repetitions]string, keys)
		for key := range keys {
			for i := range repetitions {
				group.Go(func() {
					answer, first, err := repeat(s, fmt.Sprint("key ", key), "a", storetest.Epoch(), func(ctx context.Context, tx fleet.Tx) ([]byte, error) {
						all, err := tx.Apply(ctx, create(key, fmt.Sprintf(`{"i":%d}`, i)))
						if err != nil {
							return nil, err
						}
						return fmt.Appendf(nil, "%d by %d", all[0].Config.ID, i), nil
					})
					if err != nil {
						t.Error(err)
					}
					if first {
						firsts[key].Add(1)
					}
					answers[key][i] = string(answer)
				})
			}
		}
		group.Wait()
		for key := range keys {
			for _, answer := range answers[key] {
				if answer == "" || answer != answers[key][0] {
					t.Errorf("key %d: answers %q differ", key, answers[key])
					break
				}
			}
			if n := firsts[key].Load(); n != 1 {
				t.Errorf("key %d was done %d times", key, n)
			}
			wantHistoryLength(t, s, storetest.MAC(key), 1)
		}
	})
}
