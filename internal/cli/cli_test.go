package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/cli"
	"espalier.dev/espalier/internal/testenv"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcome is what a command did.
type outcome struct {
	status      int
	out, errors string
}

// run runs a command in an environment of its own.
func run(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	return runWith(t, env, "", args...)
}

func runWith(t *testing.T, env []string, stdin string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	p := cli.Program{Version: "v1.2.3", Environ: env, Dir: t.TempDir(), Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs}
	status := p.Run(t.Context(), args)
	return outcome{status, out.String(), errs.String()}
}

// want fails where a command did not end with a status, or did not say something on either stream.
func (o outcome) want(t *testing.T, status int, says ...string) {
	t.Helper()
	if o.status != status {
		t.Errorf("exit status %d, want %d:\n%s%s", o.status, status, o.out, o.errors)
	}
	for _, part := range says {
		if !strings.Contains(o.out+o.errors, part) {
			t.Errorf("does not say %q:\n%s%s", part, o.out, o.errors)
		}
	}
}

// output is a stream that can be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// server is a server that the command serve runs.
type server struct {
	url, dir string
	log      *output
	stop     func() int // and wait
}

// env is the environment of a command that works with the server.
func (s server) env(more ...string) []string {
	return append([]string{"SERVER_URL=" + s.url, "DATA_DIR=" + s.dir, "MQTT_URL=off"}, more...)
}

