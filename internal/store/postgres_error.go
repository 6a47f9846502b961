package store

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"espalier.dev/espalier/internal/fleet"
	"github.com/jackc/pgx/v5/pgconn"
)

// The SQLSTATEs that are handled one by one (PostgreSQL, appendix A).
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	undefinedTable       = "42P01"
	readOnlyTransaction  = "25006"
	idleInTransaction    = "25P03"
	databaseMissing      = "3D000"
)

// postgresError gives an error of the server or of the way to it its code, by SQLSTATE.
func postgresError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*fleet.Error](err); ok {
		return err
	}
	if unavailable(err) {
		return fleet.Unavailable(err)
	}
	return fleet.Internal(err)
}

func unavailable(err error) bool {
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch said.Code {
		case serializationFailure, deadlockDetected, readOnlyTransaction, idleInTransaction, databaseMissing:
			return true
		}
		switch said.Code[:min(2, len(said.Code))] {
		case "08", "28", "53", "55", "57", "58": // connection, authorization, resources, locks, intervention, system
			return true
		}
		return false
	}
	return lostConnection(err)
}

// lostConnection tells whether the way to the server failed, rather than the server.
func lostConnection(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}

// passing tells whether the same may succeed when it is done again: nothing of it was kept.
func passing(err error) bool {
	said, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch said.Code {
	case serializationFailure, deadlockDetected:
		return true
	case uniqueViolation:
		// The number of a revision, or that a MAC address is free, was read before another change took it.
		return said.TableName == "revisions" || said.TableName == "configs"
	}
	return false
}

// refused tells whether the server answered that it failed, so that nothing of the transaction was kept. A server that
// is ending may say so after a commit.
func refused(err error) bool {
	_, answered := errors.AsType[*pgconn.PgError](err)
	return answered && !endedByServer(err) || notSent(err)
}

// notSent tells whether nothing reached the server, over a connection that had broken before.
func notSent(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return !connecting && pgconn.SafeToRetry(err)
}

// endedByServer tells whether the server ended the connection: 57P01 to 57P05, a shutdown or a crash.
func endedByServer(err error) bool {
	said, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(said.Code, "57P")
}
