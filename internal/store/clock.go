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
type clock struct {
	local func() time.Time
	ahead atomic.Int64 // what the database's is ahead of local, in nanoseconds
}

const (
	// sameTime is how far two clocks may be apart and still be taken for one.
	sameTime = 250 * time.Millisecond
	// slowAnswer is how long the database may take to say its time for that to be believed.
	slowAnswer = time.Second
)

func (c *clock) now() time.Time { return c.local().Add(time.Duration(c.ahead.Load())) }

// learn asks a new connection. Connections are replaced within the hour, and all when the database moves.
func (c *clock) learn(ctx context.Context, conn *pgx.Conn) error {
	before := c.local()
	var there time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`, pgx.QueryExecModeSimpleProtocol).Scan(&there); err != nil {
		return err
	}
	after := c.local()
	took := after.Sub(before)
	if took > slowAnswer {
		return nil
	}
	ahead := there.Sub(before.Add(took / 2))
	if ahead.Abs() < sameTime {
		ahead = 0
	}
	c.ahead.Store(int64(ahead))
	return nil
}
