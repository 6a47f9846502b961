package mqttbroker

import (
	"strings"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"

	"espalier.dev/espalier/internal/fleet"
)

// The bounds of what a device may say: a report of its document, and whether it is connected.
const (
	maxReportBytes = fleet.MaxReport
	maxStateBytes  = 64
	// sayBurst and sayEvery pace each client, its reports and its states apart.
	sayBurst = 20
	sayEvery = time.Second
	// statesPerClient says how many states are retained for each client that may be connected: devices come and go.
	statesPerClient = 2
	// mostPaced bounds the clients whose pace is remembered.
	mostPaced = 16384
)

// saying is what a device may publish.
type saying int

const (
	saysNothing saying = iota
	saysReport
	saysState
)

// ownTopic tells what a client says by publishing to a topic: nothing, unless it is one of the two of its own device.
func (a *access) ownTopic(client *mqtt.Client, topic string) saying {
	rest, below := strings.CutPrefix(topic, a.config.Topics.Prefix+"/devices/")
	digits, name, _ := strings.Cut(rest, "/")
	what := saysNothing
	switch name {
	case "report":
		what = saysReport
	case "state":
		what = saysState
	}
	if !below || what == saysNothing {
		return saysNothing
	}
	mac, err := fleet.ParseMAC(digits)
	if err != nil || digits != mac.Hex() {
		return saysNothing
	}
	if names(client.ID, mac) || names(string(client.Properties.Username), mac) {
		return what
	}
	return saysNothing
}

// names tells whether a client identifier or a user name is that of a device: its MAC address in any form and case stands in
// it as a word or at its end, or it is what ESP-IDF makes of the last three bytes where firmware names no identifier.
func names(id string, mac fleet.MAC) bool {
	id = strings.ToLower(id)
	digits := mac.Hex()
	if id == "esp32_"+digits[6:] {
		return true
	}
	for _, form := range []string{digits, mac.String(), mac.Dashed(), digits[:4] + "." + digits[4:8] + "." + digits[8:]} {
		for from := 0; ; {
			at := strings.Index(id[from:], form)
			if at < 0 {
				break
			}
			start, end := from+at, from+at+len(form)
			if end == len(id) || (start == 0 || !wordByte(id[start-1])) && !wordByte(id[end]) {
				return true
			}
			from = start + 1
		}
	}
	return false
}

func wordByte(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// fits tells whether a message of a device has the size that it may have.
func fits(what saying, payload []byte) bool {
	return what == saysReport && len(payload) <= maxReportBytes || what == saysState && len(payload) <= maxStateBytes
}

// plain is a message of a device as the broker takes it: without properties, which could be large and would be kept with
// it, and retained only where it says a state. A state does not expire: the server could not tell that from none.
func (a *access) plain(what saying, packet packets.Packet) packets.Packet {
	packet.Properties, packet.Expiry = packets.Properties{}, 0
	packet.FixedHeader.Retain = packet.FixedHeader.Retain && what == saysState && a.states.room(packet.TopicName)
	return packet
}

// ownWill keeps a will that is the state of the client's own device, and drops every other.
func (a *access) ownWill(connect *packets.ConnectParams) {
	if !connect.WillFlag {
		return
	}
	// The library has not read these from the packet yet.
	who := &mqtt.Client{ID: connect.ClientIdentifier, Properties: mqtt.ClientProperties{Username: connect.Username}}
	connect.WillProperties = packets.Properties{} // with a delay it would not be retained once the session is gone
	if !a.claimsServer(connect.Username) && a.ownTopic(who, connect.WillTopic) == saysState && fits(saysState, connect.WillPayload) {
		connect.WillQos = min(connect.WillQos, 1)
		return
	}
	connect.WillFlag, connect.WillRetain, connect.WillQos = false, false, 0
	connect.WillTopic, connect.WillPayload = "", nil
}

// saysOnline tells whether a client has a will, and what is retained where it would go is that the device is connected. Firmware that
// ends its connection in order, to sleep or to start again, mostly leaves that behind; MQTT then drops the will.
func (a *access) saysOnline(client *mqtt.Client) bool {
	will := client.Properties.Will
	if will.Flag == 0 {
		return false
	}
	said, retained := a.server.Topics.Retained.Get(will.TopicName)
	return retained && strings.EqualFold(strings.TrimSpace(string(said.Payload)), "online")
}

// OnWill looks for room at the time that a will is due.
func (a *access) OnWill(client *mqtt.Client, will mqtt.Will) (mqtt.Will, error) {
	if _, replaced := a.replaced.Load(client); replaced {
		will.TopicName, will.Retain = nobodysTopic, false
	}
	will.Retain = will.Retain && a.states.room(will.TopicName)
	return will, nil
}

// nobodysTopic is one that no client may read.
const nobodysTopic = "$nobody"

// OnSessionEstablish has the will of a connection dropped that the same client replaces by a new one. The library would send
// it while the new connection speaks already, so that the state "offline" of the old could come after the "online" of
// the new.
func (a *access) OnSessionEstablish(client *mqtt.Client, _ packets.Packet) {
	existing, known := a.server.Clients.Get(client.ID)
	if !known || existing.Closed() {
		return
	}
	a.replaced.Store(existing, true)
	if existing.Closed() { // of its own accord: its will is due
		a.replaced.Delete(existing)
	}
}

// OnDisconnect forgets what is known of a connection.
func (a *access) OnDisconnect(client *mqtt.Client, _ error, _ bool) {
	a.replaced.Delete(client)
	a.ears.unsent.Delete(client)
}

// OnRetainMessage counts the retained states.
func (a *access) OnRetainMessage(client *mqtt.Client, packet packets.Packet, kept int64) {
	if !a.claimsServer(client.Properties.Username) {
		a.states.keep(packet.TopicName, kept > 0)
	}
}

// states are the topics whose states are retained.
type states struct {
	mu     sync.Mutex
	topics map[string]struct{}
	most   int
}

// room tells whether a state may be retained.
func (s *states) room(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.topics[topic]
	return known || len(s.topics) < s.most
}

func (s *states) keep(topic string, kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !kept {
		delete(s.topics, topic)
		return
	}
	if s.topics == nil {
		s.topics = map[string]struct{}{}
	}
	s.topics[topic] = struct{}{}
}

// paces are how often clients speak. A client that connects anew keeps its pace.
type paces struct {
	mu      sync.Mutex
	clients map[string]*rate.Limiter
}

// allow counts a message of a client.
func (p *paces) allow(client string, what saying, now time.Time) bool {
	key := client + "\x00" + string(rune('0'+what)) // an identifier has no NUL
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.clients[key]
	if one == nil {
		if len(p.clients) >= mostPaced {
			p.forget(now)
		}
		if p.clients == nil {
			p.clients = map[string]*rate.Limiter{}
		}
		one = rate.NewLimiter(rate.Every(sayEvery), sayBurst)
		p.clients[key] = one
	}
	return one.AllowN(now, 1)
}

// forget makes room: clients that have been silent go, and if they are few, an eighth of the others.
func (p *paces) forget(now time.Time) {
	for key, one := range p.clients {
		if one.TokensAt(now) >= sayBurst {
			delete(p.clients, key)
		}
	}
	for key := range p.clients {
		if len(p.clients) <= mostPaced*7/8 {
			return
		}
		delete(p.clients, key)
	}
}
