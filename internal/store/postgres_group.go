package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"espalier.dev/espalier/internal/fleet"
)

const (
	// mostGroups is how many groups of changes are under way at once, each on a connection.
	mostGroups = 4
	// mostGrouped is how many changes share a transaction at most.
	mostGrouped = 32
)

// groups sends changes that wait together as one transaction, in one round trip. A change that waits for nobody goes at
// once, alone.
type groups struct {
	send func(context.Context, []*grouped)

	mu      sync.Mutex
	waiting []*grouped
	active  int
}

// grouped is one caller's change.
type grouped struct {
	change  fleet.Change
	begun   atomic.Bool // by its group, or left by the caller: whoever is first
	applied fleet.Applied
	err     error
	done    chan struct{}
}

// apply waits for the commit of a change. A caller whose ctx ends before its group is sent leaves; then it is told how
// it went.
func (g *groups) apply(ctx context.Context, c fleet.Change) (fleet.Applied, error) {
	if err := ctx.Err(); err != nil {
		return fleet.Applied{}, err
	}
	own := &grouped{change: c, done: make(chan struct{})}
	g.mu.Lock()
	if g.active == 0 { // nobody to wait for, and no other goroutine to wake
		g.active++
		g.mu.Unlock()
		g.sendAlone(ctx, own)
		return own.applied, own.err
	}
	g.waiting = append(g.waiting, own)
	if g.active < mostGroups {
		g.active++
		go g.drain()
	}
	g.mu.Unlock()
	select {
	case <-own.done:
	case <-ctx.Done():
		if own.begun.CompareAndSwap(false, true) {
			return fleet.Applied{}, ctx.Err()
		}
		<-own.done
	}
	return own.applied, own.err
}

// sendAlone sends a change from its caller's goroutine, and has sent what came to wait meanwhile.
func (g *groups) sendAlone(ctx context.Context, own *grouped) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	g.send(ctx, []*grouped{own})
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) > 0 {
		go g.drain()
	} else {
		g.active--
	}
}

// drain sends groups until nobody waits.
func (g *groups) drain() {
	for {
		group := g.next()
		if group == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		g.send(ctx, group)
		cancel()
		for _, one := range group {
			close(one.done)
		}
	}
}

// next is a group in the order in which all lock rows, or nil where this one is not needed any more.
func (g *groups) next() []*grouped {
	g.mu.Lock()
	defer g.mu.Unlock()
	var group []*grouped
	taken := 0
	for _, one := range g.waiting {
		if len(group) == mostGrouped {
			break
		}
		if taken++; one.begun.CompareAndSwap(false, true) {
			group = append(group, one)
		}
	}
	g.waiting = slices.Delete(g.waiting, 0, taken)
	if group == nil {
		g.active--
		return nil
	}
	slices.SortStableFunc(group, func(a, b *grouped) int {
		return cmp.Or(cmp.Compare(a.change.ID, b.change.ID), bytes.Compare(a.change.MAC[:], b.change.MAC[:]))
	})
	return group
}

// applyGroup makes changes in one transaction; where that fails but surely kept nothing, each in one of its own.
func (e *postgresEngine) applyGroup(ctx context.Context, group []*grouped) {
	if len(group) > 1 {
		requests := make([]request, len(group))
		outcomes := make([]outcome, len(group))
		for i, one := range group {
			requests[i] = e.changeRequest(one.change, &outcomes[i])
		}
		err := pgSession{e.pool}.pipeline(ctx, requests)
		if err == nil || !refused(err) {
			for i, one := range group {
				if one.applied, one.err = outcomes[i].applied, outcomes[i].err; err != nil {
					one.err = late(e.finish(ctx, err))
				}
			}
			return
		}
	}
	for _, one := range group {
		one.applied, one.err = e.applyAlone(ctx, one.change)
		one.err = late(one.err)
	}
}

// late gives the end of our own patience with the database its code: the caller's may not have ended.
func late(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && fleet.CodeOf(err) == fleet.CodeInternal {
		return fleet.Unavailable(err)
	}
	return err
}
