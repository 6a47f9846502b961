package cli

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// runEditor has a person edit a file. The setting is a command of the shell, as git takes it: "code --wait" is one.
func (p Program) runEditor(file string) error {
	editor := p.variable("VISUAL")
	if editor == "" {
		editor = p.variable("EDITOR")
	}
	if editor == "" {
		editor = "vi"
	}
	// What an interrupt means is the editor's affair, and not the shell's that starts it.
	cmd := exec.Command("sh", "-c", "trap : INT; "+editor+` "$1"`, "sh", file) //nolint:noctx // a person ends it
	if runtime.GOOS == "windows" {
		words := append(strings.Fields(editor), file)
		cmd = exec.Command(words[0], words[1:]...) //nolint:noctx // a person ends it
	}
	cmd.Env = p.Environ
	cmd.Stdout, cmd.Stderr = p.Stdout, p.Stderr
	if terminal, ok := p.Stdin.(*os.File); ok { // anything else would be read to its end, and answers are in it
		cmd.Stdin = terminal
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor %q failed, and nothing was changed: %w; set VISUAL or EDITOR to choose another", editor, err)
	}
	return nil
}
