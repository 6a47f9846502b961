package app

import (
	"net"
	"net/netip"
	"slices"

	"espalier.dev/espalier/internal/httpapi"
	"espalier.dev/espalier/internal/settings"
)

// info is what /api/server says of the server.
func (a *App) info(address net.Addr) httpapi.ServerInfo {
	i := httpapi.ServerInfo{StartedAt: a.store.Now(), Engine: a.store.Engine(), TopicPrefix: a.options.Settings.MQTTTopicPrefix,
		Settings: shown(a.options.Settings), Backlog: a.store.Backlog, Readers: a.events.Subscribers}
	if at, ok := address.(*net.TCPAddr); ok {
		i.DeviceURLs = func() []string { return deviceURLs(at.AddrPort(), interfaceAddrs()) }
	}
	return i
}

// shown are the settings as `espalier settings` prints them.
func shown(set settings.Settings) []httpapi.Setting {
	var all []httpapi.Setting
	for _, e := range set.Effective() {
		all = append(all, httpapi.Setting{Name: e.Name, Value: e.Value, Source: e.Origin, Secret: e.Secret})
	}
	return all
}

// deviceURLs are the addresses of this machine, among own, at which devices in the network reach what listens at an address:
// those of IPv4 first, since few devices speak IPv6.
func deviceURLs(at netip.AddrPort, own []netip.Addr) []string {
	if host := at.Addr().Unmap().WithZone(""); !host.IsUnspecified() {
		own = []netip.Addr{host}
	}
	var urls []string
	for _, four := range []bool{true, false} {
		for _, addr := range own {
			url := "http://" + netip.AddrPortFrom(addr, at.Port()).String() + "/"
			if addr.Is4() == four && addr.IsGlobalUnicast() && !slices.Contains(urls, url) {
				urls = append(urls, url)
			}
		}
	}
	return urls
}

// interfaceAddrs are the addresses of the network interfaces that are up.
func interfaceAddrs() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var own []netip.Addr
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			if network, ok := a.(*net.IPNet); ok {
				if addr, ok := netip.AddrFromSlice(network.IP); ok {
					own = append(own, addr.Unmap())
				}
			}
		}
	}
	return own
}
