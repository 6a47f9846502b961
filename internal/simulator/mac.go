package simulator

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// mac is a device's hardware address.
type mac [6]byte

// parseMAC reads the form that the server answers with, aa:bb:cc:dd:ee:ff.
func parseMAC(text string) (m mac, err error) {
	if len(text) != 17 || strings.Count(text, ":") != 5 {
		return m, fmt.Errorf("%q is not a MAC address", text)
	}
	if n, err := hex.Decode(m[:], []byte(strings.ReplaceAll(text, ":", ""))); err != nil || n != len(m) {
		return m, fmt.Errorf("%q is not a MAC address", text)
	}
	return m, nil
}

func (m mac) String() string { return m.join(':') }

func (m mac) join(separator byte) string {
	text := make([]byte, 0, 17)
	for i, b := range m {
		if i > 0 {
			text = append(text, separator)
		}
		text = hex.AppendEncode(text, []byte{b})
	}
	return string(text)
}

// madeMAC is the address of the i-th device that a run makes: locally administered (IEEE 802, section 8.2), in a
// range that only simulated devices have, and apart from other runs.
func madeMAC(run uint16, i int) mac {
	return mac{0x02, 0xe5, byte(run >> 8), byte(run), byte(i >> 8), byte(i)}
}

// told is what a device's own retained message says.
type told struct {
	Revision int64  `json:"rev"`
	ETag     string `json:"etag"`
	Size     int    `json:"size"`
}

// parseTold reads a retained message; one that is cleared is empty and tells nothing.
func parseTold(payload []byte) (told, error) {
	var t told
	if err := json.Unmarshal(payload, &t); err != nil {
		return told{}, err
	}
	if t.Revision < 1 || t.ETag == "" {
		return told{}, fmt.Errorf("rev or etag is missing")
	}
	return t, nil
}

// parseBroadcast reads the message that every device hears: {"filename":"aa:bb:cc:dd:ee:ff.json"}.
func parseBroadcast(payload []byte) (mac, error) {
	var message struct {
		Filename string `json:"filename"`
	}
	if err := json.Unmarshal(payload, &message); err != nil {
		return mac{}, err
	}
	name, ok := strings.CutSuffix(message.Filename, ".json")
	if !ok {
		return mac{}, fmt.Errorf("filename does not end in .json")
	}
	return parseMAC(name)
}
