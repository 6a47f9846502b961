// Package settings reads the server's own options: default < .env < environment < flag.
//
// It imports nothing of ours. Start reading at table, the one list that flags, help, checks and output are derived
// from, and then at Load.
package settings

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// Settings are the effective options, checked. Print them with Effective, String or a logger: each masks what is
// secret. The fields are for the program.
type Settings struct {
	// Host is the address where HTTP listens; "" is every interface.
	Host string
	// Port is 0 to 65535; 0 takes any free one.
	Port    int
	DataDir string
	// DatabaseURL begins with sqlite:///, postgresql://, postgres:// or postgresql+psycopg://. It may hold a password.
	DatabaseURL string
	// MQTTURL is "" (the embedded broker), MQTTOff, or mqtt://host[:port] or mqtts://host[:port] without credentials.
	MQTTURL         string
	MQTTUsername    string
	MQTTPassword    Secret
	MQTTListen      string // host:port, where host may be empty
	MQTTTopicPrefix string
	MQTTBroadcast   bool
	AdminToken      Secret
	TrustNetwork    bool
	AllowedHosts    []string // host names and addresses in lower case, without ports
	CORSOrigins     []string // scheme://host[:port] in lower case
	MaxContentBytes int
	// How much history is kept: revisions of a device, and days. 0 is all of it.
	KeepRevisions, KeepRevisionsDays, KeepFactsDays, KeepAuditDays int

	ServerURL string // without a slash at the end
	LogLevel  slog.Level
	LogFormat string // LogAuto, LogText or LogJSON

	mqttUser *url.Userinfo     // of MQTTURL, until brokerCredentials has taken it over
	origins  map[string]string // by variable; one that is missing has its default
}

// MQTTOff is the MQTTURL of a server without any MQTT.
const MQTTOff = "off"

// The log formats. LogAuto is LogText where the log goes to a terminal, and LogJSON elsewhere.
const (
	LogAuto = "auto"
	LogText = "text"
	LogJSON = "json"
)

// mask stands for a secret wherever one would be printed.
const mask = "•••"

// Secret is a text that prints as a mask, whichever way it is printed.
type Secret string

// Reveal is the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String is a mask, or "" where there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// Format is String for every verb: %x and %d would show what it is made of.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' || (verb == 'v' && f.Flag('#')) {
		fmt.Fprint(f, s.GoString())
		return
	}
	fmt.Fprint(f, s.String())
}

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Entry is one effective setting as it may be shown.
type Entry struct {
	Name string `json:"name"`
	// Value is masked where it is secret.
	Value string `json:"value"`
	// Origin is default, .env, environment or flag, with the variable that named the file of a secret behind it, or
	// MQTT_URL for credentials that stood there.
	Origin string `json:"origin"`
	// Secret tells that the setting may hold a secret, which Value masks.
	Secret bool `json:"-"`
}

// Effective lists every setting in the order of the table.
func (s Settings) Effective() []Entry {
	var out []Entry
	for _, row := range table() {
		e := Entry{Name: row.name, Value: row.show(&s), Origin: s.origins[row.name], Secret: row.secret}
		if e.Origin == "" {
			e.Origin = originDefault
		}
		out = append(out, e)
	}
	return out
}

// String is the effective settings on one line, masked.
func (s Settings) String() string {
	var b strings.Builder
	for i, e := range s.Effective() {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%q", e.Name, e.Value)
	}
	return b.String()
}

// GoString is String: %#v must not show a password that stands in DatabaseURL.
func (s Settings) GoString() string { return s.String() }

// LogValue is a group of the effective settings, masked.
func (s Settings) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, e := range s.Effective() {
		attrs = append(attrs, slog.String(e.Name, e.Value))
	}
	return slog.GroupValue(attrs...)
}
