package testenv

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
	signalAgain  = time.Second
)

// server is a child process that listens on one loopback port and can be stopped and started again there.
type server struct {
	name  string
	dir   string // everything the server keeps; removed at the end
	port  int
	owner *syscall.SysProcAttr
	args  func() ([]string, error) // the command line, asked for at each start; it may write what the port decides

	mu      sync.Mutex // tests of faults stop and start from a goroutine of their own
	running *process
}

// process is one life of a server.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	guard  io.WriteCloser
}

// newServer makes a server's directory below parent, owned by the user that the server will run as.
func newServer(name, parent string, owner *syscall.SysProcAttr) (*server, error) {
	dir, err := os.MkdirTemp(parent, "espalier-"+name+"-")
	if err != nil {
		return nil, err
	}
	if owner.Credential != nil {
		if err := os.Chown(dir, int(owner.Credential.Uid), int(owner.Credential.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &server{name: name, dir: dir, port: port, owner: owner}, nil
}

// memoryDir returns a folder that is held in memory, where there is one with room, and else the usual one for temporary
// files. A database is created there thirty times as fast as on a disk, which makes hundreds of files.
func memoryDir() string {
	const shared, room = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(shared, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < room {
		return os.TempDir()
	}
	return shared
}

// sameUser runs a server as whoever runs the tests, in a process group of its own: an interrupt at the terminal ends
// the tests, and these end the server.
func sameUser() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// unprivileged is sameUser for servers that refuse to run as root, which then run as the named user, or as nobody.
func unprivileged(name string) (*syscall.SysProcAttr, error) {
	attr := sameUser()
	if os.Getuid() != 0 {
		return attr, nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, nil
}

func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *server) logPath() string { return filepath.Join(s.dir, "log") }

// startAnywhere starts the server for the first time. Another process may take the port in between, so it then tries
// another one.
func (s *server) startAnywhere() error {
	const tries = 3
	for try := 1; ; try++ {
		err := s.start()
		if err == nil || try == tries || listenable(s.port) {
			return err
		}
		if s.port, err = freePort(); err != nil {
			return err
		}
	}
}

// start runs the server and returns when its port answers. Its output goes to a file: inherited, it would keep
// `go test` waiting for as long as the server lives.
func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return fmt.Errorf("%s is running already", s.name)
	}
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	args, err := s.args()
	if err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // ended by stop, kill or its guard
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = s.dir, log, log, s.owner
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.exited)
	}()
	s.running = p
	if p.guard, err = guard(cmd.Process.Pid, s.dir); err != nil {
		return errors.Join(err, s.endLocked(syscall.SIGKILL))
	}
	if !poll(startTimeout, func() bool { return p.gone() || s.answers() }) || p.gone() {
		tail := lastLines(s.logPath())
		return errors.Join(fmt.Errorf("%s did not start on port %d:\n%s", s.name, s.port, tail), s.endLocked(syscall.SIGKILL))
	}
	return nil
}

// guard starts a shell that ends a server and removes its files once this process is gone, however it went: the pipe
// that the shell reads then closes without a word. A word tells it that the server was ended in the usual way.
func guard(pid int, dir string) (io.WriteCloser, error) {
	const script = `read -r word && exit 0
kill -QUIT "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 50 ]; do tries=$((tries+1)); sleep 0.1; done
kill -KILL -- "-$1" 2>/dev/null
rm -rf -- "$2"`
	cmd := exec.Command("/bin/sh", "-c", script, "espalier-test-guard", strconv.Itoa(pid), dir) //nolint:noctx // outlives us
	cmd.Dir, cmd.SysProcAttr = os.TempDir(), sameUser()
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait() }()
	return pipe, nil
}

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (s *server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.address(), time.Second) //nolint:noctx // has its own timeout
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// end signals the server and returns when it is gone. A server that outstays its time is killed.
func (s *server) end(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(signal)
}

func (s *server) endLocked(signal syscall.Signal) error {
	p := s.running
	if p == nil {
		return fmt.Errorf("%s is not running", s.name)
	}
	s.running = nil
	late, err := s.signalUntilGone(p, signal)
	if err != nil {
		return err
	}
	if p.guard != nil {
		_, _ = io.WriteString(p.guard, "ended\n")
		_ = p.guard.Close()
	}
	return late
}

// signalUntilGone repeats the signal: mosquitto forgets one that comes when it listens already and is not in its loop yet.
func (s *server) signalUntilGone(p *process, signal syscall.Signal) (late, err error) {
	again := time.NewTicker(signalAgain)
	defer again.Stop()
	limit := time.After(stopTimeout)
	for {
		if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return nil, err
		}
		select {
		case <-p.exited:
			return nil, nil
		case <-again.C:
		case <-limit:
			_ = p.cmd.Process.Kill()
			<-p.exited
			return fmt.Errorf("%s did not end within %v after signal %v", s.name, stopTimeout, signal), nil
		}
	}
}

// remove ends the server, when it runs, and deletes what it kept.
func (s *server) remove(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.running != nil {
		err = s.endLocked(signal)
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *server) isRunning() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running != nil
}

// launch starts a server for one test, which ends it with the given signal.
func (s *server) launch(t testing.TB, signal syscall.Signal) {
	t.Helper()
	t.Cleanup(func() {
		if err := s.remove(signal); err != nil {
			t.Errorf("testenv: %v", err)
		}
	})
	if err := s.startAnywhere(); err != nil {
		t.Fatalf("testenv: %v", err)
	}
}
