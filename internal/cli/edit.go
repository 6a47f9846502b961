package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/diff"
)

func (p Program) edit() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "edit DEVICE",
		Short: "Edit the document of a device in your editor",
		Long: "Opens the document in $VISUAL or $EDITOR, checks what you saved there, shows what you changed, asks, and saves it,\n" +
			"but never over a change that somebody else made meanwhile. A document on a single line is shown indented, and\n" +
			"saved on a single line again. The text is in a file that only you may read, and that is removed afterwards; it is\n" +
			"kept, and named, where your changes could not be saved.",
		Args: arguments,
	}
	cmd.Flags().StringVar(&from, "from", "", "begin with the text of this `file`, such as one that an earlier edit kept")
	w := writing(cmd)
	w.asking(cmd)
	w.wait.register(cmd, "the device is")
	return p.forDevices(cmd, func(cmd *cobra.Command, c *client.Client, args []string) error {
		config, err := device(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		doc, err := c.RevisionDocument(cmd.Context(), config.ID, config.Revision)
		if err != nil {
			return err
		}
		e := &editing{p: p, c: c, w: w, config: config, word: args[0], stored: doc.Content, sheet: layOut(doc.Content)}
		e.text = e.sheet.lines
		if from != "" {
			if e.text, err = p.readDocumentArgument([]string{"", from}); err != nil {
				return err
			}
		}
		return e.run(cmd.Context())
	})
}

// editing is one document on its way through an editor.
type editing struct {
	p      Program
	c      *client.Client
	w      *writeFlags
	config client.Config
	word   string // by which the device was named
	stored []byte
	sheet  sheet
	text   []byte // as it was edited last
	file   string
}

