package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/cli"
)

// person runs a command at a terminal, a minute after anything that it finds, and answers what it asks.
func person(t *testing.T, env []string, answers string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	p := cli.Program{Version: "v1.2.3", Environ: env, Dir: t.TempDir(), Stdin: strings.NewReader(answers), Stdout: &out, Stderr: &errs}
	status := p.OnATerminal(time.Now().Add(90*time.Second)).Run(t.Context(), args)
	return outcome{status, out.String(), errs.String()}
}

// house is a server with four devices, of which two have one name.
func house(t *testing.T) []string {
	t.Helper()
	env := start(t).env()
	for mac, document := range map[string]string{
		"aabbccddee01": `{"deviceName":"Hallway","deviceEntityId":"light.hall","enableOTA":true}`,
		"aabbccddee02": `{"deviceName":"Hallway","deviceEntityId":"light.hall2"}`,
		"aabbccddee03": `{"deviceName":"Attic","wifi":{"ssid":"x","password":"hunter22"},"list":[1,2]}`,
		"aabbccddee04": "{\n  \"deviceName\": \"Cellar\"\n}\n",
	} {
		runWith(t, env, document, "create", mac, "-m", "first of "+mac).want(t, 0, "Created aa:bb:cc:dd:ee:", "revision 1")
	}
	return env
}

// answer reads the JSON that a command printed.
func answer[T any](t *testing.T, o outcome) T {
	t.Helper()
	var v T
	o.want(t, 0)
	if err := json.Unmarshal([]byte(o.out), &v); err != nil {
		t.Fatalf("%v: %s%s", err, o.out, o.errors)
	}
	return v
}

func TestList(t *testing.T) {
	env := house(t)
	got := run(t, env, "list", "--sort", "device_entity_id", "--desc")
	got.want(t, 0)
	var rows [][]string
	for line := range strings.Lines(got.out) {
		rows = append(rows, strings.Split(strings.TrimSpace(line), "\t"))
	}
	if len(rows) != 5 {
		t.Fatalf("lists\n%s", got.out)
	}
	if diff := cmp.Diff([]string{"MAC ADDRESS", "ID", "NAME", "ENTITY ID", "OTA", "SYNC", "LAST SEEN", "REVISION", "HAS", "CHANGED"}, rows[0]); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	changed, err := time.Parse(time.RFC3339, rows[2][9])
	if err != nil || time.Since(changed) > time.Minute {
		t.Errorf("changed %q: %v", rows[2][9], err)
	}
	if diff := cmp.Diff([]string{"aa:bb:cc:dd:ee:01", rows[2][1], "Hallway", "light.hall", "yes", "unknown", "-", "1", "-", rows[2][9]}, rows[2]); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	shown := person(t, env, "", "list", "--search", "Attic")
	shown.want(t, 0, "aa:bb:cc:dd:ee:03", "Attic", "1m ago", "\x1b[2munknown\x1b[0m")
	plain := person(t, append(env, "NO_COLOR=1"), "", "list")
	if strings.ContainsAny(plain.out, "\x1b\t") {
		t.Errorf("on a terminal without colours: %q", plain.out)
	}
	if configs := answer[[]client.Config](t, run(t, env, "list", "--search", "aa-bb-cc-dd-ee-03", "-o", "json")); len(configs) != 1 || configs[0].Sync != client.SyncUnknown {
		t.Errorf("as JSON %+v", configs)
	}
	if configs := answer[[]client.Config](t, run(t, env, "list", "--sync", "applied,held", "-o", "json")); len(configs) != 0 {
		t.Errorf("in sync are %+v", configs)
	}
	if configs := answer[[]client.Config](t, run(t, env, "list", "--overdue=false", "-o", "json")); len(configs) != 4 {
		t.Errorf("not overdue are %+v", configs)
	}
	run(t, env, "list", "--online").want(t, 0, "MAC ADDRESS", "There are no such devices")
	run(t, env, "list", "--sort", "colour").want(t, 4, "sort must be one of")
	run(t, env, "list", "--sync", "well").want(t, 4, "sync must be a list of")
}

