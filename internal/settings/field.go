package settings

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// field is the way between a text and its place in Settings.
type field struct {
	// set checks and keeps a text. Its error says what is allowed ("must be …") and never repeats the text.
	set func(*Settings, string) error
	// show is the value as it may be printed.
	show func(*Settings) string
	// safe is the part of a refused text that may be printed; nil prints all but what stands in front of an @.
	safe func(string) string
}

// text is a string that normal checks and brings to one form; nil takes any.
func text(at func(*Settings) *string, normal func(string) (string, error)) field {
	return field{
		set: func(s *Settings, v string) (err error) {
			if normal != nil {
				if v, err = normal(v); err != nil {
					return err
				}
			}
			*at(s) = v
			return nil
		},
		show: func(s *Settings) string { return *at(s) },
	}
}

func secret(at func(*Settings) *Secret, check func(string) error) field {
	return field{
		set: func(s *Settings, v string) error {
			if check != nil {
				if err := check(v); err != nil {
					return err
				}
			}
			*at(s) = Secret(v)
			return nil
		},
		show: func(s *Settings) string { return at(s).String() },
		safe: func(string) string { return mask },
	}
}

func number(at func(*Settings) *int, low, high int) field {
	return field{
		set: func(s *Settings, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < low || n > high {
				return fmt.Errorf("must be a whole number from %d to %d", low, high)
			}
			*at(s) = n
			return nil
		},
		show: func(s *Settings) string { return strconv.Itoa(*at(s)) },
	}
}

func boolean(at func(*Settings) *bool) field {
	return field{
		set: func(s *Settings, v string) error {
			switch strings.ToLower(v) {
			case "true", "1", "yes", "on":
				*at(s) = true
			case "false", "0", "no", "off":
				*at(s) = false
			default:
				return errors.New("must be true or false (1, yes, on, 0, no and off mean the same)")
			}
			return nil
		},
		show: func(s *Settings) string { return strconv.FormatBool(*at(s)) },
	}
}

// list is a JSON array of strings, or a comma list, each of which normal checks and brings to one form.
func list(at func(*Settings) *[]string, normal func(string) (string, error)) field {
	return field{
		set: func(s *Settings, v string) error {
			parts, err := split(v)
			if err != nil {
				return err
			}
			var kept []string
			for _, part := range parts {
				good, err := normal(part)
				if err != nil {
					return fmt.Errorf("must be a comma list or JSON array, and %q in it %w", clip(hideCredentials(part)), err)
				}
				kept = append(kept, good)
			}
			*at(s) = kept
			return nil
		},
		show: func(s *Settings) string { return strings.Join(*at(s), ",") },
	}
}

func oneOf(allowed ...string) func(string) (string, error) {
	return func(v string) (string, error) {
		for _, a := range allowed {
			if strings.EqualFold(a, v) {
				return a, nil
			}
		}
		return "", fmt.Errorf("must be one of %s", strings.Join(allowed, ", "))
	}
}

func logLevel() field {
	named := oneOf("debug", "info", "warn", "error")
	return field{
		set: func(s *Settings, v string) error {
			name, err := named(v)
			if err != nil {
				return err
			}
			return s.LogLevel.UnmarshalText([]byte(name))
		},
		show: func(s *Settings) string { return strings.ToLower(s.LogLevel.String()) },
	}
}

// clip keeps a value that a message quotes short.
func clip(v string) string {
	const most = 80
	if runes := []rune(v); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return v
}
