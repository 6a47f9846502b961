package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// clock tells the time of the database's machine, which is the one that all servers on it share. Claims, what is due and
// watermarks are times that one server writes and another compares with its own: with clocks that are minutes apart,
// each message would be sent by both, or wait for the slower.
//
// Between two looks at the database's clock the time goes on by this machine's steady clock, which nobody sets.
type clock struct {
	local func() time.Time
	known atomic.Pointer[reading] // nil: this machine's is the clock
}

// reading is one look at the database's clock.
type reading struct {
	there  time.Time // its time
	local  time.Time // this machine's, at that moment
	steady time.Time // the same with the steady clock
}

const (
	// sameTime is how far two clocks may be apart and still be taken for one.
	sameTime = 250 * time.Millisecond
	// slowAnswer is how long the database may take to say its time for that to be believed.
	slowAnswer = time.Second
)

func (c *clock) now() time.Time {
	r := c.known.Load()
	if r == nil {
		return c.local()
	}
	return r.there.Add(time.Since(r.steady))
}

// learn asks a new connection. Connections are replaced within the hour, and all when the database moves.
func (c *clock) learn(ctx context.Context, conn *pgx.Conn) error {
	steady := time.Now()
	var there time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`, pgx.QueryExecModeSimpleProtocol).Scan(&there); err != nil {
		return err
	}
	took := time.Since(steady)
	if took > slowAnswer {
		return nil
	}
	now := reading{there: there.UTC().Add(took / 2), local: c.local().Round(0), steady: time.Now()}
	if now.local.Sub(now.there).Abs() < sameTime {
		now.there = now.local
	}
	if c.known.Load() == nil || c.now().Sub(now.there).Abs() >= sameTime || c.jumped() {
		c.known.Store(&now)
	}
	return nil
}

// jumped tells whether this machine's clock and its steady one have gone apart since the last look: somebody has set the one,
// or the machine has slept, which the other does not count.
func (c *clock) jumped() bool {
	r := c.known.Load()
	return r != nil && (c.local().Round(0).Sub(r.local)-time.Since(r.steady)).Abs() >= sameTime
}

// check is asked before each use of a connection, and answers whether that is good.
func (c *clock) check(ctx context.Context, conn *pgx.Conn) (bool, error) {
	return !c.jumped() || c.learn(ctx, conn) == nil, nil
}
