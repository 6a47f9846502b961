package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// MosquittoOptions say what a private mosquitto allows and keeps.
type MosquittoOptions struct {
	// Username and Password, where set, are what clients must present; without them everyone may connect.
	Username, Password string
	// Users are further ones, by name, with their passwords.
	Users map[string]string
	// Persistence saves retained messages and sessions at each change, so that they outlive the broker's end. Without it
	// a broker that starts again has forgotten all.
	Persistence bool
	// Config holds further lines of mosquitto.conf.
	Config []string
}

// Broker is a mosquitto of one test's own, on a loopback port that stays the same across restarts.
type Broker struct {
	server *server
}

// Mosquitto starts a broker and ends it with the test.
func Mosquitto(t testing.TB, options MosquittoOptions) *Broker {
	t.Helper()
	program, err := findProgram("mosquitto", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	s, err := newServer("mosquitto", os.TempDir(), sameUser())
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	config := filepath.Join(s.dir, "mosquitto.conf")
	s.args = func() ([]string, error) {
		return []string{program, "-c", config}, writeMosquittoConfig(config, s, options)
	}
	s.launch(t, syscall.SIGTERM)
	return &Broker{server: s}
}

func writeMosquittoConfig(path string, s *server, options MosquittoOptions) error {
	lines := []string{
		fmt.Sprintf("listener %d 127.0.0.1", s.port),
		"log_dest stderr",
		"persistence_location " + s.dir + "/",
		fmt.Sprintf("persistence %t", options.Persistence),
		fmt.Sprintf("allow_anonymous %t", options.Username == ""),
	}
	if os.Getuid() == 0 {
		lines = append(lines, "user root") // else it would give up the right to its own directory
	}
	if options.Persistence {
		lines = append(lines, "autosave_on_changes true", "autosave_interval 1")
	}
	if options.Username != "" {
		file := filepath.Join(s.dir, "passwords")
		hash, err := findProgram("mosquitto_passwd", "/usr/bin", "/usr/local/bin")
		if err != nil {
			return err
		}
		add := func(args ...string) error {
			cmd := exec.Command(hash, append([]string{"-b"}, args...)...) //nolint:noctx // ends by itself
			if output, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("mosquitto_passwd: %w\n%s", err, output)
			}
			return nil
		}
		err = add("-c", file, options.Username, options.Password)
		for name, password := range options.Users {
			err = errors.Join(err, add(file, name, password))
		}
		if err != nil {
			return err
		}
		lines = append(lines, "password_file "+file)
	}
	lines = append(lines, options.Config...)
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// URL is the broker's address as the server's settings take it, mqtt://127.0.0.1:port, without a user's name.
func (b *Broker) URL() string { return "mqtt://" + b.Address() }

// Address is the broker's host:port.
func (b *Broker) Address() string { return b.server.address() }

// Stop ends the broker as its service manager would: it says goodbye to clients and, with Persistence, saves.
func (b *Broker) Stop(t testing.TB) { b.end(t, syscall.SIGTERM) }

// Kill ends the broker as a crash or a power cut would.
func (b *Broker) Kill(t testing.TB) { b.end(t, syscall.SIGKILL) }

func (b *Broker) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := b.server.end(signal); err != nil {
		t.Fatalf("testenv: %v", err)
	}
}

// Start starts a broker that was stopped or killed again, on the same port.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	if err := b.server.start(); err != nil {
		t.Fatalf("testenv: %v", err)
	}
}
