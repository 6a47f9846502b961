package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

func TestASecondServerOnTheFileIsRefused(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	ctx := context.Background()
	url := storetest.NewURL(t, testenv.SQLite)
	first, err := store.Open(ctx, store.Options{URL: url, Owner: "espalier serve, http://127.0.0.1:3201"})
	must(t, err)
	_, err = store.Open(ctx, store.Options{URL: url})
	if !errors.Is(err, store.ErrLocked) {
		t.Fatalf("got %v, want ErrLocked", err)
	}
	for _, want := range []string{fmt.Sprintf("process %d ", os.Getpid()), "espalier serve, http://127.0.0.1:3201", "DATA_DIR"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	must(t, first.Close())
	second, err := store.Open(ctx, store.Options{URL: url})
	must(t, err)
	must(t, second.Close())
}

func TestTheFileIsForNobodyElse(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	folder := filepath.Join(t.TempDir(), "new", "data with a space?#%41")
	s := storetest.OpenMigrated(t, "sqlite:///"+strings.Replace(folder, "?", "_", 1)+"/fleet.db")
	folder = strings.Replace(folder, "?", "_", 1)
	storetest.Create(t, s, storetest.MAC(1), `{}`)
	for name, want := range map[string]os.FileMode{"": 0o700, "fleet.db": 0o600, "fleet.db-wal": 0o600, "fleet.db.lock": 0o600} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != want {
			t.Errorf("%q has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestAnAcknowledgedChangeIsThereAfterOpeningAgain(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	url := storetest.NewURL(t, testenv.SQLite)
	s := storetest.OpenMigrated(t, url)
	made := storetest.Create(t, s, storetest.MAC(1), `{"a":1}`)
	storetest.Delete(t, s, made.ID)
	must(t, s.Close())
	s = storetest.OpenMigrated(t, url)
	if again := storetest.Create(t, s, storetest.MAC(1), `{"a":1}`); again.ID <= made.ID || again.Revision != 3 {
		t.Errorf("made %+v; want a new id and revision 3", again)
	}
}

func TestAFileThatIsNoDatabase(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	path := filepath.Join(t.TempDir(), "fleet.db")
	writeFile(t, path, strings.Repeat("not a database\n", 100))
	_, err := store.Open(context.Background(), store.Options{URL: "sqlite:///" + path})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
