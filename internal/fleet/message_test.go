package fleet

import (
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPublications(t *testing.T) {
	topics := Topics{Prefix: "iotsupport"}
	sum := sha256.Sum256([]byte("{}"))
	m := Message{MAC: MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}, Revision: 7, SHA256: sum, Size: 612}
	own := Publication{Topic: "iotsupport/devices/aabbccddeeff/config", Retain: true,
		Payload: []byte(`{"rev":7,"etag":"44136fa355b3678a1146ad16f7e8649e","size":612}`)}
	heard := Publication{Topic: "iotsupport/updates/configs", Payload: []byte(`{"filename":"aa:bb:cc:dd:ee:ff.json"}`)}
	for _, c := range []struct {
		name               string
		broadcast, deleted bool
		want               []Publication
	}{
		{"own message only", false, false, []Publication{own}},
		{"own, then broadcast", true, false, []Publication{own, heard}},
		{"deleted", false, true, []Publication{{Topic: own.Topic, Retain: true}}},
		{"a delete is never broadcast", true, true, []Publication{{Topic: own.Topic, Retain: true}}},
	} {
		m.Broadcast, m.Deleted = c.broadcast, c.deleted
		if diff := cmp.Diff(c.want, topics.Publications(m)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestTopicsSaid(t *testing.T) {
	topics := Topics{Prefix: "iot/a"}
	for topic, want := range map[string]string{
		"iot/a/devices/aabbccddeeff/report": "report", "iot/a/devices/AABBCCDDEEFF/state": "state",
		"iot/a/devices/aabbccddeeff/config": "", "iot/a/devices/aabbccddeeff/state/x": "", "iot/a/devices/aabbccddeeff": "",
		"iot/a/devices/aa:bb:cc:dd:ee:ff/state": "", "iot/a/devices/aabbccddeefg/state": "", "iot/a/devices//state": "",
		"iot/b/devices/aabbccddeeff/state": "", "devices/aabbccddeeff/state": "", "": "",
	} {
		mac, what, ok := topics.Said(topic)
		if ok != (want != "") || ok && (what != want || mac != MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}) {
			t.Errorf("%s: %s says %q, %v; want %q", topic, mac, what, ok, want)
		}
	}
}
