package store

import (
	"context"
	"errors"
	"fmt"

	"espalier.dev/espalier/internal/fleet"
)

// ErrLocked is in the chain of Open's error where another server has the SQLite file. The message says which.
var ErrLocked = errors.New("the database is in use")

// ErrNewerSchema is in the chain of the error where a newer program has migrated the database.
var ErrNewerSchema = errors.New("the database is of a newer program")

var (
	errClosed   = errors.New("the store is closed")
	errNoSchema = errors.New("the database has not been migrated: run `espalier db upgrade`, or `espalier serve`, which does it")
)

func newerSchema(have, want int64) error {
	return fmt.Errorf("%w: its schema has version %d, and this one knows versions up to %d; run the newer program, or restore a backup from before the upgrade",
		ErrNewerSchema, have, want)
}

// wrongSchema is Ping's answer where the database is there and cause says what is wrong with its schema.
func wrongSchema(cause error) error {
	return fleet.Unavailable(fmt.Errorf("%w: %w", fleet.ErrSchema, cause))
}

// finish gives an error of a transaction its last form: a domain error and the caller's own stay as they are, and
// what a canceled ctx caused is the error of ctx.
func finish(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	switch fleet.CodeOf(err) {
	case fleet.CodeInternal, fleet.CodeUnavailable:
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return err
}
