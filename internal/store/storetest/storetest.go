// Package storetest runs test cases on every engine that package store has: each case gets a new database of each.
//
// It imports store, fleet and testenv, for tests only. Start reading at Each.
package storetest

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/testenv"
)

// Engines are the engines that Each runs a case on.
func Engines() []string { return []string{testenv.SQLite, testenv.PostgreSQL} }

// Each runs a case on a new, migrated database of each engine.
func Each(t *testing.T, run func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { run(t, OpenMigrated(t, url)) })
}

// EachURL runs a case with the URL of a new, empty database of each engine.
func EachURL(t *testing.T, run func(t *testing.T, url string)) {
	t.Helper()
	for _, engine := range Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			url := NewURL(t, engine)
			testenv.Ran(t, engine)
			run(t, url)
		})
	}
}

// NewURL is the URL of a new, empty database.
func NewURL(t testing.TB, engine string) string {
	t.Helper()
	if engine == testenv.PostgreSQL {
		return testenv.NewDatabase(t)
	}
	return "sqlite:///" + filepath.Join(t.TempDir(), "fleet.db")
}

// Open opens a database and closes it with the test.
func Open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Options{URL: url, Owner: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// OpenMigrated is Open with the schema of this program.
func OpenMigrated(t testing.TB, url string) *store.Store {
	t.Helper()
	s := Open(t, url)
	if _, err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Epoch is a time for tests that count from one.
func Epoch() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// MAC is the n-th of many MAC addresses.
func MAC(n int) fleet.MAC {
	return fleet.MAC{0x02, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// Document is text as a document, which must be one.
func Document(t testing.TB, text string) fleet.Document {
	t.Helper()
	doc, err := fleet.ParseDocument([]byte(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// Raw is text as a document that nobody has judged.
func Raw(text string) fleet.Document {
	return fleet.Document{Text: []byte(text), SHA256: sha256.Sum256([]byte(text))}
}

// Create makes a configuration, at Epoch, told to its device.
func Create(t testing.TB, s *store.Store, mac fleet.MAC, text string) fleet.Config {
	t.Helper()
	return Apply(t, s, fleet.Change{Kind: fleet.Create, MAC: mac, Document: Document(t, text), Source: fleet.FromCreate})
}

// Save replaces a configuration's content, a second after Epoch, told to its device.
func Save(t testing.TB, s *store.Store, id int64, text string) fleet.Config {
	t.Helper()
	return Apply(t, s, fleet.Change{Kind: fleet.Save, ID: id, Document: Document(t, text), Source: fleet.FromEdit,
		At: Epoch().Add(time.Second)})
}

// Delete removes a configuration, two seconds after Epoch, told to its device.
func Delete(t testing.TB, s *store.Store, id int64) fleet.Config {
	t.Helper()
	return Apply(t, s, fleet.Change{Kind: fleet.Delete, ID: id, Source: fleet.FromDelete, At: Epoch().Add(2 * time.Second)})
}

// Apply makes a change, at Epoch where it has no time.
func Apply(t testing.TB, s *store.Store, c fleet.Change) fleet.Config {
	t.Helper()
	if c.At.IsZero() {
		c.At = Epoch()
	}
	applied, err := s.Apply(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return applied.Config
}
