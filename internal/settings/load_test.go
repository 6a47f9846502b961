package settings_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"espalier.dev/espalier/internal/settings"
)

var update = flag.Bool("update", false, "write the golden files anew")

// given is one start of the program.
type given struct {
	file  string // text of .env; "" is no file
	env   []string
	flags []string
}

func load(t *testing.T, g given) (settings.Settings, []settings.Warning, error) {
	t.Helper()
	dir := t.TempDir()
	if g.file != "" {
		write(t, filepath.Join(dir, ".env"), g.file)
	}
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings.Flags(set)
	if err := set.Parse(g.flags); err != nil {
		t.Fatalf("parse flags: %v", err)
	}
	return settings.Load(settings.Source{Flags: set, Environ: g.env, Dir: dir})
}

func mustLoad(t *testing.T, g given) settings.Settings {
	t.Helper()
	s, _, err := load(t, g)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func entries(s settings.Settings) map[string]settings.Entry {
	out := map[string]settings.Entry{}
	for _, e := range s.Effective() {
		out[e.Name] = e
	}
	return out
}

func TestDefaults(t *testing.T) {
	s := mustLoad(t, given{env: []string{"PATH=/bin", "HOME=/root", "NOT_OURS=1"}})
	want := map[string]string{
		"HOST": "", "PORT": "3201", "DATA_DIR": "./data", "DATABASE_URL": "sqlite:///data/espalier.db",
		"MQTT_URL": "", "MQTT_USERNAME": "", "MQTT_PASSWORD": "", "MQTT_LISTEN": ":1883",
		"MQTT_TOPIC_PREFIX": "iotsupport", "MQTT_BROADCAST": "true", "ADMIN_TOKEN": "", "TRUST_NETWORK": "false",
		"ALLOWED_HOSTS": "", "CORS_ORIGINS": "", "MAX_CONTENT_BYTES": "131072",
		"SERVER_URL": "http://127.0.0.1:3201", "LOG_LEVEL": "info", "LOG_FORMAT": "auto",
		"KEEP_REVISIONS": "0", "KEEP_REVISIONS_DAYS": "0", "KEEP_FACTS_DAYS": "0", "KEEP_AUDIT_DAYS": "0",
	}
	got := map[string]string{}
	for _, e := range s.Effective() {
		got[e.Name] = e.Value
		if e.Origin != "default" {
			t.Errorf("%s comes from %q, want default", e.Name, e.Origin)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if s.Port != 3201 || !s.MQTTBroadcast || s.LogLevel != slog.LevelInfo || s.MaxContentBytes != 128<<10 {
		t.Errorf("fields do not hold the defaults: %+v", s)
	}
}

func TestPrecedence(t *testing.T) {
	file, env, flags := "PORT=1001\n", []string{"PORT=1002"}, []string{"--port=1003"}
	for _, tc := range []struct {
		name   string
		given  given
		port   int
		origin string
	}{
		{"default", given{}, 3201, "default"},
		{"file", given{file: file}, 1001, ".env"},
		{"environment", given{file: file, env: env}, 1002, "environment"},
		{"last of the environment", given{env: []string{"PORT=1", "PORT=1002"}}, 1002, "environment"},
		{"flag", given{file: file, env: env, flags: flags}, 1003, "flag"},
		{"empty variable is unset", given{file: file, env: []string{"PORT= "}}, 1001, ".env"},
		{"empty key is unset", given{file: "PORT=\n"}, 3201, "default"},
		{"empty flag is the default", given{file: file, env: env, flags: []string{"--port="}}, 3201, "default"},
		{"around a value", given{env: []string{"PORT= 77 "}}, 77, "environment"},
		{"any free port", given{env: []string{"PORT=0"}}, 0, "environment"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := mustLoad(t, tc.given)
			if got := entries(s)["PORT"].Origin; s.Port != tc.port || got != tc.origin {
				t.Errorf("port %d from %s, want %d from %s", s.Port, got, tc.port, tc.origin)
			}
			if want := fmt.Sprintf("http://127.0.0.1:%d", tc.port); s.ServerURL != want {
				t.Errorf("server URL %s, want %s", s.ServerURL, want)
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"HOST", "0.0.0.0", "0.0.0.0"},
		{"HOST", "[::1]", "::1"},
		{"HOST", "espalier.lan", "espalier.lan"},
		{"DATABASE_URL", "sqlite:////var/lib/e.db", "sqlite:////var/lib/e.db"},
		{"DATABASE_URL", "sqlite:///rel/e.db", "sqlite:///rel/e.db"},
		{"DATABASE_URL", "postgresql://u@h/db", "postgresql://u@h/db"},
		{"DATABASE_URL", "postgres://u:p%40w@h:5433/db?sslmode=disable", "postgres://u:•••@h:5433/db?sslmode=disable"},
		{"DATABASE_URL", "postgresql+psycopg://u:pw@h/db", "postgresql+psycopg://u:•••@h/db"},
		{"DATABASE_URL", "postgresql+psycopg2://u:pw@h/db", "postgresql+psycopg2://u:•••@h/db"},
		{"DATABASE_URL", "postgresql:///db?host=/run&password=pw", "postgresql:///db?host=/run&password=•••"},
		{"MQTT_URL", "mqtt://broker", "mqtt://broker"},
		{"MQTT_URL", "mqtts://10.0.0.5:8884", "mqtts://10.0.0.5:8884"},
		{"MQTT_URL", "mqtt://[fd00::5]:1883/", "mqtt://[fd00::5]:1883"},
		{"MQTT_URL", "OFF", "off"},
		{"MQTT_LISTEN", "127.0.0.1:0", "127.0.0.1:0"},
		{"MQTT_LISTEN", "[::]:1883", "[::]:1883"},
		{"MQTT_TOPIC_PREFIX", "home/garden", "home/garden"},
		{"MQTT_BROADCAST", "Off", "false"},
		{"TRUST_NETWORK", "YES", "true"},
		{"TRUST_NETWORK", "1", "true"},
		{"TRUST_NETWORK", "on", "true"},
		{"TRUST_NETWORK", "no", "false"},
		{"TRUST_NETWORK", "0", "false"},
		{"ADMIN_TOKEN", "0123456789abcdef-._~+/=", "•••"},
		{"ALLOWED_HOSTS", " Espalier.lan , 10.0.0.7,[fd00::7],", "espalier.lan,10.0.0.7,fd00::7"},
		{"ALLOWED_HOSTS", `["a.lan", "b.lan", "a.lan"]`, "a.lan,b.lan"},
		{"CORS_ORIGINS", `["http://localhost:3000","https://App.Example.org/"]`, "http://localhost:3000,https://app.example.org"},
		{"CORS_ORIGINS", "http://localhost:3000, http://[::1]:80", "http://localhost:3000,http://[::1]"},
		{"CORS_ORIGINS", "[]", ""},
		{"CORS_ORIGINS", `["*"]`, "*"},
		{"MAX_CONTENT_BYTES", "1", "1"},
		{"MAX_CONTENT_BYTES", "16777216", "16777216"},
		{"KEEP_REVISIONS", "100", "100"},
		{"KEEP_REVISIONS_DAYS", "36500", "36500"},
		{"KEEP_FACTS_DAYS", "90", "90"},
		{"KEEP_AUDIT_DAYS", "365", "365"},
		{"SERVER_URL", "https://fleet.example.org/espalier/", "https://fleet.example.org/espalier"},
		{"LOG_LEVEL", "WARN", "warn"},
		{"LOG_LEVEL", "debug", "debug"},
		{"LOG_FORMAT", "Json", "json"},
	} {
		t.Run(tc.name+"="+strings.ReplaceAll(tc.value, "/", "_"), func(t *testing.T) {
			s := mustLoad(t, given{env: []string{tc.name + "=" + tc.value}})
			if got := entries(s)[tc.name]; got.Value != tc.want || got.Origin != "environment" {
				t.Errorf("%s shown as %q from %s, want %q from environment", tc.name, got.Value, got.Origin, tc.want)
			}
			flag := "--" + strings.ToLower(strings.ReplaceAll(tc.name, "_", "-"))
			s = mustLoad(t, given{flags: []string{flag + "=" + tc.value}})
			if got := entries(s)[tc.name]; got.Value != tc.want || got.Origin != "flag" {
				t.Errorf("%s shown as %q from %s, want %q from flag", flag, got.Value, got.Origin, tc.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct{ name, value, says string }{
		{"HOST", "http://x", "IP address or host name"},
		{"HOST", "a b", "IP address or host name"},
		{"HOST", "1.2.3.4:80", "IP address or host name"},
		{"PORT", "65536", "from 0 to 65535"},
		{"PORT", "-1", "from 0 to 65535"},
		{"PORT", "http", "from 0 to 65535"},
		{"DATA_DIR", "a?b", "question mark"},
		{"DATABASE_URL", "mysql://h/db", "sqlite:///path"},
		{"DATABASE_URL", "sqlite:///", "sqlite:///path"},
		{"DATABASE_URL", "sqlite://rel.db", "sqlite:///path"},
		{"DATABASE_URL", "/var/lib/e.db", "sqlite:///path"},
		{"MQTT_URL", "broker:1883", "mqtt://host"},
		{"MQTT_URL", "tcp://broker", "mqtt://host"},
		{"MQTT_URL", "mqtt://broker:0x1", "mqtt://host"},
		{"MQTT_URL", "mqtt://broker/path", "mqtt://host"},
		{"MQTT_URL", "mqtt://", "mqtt://host"},
		{"MQTT_LISTEN", "1883", ":1883"},
		{"MQTT_LISTEN", ":70000", ":1883"},
		{"MQTT_LISTEN", "a b:1", ":1883"},
		{"MQTT_TOPIC_PREFIX", "a/+/b", "topic level"},
		{"MQTT_TOPIC_PREFIX", "a#", "topic level"},
		{"MQTT_TOPIC_PREFIX", "/a", "topic level"},
		{"MQTT_TOPIC_PREFIX", "a/", "topic level"},
		{"MQTT_TOPIC_PREFIX", "$SYS", "topic level"},
		{"MQTT_TOPIC_PREFIX", "a\x01b", "topic level"},
		{"MQTT_BROADCAST", "maybe", "true or false"},
		{"TRUST_NETWORK", "2", "true or false"},
		{"ALLOWED_HOSTS", "https://a.lan", "without scheme or port"},
		{"ALLOWED_HOSTS", "a.lan:80", "without scheme or port"},
		{"ALLOWED_HOSTS", "*", "without scheme or port"},
		{"ALLOWED_HOSTS", "[1,2]", "JSON array of strings"},
		{"CORS_ORIGINS", "*.example.org", "is not an origin"},
		{"CORS_ORIGINS", "null", "is not an origin"},
		{"CORS_ORIGINS", "http://a/b", "is not an origin"},
		{"CORS_ORIGINS", "http://a?x", "is not an origin"},
		{"CORS_ORIGINS", "http://a,ftp://b", "is not an origin"},
		{"CORS_ORIGINS", "http://u:p@a", "is not an origin"},
		{"CORS_ORIGINS", `["http://a"`, "JSON array of strings"},
		{"MAX_CONTENT_BYTES", "0", "from 1 to 16777216"},
		{"MAX_CONTENT_BYTES", "128K", "from 1 to 16777216"},
		{"KEEP_REVISIONS", "-1", "from 0 to 1000000000"},
		{"KEEP_REVISIONS_DAYS", "90d", "from 0 to 36500"},
		{"KEEP_FACTS_DAYS", "36501", "from 0 to 36500"},
		{"KEEP_AUDIT_DAYS", "1.5", "from 0 to 36500"},
		{"SERVER_URL", "localhost:3201", "http://host"},
		{"SERVER_URL", "http://", "http://host"},
		{"SERVER_URL", "http://h/?q=1", "http://host"},
		{"LOG_LEVEL", "loud", "debug, info, warn, error"},
		{"LOG_FORMAT", "xml", "auto, text, json"},
	} {
		t.Run(tc.name+"="+strings.ReplaceAll(tc.value, "/", "_"), func(t *testing.T) {
			_, _, err := load(t, given{env: []string{tc.name + "=" + tc.value}})
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, part := range []string{tc.name + "=", "(environment)", tc.says} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("message lacks %q: %v", part, err)
				}
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, _, err := load(t, given{
		file:  "PORT=no\n",
		env:   []string{"LOG_LEVEL=loud"},
		flags: []string{"--mqtt-url", "x"},
	})
	if err == nil {
		t.Fatal("was accepted")
	}
	want := `3 settings are wrong:
  PORT="no" (.env) must be a whole number from 0 to 65535
  MQTT_URL="•••" (flag) must be mqtt://host[:port], mqtts://host[:port] or off
  LOG_LEVEL="loud" (environment) must be one of debug, info, warn, error`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestBrokerCredentials(t *testing.T) {
	s := mustLoad(t, given{env: []string{"MQTT_URL=mqtts://user:s%20ecret@broker:8883"}})
	if s.MQTTURL != "mqtts://broker:8883" || s.MQTTUsername != "user" || s.MQTTPassword.Reveal() != "s ecret" {
		t.Errorf("got %q %q %q", s.MQTTURL, s.MQTTUsername, s.MQTTPassword.Reveal())
	}
	if got := entries(s)["MQTT_PASSWORD"]; got.Value != "•••" || got.Origin != "MQTT_URL" {
		t.Errorf("entry of the password: %+v", got)
	}
	_, _, err := load(t, given{env: []string{"MQTT_URL=mqtt://user:secret@broker"}, flags: []string{"--mqtt-username=other"}})
	if err == nil || !strings.Contains(err.Error(), "keep one of them") {
		t.Errorf("two credentials: %v", err)
	}
}

func TestEmbeddedDatabase(t *testing.T) {
	for dir, want := range map[string]string{
		"/var/lib/espalier": "sqlite:////var/lib/espalier/espalier.db",
		"data":              "sqlite:///data/espalier.db",
		"/a#c%d e":          "sqlite:////a#c%d e/espalier.db",
	} {
		if got := mustLoad(t, given{env: []string{"DATA_DIR=" + dir}}).DatabaseURL; got != want {
			t.Errorf("DATA_DIR=%s: %s, want %s", dir, got, want)
		}
	}
}

func TestShortTokenWarns(t *testing.T) {
	for token, want := range map[string]int{"short": 1, "0123456789abcdef": 0} {
		_, warnings, err := load(t, given{env: []string{"ADMIN_TOKEN=" + token}})
		if err != nil || len(warnings) != want {
			t.Errorf("token of %d characters: warnings %q, error %v", len(token), warnings, err)
		}
	}
}

func TestHelpGolden(t *testing.T) {
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings.Flags(set)
	path := filepath.Join("testdata", "flags.golden")
	got := set.FlagUsages()
	if *update {
		write(t, path, got)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("help differs; write it anew with -update (-want +got):\n%s", diff)
	}
}

func TestFlagsOfSomeVariables(t *testing.T) {
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings.Flags(set, "SERVER_URL", "ADMIN_TOKEN")
	var names []string
	set.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if diff := cmp.Diff([]string{"admin-token", "admin-token-file", "server-url"}, names); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	if err := set.Parse([]string{"--server-url=http://h:1"}); err != nil {
		t.Fatal(err)
	}
	s, _, err := settings.Load(settings.Source{Flags: set, Dir: t.TempDir()})
	if err != nil || s.ServerURL != "http://h:1" || s.Port != 3201 {
		t.Errorf("got %s, %d, %v", s.ServerURL, s.Port, err)
	}
}

func TestBoolFlagNeedsNoValue(t *testing.T) {
	if s := mustLoad(t, given{flags: []string{"--trust-network", "--mqtt-broadcast=false"}}); !s.TrustNetwork || s.MQTTBroadcast {
		t.Errorf("TrustNetwork %t, MQTTBroadcast %t", s.TrustNetwork, s.MQTTBroadcast)
	}
}

func TestEntriesAsJSON(t *testing.T) {
	s := mustLoad(t, given{env: []string{"ADMIN_TOKEN=correct-horse-battery"}})
	raw, err := json.Marshal(s.Effective())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), `{"name":"ADMIN_TOKEN","value":"•••","origin":"environment"}`) {
		t.Errorf("got %s", raw)
	}
}
