package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"
	"github.com/spf13/pflag"
)

// The origins of a value, weakest first.
const (
	originDefault     = "default"
	originFile        = ".env"
	originEnvironment = "environment"
	originFlag        = "flag"
)

// layer is what one origin gives: texts by variable.
type layer struct {
	origin string
	values map[string]string
}

// dotenv reads the .env file of a folder; there may be none. Its errors hold no text of the file but keys.
func dotenv(dir string) (layer, []Warning, error) {
	l := layer{origin: originFile}
	raw, err := os.ReadFile(filepath.Join(dir, ".env"))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil, nil
	}
	if err != nil {
		return l, nil, fmt.Errorf("the .env file cannot be read: %w", err)
	}
	l.values, err = parseDotenv(raw)
	if err != nil {
		return l, nil, err
	}
	warnings, err := checkKeys(l.values)
	return l, warnings, err
}

func parseDotenv(raw []byte) (map[string]string, error) {
	raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	values, ok := readDotenv(raw)
	if !ok {
		return nil, fmt.Errorf("line %d of the .env file is not NAME=value", unreadableLine(raw))
	}
	return values, nil
}

// dollar stands for $ while the library reads: it would put other variables there, and cut a password that has one.
const dollar = "\uE024"

// readDotenv answers false for a text that is not lines of NAME=value.
func readDotenv(raw []byte) (map[string]string, bool) {
	values, err := godotenv.UnmarshalBytes(bytes.ReplaceAll(raw, []byte("$"), []byte(dollar)))
	if _, nameless := values[""]; err != nil || nameless {
		return nil, false
	}
	for key, value := range values {
		values[key] = strings.ReplaceAll(value, dollar, "$")
	}
	return values, true
}

// unreadableLine is the line behind the longest part that can be read. The library's own message would quote the
// rest of the file, with whatever secrets stand in it.
func unreadableLine(raw []byte) int {
	lines := bytes.SplitAfter(raw, []byte("\n"))
	for n := len(lines) - 1; n > 0; n-- {
		if _, ok := readDotenv(bytes.Join(lines[:n], nil)); ok {
			return n + 1
		}
	}
	return 1
}

// checkKeys refuses keys that are not ours, and warns of those that once meant something.
func checkKeys(values map[string]string) ([]Warning, error) {
	known := map[string]bool{}
	for _, name := range variables() {
		known[name] = true
	}
	var dead, unknown []string
	for _, key := range sortedKeys(values) {
		switch {
		case known[key]:
		case isDead(key):
			dead = append(dead, key)
		default:
			unknown = append(unknown, unknownKey(key))
		}
	}
	if len(unknown) > 0 {
		return nil, &Error{Problems: unknown}
	}
	if len(dead) == 0 {
		return nil, nil
	}
	return []Warning{Warning("the .env file sets " + strings.Join(dead, ", ") + ", which Espalier does not use")}, nil
}

func unknownKey(key string) string {
	problem := fmt.Sprintf("the .env file sets %q, which is no setting", clip(key))
	if near := Nearest(strings.ToUpper(strings.ReplaceAll(key, "-", "_")), variables()); near != "" {
		problem += "; did you mean " + near + "?"
	}
	return problem
}

// environment takes the variables that are settings, and leaves all others alone.
func environment(environ []string) layer {
	l := layer{origin: originEnvironment, values: map[string]string{}}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		l.values[name] = value
	}
	return l
}

// flags takes the flags that were given.
func flags(set *pflag.FlagSet) layer {
	l := layer{origin: originFlag, values: map[string]string{}}
	if set == nil {
		return l
	}
	for _, name := range variables() {
		if f := set.Lookup(flagName(name)); f != nil && f.Changed {
			l.values[name] = f.Value.String()
		}
	}
	return l
}

// lookup finds the text of a setting in a layer. An empty text is as good as none, as docker compose gives it, but
// an empty flag was typed by somebody who wants the default.
func (l layer) lookup(row setting) (value, origin string, found bool, err error) {
	value, found = l.values[row.name]
	found = found && (l.origin == originFlag || strings.TrimSpace(value) != "")
	if !row.secret {
		return strings.TrimSpace(value), l.origin, found, nil
	}
	path := strings.TrimSpace(l.values[row.fileVariable()])
	if path == "" {
		return value, l.origin, found, nil
	}
	variable := l.spell(row.fileVariable())
	if found && value != "" {
		return "", "", false, fmt.Errorf("%s and %s are both given; keep one of them", l.spell(row.name), variable)
	}
	value, err = secretFile(path)
	if err != nil {
		return "", "", false, fmt.Errorf("%s (%s): %w", variable, l.origin, err)
	}
	return value, fmt.Sprintf("%s (%s)", l.origin, row.fileVariable()), true, nil
}

// spell names a variable as the layer has it.
func (l layer) spell(name string) string {
	if l.origin == originFlag {
		return "--" + flagName(name)
	}
	return name
}

func secretFile(path string) (string, error) {
	const most = 64 << 10
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return "", fmt.Errorf("%q must be a file of at most 64 KiB", clip(path))
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	value := strings.TrimRight(string(raw), "\r\n")
	if value == "" {
		return "", fmt.Errorf("%q is empty", clip(path))
	}
	return value, nil
}
