//go:build unix

package deviceserver

import (
	"errors"
	"syscall"
)

// read waits for bytes and reads them into a new scratch. It answers false when none will come.
func (c *conn) read() bool {
	return c.raw.Read(c.tryRead) == nil && c.err == nil && c.got > 0
}

// receive reads what has come, and answers false when nothing has: the runtime calls it again when something did. So a
// connection that waits holds no buffer.
func (c *conn) receive(fd uintptr) bool {
	s := c.l.scratches.Get().(*scratch)
	for {
		c.got, c.err = syscall.Read(int(fd), s.in[:])
		if !errors.Is(c.err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(c.err, syscall.EAGAIN) || c.got <= 0 {
		c.l.scratches.Put(s)
		return !errors.Is(c.err, syscall.EAGAIN)
	}
	c.scratch = s
	return true
}
