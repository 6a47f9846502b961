package settings

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// split takes a JSON array of strings or a comma list apart; empty parts are left out.
func split(v string) ([]string, error) {
	parts := strings.Split(v, ",")
	if strings.HasPrefix(v, "[") {
		parts = nil
		if err := json.Unmarshal([]byte(v), &parts); err != nil {
			return nil, errors.New(`must be a comma list or a JSON array of strings such as ["a","b"]`)
		}
	}
	var kept []string
	for _, part := range parts {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(kept, part) {
			kept = append(kept, part)
		}
	}
	return kept, nil
}

// isHost tells whether v is an IP address (with or without brackets) or a host name.
func isHost(v string) bool {
	if _, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(v, "["), "]")); err == nil {
		return true
	}
	if v == "" || len(v) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(v, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInName) {
			return false
		}
	}
	return true
}

func notInName(r rune) bool {
	return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

func isPort(v string) bool {
	n, err := strconv.ParseUint(v, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == v
}

func hostName(v string) (string, error) {
	if !isHost(v) {
		return "", errors.New("must be an IP address or host name of this machine, without scheme or port")
	}
	return strings.TrimSuffix(strings.TrimPrefix(v, "["), "]"), nil
}

func allowedHost(v string) (string, error) {
	if !isHost(v) {
		return "", errors.New("is not a host name or IP address without scheme or port, such as espalier.lan")
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(v, "["), "]")), nil
}

func listenAddress(v string) (string, error) {
	host, port, err := net.SplitHostPort(v)
	if err != nil || !isPort(port) || (host != "" && !isHost(host)) {
		return "", errors.New("must be [address]:port such as :1883 or 127.0.0.1:1883")
	}
	return v, nil
}

// topicPrefix follows MQTT 5, section 4.7: no wildcard, no U+0000; a name that begins with $ is the broker's own.
func topicPrefix(v string) (string, error) {
	bad := !utf8.ValidString(v) || len(v) > 128 || strings.ContainsAny(v, "+#") || strings.ContainsFunc(v, unicode.IsControl) ||
		strings.HasPrefix(v, "$") || slices.Contains(strings.Split(v, "/"), "")
	if bad {
		return "", errors.New("must be a topic level such as iotsupport: at most 128 bytes, without +, # or $ in front, and no slash at an end")
	}
	return v, nil
}

// bearerToken follows RFC 6750, section 2.1, a little wider: what can stand in a header without quoting.
func bearerToken(v string) error {
	if strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("must be visible ASCII characters without spaces, such as openssl rand -hex 24 prints")
	}
	return nil
}

// authority checks the part of a URL behind the scheme: host, and an optional port.
func authority(u *url.URL) bool {
	return isHost(u.Hostname()) && (u.Port() == "" && !strings.HasSuffix(u.Host, ":") || isPort(u.Port()))
}

// origin follows RFC 6454, section 6.1, or is * for every page (which then needs the token). A slash at the end, as it
// is often pasted, is cut off, and so is the port that the scheme has anyway: browsers leave it out.
func origin(v string) (string, error) {
	if v == "*" {
		return v, nil
	}
	u, err := url.Parse(strings.TrimSuffix(v, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || !authority(u) ||
		u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(v, "#") {
		return "", errors.New("is not an origin such as https://fleet.example.org:3000, without a path")
	}
	usual := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return strings.ToLower(u.Scheme + "://" + strings.TrimSuffix(u.Host, usual)), nil
}

func serverURL(v string) (string, error) {
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || !authority(u) ||
		u.RawQuery != "" || u.ForceQuery || strings.Contains(v, "#") {
		return "", errors.New("must be http://host[:port] or https://host[:port], without credentials or query")
	}
	return strings.TrimRight(v, "/"), nil
}

// mqttURL keeps credentials apart from the URL, so that it can be printed.
func mqttURL() field {
	return field{
		set: func(s *Settings, v string) error {
			if strings.EqualFold(v, MQTTOff) {
				s.MQTTURL = MQTTOff
				return nil
			}
			u, err := url.Parse(v)
			if err != nil || (u.Scheme != "mqtt" && u.Scheme != "mqtts") || !authority(u) ||
				strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(v, "#") {
				return errors.New("must be mqtt://host[:port], mqtts://host[:port] or off")
			}
			s.mqttUser = u.User
			s.MQTTURL = u.Scheme + "://" + u.Host
			return nil
		},
		show: func(s *Settings) string { return s.MQTTURL },
		safe: maskURL,
	}
}
