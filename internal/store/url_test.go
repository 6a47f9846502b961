package store

import (
	"errors"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct{ url, path, postgres string }{
		{url: "sqlite:///data/fleet.db", path: "data/fleet.db"},
		{url: "sqlite:////var/lib/espalier/fleet.db", path: "/var/lib/espalier/fleet.db"},
		{url: "sqlite+pysqlite:///a b%20c.db", path: "a b%20c.db"},
		{url: "sqlite:////x.db?timeout=5", path: "/x.db"},
		{url: "postgresql://u:p@h:5433/db?sslmode=require", postgres: "postgresql://u:p@h:5433/db?sslmode=require"},
		{url: "postgres://h/db", postgres: "postgresql://h/db"},
		{url: "postgresql+psycopg://u:p%40@h/db", postgres: "postgresql://u:p%40@h/db"},
		{url: "postgresql+psycopg2://h/db", postgres: "postgresql://h/db"},
		{url: "postgresql+asyncpg://h/db", postgres: "postgresql://h/db"},
	} {
		path, postgres, err := parseURL(c.url)
		if err != nil || path != c.path || postgres != c.postgres {
			t.Errorf("%s: %q, %q, %v; want %q, %q", c.url, path, postgres, err, c.path, c.postgres)
		}
	}
	for _, bad := range []string{
		"", "fleet.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/path", "mysql://u:secret@h/db",
		"postgresql+other://u:secret@h/db",
	} {
		if _, _, err := parseURL(bad); !errors.Is(err, errURL) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v; want a word on DATABASE_URL, without the password", bad, err)
		}
	}
}
