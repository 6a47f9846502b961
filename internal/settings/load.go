package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// Source is where settings are read from.
type Source struct {
	// Flags are parsed flags, some or all of which Flags has registered; nil has none.
	Flags *pflag.FlagSet
	// Environ is as os.Environ gives it: NAME=value. Where a name stands twice, the last counts.
	Environ []string
	// Dir holds the .env file, if there is one; "" is the working directory.
	Dir string
}

// Warning is for the person who starts the program; it stops nothing.
type Warning string

// Error lists everything that is wrong with the settings at once.
type Error struct {
	// Problems are sentences: the variable, where it was set, its value unless that is secret, and what is allowed.
	Problems []string
}

// Error is the problem, or a list of them on lines of their own.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0]
	}
	return fmt.Sprintf("%d settings are wrong:\n  %s", len(e.Problems), strings.Join(e.Problems, "\n  "))
}

// shortToken is the length under which a token can be guessed.
const shortToken = 16

// Load reads the settings: default < .env < environment < flag. Errors: *Error.
func Load(from Source) (Settings, []Warning, error) {
	file, warnings, err := dotenv(from.Dir)
	if err != nil {
		return Settings{}, nil, asError(err)
	}
	layers := []layer{flags(from.Flags), environment(from.Environ), file}
	s := Settings{origins: map[string]string{}}
	var problems []string
	for _, row := range table() {
		if err := s.fill(row, layers); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if err := s.brokerCredentials(); err != nil {
		problems = append(problems, err.Error())
	}
	if len(problems) > 0 {
		return Settings{}, nil, &Error{Problems: problems}
	}
	s.derive()
	if n := len(s.AdminToken); n > 0 && n < shortToken {
		warnings = append(warnings, Warning(fmt.Sprintf(
			"ADMIN_TOKEN has fewer than %d characters and can be guessed; openssl rand -hex 24 prints a good one", shortToken)))
	}
	return s, warnings, nil
}

func asError(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Problems: []string{err.Error()}}
}

// fill sets one setting from the strongest layer that has it.
func (s *Settings) fill(row setting, layers []layer) error {
	for _, l := range layers {
		value, origin, found, err := l.lookup(row)
		switch {
		case err != nil:
			return err
		case !found:
			continue
		case value == "":
			return s.reset(row)
		}
		if err := row.set(s, value); err != nil {
			shown := hideCredentials(value)
			if row.safe != nil {
				shown = row.safe(value)
			}
			return fmt.Errorf("%s=%s (%s) %w", row.name, strconv.Quote(clip(shown)), origin, err)
		}
		s.origins[row.name] = origin
		return nil
	}
	return s.reset(row)
}

// reset gives a setting its default.
func (s *Settings) reset(row setting) error {
	if row.fallback == "" {
		return nil
	}
	return row.set(s, row.fallback)
}

// brokerCredentials takes over what MQTT_URL held in front of its host.
func (s *Settings) brokerCredentials() error {
	user := s.mqttUser
	s.mqttUser = nil
	if user == nil {
		return nil
	}
	if s.MQTTUsername != "" || s.MQTTPassword != "" {
		return errors.New("MQTT_URL holds credentials, and MQTT_USERNAME or MQTT_PASSWORD is given too; keep one of them")
	}
	password, _ := user.Password()
	s.MQTTUsername, s.MQTTPassword = user.Username(), Secret(password)
	s.origins["MQTT_USERNAME"], s.origins["MQTT_PASSWORD"] = "MQTT_URL", "MQTT_URL"
	return nil
}

// derive sets the defaults that depend on other settings.
func (s *Settings) derive() {
	if s.DatabaseURL == "" {
		s.DatabaseURL = embeddedDatabase(s.DataDir)
	}
	if s.ServerURL == "" {
		s.ServerURL = fmt.Sprintf("http://127.0.0.1:%d", s.Port)
	}
}

func sortedKeys(values map[string]string) []string { return slices.Sorted(maps.Keys(values)) }