// start runs serve on a free port, without MQTT.
func start(t *testing.T, env ...string) server {
	t.Helper()
	s := server{dir: t.TempDir(), log: &output{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	p := cli.Program{Version: "v1.2.3", Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: s.log, Stderr: s.log,
		Environ: append([]string{"HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + s.dir, "MQTT_URL=off"}, env...)}
	go func() { ended <- p.Run(ctx, []string{"serve"}) }()
	var once sync.Once
	status := -1
	s.stop = func() int {
		once.Do(func() { cancel(); status = <-ended })
		return status
	}
	t.Cleanup(func() { s.stop() })
	testenv.WaitFor(t, 30*time.Second, func() bool {
		s.url = serving(s.log.String())
		return s.url != ""
	})
	return s
}

// serving is the URL that the log says it serves at.
func serving(log string) string {
	for line := range strings.Lines(log) {
		var record struct{ Msg, URL string }
		if json.Unmarshal([]byte(line), &record) == nil && record.Msg == "serving" {
			return record.URL
		}
	}
	return ""
}

func TestHelpGolden(t *testing.T) {
	for _, command := range []string{"", "serve", "import", "export", "db", "db upgrade", "db status", "db load-test-data",
		"simulate", "healthcheck", "version", "settings", "completion", "list", "show", "status", "watch", "create", "edit", "set",
		"unset", "patch", "update", "history", "diff", "blame", "restore", "delete", "undelete", "replace-device", "audit"} {
		t.Run(command, func(t *testing.T) {
			got := run(t, nil, append(strings.Fields(command), "--help")...)
			got.want(t, 0)
			path := filepath.Join("testdata", "help", strings.ReplaceAll("espalier "+command, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got.out), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.out); diff != "" {
				t.Errorf("help differs; write it anew with -update (-want +got):\n%s", diff)
			}
		})
	}
}

// Every command that people may use is in the golden files.
func TestHelpListsTheCommands(t *testing.T) {
	help := run(t, nil)
	help.want(t, 0, "serve", "import", "export", "db", "simulate", "healthcheck", "version", "settings", "completion", "Exit status",
		"list", "show", "status", "watch", "create", "edit", "set", "unset", "patch", "update", "history", "diff", "blame", "restore", "delete",
		"undelete", "replace-device", "audit")
	if strings.Contains(help.out, "Additional Commands") {
		t.Errorf("a command is in no group:\n%s", help.out)
	}
	if strings.Contains(help.out, "broker ") {
		t.Error("help shows the command of the embedded broker")
	}
}

func TestWrongUsage(t *testing.T) {
	for _, tc := range []struct {
		args string
		says string
	}{
		{"serv", `unknown command "serv" for "espalier"; did you mean serve?`},
		{"frobnicate", `unknown command "frobnicate" for "espalier"; see espalier --help`},
		{"db statsu", `unknown command "statsu" for "espalier db"; did you mean status?`},
		{"serve --prot 1", "unknown flag: --prot; did you mean --port?"},
		{"serve --frobnicate", "unknown flag: --frobnicate; see espalier serve --help"},
		{"serve -x", "unknown shorthand flag: 'x' in -x; see espalier serve --help"},
		{"serve extra", `unknown command "extra" for "espalier serve"`},
		{"serve --port nope", `PORT="nope" (flag) must be a whole number`},
		{"settings --database-url=x", `DATABASE_URL="•••" (flag) must be sqlite`},
		{"import", "espalier import takes one PATH, not 0 arguments"},
		{"export a b", "espalier export takes one DIR, not 2 arguments"},
		{"import . --on-conflict replace", `--on-conflict must be fail, skip or update, not "replace"`},
		{"settings -o yaml", "must be text or json"},
		{"simulate --devices many", "invalid argument"},
		{"db upgrade --recreate", "confirm it with --yes"},
		{"show", "espalier show takes DEVICE, not 0 arguments; see espalier show --help"},
		{"set a b", "espalier set takes DEVICE PATH VALUE, not 2 arguments"},
		{"set a / 1", "PATH must name a place in the document"},
		{"diff a b", `a revision must be a number from 1, as espalier history lists them, not "b"`},
		{"diff a 1 2 3", "espalier diff takes DEVICE [FROM] [TO], not 4 arguments"},
		{"restore a r0", "a revision must be a number from 1"},
		{"status a --wait done", "must be fetched, held or applied"},
		{"status --at 1h", "--at tells of one device; name it"},
		{"audit --since yesterday", `--since must be a time such as 2026-03-01T12:00:00Z, or a duration such as 2h, not "yesterday"`},
		{"audit x", `unknown command "x" for "espalier audit"`},
	} {
		t.Run(tc.args, func(t *testing.T) {
			got := run(t, nil, strings.Fields(tc.args)...)
			got.want(t, 2, "espalier: ", tc.says)
			if strings.Contains(got.errors, "Usage:") || strings.Count(got.errors, "\n") > 1 {
				t.Errorf("more than a line: %s", got.errors)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	run(t, nil, "version").want(t, 0, "espalier v1.2.3\ngo1.")
	run(t, nil, "--version").want(t, 0, "espalier v1.2.3\n")
	var out bytes.Buffer
	if status := cli.Run(t.Context(), []string{"--version"}, strings.NewReader(""), &out, &out); status != 0 || out.String() == "espalier \n" {
		t.Errorf("without a version of the build: %d %q", status, out.String())
	}
}

func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		run(t, nil, "completion", shell).want(t, 0, "espalier")
	}
}

func TestSettings(t *testing.T) {
	env := []string{"ADMIN_TOKEN=hunter2hunter2hunter2", "PORT=99"}
	got := run(t, env, "settings", "--log-level=debug")
	got.want(t, 0, "SETTING", "ADMIN_TOKEN", "•••", "environment", "flag", "default")
	asJSON := run(t, env, "settings", "-o", "json")
	var entries []struct{ Name, Value, Origin string }
	if err := json.Unmarshal([]byte(asJSON.out), &entries); err != nil || len(entries) < 15 {
		t.Errorf("%v: %s", err, asJSON.out)
	}
	if strings.Contains(got.out+asJSON.out, "hunter2") {
		t.Error("the token is shown")
	}
}

func TestWarningsAndTyposOfDotenv(t *testing.T) {
	for file, want := range map[string]struct {
		status int
		says   string
	}{
		"FLASK_ENV=x\n": {0, "espalier: warning: the .env file sets FLASK_ENV, which Espalier does not use"},
		"PROT=1\n":      {2, `espalier: the .env file sets "PROT", which is no setting; did you mean PORT?`},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		p := cli.Program{Dir: dir, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
		outcome{p.Run(t.Context(), []string{"settings"}), out.String(), errs.String()}.want(t, want.status, want.says)
	}
}

// startText runs serve with a log for people until it says where to go, and returns all that it said.
func startText(t *testing.T, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log, ended := &output{}, make(chan int, 1)
	p := cli.Program{Version: "v1.2.3", Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: log, Stderr: log,
		Environ: append([]string{"HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + t.TempDir(), "MQTT_URL=off", "LOG_FORMAT=text"}, env...)}
	go func() { ended <- p.Run(ctx, []string{"serve"}) }()
	defer func() { cancel(); <-ended }()
	testenv.WaitFor(t, 30*time.Second, func() bool { return strings.Contains(log.String(), "Admin API") })
	return log.String()
}
