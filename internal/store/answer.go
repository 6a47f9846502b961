package store

import (
	"context"
	"time"
)

// Answer implements fleet.Tx. The row is the lock: whoever comes with the same key waits for the transaction that has put it
// there, and then finds it, or takes its place.
func (t *tx) Answer(ctx context.Context, key string, fingerprint [32]byte, at time.Time) (answer []byte, first [32]byte, kept bool, err error) {
	const take = `INSERT INTO answers (key, fingerprint, at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING`
	const find = `SELECT fingerprint, answer FROM answers WHERE key = $1 AND answer IS NOT NULL`
	err = t.run(ctx, statement(take, key, fingerprint[:], at.UTC()), query(find, func(r row) error {
		kept = true
		var print []byte
		err := r.Scan(&print, &answer)
		copy(first[:], print)
		return err
	}, key))
	return answer, first, kept, err
}

// KeepAnswer implements fleet.Tx.
func (t *tx) KeepAnswer(ctx context.Context, key string, answer []byte) error {
	if answer == nil {
		answer = []byte{}
	}
	return t.run(ctx, statement(`UPDATE answers SET answer = $1 WHERE key = $2`, answer, key))
}
