package mqttbroker

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// sessionsPerClient says how many sessions, connected or not, are kept for each client that may be connected.
const sessionsPerClient = 2

// maxKeepAlive is the longest silence, in seconds, after which an MQTT 5 client is still believed to be there.
const maxKeepAlive = 600

// access decides who may do what:
//   - The server's own user, known by its password, may do everything.
//   - Everybody else, with any user name or none, may read what is below the topic prefix, by wildcards too.
//   - A client whose identifier or user name is that of a device (see names) may publish to the two topics of that device:
//     its report, and its state, which may be retained and be its last will. Nobody proves who he is: this keeps mistakes
//     apart, not attackers.
//   - What is published otherwise reaches nobody and is not retained. MQTT 5 clients are told so by a reason code;
//     3.1.1 has none, so theirs are acknowledged and dropped: firmware that publishes something keeps its connection.
//     A will is dropped as it comes.
//   - $SYS and shared subscriptions are refused.
type access struct {
	mqtt.HookBase
	config Config
	server *mqtt.Server
	logger *slog.Logger
	trim   sync.Mutex // one at a time makes room for sessions

	states   states
	paces    paces
	ears     ears
	replaced sync.Map // *mqtt.Client whose place another connection takes
}

func newAccess(config Config, server *mqtt.Server, logger *slog.Logger) *access {
	return &access{config: config, server: server, logger: logger, states: states{most: config.MaxClients * statesPerClient}}
}

// ID names the hook to the library.
func (a *access) ID() string { return "access" }

// Provides lists the events that the hook wants.
func (a *access) Provides(event byte) bool {
	return bytes.IndexByte([]byte{
		mqtt.OnPacketRead, mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnClientExpired,
		mqtt.OnSessionEstablish, mqtt.OnDisconnect, mqtt.OnWill, mqtt.OnRetainMessage,
		mqtt.OnSubscribe, mqtt.OnRetainPublished, mqtt.OnPacketSent, mqtt.OnPublishDropped,
	}, event) >= 0
}

// OnPacketRead mends CONNECT before it is judged: only a device's own state is kept as a will, and an empty password, which
// MQTT allows and the library refuses, is none. And a device that says goodbye without a word on its state is gone all the same: its will is sent.
func (a *access) OnPacketRead(client *mqtt.Client, packet packets.Packet) (packets.Packet, error) {
	if packet.FixedHeader.Type == packets.Disconnect && a.saysOnline(client) {
		packet.ReasonCode = packets.CodeDisconnectWillMessage.Code
	}
	if packet.FixedHeader.Type != packets.Connect {
		return packet, nil
	}
	connect := &packet.Connect
	a.ownWill(connect)
	if connect.PasswordFlag && len(connect.Password) == 0 {
		connect.PasswordFlag = false
	}
	return packet, nil
}

// OnConnect refuses clients beyond the limit, and those that bear the identifier of a connected server, whose session
// they would end.
func (a *access) OnConnect(client *mqtt.Client, packet packets.Packet) error {
	client.Properties.Props.TopicAliasMaximum = 0 // the library's aliases break when it drops a message
	a.boundKeepAlive(client)
	if a.claimsServer(packet.Connect.Username) {
		return nil
	}
	existing, known := a.server.Clients.Get(client.ID)
	if known && !existing.Closed() && a.claimsServer(existing.Properties.Username) {
		return a.refuse(client, packets.ErrClientIdentifierNotValid)
	}
	if a.server.Info.Clone().ClientsConnected >= int64(a.config.MaxClients) && (!known || existing.Closed()) {
		a.logger.Warn("broker is full", "clients", a.config.MaxClients)
		return a.refuse(client, packets.ErrServerBusy)
	}
	if !known {
		a.makeRoom()
	}
	return nil
}

func (a *access) boundKeepAlive(client *mqtt.Client) {
	if client.Properties.ProtocolVersion < 5 {
		return // cannot be told; TCP's own probes find those that are gone
	}
	if client.State.Keepalive == 0 || client.State.Keepalive > maxKeepAlive {
		client.State.Keepalive, client.State.ServerKeepalive = maxKeepAlive, true
	}
}

func (a *access) refuse(client *mqtt.Client, reason packets.Code) error {
	if client.Properties.ProtocolVersion < 5 && reason == packets.ErrServerBusy {
		reason = packets.ErrServerUnavailable // 3.1.1 has a code for this one only
	}
	if err := a.server.SendConnack(client, reason, false, nil); err != nil {
		return err
	}
	return reason
}

// makeRoom ends the sessions that were left longest ago when there are too many: an identifier made up at each connect
// must not fill the memory.
func (a *access) makeRoom() {
	most := a.config.MaxClients * sessionsPerClient
	if a.server.Clients.Len() < most {
		return
	}
	a.trim.Lock()
	defer a.trim.Unlock()
	var left []*mqtt.Client
	for _, client := range a.server.Clients.GetAll() {
		if client.Closed() {
			left = append(left, client)
		}
	}
	slices.SortFunc(left, func(x, y *mqtt.Client) int { return cmp.Compare(x.StopTime(), y.StopTime()) })
	for _, client := range left[:min(len(left), max(1, most/10))] {
		drop(a.server, client.ID, client)
	}
}

// OnConnectAuthenticate lets everybody in but those who pretend to be the server.
func (a *access) OnConnectAuthenticate(_ *mqtt.Client, packet packets.Packet) bool {
	if !a.claimsServer(packet.Connect.Username) {
		return true
	}
	got, want := sha256.Sum256(packet.Connect.Password), sha256.Sum256([]byte(a.config.ServerPassword))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

func (a *access) claimsServer(username []byte) bool {
	return string(username) == a.config.ServerUsername
}

// OnACLCheck allows reading below the prefix. Writing what is not a device's own is denied to MQTT 5 clients, which the
// library then tells; it would disconnect others, so theirs come to OnPublish.
func (a *access) OnACLCheck(client *mqtt.Client, topic string, write bool) bool {
	if a.claimsServer(client.Properties.Username) {
		return true
	}
	if write {
		return client.Properties.ProtocolVersion < 5 || a.ownTopic(client, topic) != saysNothing
	}
	return reaches(topic, a.config.Topics.Prefix)
}

// OnPublish lets pass what a device says of itself, and drops what else clients publish.
func (a *access) OnPublish(client *mqtt.Client, packet packets.Packet) (packets.Packet, error) {
	if a.claimsServer(client.Properties.Username) {
		return packet, nil
	}
	what := a.ownTopic(client, packet.TopicName)
	switch {
	case what == saysNothing:
		return packet, packets.CodeSuccessIgnore
	case fits(what, packet.Payload) && a.paces.allow(client.ID, what, time.Now()):
		return a.plain(what, packet), nil
	case client.Properties.ProtocolVersion == 5 && packet.FixedHeader.Qos == 1:
		return packet, packets.ErrQuotaExceeded
	}
	return packet, packets.CodeSuccessIgnore // the library publishes all the same what it cannot refuse otherwise
}

// OnClientExpired removes the subscriptions of a session that expired, which the library leaves behind.
func (a *access) OnClientExpired(client *mqtt.Client) { a.server.UnsubscribeClient(client) }

// reaches tells whether a topic or a filter is at or below the prefix, or is a wildcard that takes the prefix in.
func reaches(filter, prefix string) bool {
	levels := strings.Split(filter, "/")
	for i, want := range strings.Split(prefix, "/") {
		switch {
		case i == len(levels):
			return false
		case levels[i] == "#":
			return true
		case levels[i] != "+" && levels[i] != want:
			return false
		}
	}
	return true
}