// run edits until the text is saved, or is given up.
func (e *editing) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "espalier-")
	if err != nil {
		return fmt.Errorf("make a file to edit: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is in a folder of the person's own
	e.file = dir + string(os.PathSeparator) + strings.ReplaceAll(e.config.MAC, ":", "-") + ".json"
	for {
		var stop func()
		if ctx, stop, err = e.open(ctx); err != nil {
			return err
		}
		again, err := e.offer(ctx)
		stop()
		if !again {
			return err
		}
	}
}

// open has the person edit the text. An interrupt is the editor's while it is open: to many it is a key like any other. So the
// context that ends with one begins anew behind it.
func (e *editing) open(ctx context.Context) (context.Context, func(), error) {
	if err := os.WriteFile(e.file, e.text, 0o600); err != nil {
		return ctx, nil, fmt.Errorf("make a file to edit: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGHUP)
	failed := e.p.runEditor(e.file)
	signal.Stop(signals)
	text, err := os.ReadFile(e.file)
	if failed == nil && err != nil {
		return ctx, nil, fmt.Errorf("read what was edited: %w", err)
	}
	before := e.text
	e.text = text
	if failed != nil {
		if err == nil && !bytes.Equal(before, text) {
			failed = e.keep(failed)
		}
		return ctx, nil, failed
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	return ctx, stop, nil
}

// offer checks what was edited, shows it, asks, and saves it; again says that the person wants to go on editing.
func (e *editing) offer(ctx context.Context) (again bool, err error) {
	if len(bytes.TrimSpace(e.text)) == 0 {
		return false, &refusedError{"the file is empty: nothing was changed"}
	}
	if problem := app.DocumentProblem(e.text); problem != "" {
		return e.mend(ctx, fmt.Errorf("the text cannot be saved: %s", problem))
	}
	changed := e.sheet.fold(e.text)
	if bytes.Equal(changed, e.stored) {
		_, err := fmt.Fprintln(e.p.Stdout, "Nothing was changed")
		return false, err
	}
	s := e.p.screen()
	out := e.p.Stdout
	if e.w.format.json {
		out = e.p.Stderr
	}
	edited, err := diff.Compare(diff.Text{Name: fmt.Sprintf("revision %d", e.config.Revision), JSON: e.stored},
		diff.Text{Name: "edited", JSON: changed})
	if err == nil {
		_, err = io.WriteString(out, s.coloured(edited.Unified))
	}
	if err != nil {
		return false, e.keep(err)
	}
	if !e.w.yes {
		answer, err := e.p.ask(ctx, "Save this? [y]es, [e]dit again, [n]o: ", "save it with --yes")
		if err != nil {
			return false, e.keep(err)
		}
		switch strings.ToLower(answer) {
		case "y", "yes":
		case "e", "edit":
			return true, nil
		default:
			return false, notConfirmed()
		}
	}
	return e.save(ctx, changed)
}

// save saves, unless somebody else has changed the document.
func (e *editing) save(ctx context.Context, changed []byte) (again bool, err error) {
	made, err := e.c.Update(ctx, e.config.ID, changed, e.w.options(e.config.Revision)...)
	switch {
	case err == nil:
		return false, e.p.done(ctx, e.c, e.w, made, saved(e.config.Revision, made))
	case errors.Is(err, client.ErrPrecondition):
		return false, e.conflict(ctx, err)
	case errors.Is(err, client.ErrInvalid) || errors.Is(err, client.ErrTooLarge):
		return e.mend(ctx, err)
	}
	return false, e.keep(err)
}

// mend lets the person edit again what cannot be saved as it is.
func (e *editing) mend(ctx context.Context, problem error) (again bool, err error) {
	if e.w.yes || !e.p.watched(e.p.Stdin) {
		return false, e.keep(&refusedError{problem.Error()})
	}
	answer, err := e.p.ask(ctx, problem.Error()+"\nEdit it again? [Y/n] ", "")
	if err != nil {
		return false, e.keep(err)
	}
	switch strings.ToLower(answer) {
	case "", "y", "yes", "e", "edit":
		return true, nil
	}
	return false, e.keep(&refusedError{"nothing was saved"})
}

// keptError is an error behind which the edited text is in a file.
type keptError struct {
	cause error
	file  string
	hint  string
}

func (e *keptError) Error() string {
	return fmt.Sprintf("%v\nYour text is in %s%s", e.cause, e.file, e.hint)
}

func (e *keptError) Unwrap() error { return e.cause }

// keep moves the edited text to where it stays.
func (e *editing) keep(cause error) error {
	file, err := os.CreateTemp("", "espalier-"+strings.ReplaceAll(e.config.MAC, ":", "-")+"-*.json")
	if err != nil {
		return errors.Join(cause, fmt.Errorf("keep the text: %w", err))
	}
	_, err = file.Write(e.text)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(cause, fmt.Errorf("keep the text: %w", err))
	}
	return &keptError{cause, file.Name(), "\nGo on with: espalier edit " + e.config.MAC + " --from " + file.Name()}
}

// conflict tells who changed the document meanwhile, and how.
func (e *editing) conflict(ctx context.Context, cause error) error {
	current := e.config.Revision
	if refused, ok := errors.AsType[*client.Error](cause); ok && refused.CurrentRevision > 0 {
		current = refused.CurrentRevision
	}
	s := e.p.screen()
	fmt.Fprintf(e.p.Stderr, "%s was changed while you edited revision %d:\n", named(e.config), e.config.Revision)
	for r, err := range e.c.AllRevisions(ctx, e.config.ID) {
		if err != nil || r.Revision <= e.config.Revision {
			break
		}
		fmt.Fprintf(e.p.Stderr, "  revision %d  %s  %s\n", r.Revision, ago(s.now, r.CreatedAt), harmless(byWhom(r)))
	}
	if theirs, err := e.c.Diff(ctx, e.config.ID, e.config.Revision, current); err == nil {
		out := e.p.Stdout
		if e.w.format.json {
			out = e.p.Stderr
		}
		fmt.Fprint(out, s.coloured(theirs.Unified))
	}
	return e.keep(&conflictError{fmt.Errorf("nothing was saved: %w", cause)})
}

// conflictError leaves out the advice of the server, which is for programs.
type conflictError struct{ cause error }

func (e *conflictError) Error() string { return e.cause.Error() }
func (e *conflictError) Unwrap() error { return e.cause }
