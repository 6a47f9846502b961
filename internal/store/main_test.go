package store_test

import (
	"os"
	"testing"

	"espalier.dev/espalier/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
