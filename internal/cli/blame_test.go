package cli_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

func TestBlame(t *testing.T) {
	env := house(t)
	run(t, env, "set", "Attic", "wifi.ssid", "y", "-m", "moved\tout").want(t, 0)
	run(t, env, "set", "Attic", "wifi.a.b/c", "[[],{},1]").want(t, 0)
	run(t, env, "restore", "Attic", "1", "-y").want(t, 0)
	run(t, env, "set", "Attic", "wifi.a.b/c", "[[],{},1]", "-m", "again").want(t, 0)
	short := func(o outcome) (rows [][]string) {
		for _, row := range columns(t, o) {
			rows = append(rows, []string{row[0], row[2], row[3], row[4], row[5]})
		}
		return rows
	}
	again := [][]string{{"5", "local", "edit", "again", "/wifi/a/b~1c/0"}, {"5", "local", "edit", "again", "/wifi/a/b~1c/1"}, {"5", "local", "edit", "again", "/wifi/a/b~1c/2"}}
	ssid := []string{"4", "local", "restore", "-", "/wifi/ssid"}
	if diff := cmp.Diff(append([][]string{ssid, {"1", "local", "create", "first of aabbccddee03", "/wifi/password"}}, again...), short(run(t, env, "blame", "Attic", "wifi"))); diff != "" {
		t.Errorf("below wifi (-want +got):\n%s", diff)
	}
	for _, path := range []string{"wifi.a", "/wifi/a/b~1c"} {
		if diff := cmp.Diff(again, short(run(t, env, "blame", "Attic", path))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	all := short(run(t, env, "blame", "Attic"))
	if len(all) < 6 || all[0][0] != "1" || all[0][2] != "create" || all[0][3] != "first of aabbccddee03" {
		t.Errorf("all: %v", all)
	}
	whole := answer[client.Blame](t, run(t, env, "blame", "Attic", "wifi.ssid", "-o", "json"))
	if len(whole.Values) != 1 || *whole.Values[0].Revision != 4 || !whole.Complete || *whole.Revision != 5 || whole.MAC != "aa:bb:cc:dd:ee:03" {
		t.Errorf("as JSON %+v", whole)
	}
	person(t, env, "", "blame", "Attic", "wifi.ssid").want(t, 0, "REVISION", "ago   local  restore  -        /wifi/ssid\n")
	for path, status := range map[string]int{"wifi.ss": 3, "wifi.ssid.x": 3, "/wifi/a/b~1c/3": 3, "/": 2, "/a~2": 2} {
		if got := run(t, env, "blame", "Attic", path); got.status != status || got.out != "" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	run(t, env, "blame", "Attic", "wifi.ss").want(t, 3, "aa:bb:cc:dd:ee:03 (Attic): /wifi/ss is not in the document")
	run(t, env, "delete", "Attic", "-y").want(t, 0)
	if got := run(t, env, "blame", "Attic"); got.status != 3 || !strings.Contains(got.errors, "espalier undelete") {
		t.Errorf("deleted: %+v", got)
	}
}
