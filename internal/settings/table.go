package settings

import "strings"

// setting is one row of the table.
type setting struct {
	name     string // of the variable
	fallback string // the default, as somebody would write it
	// described is the default in words, where fallback depends on other settings.
	described string
	kind      string // what the value is, for help
	help      string
	secret    bool // may come from a file, and its value is in no message
	field
}

// fileVariable is the variable that names a file holding the value.
func (s setting) fileVariable() string { return s.name + "_FILE" }

// mostContentBytes is the largest MAX_CONTENT_BYTES: a document is held in memory several times over.
const mostContentBytes = 16 << 20

// table is every setting, in the order of help and of Effective. A row's order matters nowhere else.
func table() []setting {
	return append(append(append(listening(), mqtt()...), admin()...), history()...)
}

func listening() []setting {
	return []setting{
		{name: "HOST", kind: "address", described: "all interfaces",
			help:  "address where HTTP listens",
			field: text(func(s *Settings) *string { return &s.Host }, hostName)},
		{name: "PORT", kind: "port", fallback: "3201",
			help:  "port where HTTP listens; 0 takes any free one",
			field: number(func(s *Settings) *int { return &s.Port }, 0, 65535)},
		{name: "DATA_DIR", kind: "path", fallback: "./data",
			help:  "folder of the embedded database and whatever else is kept",
			field: text(func(s *Settings) *string { return &s.DataDir }, dataDir)},
		{name: "DATABASE_URL", kind: "url", described: "SQLite in DATA_DIR", secret: true,
			help:  "sqlite:///path, postgresql://… or postgresql+psycopg://…",
			field: databaseURL()},
	}
}

func mqtt() []setting {
	return []setting{
		{name: "MQTT_URL", kind: "url", described: "the embedded broker",
			help:  "mqtt://host[:1883] or mqtts://host[:8883]; off for no MQTT at all",
			field: mqttURL()},
		{name: "MQTT_USERNAME", kind: "name", described: "none",
			help:  "for an external broker",
			field: text(func(s *Settings) *string { return &s.MQTTUsername }, nil)},
		{name: "MQTT_PASSWORD", kind: "secret", described: "none", secret: true,
			help:  "for an external broker",
			field: secret(func(s *Settings) *Secret { return &s.MQTTPassword }, nil)},
		{name: "MQTT_LISTEN", kind: "address", fallback: ":1883",
			help:  "where the embedded broker listens",
			field: text(func(s *Settings) *string { return &s.MQTTListen }, listenAddress)},
		{name: "MQTT_TOPIC_PREFIX", kind: "topic", fallback: "iotsupport",
			help:  "first level of every topic",
			field: text(func(s *Settings) *string { return &s.MQTTTopicPrefix }, topicPrefix)},
		{name: "MQTT_BROADCAST", kind: "bool", fallback: "true",
			help:  "also send the message that every device hears",
			field: boolean(func(s *Settings) *bool { return &s.MQTTBroadcast })},
	}
}

func admin() []setting {
	return []setting{
		{name: "ADMIN_TOKEN", kind: "secret", described: "none", secret: true,
			help:  "opens the admin API from the network",
			field: secret(func(s *Settings) *Secret { return &s.AdminToken }, bearerToken)},
		{name: "TRUST_NETWORK", kind: "bool", fallback: "false",
			help:  "open the admin API to everyone on the network",
			field: boolean(func(s *Settings) *bool { return &s.TrustNetwork })},
		{name: "ALLOWED_HOSTS", kind: "names", described: "loopback names and own addresses",
			help:  "further names that a Host header may bear: a comma list or JSON array",
			field: list(func(s *Settings) *[]string { return &s.AllowedHosts }, allowedHost)},
		{name: "CORS_ORIGINS", kind: "origins", described: "none",
			help:  "origins of front ends that may read the API: a comma list or JSON array",
			field: list(func(s *Settings) *[]string { return &s.CORSOrigins }, origin)},
		{name: "MAX_CONTENT_BYTES", kind: "bytes", fallback: "131072",
			help:  "largest document that is accepted",
			field: number(func(s *Settings) *int { return &s.MaxContentBytes }, 1, mostContentBytes)},
		{name: "SERVER_URL", kind: "url", described: "http://127.0.0.1:PORT",
			help:  "for commands that talk to a running server (with ADMIN_TOKEN)",
			field: text(func(s *Settings) *string { return &s.ServerURL }, serverURL)},
		{name: "LOG_LEVEL", kind: "level", fallback: "info",
			help:  "debug, info, warn or error",
			field: logLevel()},
		{name: "LOG_FORMAT", kind: "format", fallback: LogAuto,
			help:  "text, json, or auto: text on a terminal and json elsewhere",
			field: text(func(s *Settings) *string { return &s.LogFormat }, oneOf(LogAuto, LogText, LogJSON))},
	}
}

// The largest settings of retention: more than anybody has.
const (
	mostRevisions = 1_000_000_000
	mostDays      = 36_500
)

func history() []setting {
	return []setting{
		{name: "KEEP_REVISIONS", kind: "count", fallback: "0",
			help:  "revisions of each device that are kept at least; 0 keeps all",
			field: number(func(s *Settings) *int { return &s.KeepRevisions }, 0, mostRevisions)},
		{name: "KEEP_REVISIONS_DAYS", kind: "days", fallback: "0",
			help:  "days for which revisions are kept at least; 0 does not limit",
			field: number(func(s *Settings) *int { return &s.KeepRevisionsDays }, 0, mostDays)},
		{name: "KEEP_FACTS_DAYS", kind: "days", fallback: "0",
			help:  "days for which the history of what devices have is kept; 0 keeps all",
			field: number(func(s *Settings) *int { return &s.KeepFactsDays }, 0, mostDays)},
		{name: "KEEP_AUDIT_DAYS", kind: "days", fallback: "0",
			help:  "days for which the audit is kept; 0 keeps all",
			field: number(func(s *Settings) *int { return &s.KeepAuditDays }, 0, mostDays)},
	}
}

// isDead tells of keys that stand in the .env files of deployments in the field and mean nothing here.
func isDead(key string) bool {
	switch key {
	case "SECRET_KEY", "FLASK_ENV", "DEBUG", "ESP32_CONFIGS_DIR", "ASSETS_DIR", "SIGNING_KEY_PATH":
		return true
	}
	return strings.HasPrefix(key, "OIDC_")
}

// variables are the names of every variable, those of files included.
func variables() []string {
	var names []string
	for _, row := range table() {
		names = append(names, row.name)
		if row.secret {
			names = append(names, row.fileVariable())
		}
	}
	return names
}
