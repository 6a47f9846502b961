package store

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
)

// sqliteTime is how SQLite keeps a time: in UTC, so that text order is the order in time.
const sqliteTime = "2006-01-02 15:04:05.000000"

// sqliteSession runs statements on a connection, which prepares each text once.
type sqliteSession struct{ conn *sqlite.Conn }

func (s sqliteSession) run(ctx context.Context, requests ...request) error {
	for i := range requests {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.one(&requests[i]); err != nil {
			return sqliteError(err)
		}
	}
	return nil
}

func (s sqliteSession) one(r *request) error {
	stmt, err := s.conn.Prepare(r.sql)
	if err != nil {
		return err
	}
	for i, arg := range r.args {
		if err := bind(stmt, i+1, arg); err != nil {
			return err
		}
	}
	for {
		more, err := stmt.Step()
		if err != nil {
			_ = stmt.Reset() // answers the error of Step again
			return err
		}
		if !more {
			break
		}
		if r.scan == nil {
			continue
		}
		if err := r.scan(sqliteRow{stmt}); err != nil {
			_ = stmt.Reset()
			return err
		}
	}
	return stmt.Reset()
}

func bind(stmt *sqlite.Stmt, at int, arg any) error {
	switch v := arg.(type) {
	case nil:
		stmt.BindNull(at)
	case int64:
		stmt.BindInt64(at, v)
	case int:
		stmt.BindInt64(at, int64(v))
	case string:
		stmt.BindText(at, v)
	case *string:
		if v == nil {
			stmt.BindNull(at)
		} else {
			stmt.BindText(at, *v)
		}
	case bool:
		stmt.BindBool(at, v)
	case *bool:
		if v == nil {
			stmt.BindNull(at)
		} else {
			stmt.BindBool(at, *v)
		}
	case []byte:
		if v == nil {
			stmt.BindNull(at)
		} else {
			stmt.BindBytes(at, v)
		}
	case time.Time:
		stmt.BindText(at, formatSQLiteTime(v))
	default:
		return fmt.Errorf("argument %d of a statement is a %T", at, arg)
	}
	return nil
}

type sqliteRow struct{ stmt *sqlite.Stmt }

// Scan implements row.
func (r sqliteRow) Scan(dest ...any) error {
	for i, d := range dest {
		if err := r.column(i, d); err != nil {
			return err
		}
	}
	return nil
}

func (r sqliteRow) column(i int, dest any) error {
	null := r.stmt.ColumnType(i) == sqlite.TypeNull
	switch d := dest.(type) {
	case *int64:
		*d = r.stmt.ColumnInt64(i)
	case **int64:
		*d = nil
		if !null {
			v := r.stmt.ColumnInt64(i)
			*d = &v
		}
	case *int:
		*d = r.stmt.ColumnInt(i)
	case *string:
		*d = r.stmt.ColumnText(i)
	case **string:
		*d = nil
		if !null {
			v := r.stmt.ColumnText(i)
			*d = &v
		}
	case *bool:
		*d = r.stmt.ColumnBool(i)
	case **bool:
		*d = nil
		if !null {
			v := r.stmt.ColumnBool(i)
			*d = &v
		}
	case *[]byte:
		*d = nil
		if !null {
			*d = make([]byte, r.stmt.ColumnLen(i))
			r.stmt.ColumnBytes(i, *d)
		}
	case *time.Time:
		return r.time(i, d)
	case **time.Time:
		*d = nil
		if !null {
			*d = new(time.Time)
			return r.time(i, *d)
		}
	default:
		return fmt.Errorf("column %d of a result is scanned into a %T", i, dest)
	}
	return nil
}

// time reads also what the field's service and SQLite's own CURRENT_TIMESTAMP wrote: fewer digits behind the second.
func (r sqliteRow) time(i int, into *time.Time) error {
	var buffer [len(sqliteTime)]byte
	if r.stmt.ColumnLen(i) == len(buffer) {
		r.stmt.ColumnBytes(i, buffer[:])
		if t, ok := parseSQLiteTime(buffer); ok {
			*into = t
			return nil
		}
	}
	text := r.stmt.ColumnText(i)
	for _, layout := range []string{"2006-01-02 15:04:05", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			*into = t.UTC().Truncate(time.Microsecond)
			return nil
		}
	}
	return fmt.Errorf("column %d holds %.40q, which is no time", i, text)
}

// formatSQLiteTime writes a time as sqliteTime has it.
func formatSQLiteTime(t time.Time) string {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.Format(sqliteTime)
	}
	hour, minute, second := t.Clock()
	b := []byte("0000-00-00 00:00:00.000000")
	put := func(end, n int) {
		for ; n > 0; n /= 10 {
			end--
			b[end] = byte('0' + n%10)
		}
	}
	put(4, year)
	put(7, int(month))
	put(10, day)
	put(13, hour)
	put(16, minute)
	put(19, second)
	put(26, t.Nanosecond()/1000)
	return string(b)
}

// parseSQLiteTime reads what bind writes, at a tenth of what time.Parse costs; false is anything else.
func parseSQLiteTime(b [len(sqliteTime)]byte) (time.Time, bool) {
	ok := true
	number := func(from, to int) (n int) {
		for _, c := range b[from:to] {
			ok = ok && c >= '0' && c <= '9'
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	micros := number(20, 26)
	ok = ok && b[4] == '-' && b[7] == '-' && b[10] == ' ' && b[13] == ':' && b[16] == ':' && b[19] == '.'
	t := time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, time.UTC)
	return t, ok && t.Day() == day && int(t.Month()) == month && hour < 24 && minute < 60 && second < 60
}
