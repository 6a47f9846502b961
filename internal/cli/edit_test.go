package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/cli"
)

// scripted is an environment whose editor is a script of the shell, which finds the file as $1 and how often it was run as $n.
// What is made in TMPDIR is in a folder of the test's own.
func scripted(t *testing.T, env []string, script string) []string {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "editor")
	counter := filepath.Join(dir, "runs")
	text := fmt.Sprintf("#!/bin/sh\nset -e\necho >> %[1]s\nn=$(wc -l < %[1]s)\n%[2]s\n", counter, script)
	if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	return append(env, "PATH="+os.Getenv("PATH"), "VISUAL=", "EDITOR="+name)
}

// left are the files that are left in TMPDIR.
func left(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEditSaves(t *testing.T) {
	env := house(t)
	// The document is on one line; it is edited in lines, in a file of one's own.
	edited := scripted(t, env, `grep -q '^  "deviceName": "Attic",$' "$1" && test "$(stat -c %a "$1") $(stat -c %a "$(dirname "$1")")" = "600 700"
		sed -i 's/"x"/"y"/' "$1"`)
	got := run(t, edited, "edit", "Attic", "-y", "-m", "another network")
	got.want(t, 0, "--- revision 1\n+++ edited\n", "-    \"ssid\": \"x\"", "+    \"ssid\": \"y\"", "Saved aa:bb:cc:dd:ee:03 (Attic) as revision 2")
	run(t, env, "show", "Attic").want(t, 0, `{"deviceName":"Attic","wifi":{"ssid":"y","password":"hunter22"},"list":[1,2]}`)
	run(t, env, "history", "Attic").want(t, 0, "another network")
	if files := left(t); len(files) > 0 {
		t.Errorf("left %v", files)
	}
	asked := person(t, scripted(t, env, `sed -i 's/"y"/"z"/' "$1"`), "y\n", "edit", "Attic")
	asked.want(t, 0, "\x1b[32m+    \"ssid\": \"z\"", "Save this? [y]es, [e]dit again, [n]o: ", "as revision 3")
	lines := run(t, scripted(t, env, `sed -i 's/Cellar/Deep cellar/' "$1"`), "edit", "Cellar", "-y", "-o", "json")
	lines.want(t, 0, `"revision": 2`)
	if !strings.Contains(lines.errors, "+  \"deviceName\": \"Deep cellar\"") || strings.Contains(lines.out, "+++") {
		t.Errorf("the difference is not beside the JSON: %s", lines.out)
	}
	run(t, env, "show", "Deep cellar").want(t, 0, "{\n  \"deviceName\": \"Deep cellar\"\n}\n")
}

func TestEditSavesNothing(t *testing.T) {
	env := house(t)
	for name, tc := range map[string]struct {
		script, answers string
		args            []string
		status          int
		says            []string
		kept            bool
	}{
		"what is as it was":          {"true", "", nil, 0, []string{"Nothing was changed"}, false},
		"but for its spacing":        {`printf '\n\n' >> "$1"`, "", nil, 0, []string{"Nothing was changed"}, false},
		"no":                         {`sed -i s/x/y/ "$1"`, "n\n", nil, 4, []string{"nothing was changed"}, false},
		"no answer":                  {`sed -i s/x/y/ "$1"`, "", nil, 4, []string{"nothing was changed"}, false},
		"an empty file":              {`: > "$1"`, "", nil, 4, []string{"the file is empty"}, false},
		"an editor that fails":       {"exit 3", "", nil, 1, []string{"failed, and nothing was changed", "exit status 3", "VISUAL"}, false},
		"a crash of the editor":      {`sed -i s/x/y/ "$1"; exit 3`, "", nil, 1, []string{"failed, and nothing was changed", "Your text is in"}, true},
		"no JSON, and given up":      {`echo '{"a":1,"a":2}' > "$1"`, "n\n", nil, 4, []string{"a key twice in one object (line 1, column 8, byte 7)", "Your text is in", "--from"}, true},
		"no JSON, and nobody to ask": {`echo '{' > "$1"`, "", []string{"-y"}, 4, []string{"it ends too early", "Your text is in"}, true},
		"too large, and given up":    {`printf '{"a":"%0200000d"}' 1 > "$1"`, "y\nn\n", nil, 4, []string{"at most 131072 are allowed", "Your text is in"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := person(t, scripted(t, env, tc.script), tc.answers, append([]string{"edit", "Attic"}, tc.args...)...)
			got.want(t, tc.status, tc.says...)
			if files := left(t); (len(files) > 0) != tc.kept {
				t.Errorf("left %v", files)
			}
			if got := run(t, env, "history", "Attic", "-o", "json"); strings.Count(got.out, `"revision"`) != 1 {
				t.Errorf("something was saved: %s", got.out)
			}
		})
	}
	run(t, scripted(t, env, `sed -i s/x/y/ "$1"`), "edit", "Attic").want(t, 2, "there is nobody to ask; save it with --yes", "Your text is in")
}

func TestEditAgain(t *testing.T) {
	env := house(t)
	again := scripted(t, env, `case $n in
		1) sed -i 's/"x"/"y/' "$1" ;;
		2) sed -i 's/"y/"y"/' "$1" ;;
		3) sed -i 's/"y"/"z"/' "$1" ;;
		esac`)
	got := person(t, again, "\ne\ny\n", "edit", "Attic")
	got.want(t, 0, "the text cannot be saved: content is not valid JSON (line 4,", "Edit it again? [Y/n]", `"y"`, `"z"`, "as revision 2")
	run(t, env, "show", "Attic").want(t, 0, `"ssid":"z"`)
}

// Somebody else saves while the text is in the editor.
func TestEditConflict(t *testing.T) {
	env := house(t)
	other := filepath.Join(t.TempDir(), "go")
	script := fmt.Sprintf(`sed -i 's/"x"/"mine"/' "$1"; touch %[1]s; while test -e %[1]s; do :; done`, other)
	edited := scripted(t, env, script)
	ended := make(chan outcome, 1)
	var out, errs bytes.Buffer
	p := cli.Program{Environ: edited, Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
	go func() {
		ended <- outcome{p.Run(t.Context(), []string{"edit", "Attic", "-y"}), out.String(), errs.String()}
	}()
	deadline := time.After(20 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if _, err := os.Stat(other); err == nil {
			tick.Stop()
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the editor did not begin")
		}
	}
	run(t, env, "set", "Attic", "wifi.ssid", "theirs", "-m", "mine was first").want(t, 0)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	got := <-ended
	got.want(t, 4, "aa:bb:cc:dd:ee:03 (Attic) was changed while you edited revision 1:", "revision 2", "edit by local from 127.0.0.1: mine was first",
		`+    "ssid": "theirs"`, "nothing was saved", "Your text is in", "Go on with: espalier edit aa:bb:cc:dd:ee:03 --from ")
	kept := regexp.MustCompile(`--from (\S+)`).FindStringSubmatch(got.errors)
	if len(kept) < 2 {
		t.Fatalf("names no file: %s", got.errors)
	}
	info, err := os.Stat(kept[1])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", kept[1], info, err)
	}
	run(t, env, "show", "Attic").want(t, 0, `"ssid":"theirs"`)
	run(t, append(edited, "EDITOR=true"), "edit", "Attic", "-y", "--from", kept[1]).want(t, 0, `-    "ssid": "theirs"`, `+    "ssid": "mine"`, "as revision 3")
	run(t, env, "show", "Attic").want(t, 0, `{"deviceName":"Attic","wifi":{"ssid":"mine","password":"hunter22"},"list":[1,2]}`)
}

func TestTheEditorIsACommandOfTheShell(t *testing.T) {
	env := house(t)
	first := filepath.Join(t.TempDir(), "my editor")
	if err := os.WriteFile(first, []byte("#!/bin/sh\ntest \"$1\" = --wait && sed -i s/x/v/ \"$2\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	env = append(env, "PATH="+os.Getenv("PATH"), "EDITOR=false", "VISUAL='"+first+"' --wait")
	run(t, env, "edit", "Attic", "-y").want(t, 0, `+    "ssid": "v"`, "as revision 2")
}
