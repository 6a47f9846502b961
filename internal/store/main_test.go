package store_test

import (
	"testing"

	"espalier.dev/espalier/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
