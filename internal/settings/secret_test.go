package settings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/settings"
)

const password = "hunter2hunter2hunter2"

// leaks fails where a text shows the password.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	if strings.Contains(text, password) || strings.Contains(text, fmt.Sprintf("%x", password)) {
		t.Errorf("%s shows the password: %s", where, text)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	s := settings.Secret(password)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d"} {
		leaks(t, verb, fmt.Sprintf(verb, s))
		leaks(t, verb+" in a struct", fmt.Sprintf(verb, struct{ S settings.Secret }{s}))
	}
	raw, err := json.Marshal(map[string]any{"s": s})
	if err != nil || string(raw) != `{"s":"•••"}` {
		t.Errorf("JSON %s, %v", raw, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s)
	leaks(t, "log", log.String())
	if s.String() != "•••" || settings.Secret("").String() != "" {
		t.Errorf("mask %q, of nothing %q", s, settings.Secret(""))
	}
	if s.Reveal() != password {
		t.Errorf("Reveal gives %q", s.Reveal())
	}
}

func TestSettingsNeverPrintPasswords(t *testing.T) {
	s := mustLoad(t, given{env: []string{
		"DATABASE_URL=postgresql://u:" + password + "@h/db?sslpassword=" + password,
		"MQTT_URL=mqtt://u:" + password + "@h", "ADMIN_TOKEN=" + password,
	}})
	if !strings.Contains(s.DatabaseURL, password) || s.AdminToken.Reveal() != password || s.MQTTPassword.Reveal() != password {
		t.Fatal("the program itself does not have the passwords")
	}
	for _, verb := range []string{"%s", "%v", "%+v", "%#v"} {
		leaks(t, verb, fmt.Sprintf(verb, s))
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "settings", s)
	leaks(t, "log", log.String())
	if !strings.Contains(log.String(), "postgresql://u:•••@h/db?sslpassword=•••") {
		t.Errorf("the log lacks the masked URL: %s", log.String())
	}
	leaks(t, "Effective", fmt.Sprint(s.Effective()))
}

func TestPasswordsInParameters(t *testing.T) {
	for url, want := range map[string]string{
		"postgresql://h:5432/db?password=a@" + password:                 "postgresql://•••",
		"postgresql://u:x@h/db?options=a&PASSWORD=" + password + "&b=c": "postgresql://u:•••@h/db?options=a&PASSWORD=•••&b=c",
		"postgresql://h/db?p%61ssword=" + password:                      "postgresql://h/db?p%61ssword=•••",
		"postgresql://h/db?user=a;password=" + password:                 "postgresql://h/db?user=•••",
		"postgresql://h/db?user=u&sslmode=disable":                      "postgresql://h/db?user=u&sslmode=disable",
	} {
		s := mustLoad(t, given{env: []string{"DATABASE_URL=" + url}})
		if got := entries(s)["DATABASE_URL"].Value; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestErrorsNeverShowPasswords(t *testing.T) {
	for _, g := range []given{
		{env: []string{"DATABASE_URL=postgresq://u:" + password + "@h/db"}},
		{env: []string{"DATABASE_URL=postgresql://u:x/" + password + "%zz@h/db"}},
		{env: []string{"DATABASE_URL=u:" + password + "@h/db"}},
		{env: []string{"DATABASE_URL=mysql://h/db?password=" + password}},
		{env: []string{"MQTT_URL=tcp://u:" + password + "@h"}},
		{env: []string{"MQTT_URL=mqtt://u:" + password + "@h/path"}},
		{env: []string{"MQTT_URL=u:" + password}},
		{env: []string{"ADMIN_TOKEN=ä" + password}},
		{flags: []string{"--admin-token", "with space " + password}},
		{file: "ADMIN_TOKEN=\"" + password + "\nPORT=1"},
		{file: "PORT=1\nADMIN TOKEN!" + password},
		{file: "PORTT=" + password},
		{env: []string{"SERVER_URL=http://u:" + password + "@h"}},
		{env: []string{"CORS_ORIGINS=http://a,http://u:" + password + "@h"}},
		{env: []string{`ALLOWED_HOSTS=["u:` + password + `@h"]`}},
		{env: []string{"DATABASE_URL=mysql://h:1/db?password=x@" + password}},
	} {
		_, _, err := load(t, g)
		if err == nil {
			t.Errorf("%+v was accepted", g)
			continue
		}
		leaks(t, "error", err.Error())
	}
}

func TestSecretFromFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	write(t, path, password+"\r\n")
	for _, g := range []given{
		{env: []string{"ADMIN_TOKEN_FILE=" + path}},
		{file: "ADMIN_TOKEN_FILE=" + path},
		{flags: []string{"--admin-token-file", path}},
		{file: "ADMIN_TOKEN=weaker-than-the-environment", env: []string{"ADMIN_TOKEN_FILE=" + path}},
		{env: []string{"ADMIN_TOKEN=", "ADMIN_TOKEN_FILE=" + path}},
	} {
		s := mustLoad(t, g)
		if s.AdminToken.Reveal() != password {
			t.Errorf("%+v: token %q", g, s.AdminToken.Reveal())
		}
		if got := entries(s)["ADMIN_TOKEN"].Origin; !strings.HasSuffix(got, "(ADMIN_TOKEN_FILE)") {
			t.Errorf("%+v: origin %q", g, got)
		}
	}
	write(t, path, "postgresql://u:"+password+"@h/db\n")
	s := mustLoad(t, given{env: []string{"DATABASE_URL_FILE=" + path}})
	if want := "postgresql://u:" + password + "@h/db"; s.DatabaseURL != want {
		t.Errorf("DATABASE_URL_FILE: %s", entries(s)["DATABASE_URL"].Value)
	}
}

func TestSecretFileRefused(t *testing.T) {
	dir := t.TempDir()
	token, empty, large := filepath.Join(dir, "token"), filepath.Join(dir, "empty"), filepath.Join(dir, "large")
	write(t, token, password)
	write(t, empty, "\n")
	write(t, large, strings.Repeat("x", 64<<10+1))
	for _, tc := range []struct{ env, says string }{
		{"ADMIN_TOKEN_FILE=" + filepath.Join(dir, "none"), "ADMIN_TOKEN_FILE (environment): cannot be read"},
		{"ADMIN_TOKEN_FILE=" + dir, "must be a file of at most 64 KiB"},
		{"ADMIN_TOKEN_FILE=" + large, "must be a file of at most 64 KiB"},
		{"ADMIN_TOKEN_FILE=" + empty, "is empty"},
	} {
		_, _, err := load(t, given{env: []string{tc.env}})
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", tc.env, err, tc.says)
		}
	}
	_, _, err := load(t, given{env: []string{"MQTT_PASSWORD=x", "MQTT_PASSWORD_FILE=" + token}})
	if err == nil || err.Error() != "MQTT_PASSWORD and MQTT_PASSWORD_FILE are both given; keep one of them" {
		t.Errorf("both given: %v", err)
	}
	_, _, err = load(t, given{flags: []string{"--mqtt-password=x", "--mqtt-password-file=" + token}})
	if err == nil || err.Error() != "--mqtt-password and --mqtt-password-file are both given; keep one of them" {
		t.Errorf("both flags given: %v", err)
	}
}

func TestUnreadableDotenv(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := settings.Load(settings.Source{Dir: dir}); err == nil || !strings.Contains(err.Error(), ".env file cannot be read") {
		t.Errorf("a folder named .env: %v", err)
	}
}
