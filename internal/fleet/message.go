package fleet

import (
	"encoding/json"
	"strings"
	"time"
)

// Message says that a device is to be told of its document: the device's one row in the outbox. It is
// level-triggered: a newer change replaces an older one that has not been sent.
type Message struct {
	MAC      MAC
	Revision int64
	SHA256   [32]byte
	Size     int // bytes of the document
	// Deleted says that the configuration is gone, and the device's retained message with it.
	Deleted bool
	// Broadcast says that the message that every device hears is owed too.
	Broadcast bool
	// Generation rises with each change of the row; a row is cleared only at the generation that was claimed.
	Generation int64
	// Attempts counts the claims since the row was last changed, this one included.
	Attempts int
	// ChangedAt is when the oldest change that the device has not been told of was made.
	ChangedAt time.Time
}

// Publication is one MQTT message, QoS 1.
type Publication struct {
	Topic   string
	Payload []byte
	Retain  bool
}

// Topics names the MQTT topics below one first level.
type Topics struct {
	Prefix string // "iotsupport" unless set otherwise
}

// Broadcast is the topic that every device hears (contract, part 4).
func (t Topics) Broadcast() string { return t.Prefix + "/updates/configs" }

// Config is the topic of a device's own retained message.
func (t Topics) Config(mac MAC) string { return t.Prefix + "/devices/" + mac.Hex() + "/config" }

// Watermark is the topic of the retained message by which servers see what a broker has kept.
func (t Topics) Watermark() string { return t.Prefix + "/server/watermark" }

// Reports matches the topics on which devices report, and States those on which they say whether they are connected.
func (t Topics) Reports() string { return t.Prefix + "/devices/+/report" }

// States is beside Reports.
func (t Topics) States() string { return t.Prefix + "/devices/+/state" }

// Said takes a topic of Reports or States apart: whose it is, and its last level. ok is false for every other.
func (t Topics) Said(topic string) (mac MAC, what string, ok bool) {
	rest, below := strings.CutPrefix(topic, t.Prefix+"/devices/")
	digits, what, _ := strings.Cut(rest, "/")
	if !below || len(digits) != 12 || what != "report" && what != "state" {
		return MAC{}, "", false
	}
	mac, err := ParseMAC(digits)
	return mac, what, err == nil
}

// Publications are the MQTT messages that tell of m: the device's retained one, and the broadcast if it is owed.
func (t Topics) Publications(m Message) []Publication {
	if m.Deleted {
		return []Publication{{Topic: t.Config(m.MAC), Retain: true}}
	}
	out := []Publication{{Topic: t.Config(m.MAC), Retain: true, Payload: mustJSON(struct {
		Rev  int64  `json:"rev"`
		ETag string `json:"etag"`
		Size int    `json:"size"`
	}{m.Revision, ETag(m.SHA256), m.Size})}}
	if m.Broadcast {
		out = append(out, Publication{Topic: t.Broadcast(), Payload: mustJSON(struct {
			Filename string `json:"filename"`
		}{m.MAC.String() + ".json"})})
	}
	return out
}

// mustJSON marshals plain structs of numbers and ASCII strings, which cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
