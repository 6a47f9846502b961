package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents reads the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

// awkward are documents that something careless would change.
func awkward() map[string]string {
	return map[string]string{
		"aa-bb-cc-dd-ee-01.json": "{ \"deviceName\" : \"Küche <&>\u2028\",\r\n\t\"n\": 1.0, \"e\":1e400 }\n\n",
		"aa-bb-cc-dd-ee-02.json": `{"b":1,"a":"\ud800 \u0000\/","big":12345678901234567890}`,
		"aa-bb-cc-dd-ee-03.json": "\n\t {}",
	}
}

func TestExportIsTheInverseOfImport(t *testing.T) {
	s := start(t)
	out := filepath.Join(t.TempDir(), "new", "folder")
	run(t, s.env(), "import", folder(t, awkward())).want(t, 0, "Imported: 3 created, 0 updated, 0 unchanged, 0 skipped, 0 refused")
	run(t, s.env(), "export", out).want(t, 0, "Exported 3 documents to "+out)
	if diff := cmp.Diff(awkward(), contents(t, out)); diff != "" {
		t.Errorf("exported (-want +got):\n%s", diff)
	}
	run(t, s.env(), "import", out).want(t, 0, "0 created, 0 updated, 3 unchanged")
	for name := range awkward() {
		info, err := os.Stat(filepath.Join(out, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	run(t, s.env(), "export", out).want(t, 4, "is not empty")
	if err := os.WriteFile(filepath.Join(out, "aa-bb-cc-dd-ee-01.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "mine.txt"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, s.env(), "export", out, "--force").want(t, 0)
	want := awkward()
	want["mine.txt"] = "kept"
	if diff := cmp.Diff(want, contents(t, out)); diff != "" {
		t.Errorf("exported over it (-want +got):\n%s", diff)
	}
}

func TestExportNamesWhatIsLeft(t *testing.T) {
	s := start(t)
	out := folder(t, map[string]string{
		"aa-bb-cc-dd-ee-01.json": "{}", "AABBCCDDEE02.json": "{}", "aa-bb-cc-dd-ee-03.json": "{}", "package.json": "{}", "notes.txt": "x",
	})
	run(t, s.env(), "import", filepath.Join(out, "aa-bb-cc-dd-ee-01.json")).want(t, 0)
	run(t, s.env(), "import", filepath.Join(out, "AABBCCDDEE02.json")).want(t, 0)
	forced := run(t, s.env(), "export", out, "--force")
	forced.want(t, 0, "Exported 2 documents", "AABBCCDDEE02.json is left from before", "aa-bb-cc-dd-ee-03.json is left from before")
	for _, name := range []string{"aa-bb-cc-dd-ee-01.json", "aa-bb-cc-dd-ee-02.json", "package.json", "notes.txt"} {
		if strings.Contains(forced.out+forced.errors, name) {
			t.Errorf("names %s:\n%s", name, forced.errors)
		}
	}
}

func TestEverySpellingOfAMAC(t *testing.T) {
	s := start(t)
	dir := folder(t, map[string]string{"AA-BB-CC-DD-EE-01.json": "{}", "aabb.ccdd.ee02.JSON": "{}", "AABBCCDDEE03.json": "{}",
		"aa:bb:cc:dd:ee:04.json": "{}"})
	run(t, s.env(), "import", dir).want(t, 0, "Imported: 4 created")
	run(t, s.env(), "import", filepath.Join(dir, "AABBCCDDEE03.json")).want(t, 0, "0 created, 0 updated, 1 unchanged")
}

func TestRefusals(t *testing.T) {
	s := start(t)
	dir := folder(t, map[string]string{
		"aa-bb-cc-dd-ee-01.json": "{}", "aa-bb-cc-dd-ee-02.json": "{\"a\":\"\xff\"}", "aa-bb-cc-dd-ee-03.json": `{"a":1,"a":2}`,
		"AABBCCDDEE01.json": "{}", "package.json": "{}", "notes.txt": "x", ".hidden.json": "{}",
	})
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "aa-bb-cc-dd-ee-04.json")); err != nil {
		t.Fatal(err)
	}
	says := []string{
		"refused  aa-bb-cc-dd-ee-02.json: content is not valid UTF-8 (byte 6)",
		"refused  aa-bb-cc-dd-ee-03.json: content has a key twice",
		"refused  aa-bb-cc-dd-ee-01.json: mac_address aa:bb:cc:dd:ee:01 is in this import twice; it was first in AABBCCDDEE01.json",
		"refused  package.json: Cannot import config because MAC address 'package' has invalid format",
		"refused  aa-bb-cc-dd-ee-04.json: it cannot be read: no such file or directory",
		"notes.txt is passed over", ".hidden.json is passed over", "below is passed over",
		"espalier: 5 configurations were refused",
	}
	run(t, s.env(), "import", dir).want(t, 4, append(says, "Nothing was imported")...)
	run(t, s.env(), "export", filepath.Join(t.TempDir(), "none")).want(t, 0, "Exported 0 documents")
	run(t, s.env(), "import", dir, "--keep-going", "--dry-run").want(t, 4, append(says, "Would be: 1 created")...)
	run(t, s.env(), "import", dir, "--keep-going").want(t, 4, append(says, "Imported: 1 created, 0 updated, 0 unchanged, 0 skipped, 5 refused")...)
}

func TestConflicts(t *testing.T) {
	s := start(t)
	run(t, s.env(), "import", folder(t, map[string]string{"aabbccddee01.json": `{"v":1}`})).want(t, 0)
	changed := folder(t, map[string]string{"aabbccddee01.json": `{"v":2}`})
	run(t, s.env(), "import", changed).want(t, 4, "Config for aa:bb:cc:dd:ee:01 already exists",
		"with another document: --on-conflict update writes over it, skip leaves it", "1 configuration was refused")
	twice := folder(t, map[string]string{"aabbccddee02.json": `{"v":1,"v":2}`})
	if got := run(t, s.env(), "import", twice); strings.Contains(got.out, "--on-conflict") {
		t.Errorf("advises what does not help:\n%s", got.out)
	}
	run(t, s.env(), "import", changed, "--on-conflict", "skip").want(t, 0, "1 skipped")
	run(t, s.env(), "import", changed, "--on-conflict", "update", "--dry-run").want(t, 0, "Would be: 0 created, 1 updated")
	run(t, s.env(), "import", changed, "--on-conflict", "update", "-m", "for Küche").want(t, 0, "Imported: 0 created, 1 updated")
	run(t, s.env(), "history", "aabbccddee01").want(t, 0, "import", "for Küche")
	run(t, s.env(), "import", changed).want(t, 0, "1 unchanged")
}

func TestTextForms(t *testing.T) {
	const object, text = `{"mac_address":"aabbccddee01","content":{"x": 1.0}}`, `{"mac_address":"aabbccddee02","content":" {\"x\": 1.0}\n"}`
	for name, stdin := range map[string]string{
		"lines":       object + "\n\n" + text + "\r\n",
		"array":       "\uFEFF [" + object + ",\n" + text + "]\n",
		"last line":   object + "\n" + text,
		"with origin": strings.Replace(object, "{", `{"source":"x",`, 1) + "\n" + text,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			runWith(t, s.env(), stdin, "import", "-").want(t, 0, "Imported: 2 created")
			out := filepath.Join(t.TempDir(), "out")
			run(t, s.env(), "export", out).want(t, 0)
			want := map[string]string{"aa-bb-cc-dd-ee-01.json": `{"x": 1.0}`, "aa-bb-cc-dd-ee-02.json": " {\"x\": 1.0}\n"}
			if diff := cmp.Diff(want, contents(t, out)); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
			file := filepath.Join(folder(t, map[string]string{"fleet": stdin}), "fleet")
			run(t, s.env(), "import", file).want(t, 0, "2 unchanged")
		})
	}
	s := start(t)
	got := runWith(t, s.env(), object+"\nnope\n", "import", "-", "-o", "json")
	got.want(t, 4)
	var report client.Report
	if err := json.Unmarshal([]byte(got.out), &report); err != nil || len(report.Refused) != 1 || report.Refused[0].Source != "line 2" {
		t.Errorf("%v: %s", err, got.out)
	}
	runWith(t, s.env(), "[{]", "import", "-").want(t, 4, "Validation failed: body is not valid JSON")
	runWith(t, s.env(), "", "import", "-").want(t, 0, "Imported: 0 created")
}

func TestNothingToImport(t *testing.T) {
	run(t, nil, "import", filepath.Join(t.TempDir(), "none")).want(t, 1, "no such file or directory")
	run(t, nil, "import", t.TempDir()).want(t, 1, "there is no .json file in")
}

func TestTokenFromTheNetwork(t *testing.T) {
	const token = "correct-horse-battery-staple"
	s := start(t, "ADMIN_TOKEN="+token)
	dir := folder(t, awkward())
	run(t, s.env("ADMIN_TOKEN="+token), "import", dir).want(t, 0, "3 created")
	got := run(t, s.env("ADMIN_TOKEN=wrong-horse-battery-staple"), "import", dir)
	got.want(t, 5, "The admin token is wrong", "ADMIN_TOKEN_FILE")
	if strings.Contains(got.errors+s.log.String(), "wrong-horse") {
		t.Error("a token is shown")
	}
}

func TestServerIsAway(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	env := []string{"SERVER_URL=" + away.URL}
	dir := folder(t, awkward())
	run(t, env, "import", dir).want(t, 6, away.URL, "connection refused", "espalier serve", "SERVER_URL")
	run(t, env, "export", filepath.Join(t.TempDir(), "out")).want(t, 6, "the export ended after 0 documents", "espalier serve")
	run(t, env, "simulate").want(t, 6, "no answer from the server", "espalier serve")
	run(t, env, "healthcheck").want(t, 1, "connection refused")
}

// A server that is not ours must not choose where files are written.
func TestExportTrustsNoNames(t *testing.T) {
	for _, mac := range []string{"../../etc/x.y.z.00", "aa:bb:cc:dd:ee", "/aa:bb:cc:dd:ee:f", "aabbccddeeff"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"mac_address":"`+mac+`","content":"{}"}`+"\n")
		}))
		out := filepath.Join(t.TempDir(), "out")
		run(t, []string{"SERVER_URL=" + server.URL}, "export", out).want(t, 1, "which is no MAC address")
		if files := contents(t, out); len(files) > 0 {
			t.Errorf("%s wrote %v", mac, files)
		}
		server.Close()
	}
}
