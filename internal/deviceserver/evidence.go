package deviceserver

import (
	"bytes"
	"net"
	"net/netip"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// saw tells what a device showed by a request that was answered, at the time of the request: what the device says of the answer
// comes later than that, also where this goroutine has to wait after it.
func (c *conn) saw(p *reply, asked condition, from string, at time.Time) {
	if c.l.options.Saw == nil {
		return
	}
	shown := fleet.CheckIn{MAC: p.request.mac, Current: p.document, At: at, Address: from, Head: p.request.head,
		NotModified: p.notModified, Tags: asked.tags}
	if asked.tags == 1 && !asked.met {
		shown.Tag = string(asked.only)
	}
	first, second, n := shown.Evidence()
	c.l.options.Saw(first)
	if n > 1 {
		c.l.options.Saw(second)
	}
}

// from is the IP address that a request came from: the other end of the connection, or whom a proxy on this machine names
// last. understood is false where that is no plain address.
func (c *conn) from(r request) (text string, understood bool) {
	if c.l.options.Saw == nil {
		return "", true
	}
	if !c.peer.IsValid() {
		at, tcp := c.tcp.RemoteAddr().(*net.TCPAddr)
		if !tcp {
			return "", false
		}
		c.peer = at.AddrPort().Addr().Unmap().WithZone("")
		c.peerText = c.peer.String()
	}
	if r.forwarded == nil || !c.peer.IsLoopback() {
		return c.peerText, true
	}
	named, err := netip.ParseAddr(string(bytes.Trim(r.forwarded[bytes.LastIndexByte(r.forwarded, ',')+1:], " ")))
	if err != nil {
		return "", false
	}
	return named.Unmap().WithZone("").String(), true
}
