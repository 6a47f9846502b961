package settings_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/settings"
)

func TestDotenvForms(t *testing.T) {
	s := mustLoad(t, given{file: "\uFEFF# a comment\r\n" +
		"export PORT=81 # behind it\r\n\r\n" +
		"MQTT_USERNAME='$HOME # kept'\n" +
		"MQTT_PASSWORD=\"a b\\\"c\"\n" +
		"CORS_ORIGINS=[\"http://a\",\"http://b\"]\n" +
		"LOG_LEVEL: debug"})
	if s.Port != 81 || s.MQTTUsername != "$HOME # kept" || s.MQTTPassword.Reveal() != `a b"c` {
		t.Errorf("port %d, name %q, password %q", s.Port, s.MQTTUsername, s.MQTTPassword.Reveal())
	}
	if diff := cmp.Diff([]string{"http://a", "http://b"}, s.CORSOrigins); diff != "" {
		t.Errorf("origins: %s", diff)
	}
}

// A $ in a password must arrive as it is, with whatever stands behind it.
func TestDotenvKeepsDollars(t *testing.T) {
	for text, want := range map[string]string{
		"pa$WORD": "pa$WORD", `"p${PORT}$1"`: "p${PORT}$1", "'$PORT'": "$PORT", "$$": "$$", `"a\$B\"c"`: `a$B"c`, "$(PORT)": "$(PORT)",
	} {
		s := mustLoad(t, given{file: "PORT=81\nMQTT_PASSWORD=" + text + "\n"})
		if got := s.MQTTPassword.Reveal(); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

func TestUnknownKeys(t *testing.T) {
	for _, tc := range []struct{ file, want string }{
		{"PROT=1", `the .env file sets "PROT", which is no setting; did you mean PORT?`},
		{"port=1", `the .env file sets "port", which is no setting; did you mean PORT?`},
		{"DATABASE_URI=x", `the .env file sets "DATABASE_URI", which is no setting; did you mean DATABASE_URL?`},
		{"ADMIN_TOKEN_FIEL=x", `the .env file sets "ADMIN_TOKEN_FIEL", which is no setting; did you mean ADMIN_TOKEN_FILE?`},
		{"POSTGRES_PASSWORD=x", `the .env file sets "POSTGRES_PASSWORD", which is no setting`},
		{"PORT_FILE=x", `the .env file sets "PORT_FILE", which is no setting`},
	} {
		_, _, err := load(t, given{file: tc.file})
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.file, err, tc.want)
		}
	}
	_, _, err := load(t, given{file: "B=1\nA=2\n"})
	var e *settings.Error
	if !errors.As(err, &e) || len(e.Problems) != 2 {
		t.Errorf("two unknown keys: %v", err)
	}
}

func TestDeadKeys(t *testing.T) {
	_, warnings, err := load(t, given{
		file: "SECRET_KEY=x\nFLASK_ENV=production\nDEBUG=1\nESP32_CONFIGS_DIR=/c\nASSETS_DIR=/a\nSIGNING_KEY_PATH=/k\n" +
			"OIDC_ENABLED=true\nOIDC_ISSUER_URL=https://x\nPORT=1\n",
		env: []string{"DEBUG=1", "OIDC_X=1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []settings.Warning{"the .env file sets ASSETS_DIR, DEBUG, ESP32_CONFIGS_DIR, FLASK_ENV, OIDC_ENABLED, " +
		"OIDC_ISSUER_URL, SECRET_KEY, SIGNING_KEY_PATH, which Espalier does not use"}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestBadLineIsNamed(t *testing.T) {
	for file, want := range map[string]string{
		"PORT=1\nthis is not it\nHOST=x\n": "line 2 of the .env file is not NAME=value",
		"PORT=1\n\nHOST=\"open\n":          "line 3 of the .env file is not NAME=value",
		"!\n":                              "line 1 of the .env file is not NAME=value",
		"PORT":                             "line 1 of the .env file is not NAME=value",
		"PORT=1\n=x\nHOST=x\n":             "line 2 of the .env file is not NAME=value",
		"PORT=1\n\nan-old-password":        "line 3 of the .env file is not NAME=value",
	} {
		_, _, err := load(t, given{file: file})
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", file, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"PORT", "HOST", "MQTT_URL", "MQTT_USERNAME"}
	for name, want := range map[string]string{
		"PORT": "PORT", "PRT": "PORT", "POTR": "PORT", "MQTT_URI": "MQTT_URL", "MQTT_USER": "MQTT_URL",
		"MQTT_USERNAM": "MQTT_USERNAME", "": "", "SOMETHING_ELSE": "",
	} {
		if got := settings.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) is %q, want %q", name, got, want)
		}
	}
}

// FuzzLoad looks for a panic, for settings that are not their own fixed point, and for a secret in a message.
func FuzzLoad(f *testing.F) {
	f.Add("PORT=1\nADMIN_TOKEN='x'\n", "DATABASE_URL", "postgresql://u:p@h/db")
	f.Add("# only a comment", "CORS_ORIGINS", `["http://a"]`)
	f.Add("MQTT_URL=mqtt://u:p@h", "MQTT_TOPIC_PREFIX", "a/b")
	f.Add("X=\"\nY", "HOST", "[::1]")
	f.Fuzz(func(t *testing.T, file, name, value string) {
		const marker = "n0t-t0-be-sh0wn"
		if strings.ContainsAny(value, "\x00\n") {
			t.Skip()
		}
		g := given{file: file, env: []string{name + "=" + value, "MQTT_PASSWORD=" + marker}}
		s, _, err := load(t, g)
		if err != nil {
			if strings.Contains(err.Error(), marker) {
				t.Fatalf("the message shows a secret: %v", err)
			}
			return
		}
		var again []string
		for _, e := range s.Effective() {
			if !strings.Contains(e.Value, "•••") && e.Name != "MQTT_USERNAME" && e.Name != "DATA_DIR" {
				again = append(again, e.Name+"="+e.Value)
			}
		}
		second, _, err := load(t, given{env: again})
		if err != nil {
			t.Fatalf("what is effective is refused: %v", err)
		}
		if second.MQTTURL != s.MQTTURL || second.ServerURL != s.ServerURL || second.Host != s.Host ||
			!cmp.Equal(second.CORSOrigins, s.CORSOrigins) || !cmp.Equal(second.AllowedHosts, s.AllowedHosts) {
			t.Fatalf("changed when read again:\n%s\n%s", s, second)
		}
	})
}
