package store

import (
	"errors"
	"fmt"
	"strings"
)

var errURL = errors.New("DATABASE_URL must be sqlite:///path, postgresql://… or postgresql+psycopg://…")

// parseURL takes a database's URL apart: a SQLite file's path, or a PostgreSQL URL as its driver wants it. It reads
// what SQLAlchemy wrote: three slashes before a relative path, four before an absolute one, and a driver's name behind
// a plus. Its errors hold no password.
func parseURL(text string) (path, postgres string, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return "", "", errURL
	}
	engine, driver, _ := strings.Cut(scheme, "+")
	switch engine {
	case "sqlite":
		path, err = sqlitePath(rest)
		return path, "", err
	case "postgres", "postgresql":
		switch driver {
		case "", "psycopg", "psycopg2", "asyncpg":
			return "", "postgresql://" + rest, nil
		}
	}
	return "", "", fmt.Errorf("%w; it begins with %.40q", errURL, scheme+"://")
}

func sqlitePath(rest string) (string, error) {
	rest, _, _ = strings.Cut(rest, "?")
	path, ok := strings.CutPrefix(rest, "/")
	if !ok {
		return "", fmt.Errorf("%w; a file's path begins behind sqlite:///", errURL)
	}
	if path == "" || path == ":memory:" {
		return "", fmt.Errorf("%w; a database in memory would be lost with the server", errURL)
	}
	return path, nil // SQLAlchemy takes it as it is written, and so do we
}
