package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Flags registers a flag for each of the named variables, or for every setting where none is named. Values are
// checked by Load, all at once.
func Flags(set *pflag.FlagSet, variables ...string) {
	for _, row := range table() {
		if len(variables) > 0 && !slices.Contains(variables, row.name) {
			continue
		}
		f := set.VarPF(&flagValue{kind: row.kind}, flagName(row.name), "", row.usage())
		if row.kind == "bool" {
			f.NoOptDefVal = "true"
		}
		if row.secret {
			set.VarPF(&flagValue{kind: "path"}, flagName(row.fileVariable()), "",
				fmt.Sprintf("file that holds %s; unlike a flag, a process list does not show it", row.name))
		}
	}
}

// flagName is the long flag of a variable: DATABASE_URL is database-url.
func flagName(variable string) string { return strings.ToLower(strings.ReplaceAll(variable, "_", "-")) }

// usage is the line of help: what it is, the variable, the default.
func (s setting) usage() string {
	standard := s.fallback
	if standard == "" {
		standard = s.described
	}
	return fmt.Sprintf("%s [%s] (default: %s)", s.help, s.name, standard)
}

// flagValue keeps what was typed. It implements pflag.Value.
type flagValue struct{ text, kind string }

// String is what was typed.
func (v *flagValue) String() string { return v.text }

// Set keeps a text.
func (v *flagValue) Set(text string) error {
	v.text = text
	return nil
}

// Type names the kind of value in help.
func (v *flagValue) Type() string { return v.kind }
