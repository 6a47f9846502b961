package mqttclient

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// Identity is a client identifier that stays the same when the server starts again, for one process at a time.
type Identity struct {
	id   string
	path string
	file *os.File
}

// ErrIdentityInUse says that another process has the identifier.
var ErrIdentityInUse = errors.New("another process has the MQTT client identifier")

var identifier = regexp.MustCompile(`^[A-Za-z0-9-]{8,64}\n$`)

// TakeIdentity takes the identifier that a file holds, or makes one that begins with name. The kernel gives it back with
// the process, however that ends. Errors: ErrIdentityInUse, and those of the file.
func TakeIdentity(path, name string) (*Identity, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	one := &Identity{path: path, file: file}
	if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w in %s", ErrIdentityInUse, path)
	}
	if err == nil {
		err = one.read(name)
	}
	if err != nil {
		_ = file.Close() // nothing was kept in it
		return nil, err
	}
	return one, nil
}

// read reads the identifier, and writes a new one where there is none that could be ours.
func (i *Identity) read(name string) error {
	text, err := io.ReadAll(io.LimitReader(i.file, 100))
	if err != nil {
		return err
	}
	if identifier.Match(text) {
		i.id = string(text[:len(text)-1])
		return nil
	}
	i.id = unique(name)
	if err := i.file.Truncate(0); err != nil {
		return err
	}
	_, err = i.file.WriteAt([]byte(i.id+"\n"), 0)
	return err
}

// ID is the identifier.
func (i *Identity) ID() string { return i.id }

// LogValue is the file: who knows the identifier can take the session over.
func (i *Identity) LogValue() slog.Value { return slog.StringValue(i.path) }

// Release gives the identifier back.
func (i *Identity) Release() error { return i.file.Close() }
