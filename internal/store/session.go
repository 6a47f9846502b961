package store

import (
	"context"
	"encoding/json"

	"espalier.dev/espalier/internal/fleet"
)

// row is where a statement's result stands. Scan fills *int64, **int64, *int, *string, **string, *bool, **bool, *[]byte (nil for
// null), *time.Time and **time.Time, the same on both engines; what it fills is the caller's to keep.
type row interface {
	Scan(dest ...any) error
}

// request is one statement, and what is done with each row of its result. Placeholders are $1, $2, … in order of first
// use, so that SQLite numbers them alike.
type request struct {
	sql  string
	args []any
	scan func(row) error // nil: no result is expected
}

// session runs statements in one transaction. Its errors are translated already.
type session interface {
	// run runs statements in their order, in one round trip. At the first that fails, or whose scan does, it stops.
	run(ctx context.Context, requests ...request) error
}

// query is one statement as a request.
func query(sql string, scan func(row) error, args ...any) request {
	return request{sql: sql, args: args, scan: scan}
}

// statement is one statement without a result as a request.
func statement(sql string, args ...any) request { return request{sql: sql, args: args} }

// dialect is what differs between the engines in statements that are otherwise the same.
type dialect struct {
	// collate follows text that is compared by code point.
	collate string
	// position is the function that finds a text in a text.
	position string
	// time turns a timestamp column into what sorts by time.
	time func(column string) string
	// each is the function that turns a JSON array into rows with a text, value.
	each string
	// place is the column of audit that has the place of a change among the events; lastPlace reads the last that was given;
	// unplaced tells whether changes were committed that have none yet, and is empty where the id is the place.
	place, lastPlace, unplaced string
	// claim follows a select of rows that no other server works on; lock one of rows that others are to wait for.
	claim, lock string
}

// jsonList is a list as what each takes: a JSON array.
func jsonList[T int64 | fleet.MAC](list []T) string {
	text, _ := json.Marshal(list) // numbers and MAC addresses can always be written
	return string(text)
}
