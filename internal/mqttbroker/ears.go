package mqttbroker

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// mostUnsent is how many retained messages wait for the server's connection at once. It is well below maxPendingWrites,
// beyond which the library drops messages.
const mostUnsent = 1024

// ears keep the server from missing the state of a device: what it believed of that device would stay wrong.
type ears struct {
	unsent sync.Map // *mqtt.Client, the server's, to *unsent
}

// unsent counts the retained messages that wait for one connection.
type unsent struct {
	n    atomic.Int64
	less chan struct{}
}

func (e *ears) of(client *mqtt.Client) *unsent {
	if u, known := e.unsent.Load(client); known {
		return u.(*unsent)
	}
	u, _ := e.unsent.LoadOrStore(client, &unsent{less: make(chan struct{}, 1)})
	return u.(*unsent)
}

// OnSubscribe gives the server the states of devices with QoS 0: with QoS 1 the library holds no more than maxInflight, and
// drops the rest of what is retained.
func (a *access) OnSubscribe(client *mqtt.Client, packet packets.Packet) packets.Packet {
	if a.claimsServer(client.Properties.Username) {
		for i := range packet.Filters {
			if strings.HasSuffix(packet.Filters[i].Filter, "/state") {
				packet.Filters[i].Qos = 0
			}
		}
	}
	return packet
}

// OnRetainPublished waits while many retained messages wait for the server's connection. It is called from the goroutine
// that reads from that connection, and holds up nobody else.
func (a *access) OnRetainPublished(client *mqtt.Client, _ packets.Packet) {
	if !a.claimsServer(client.Properties.Username) {
		return
	}
	u := a.ears.of(client)
	u.n.Add(1)
	for u.n.Load() >= mostUnsent && !client.Closed() {
		select {
		case <-u.less:
		case <-time.After(100 * time.Millisecond): // the connection may be gone
		}
	}
}

// OnPacketSent counts what has been written to the server.
func (a *access) OnPacketSent(client *mqtt.Client, packet packets.Packet, _ []byte) {
	if packet.FixedHeader.Type != packets.Publish || !packet.FixedHeader.Retain || !a.claimsServer(client.Properties.Username) {
		return
	}
	u := a.ears.of(client)
	u.n.Add(-1)
	select {
	case u.less <- struct{}{}:
	default:
	}
}

// OnPublishDropped ends the server's connection where a state was dropped because it reads too slowly: it connects again,
// and is given every state anew.
func (a *access) OnPublishDropped(client *mqtt.Client, packet packets.Packet) {
	if a.claimsServer(client.Properties.Username) && strings.HasSuffix(packet.TopicName, "/state") {
		a.logger.Warn("the server does not keep up with the states of devices; it has to connect again")
		client.Stop(packets.ErrQuotaExceeded)
	}
}
