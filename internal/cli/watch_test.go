package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/cli"
	"espalier.dev/espalier/internal/testenv"
)

const someEvents = "event: ready\nid: 0\ndata: {}\n\n" +
	`event: created` + "\nid: 1\n" + `data: {"mac_address":"aa:bb:cc:dd:ee:01","config_id":1,"revision":1,"at":"2026-01-02T03:04:05Z","sync":"unknown","overdue":false,"principal":"token","address":"10.0.0.5","message":"new \u001b[31mred"}` + "\n\n" +
	`event: check-in` + "\nid: 2\n" + `data: {"mac_address":"aa:bb:cc:dd:ee:01","config_id":1,"revision":2,"at":"2026-01-02T03:04:06Z","sync":"pending","device_revision":1,"overdue":true,"online":false,"address":"10.0.0.9"}` + "\n\n" +
	`event: report` + "\nid: 3\n" + `data: {"mac_address":"aa:bb:cc:dd:ee:01","config_id":1,"revision":2,"at":"2026-01-02T03:04:07Z","sync":"error","report":{"status":"error","revision":2,"path":"/a"}}` + "\n\n" +
	`event: replaced` + "\nid: 4\n" + `data: {"mac_address":"aa:bb:cc:dd:ee:02","config_id":1,"revision":3,"at":"2026-01-02T03:04:08Z","sync":"pending","other_mac_address":"aa:bb:cc:dd:ee:01"}` + "\n\n" +
	"event: reset\nid: 9\ndata: {\"reason\":\"too old\"}\n\n"

// broadcast is a server that tells some events, and then, of who comes again, says that nobody may.
func broadcast(t *testing.T) []string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") == "9" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"Not any more","code":"FORBIDDEN"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, someEvents)
	}))
	t.Cleanup(server.Close)
	return []string{"SERVER_URL=" + server.URL}
}

func TestWatchPrintsALineForEach(t *testing.T) {
	env := broadcast(t)
	got := run(t, env, "watch")
	got.want(t, 5, "espalier: the connection is lost (", "espalier: Not any more")
	want := "2026-01-02T03:04:05Z  created   aa:bb:cc:dd:ee:01  revision 1 by token from 10.0.0.5: new \uFFFD[31mred\n" +
		"2026-01-02T03:04:06Z  check-in  aa:bb:cc:dd:ee:01  pending, has revision 1 of 2, overdue, offline, from 10.0.0.9\n" +
		"2026-01-02T03:04:07Z  report    aa:bb:cc:dd:ee:01  error revision 2, at /a\n" +
		"2026-01-02T03:04:08Z  replaced  aa:bb:cc:dd:ee:02  revision 3 takes the place of aa:bb:cc:dd:ee:01\n" +
		"                      reset     events are missing here: too old\n"
	if diff := cmp.Diff(want, got.out); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	person(t, env, "", "watch").want(t, 5, "Watching; end it with Ctrl-C", "\x1b[31mreset   \x1b[0m", "\x1b[33mcheck-in\x1b[0m")
	var kinds []string
	asJSON := run(t, env, "watch", "-o", "json")
	for line := range strings.Lines(asJSON.out) {
		var e client.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID == "" {
			t.Errorf("%v: %s", err, line)
		}
		kinds = append(kinds, e.Kind)
	}
	if diff := cmp.Diff([]string{"created", "check-in", "report", "replaced", "reset"}, kinds); diff != "" {
		t.Errorf("as JSON (-want +got):\n%s", diff)
	}
}

// watching runs watch until what it prints is enough, and ends it as Ctrl-C does.
func watching(t *testing.T, env []string, do func(), enough func(out string) bool, args ...string) string {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	out, errs := &output{}, &output{}
	p := cli.Program{Environ: env, Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: out, Stderr: errs}.OnATerminal(time.Now())
	ended := make(chan int, 1)
	go func() { ended <- p.Run(ctx, append([]string{"watch"}, args...)) }()
	defer func() {
		interrupt()
		if status := <-ended; status != 0 {
			t.Errorf("watch ended with %d: %s", status, errs.String())
		}
	}()
	if len(args) == 0 || args[len(args)-1] != "json" {
		testenv.WaitFor(t, 20*time.Second, func() bool { return strings.Contains(errs.String(), "Watching") })
	}
	do()
	testenv.WaitFor(t, 20*time.Second, func() bool { return enough(out.String()) })
	return out.String()
}

func TestWatchAServer(t *testing.T) {
	env := append(house(t), "NO_COLOR=1")
	all := watching(t, env, func() {
		run(t, env, "set", "Attic", "a", "1", "-m", "look").want(t, 0)
		fetch(t, env, "aabbccddee03", "")
		run(t, env, "delete", "Cellar", "-y").want(t, 0)
	}, func(out string) bool { return strings.Contains(out, "deleted") && strings.Contains(out, "check-in") })
	for _, line := range []string{"updated   aa:bb:cc:dd:ee:03  revision 2 by local from 127.0.0.1: look\n", "check-in  aa:bb:cc:dd:ee:03  fetched", "deleted   aa:bb:cc:dd:ee:04  revision 2 by local"} {
		if !strings.Contains(all, line) {
			t.Errorf("watch does not say %q:\n%s", line, all)
		}
	}
	one := watching(t, env, func() {
		run(t, env, "undelete", "Cellar").want(t, 0)
		run(t, env, "set", "Attic", "a", "2").want(t, 0)
	}, func(out string) bool { return strings.Contains(out, "updated") }, "Attic", "--event", "updated,restored")
	if strings.Contains(one, "ee:04") || strings.Count(one, "\n") != 1 {
		t.Errorf("of one device it says\n%s", one)
	}
}

func TestWatchNeedsAServer(t *testing.T) {
	var out, errs bytes.Buffer
	p := cli.Program{Environ: []string{"SERVER_URL=http://127.0.0.1:1"}, Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs}
	outcome{p.Run(t.Context(), []string{"watch"}), out.String(), errs.String()}.want(t, 6, "espalier serve")
}

// Whoever is asked may also interrupt.
func TestAnInterruptEndsAQuestion(t *testing.T) {
	env := house(t)
	ctx, interrupt := context.WithCancel(t.Context())
	out, errs := &output{}, &output{}
	silent, typed := io.Pipe()
	p := cli.Program{Environ: env, Dir: t.TempDir(), Stdin: silent, Stdout: out, Stderr: errs}.OnATerminal(time.Now())
	ended := make(chan int, 1)
	go func() { ended <- p.Run(ctx, []string{"delete", "Attic"}) }()
	testenv.WaitFor(t, 20*time.Second, func() bool { return strings.Contains(errs.String(), "[y/N]") })
	interrupt()
	if status := <-ended; status != 4 || !strings.Contains(errs.String(), "nothing was changed") {
		t.Errorf("ended with %d: %s", status, errs.String())
	}
	_ = typed.Close()
	run(t, env, "show", "Attic").want(t, 0)
}
