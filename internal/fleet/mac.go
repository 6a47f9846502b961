package fleet

import (
	"encoding/hex"
	"errors"
)

// MAC is the hardware address of a device, the key of everything that is kept about it.
type MAC [6]byte

var errMAC = errors.New("not a MAC address: want six pairs of hex digits such as aa:bb:cc:dd:ee:ff")

// ParseMAC reads a MAC address in any case and in any of the forms aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff,
// aabb.ccdd.eeff and aabbccddeeff (IEEE 802 and what fielded firmware sends). Nothing around it is skipped.
func ParseMAC(s string) (MAC, error) {
	var digits [12]byte
	n := 0
	group, sep := macShape(s)
	if group == 0 {
		return MAC{}, errMAC
	}
	for i := range len(s) {
		if sep != 0 && i%(group+1) == group {
			if s[i] != sep {
				return MAC{}, errMAC
			}
			continue
		}
		digits[n] = s[i]
		n++
	}
	var mac MAC
	if _, err := hex.Decode(mac[:], digits[:]); err != nil {
		return MAC{}, errMAC
	}
	return mac, nil
}

// macShape tells how many digits stand between separators in a text of the length and the first separator of s;
// group is 0 where s cannot be a MAC address.
func macShape(s string) (group int, sep byte) {
	switch {
	case len(s) == 17 && (s[2] == ':' || s[2] == '-'):
		return 2, s[2]
	case len(s) == 14 && s[4] == '.':
		return 4, '.'
	case len(s) == 12:
		return 12, 0
	}
	return 0, 0
}

// String is the normal form, aa:bb:cc:dd:ee:ff.
func (m MAC) String() string { return m.join(':') }

// Dashed is the form that fielded firmware asks with, aa-bb-cc-dd-ee-ff.
func (m MAC) Dashed() string { return m.join('-') }

// Hex is the form without separators, as MQTT topics have it: aabbccddeeff.
func (m MAC) Hex() string { return hex.EncodeToString(m[:]) }

func (m MAC) join(sep byte) string {
	const digits = "0123456789abcdef"
	var b [17]byte
	for i, v := range m {
		b[i*3], b[i*3+1] = digits[v>>4], digits[v&15]
		if i < 5 {
			b[i*3+2] = sep
		}
	}
	return string(b[:])
}

// MarshalText is the normal form.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what ParseMAC reads.
func (m *MAC) UnmarshalText(text []byte) error {
	parsed, err := ParseMAC(string(text))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}
