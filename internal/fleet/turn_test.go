package fleet

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestTurns(t *testing.T) {
	var all turns
	var wg sync.WaitGroup
	const many = 50
	inside := map[int64]int{1: 0, 2: 0}
	counts := map[int64]*int{1: new(int), 2: new(int)}
	var mu sync.Mutex
	for i := range many {
		id := int64(i%2) + 1
		wg.Go(func() {
			release, err := all.take(context.Background(), id)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			mu.Lock()
			inside[id]++
			if inside[id] != 1 {
				t.Errorf("%d have turn %d", inside[id], id)
			}
			mu.Unlock()
			*counts[id]++ // the race detector sees whether somebody else is here
			mu.Lock()
			inside[id]--
			mu.Unlock()
		})
	}
	wg.Wait()
	if *counts[1] != many/2 || *counts[2] != many/2 || len(all.held) != 0 {
		t.Errorf("%d and %d had their turn, and %d turns are left", *counts[1], *counts[2], len(all.held))
	}
}

func TestTurnsThatNobodyWaitsForAnyMore(t *testing.T) {
	var all turns
	release, err := all.take(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.take(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if other, err := all.take(t.Context(), 2); err != nil {
		t.Error(err)
	} else {
		other()
	}
	release()
	if len(all.held) != 0 {
		t.Errorf("%d turns are left", len(all.held))
	}
}
