package storetest

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// SQL is a connection to a database beside the store: what another program, or an operator, does to it.
func SQL(t testing.TB, url string) *sql.DB {
	t.Helper()
	driver, name := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:///"); ok {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Exec runs statements beside the store.
func Exec(t testing.TB, url, statements string, args ...any) {
	t.Helper()
	if _, err := SQL(t, url).ExecContext(context.Background(), statements, args...); err != nil {
		t.Fatalf("%v\n%s", err, statements)
	}
}
