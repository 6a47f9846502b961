package store

import (
	"context"
	"errors"

	"espalier.dev/espalier/internal/fleet"
	"zombiezen.com/go/sqlite"
)

// sqliteError gives an error of the engine its code, by its result code.
func sqliteError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*fleet.Error](err); ok {
		return err
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultCantOpen,
		sqlite.ResultNoMem, sqlite.ResultReadOnly, sqlite.ResultCorrupt, sqlite.ResultNotADB, sqlite.ResultProtocol,
		sqlite.ResultPerm, sqlite.ResultAuth, sqlite.ResultInterrupt:
		return fleet.Unavailable(err)
	}
	return fleet.Internal(err)
}
