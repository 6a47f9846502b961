package fleet

import (
	"context"
	"sync"
)

// turns has those who want the same thing of one server come one after another. The zero value is ready.
type turns struct {
	mu   sync.Mutex
	held map[int64]*turn
}

// turn is a place for one; users are who has it, and who waits for it.
type turn struct {
	place chan struct{}
	users int
}

// take waits for a turn, which release gives back. The error is that of a ctx that ends.
func (t *turns) take(ctx context.Context, id int64) (release func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[int64]*turn{}
	}
	mine := t.held[id]
	if mine == nil {
		mine = &turn{place: make(chan struct{}, 1)}
		t.held[id] = mine
	}
	mine.users++
	t.mu.Unlock()
	select {
	case mine.place <- struct{}{}:
		return func() { <-mine.place; t.leave(id, mine) }, nil
	case <-ctx.Done():
		t.leave(id, mine)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(id int64, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.users--; mine.users == 0 {
		delete(t.held, id)
	}
}
