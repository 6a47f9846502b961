package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"espalier.dev/espalier/internal/testenv"
)

// documentSize is that of a typical device's document, in bytes.
const documentSize = 600

// devices are a fleet of made-up devices, numbered from 0.
type devices struct{ count int }

func newDevices(count int) devices { return devices{count} }

// mac spreads the numbers over the whole address, as those of real devices are.
func (d devices) mac(i int) string {
	n := uint64(i)*0x9E3779B97F4A7C15>>20&^0xffffff | uint64(i)
	return fmt.Sprintf("%02x-%02x-%02x-%02x-%02x-%02x", n>>40&0xff, n>>32&0xff, n>>24&0xff, n>>16&0xff, n>>8&0xff, n&0xff)
}

func (d devices) path(i int) string { return "/api/configs/" + d.mac(i) + ".json" }

func (d devices) document(i int) string {
	start := fmt.Sprintf(`{"deviceName":"Device %d","deviceEntityId":"device_%d","enableOTA":true,"mqtt":{"endpoint":"mqtt://10.0.0.5"},"filler":"`, i, i)
	return start + strings.Repeat("x", documentSize-len(start)-2) + `"}`
}

// target is a server under load.
type target struct {
	name string
	url  string
	pids []int
}

// pinned tells whether servers and load can be kept on cores of their own: the first and the second.
func pinned() bool {
	_, err := exec.LookPath("taskset")
	return err == nil && runtime.NumCPU() > 1
}

const (
	serverCore = 0
	loadCore   = 1
)

// pin holds a process, or the calling thread (0), to a core.
func pin(b testing.TB, pid, core int) {
	b.Helper()
	mask := uint64(1) << core
	if _, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(pid), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask))); e != 0 {
		b.Fatalf("hold process %d to core %d: %v", pid, core, e)
	}
}

// startNginx serves the documents from files.
func startNginx(b *testing.B, d devices) target {
	b.Helper()
	dir := b.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(d.path(0))), 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range d.count {
		if err := os.WriteFile(filepath.Join(dir, d.path(i)), []byte(d.document(i)), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	t := target{name: "nginx", url: testenv.Nginx(b, dir)}
	for _, master := range children(b, os.Getpid(), "nginx") {
		t.pids = append(append(t.pids, master), children(b, master, "nginx")...)
	}
	if len(t.pids) < 2 {
		b.Fatalf("found the processes %v of nginx, want a master and a worker", t.pids)
	}
	if pinned() {
		for _, pid := range t.pids {
			pin(b, pid, serverCore)
		}
	}
	return t
}

// startEspalier builds the program, starts it on SQLite and imports the documents. ESPALIER names a program that was
// built already.
func startEspalier(b *testing.B, d devices) target {
	b.Helper()
	program := os.Getenv("ESPALIER")
	if program == "" {
		program = filepath.Join(b.TempDir(), "espalier")
		build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", program, "espalier.dev/espalier/cmd/espalier")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("build espalier: %v\n%s", err, out)
		}
	}
	args := []string{program, "serve"}
	if pinned() {
		args = append([]string{"taskset", "-c", strconv.Itoa(serverCore)}, args...)
	}
	dir, port := b.TempDir(), testenv.FreePort(b)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // ended by the cleanup, which gives it time
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "DATA_DIR="+dir, "MQTT_URL=off", "HOST=127.0.0.1", "PORT="+strconv.Itoa(port))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	letGo := guard(b, cmd.Process.Pid)
	b.Cleanup(func() {
		defer letGo()
		_ = log.Close()
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			b.Errorf("espalier ended: %v\n%s", err, tail(log.Name()))
		}
	})
	t := target{name: "espalier", url: fmt.Sprintf("http://127.0.0.1:%d", port), pids: []int{cmd.Process.Pid}}
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("espalier's log ends:\n%s", tail(log.Name()))
		}
	})
	t.waitHealthy(b)
	t.load(b, d)
	return t
}

// guard ends a process when this one is gone, however it went, until it lets go. (Pdeathsig would not do: it ends the
// process with the thread that started it.)
func guard(b *testing.B, pid int) (letGo func()) {
	b.Helper()
	watch := exec.Command("/bin/sh", "-c", `read -r word; kill -TERM "$1"`, "espalier-bench-guard", strconv.Itoa(pid)) //nolint:noctx // outlives us
	watch.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := watch.StdinPipe()
	if err == nil {
		err = watch.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		_ = watch.Process.Kill() // before it can read that the pipe is closed
		_ = watch.Wait()
		_ = pipe.Close()
	}
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// reply is one to a request that is not measured.
type reply struct {
	status int
	etag   string
	text   []byte
}

// client is for all that is not measured.
func client() *http.Client { return &http.Client{Timeout: 5 * time.Minute} }

func (t target) request(b *testing.B, method, path, kind string, body io.Reader) (r reply, err error) {
	b.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, t.url+path, body)
	if err != nil {
		b.Fatal(err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := client().Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	r = reply{status: response.StatusCode, etag: response.Header.Get("ETag")}
	r.text, err = io.ReadAll(response.Body)
	return r, err
}

func (t target) waitHealthy(b *testing.B) {
	b.Helper()
	testenv.WaitFor(b, 30*time.Second, func() bool {
		r, err := t.request(b, http.MethodGet, "/api/health", "", nil)
		return err == nil && r.status == http.StatusOK
	})
}

// load imports the documents over the API.
func (t target) load(b *testing.B, d devices) {
	b.Helper()
	var lines bytes.Buffer
	for i := range d.count {
		fmt.Fprintf(&lines, `{"mac_address":%q,"content":%s}`+"\n", d.mac(i), d.document(i))
	}
	r, err := t.request(b, http.MethodPost, "/api/import", "application/x-ndjson", &lines)
	if err != nil || r.status != http.StatusOK {
		b.Fatalf("import of %d configurations: %d %v\n%.500s", d.count, r.status, err, r.text)
	}
}

// etag fetches one document, which must be whole, and answers its entity tag.
func (t target) etag(b *testing.B, d devices, i int) string {
	b.Helper()
	r, err := t.request(b, http.MethodGet, d.path(i), "", nil)
	if err != nil || r.status != http.StatusOK || string(r.text) != d.document(i) {
		b.Fatalf("%s: %s: %d %v\n%.200s", t.name, d.path(i), r.status, err, r.text)
	}
	return r.etag
}

// cpu is the CPU time that the server has used.
func (t target) cpu(b *testing.B) time.Duration {
	b.Helper()
	const tick = time.Second / 100 // USER_HZ, which Linux has fixed for programs
	var sum time.Duration
	for _, pid := range t.pids {
		fields := stat(b, pid)
		for _, field := range fields[11:13] { // utime and stime
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(ticks) * tick
		}
	}
	return sum
}

// stat is /proc/pid/stat from the third field on.
func stat(b testing.TB, pid int) []string {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// children are the processes of a name that a process has started.
func children(b testing.TB, parent int, name string) (pids []int) {
	b.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range names {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		before, after, _ := strings.Cut(string(text), " (")
		command, rest, _ := strings.Cut(after, ") ")
		if fields := strings.Fields(rest); command == name && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(before)
			if err != nil {
				b.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func parseURL(b testing.TB, text string) (port int) {
	b.Helper()
	u, err := url.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	if port, err = strconv.Atoi(u.Port()); err != nil {
		b.Fatal(err)
	}
	return port
}
