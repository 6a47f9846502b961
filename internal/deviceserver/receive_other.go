//go:build !unix

package deviceserver

// read waits for bytes and reads them into a new scratch. It answers false when none will come.
func (c *conn) read() bool {
	c.scratch = c.l.scratches.Get().(*scratch)
	c.got, c.err = c.tcp.Read(c.scratch.in[:])
	return c.got > 0
}

// receive is not used where waiting holds a buffer.
func (c *conn) receive(uintptr) bool { return true }
