package fleet

import (
	"encoding/json"
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
