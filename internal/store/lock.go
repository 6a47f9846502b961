package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// holder is what a lock file says of the server that has the database.
type holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
	Owner string    `json:"owner,omitempty"`
}

// fileLock keeps a second server from a SQLite file. The kernel frees it with the process, however that ends. The file
// is never deleted: a server could then lock a file that another no longer sees.
type fileLock struct{ file *os.File }

// takeLock locks path, and says in it who did. Errors: ErrLocked.
func takeLock(path, owner string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = lockedBy(file)
	}
	if err == nil {
		err = (&fileLock{file}).write(owner)
	}
	if err != nil {
		_ = file.Close() // nothing was kept in it
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{file}, nil
}

func lockedBy(file *os.File) error {
	const advice = "stop that one first, or give this one another DATA_DIR or DATABASE_URL (several servers can share a PostgreSQL database)"
	var h holder
	text, err := io.ReadAll(io.LimitReader(file, 64<<10))
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil { // it is just being written
		return fmt.Errorf("%w by another server: %s", ErrLocked, advice)
	}
	who := fmt.Sprintf("process %d on %s since %s", h.PID, h.Host, h.Since.Format(time.RFC3339))
	if h.Owner != "" {
		who += " (" + h.Owner + ")"
	}
	return fmt.Errorf("%w by %s: %s", ErrLocked, who, advice)
}

func (l *fileLock) write(owner string) error {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	text, err := json.Marshal(holder{PID: os.Getpid(), Host: host, Since: time.Now().UTC().Truncate(time.Second), Owner: owner})
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(text, '\n'), 0)
	return err
}

// release frees the lock.
func (l *fileLock) release() error { return l.file.Close() }
