package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// namesFor is how long the list of own addresses is believed before it is read again for an address that is not in it.
const namesFor = 5 * time.Second

// names knows what this server is called. A page whose own name was made to point here (DNS rebinding) is same-origin to
// the browser, and bears a Host header that is none of ours.
type names struct {
	allowed map[string]bool
	addrs   func() ([]net.IP, error)
	now     func() time.Time

	mu        sync.Mutex
	addresses map[netip.Addr]bool
	read      time.Time
}

func newNames(allowed []string, addrs func() ([]net.IP, error), now func() time.Time) *names {
	n := &names{allowed: map[string]bool{}, addrs: addrs, now: now}
	if n.addrs == nil {
		n.addrs = interfaceAddrs
	}
	for _, name := range allowed {
		n.allowed[hostName(name)] = true
	}
	// No one else can own a name that the machine itself goes by.
	if host, err := os.Hostname(); err == nil && host != "" {
		n.allowed[hostName(host)] = true
		n.allowed[hostName(host)+".local"] = true
	}
	return n
}

// own tells whether the Host header of a request is a name of this server, at whatever port.
func (n *names) own(r *http.Request) bool {
	host := hostName(r.Host)
	if host == "" {
		return false
	}
	if n.allowed[host] || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, ok := parseIP(host)
	if !ok {
		return false
	}
	if addr.IsLoopback() {
		return true
	}
	return n.ownAddr(addr)
}

func (n *names) ownAddr(addr netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := n.now(); n.addresses == nil || (!n.addresses[addr] && now.Sub(n.read) >= namesFor) {
		n.read = now
		n.addresses = map[netip.Addr]bool{}
		ips, err := n.addrs()
		if err != nil {
			return false
		}
		for _, ip := range ips {
			if a, ok := fromIP(ip); ok {
				n.addresses[a] = true
			}
		}
	}
	return n.addresses[addr]
}

func interfaceAddrs() ([]net.IP, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var ips []net.IP
	for _, a := range addrs {
		if network, ok := a.(*net.IPNet); ok {
			ips = append(ips, network.IP)
		}
	}
	return ips, nil
}

// hostName is a host without port, brackets and the dot at the end, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
