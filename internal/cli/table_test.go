package cli

import (
	"strings"
	"testing"
	"time"
)

func TestAgo(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for past, want := range map[time.Duration]string{
		0:                       "now",
		999 * time.Millisecond:  "now",
		-500 * time.Millisecond: "now", // clocks differ
		time.Second:             "1s ago",
		59 * time.Second:        "59s ago",
		3 * time.Minute:         "3m ago",
		47 * time.Hour:          "47h ago",
		49 * time.Hour:          "2d ago",
		-90 * time.Second:       "in 1m",
	} {
		if got := ago(now, now.Add(-past)); got != want {
			t.Errorf("%v: %q, want %q", past, got, want)
		}
	}
}

func TestTables(t *testing.T) {
	for name, tc := range map[string]struct {
		screen screen
		want   string
	}{
		"for a program": {screen{}, "NAME\tSYNC\tLAST\n" +
			"Küche\theld\t-\n" + strings.Repeat("x", 50) + "\terror\tevil\uFFFD[31m text\n"},
		"on a terminal": {screen{terminal: true}, "NAME                                      SYNC   LAST\n" +
			"Küche                                     held   -\n" + strings.Repeat("x", 39) + "…  error  evil\uFFFD[31m text\n"},
		"in colour": {screen{terminal: true, colours: true}, "\x1b[2mNAME\x1b[0m                                      \x1b[2mSYNC\x1b[0m   \x1b[2mLAST\x1b[0m\n" +
			"Küche                                     \x1b[32mheld\x1b[0m   -\n" + strings.Repeat("x", 39) + "…  \x1b[31merror\x1b[0m  evil\uFFFD[31m text\n"},
	} {
		var b strings.Builder
		tc.screen.out = &b
		table := table{screen: tc.screen}
		table.header("NAME", "SYNC", "LAST")
		table.add(cell{text: "Küche"}, cell{"held", syncColour("held")}, cell{})
		table.add(cell{text: strings.Repeat("x", 50)}, cell{"error", syncColour("error")}, cell{text: "evil\x1b[31m\ntext"})
		if err := table.write(); err != nil || b.String() != tc.want {
			t.Errorf("%s: %v\n%q, want\n%q", name, err, b.String(), tc.want)
		}
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	for name, tc := range map[string]struct {
		terminal bool
		env      []string
		want     bool
	}{
		"piped":          {false, nil, false},
		"terminal":       {true, []string{"TERM=xterm", "NO_COLOR="}, true},
		"NO_COLOR":       {true, []string{"NO_COLOR=1"}, false},
		"a dumb one":     {true, []string{"TERM=dumb"}, false},
		"the last holds": {true, []string{"NO_COLOR=1", "NO_COLOR="}, true},
	} {
		if got := (Program{terminal: tc.terminal, Environ: tc.env}).screen().colours; got != tc.want {
			t.Errorf("%s: colours %t", name, got)
		}
	}
	diff := "--- a\n+++ b\n@@ -1 +1 @@\n same\n-old\n+new"
	if got := (screen{}).coloured(diff); got != diff {
		t.Errorf("for a program: %q", got)
	}
	want := "\x1b[2m--- a\x1b[0m\n\x1b[2m+++ b\x1b[0m\n\x1b[36m@@ -1 +1 @@\x1b[0m\n same\n\x1b[31m-old\x1b[0m\n\x1b[32m+new\x1b[0m"
	if got := (screen{colours: true}).coloured(diff); got != want {
		t.Errorf("in colour: %q", got)
	}
}

func TestEveryStateHasWordsAndAColour(t *testing.T) {
	for _, state := range syncStates {
		if describeSync(state) == state {
			t.Errorf("%s is not explained", state)
		}
		if !strings.Contains(syncHelp, state) {
			t.Errorf("help does not explain %s", state)
		}
	}
	if len(syncStates) != 6 || describeSync("new") != "new" {
		t.Error("a state of a newer server must be shown as it is")
	}
}