func TestShow(t *testing.T) {
	env := house(t)
	const document = `{"deviceName":"Attic","wifi":{"ssid":"x","password":"hunter22"},"list":[1,2]}`
	for _, word := range []string{"Attic", "aabbccddee03", "AA-BB-CC-DD-EE-03", "light.hall2"} {
		got := run(t, env, "show", word)
		if got.want(t, 0); word != "light.hall2" && got.out != document || got.errors != "" {
			t.Errorf("%s is %q, %q", word, got.out, got.errors)
		}
	}
	if got := person(t, env, "", "show", "Attic"); got.out != document+"\n" {
		t.Errorf("to a person it is shown as %q", got.out)
	}
	run(t, env, "show", "Attic", "--pretty").want(t, 0, "{\n  \"deviceName\": \"Attic\",\n")
	id := "#" + run(t, env, "list", "--search", "Attic").id(t)
	run(t, env, "set", id, "wifi.ssid", "y").want(t, 0, "Saved aa:bb:cc:dd:ee:03 (Attic) as revision 2")
	run(t, env, "show", id, "--revision", "1").want(t, 0, `"ssid":"x"`)
	config := answer[client.Config](t, run(t, env, "show", id, "-o", "json"))
	if config.Revision != 2 || !strings.Contains(string(config.Content), `"ssid": "y"`) {
		t.Errorf("the configuration is %+v", config)
	}
	old := answer[client.Revision](t, run(t, env, "show", id, "-o", "json", "--revision", "1"))
	if old.Revision != 1 || old.Message == nil || *old.Message != "first of aabbccddee03" || !strings.Contains(string(old.Content), "hunter22") {
		t.Errorf("the revision is %+v", old)
	}
	run(t, env, "show", id, "--revision", "9").want(t, 3, "Revision 9 of aa:bb:cc:dd:ee:03 was not found")
	if configs := answer[[]client.Config](t, run(t, env, "list", "--search", "Attic", "-o", "json")); configs[0].LastSeen != nil || configs[0].Sync != client.SyncUnknown {
		t.Errorf("looking left a trace: %+v", configs[0])
	}
}

// id is the id of the device in the last row of a list.
func (o outcome) id(t *testing.T) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	columns := strings.Split(lines[len(lines)-1], "\t")
	if len(columns) < 2 {
		t.Fatalf("no row in %q", o.out)
	}
	return columns[1]
}

func TestNamesOfDevices(t *testing.T) {
	env := house(t)
	several := run(t, env, "show", "Hallway")
	several.want(t, 4, `"Hallway" is 2 devices; say which by its MAC address or id:`, "\n  aa:bb:cc:dd:ee:01  #", "  Hallway  light.hall2")
	run(t, env, "show", "hall").want(t, 3, `There is no device "hall"`, "espalier list")
	run(t, env, "show", "#999").want(t, 3, `There is no device "#999"`)
	run(t, env, "delete", "Cellar", "-y").want(t, 0, "Deleted aa:bb:cc:dd:ee:04 (Cellar)")
	for _, command := range []string{"show Cellar", "set Cellar a 1", "delete aabbccddee04 -y", "edit Cellar", "watch Cellar"} {
		run(t, env, strings.Fields(command)...).want(t, 3, "The configuration of aa:bb:cc:dd:ee:04 (Cellar) was deleted; bring it back with: espalier undelete aa:bb:cc:dd:ee:04\n")
	}
}

func TestCompletionOfDevices(t *testing.T) {
	env := house(t)
	run(t, env, "__complete", "show", "Att").want(t, 0, "Attic\taa:bb:cc:dd:ee:03\n", ":4\n")
	run(t, env, "__complete", "set", "aa:bb:cc:dd:ee:0").want(t, 0, "aa:bb:cc:dd:ee:01\tHallway\n", "aa:bb:cc:dd:ee:04\tCellar\n")
	run(t, env, "delete", "Cellar", "-y").want(t, 0)
	if got := run(t, env, "__complete", "undelete", ""); !strings.Contains(got.out, "Cellar") || strings.Contains(got.out, "Attic") {
		t.Errorf("undelete offers %s", got.out)
	}
	away := run(t, []string{"SERVER_URL=http://127.0.0.1:1"}, "__complete", "show", "")
	if away.want(t, 0, ":4\n"); strings.Contains(away.out+away.errors, "espalier:") {
		t.Errorf("without a server: %s%s", away.out, away.errors)
	}
}

// What reads the output may have enough of it, and a program must not complain then.
func TestAClosedPipeIsNoError(t *testing.T) {
	env := house(t)
	for _, args := range [][]string{{"list"}, {"list", "-o", "json"}, {"show", "Attic"}, {"history", "Attic"}, {"status"}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = read.Close()
		var errs bytes.Buffer
		p := cli.Program{Environ: env, Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: write, Stderr: &errs}
		if status := p.Run(t.Context(), args); status != 0 || errs.String() != "" {
			t.Errorf("%v ends with %d: %s", args, status, errs.String())
		}
		_ = write.Close()
	}
}

// meanwhile is what happens while a person thinks about an answer, which is yes.
type meanwhile func()

func (m meanwhile) person(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	p := cli.Program{Environ: env, Dir: t.TempDir(), Stdin: &thinking{m, strings.NewReader("y\n")}, Stdout: &out, Stderr: &errs}
	status := p.OnATerminal(time.Now()).Run(t.Context(), args)
	return outcome{status, out.String(), errs.String()}
}

type thinking struct {
	first  func()
	answer io.Reader
}

func (r *thinking) Read(b []byte) (int, error) {
	if r.first != nil {
		r.first()
		r.first = nil
	}
	return r.answer.Read(b)
}
