package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// pgQuerier is a pool, or a transaction.
type pgQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// pgSession runs statements in a transaction, or on a pool, which runs one statement in a transaction of its own. Its
// errors are the driver's, for transact to look at.
type pgSession struct{ pgQuerier }

// mostPipelined and mostSent bound what is under way at once: a server that waits for its answers to be read while we
// wait for it to read would wait forever.
const (
	mostPipelined = 1000
	mostSent      = 8 << 20
)

func (s pgSession) run(ctx context.Context, requests ...request) error {
	for len(requests) > 1 {
		n, bytes := 0, 0
		for n < len(requests) && n < mostPipelined && bytes < mostSent {
			for _, arg := range requests[n].args {
				bytes += sizeOf(arg)
			}
			n++
		}
		if err := s.pipeline(ctx, requests[:n]); err != nil {
			return err
		}
		requests = requests[n:]
	}
	if len(requests) == 0 {
		return nil
	}
	rows, err := s.Query(ctx, requests[0].sql, requests[0].args...)
	if err != nil {
		return err
	}
	return scanAll(rows, requests[0].scan)
}

func sizeOf(arg any) int {
	switch v := arg.(type) {
	case string:
		return len(v)
	case *string:
		if v != nil {
			return len(*v)
		}
	case []byte:
		return len(v)
	}
	return 8
}

func (s pgSession) pipeline(ctx context.Context, requests []request) error {
	batch := &pgx.Batch{}
	for _, r := range requests {
		batch.Queue(r.sql, r.args...)
	}
	results := s.SendBatch(ctx, batch)
	for _, r := range requests {
		rows, err := results.Query()
		if err == nil {
			err = scanAll(rows, r.scan)
		}
		if err != nil {
			_ = results.Close() // it answers the same error
			return err
		}
	}
	return results.Close()
}

func scanAll(rows pgx.Rows, scan func(row) error) error {
	defer rows.Close()
	for rows.Next() {
		if scan == nil {
			continue
		}
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
