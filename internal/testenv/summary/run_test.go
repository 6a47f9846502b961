package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestReport(t *testing.T) {
	all := []string{"sqlite", "postgres", "embedded", "mosquitto"}
	cases := []struct {
		name, input, suites string
		require             []string
		ok                  bool
	}{
		{name: "good", input: "good", require: all, suites: "web=0", ok: true},
		{name: "mixed", input: "mixed", require: all, suites: "web=1"},
		{name: "missing_engine", input: "good", require: append(all, "chromium", "oracle")},
		{name: "failed_suite", input: "good", suites: "web=1"},
		{name: "cut", input: "cut"},
		{name: "none", input: "none"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			input, err := os.Open(filepath.Join("testdata", c.input+".json"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = input.Close() }()
			var out bytes.Buffer
			r := newRun(&out)
			if err := r.read(input); err != nil {
				t.Fatal(err)
			}
			if err := r.addSuites(c.suites); err != nil {
				t.Fatal(err)
			}
			if ok := r.report(c.require); ok != c.ok {
				t.Errorf("the run is a pass: %t, want %t", ok, c.ok)
			}
			golden(t, filepath.Join("testdata", c.name+".golden"), out.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got):\n%s", path, diff)
	}
}

// A half-written last line, as a killed go test leaves it, is shown and does not hide what came before it.
func TestReadTakesAnUnfinishedLine(t *testing.T) {
	var out bytes.Buffer
	r := newRun(&out)
	in := `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n" + `{"Act`
	if err := r.read(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	if !r.report(nil) {
		t.Errorf("the run counts as failed:\n%s", out.String())
	}
	if !strings.Contains(out.String(), `{"Act`) || !strings.HasSuffix(out.String(), "\n1 passed, 0 failed\n") {
		t.Errorf("the report is\n%s", out.String())
	}
}

func TestAddSuitesRefusesWhatItCannotRead(t *testing.T) {
	for _, pairs := range []string{"web", "=0", "web=", "web=0,other"} {
		if err := newRun(&bytes.Buffer{}).addSuites(pairs); err == nil {
			t.Errorf("%q was taken", pairs)
		}
	}
}
