package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

// columns are the rows of a table for programs, below its header.
func columns(t *testing.T, o outcome) [][]string {
	t.Helper()
	o.want(t, 0)
	var rows [][]string
	for line := range strings.Lines(o.out) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	if len(rows) == 0 {
		t.Fatal("prints nothing")
	}
	return rows[1:]
}

func TestHistory(t *testing.T) {
	env := house(t)
	run(t, env, "set", "Attic", "a", "1", "-m", "first\ttry").want(t, 0)
	run(t, env, "restore", "Attic", "r1", "-y").want(t, 0, "Restored revision 1 of aa:bb:cc:dd:ee:03 (Attic) as revision 3")
	run(t, env, "restore", "Attic", "1", "-y").want(t, 0, "has the document of revision 1 already")
	run(t, env, "delete", "Attic", "-y", "-m", "gone").want(t, 0)
	run(t, env, "undelete", "Attic").want(t, 0, "Brought back aa:bb:cc:dd:ee:03 (Attic) as revision 5")
	run(t, env, "replace-device", "Attic", "aa-bb-cc-dd-ee-05", "-y", "-m", "it fell").want(t, 0, "Moved aa:bb:cc:dd:ee:03 (Attic) to aa:bb:cc:dd:ee:05, revision 6")
	var got [][]string
	for _, row := range columns(t, run(t, env, "history", "Attic")) {
		got = append(got, []string{row[0], row[2], row[4], row[7]})
	}
	want := [][]string{{"6", "local", "replace of aa:bb:cc:dd:ee:03", "it fell"}, {"5", "local", "restore of 3", "-"}, {"4", "local", "delete", "gone"},
		{"3", "local", "restore of 1", "-"}, {"2", "local", "edit", "first try"}, {"1", "local", "create", "first of aabbccddee03"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	some := run(t, env, "history", "Attic", "--limit", "2")
	if rows := columns(t, some); len(rows) != 2 || !strings.Contains(some.errors, "These are the newest 2; --limit 0 shows all") {
		t.Errorf("two are %v, %s", rows, some.errors)
	}
	if revisions := answer[[]client.Revision](t, run(t, env, "history", "aabbccddee05", "-o", "json")); len(revisions) != 6 || *revisions[3].RestoredFrom != 1 {
		t.Errorf("as JSON %+v", revisions)
	}
}

// What is pending is the newest revision, and not the one that the device has.
func TestHistoryMarksWhatTheDeviceHas(t *testing.T) {
	env := house(t)
	for _, want := range [][]string{{"fetched"}, {"-", "yes"}} {
		if want[0] == "fetched" {
			fetch(t, env, "aa:bb:cc:dd:ee:03", "")
			run(t, env, "status", "Attic", "--wait", "fetched").want(t, 0)
		} else {
			run(t, env, "set", "Attic", "a", "1").want(t, 0)
		}
		var got []string
		for _, row := range columns(t, run(t, env, "history", "Attic")) {
			got = append(got, row[6])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("HAS (-want +got):\n%s", diff)
		}
	}
}

func TestDiff(t *testing.T) {
	env := house(t)
	run(t, env, "set", "Attic", "wifi.ssid", "y").want(t, 0)
	run(t, env, "set", "Attic", "list.-", "3").want(t, 0)
	run(t, env, "diff", "Attic").want(t, 0, "--- revision 2\n+++ revision 3\n", "+    3\n")
	run(t, env, "diff", "Attic", "1", "2").want(t, 0, "--- revision 1\n+++ revision 2\n", "-    \"ssid\": \"x\"", "+    \"ssid\": \"y\"")
	run(t, env, "diff", "Attic", "3", "1").want(t, 0, "--- revision 3\n+++ revision 1\n")
	person(t, env, "", "diff", "Attic").want(t, 0, "\x1b[32m+    3\x1b[0m\n")
	if got := run(t, env, "diff", "Attic", "2", "2"); got.status != 0 || got.out != "" {
		t.Errorf("of one revision with itself: %+v", got)
	}
	patch := run(t, env, "diff", "Attic", "1", "--patch")
	var operations []struct{ Op, Path string }
	if err := json.Unmarshal([]byte(patch.out), &operations); err != nil || len(operations) != 2 || strings.Count(patch.out, "\n") != 1 {
		t.Errorf("%v: %s", err, patch.out)
	}
	whole := answer[client.Diff](t, run(t, env, "diff", "Attic", "-o", "json"))
	if whole.To != 3 || *whole.From != 2 || whole.Unified == "" {
		t.Errorf("as JSON %+v", whole)
	}
	run(t, env, "diff", "Attic", "9").want(t, 3, "Revision 9")
	run(t, env, "delete", "Attic", "-y").want(t, 0)
	run(t, env, "diff", "Attic", "1", "3").want(t, 0, "+++ revision 3")
}

func TestWhatAsks(t *testing.T) {
	env := house(t)
	run(t, env, "set", "Attic", "wifi.ssid", "y").want(t, 0)
	for _, tc := range []struct{ args, question string }{
		{"restore Attic 1", "Restore revision 1 of aa:bb:cc:dd:ee:03 (Attic)? [y/N] "},
		{"delete Attic", "Delete the configuration of aa:bb:cc:dd:ee:03 (Attic)? [y/N] "},
		{"replace-device Attic aabbccddee05", "Move the configuration of aa:bb:cc:dd:ee:03 (Attic) to aabbccddee05? [y/N] "},
	} {
		args := strings.Fields(tc.args)
		run(t, env, args...).want(t, 2, "there is nobody to ask; confirm it with --yes")
		for _, no := range []string{"n\n", "\n", "", "yess\n"} {
			person(t, env, no, args...).want(t, 4, tc.question, "nothing was changed")
		}
		if got := run(t, env, "history", "Attic", "-o", "json"); strings.Count(got.out, `"revision":`) != 2 {
			t.Errorf("%s was done: %s", tc.args, got.out)
		}
	}
	person(t, env, "y\n", "restore", "Attic", "1").want(t, 0, "+    \"ssid\": \"x\"", "as revision 3")
	person(t, env, "YES\n", "delete", "Attic").want(t, 0, "Deleted aa:bb:cc:dd:ee:03")
	person(t, env, "y\n", "restore", "Attic", "2").want(t, 0, "Bring aa:bb:cc:dd:ee:03 (Attic) back, with revision 2? [y/N] ", "as revision 5")
	run(t, env, "show", "Attic").want(t, 0, `"ssid":"y"`)
	run(t, env, "undelete", "Attic").want(t, 4, "aa:bb:cc:dd:ee:03 (Attic) is there: it was not deleted")
	run(t, env, "replace-device", "Attic", "aabbccddee01", "-y").want(t, 4, "already exists")
	run(t, env, "restore", "Attic", "4", "-y").want(t, 3, "espalier: ")
}

// What a person was shown is what is changed, or nothing is.
func TestNothingIsConfirmedUnseen(t *testing.T) {
	for _, args := range []string{"restore Attic 1", "delete Attic", "replace-device Attic aabbccddee05"} {
		env := house(t)
		run(t, env, "set", "Attic", "a", "1").want(t, 0)
		var asked meanwhile = func() { run(t, env, "set", "Attic", "a", "2").want(t, 0) }
		asked.person(t, env, strings.Fields(args)...).want(t, 4, "espalier: ", "aa:bb:cc:dd:ee:03")
		if got := run(t, env, "history", "Attic", "-o", "json"); strings.Count(got.out, `"revision":`) != 3 {
			t.Errorf("%s: %s", args, got.out)
		}
	}
}
