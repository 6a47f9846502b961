package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

// writeFlags are the flags of every command that writes.
type writeFlags struct {
	message  string
	revision int64 // 0: whatever is there
	yes      bool
	wait     waitFlags
	format   *outputFormat
}

// writing registers the flags of a command that writes.
func writing(cmd *cobra.Command) *writeFlags {
	w := &writeFlags{format: outputFlag(cmd)}
	cmd.Flags().StringVarP(&w.message, "message", "m", "", "why, for the history")
	return w
}

// conditional adds --if-revision.
func (w *writeFlags) conditional(cmd *cobra.Command) {
	cmd.Flags().Int64Var(&w.revision, "if-revision", 0, "only where the document still is this `revision`; else the exit status is 4")
}

// asking adds --yes.
func (w *writeFlags) asking(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&w.yes, "yes", "y", false, "do not ask")
}

// options are what the flags say of a write. seen is the revision that a person was shown; 0 is none.
func (w *writeFlags) options(seen int64) []client.WriteOption {
	o := []client.WriteOption{client.Message(w.message)}
	switch {
	case w.revision != 0:
		o = append(o, client.IfRevision(w.revision))
	case seen != 0:
		o = append(o, client.IfRevision(seen))
	}
	return o
}

// done tells what a write made, and waits for the device where that was asked for.
func (p Program) done(ctx context.Context, c *client.Client, w *writeFlags, made client.Config, says string) error {
	var err error
	if w.format.json {
		err = writeJSON(p.Stdout, made)
	} else {
		_, err = fmt.Fprintln(p.Stdout, says)
	}
	if err != nil || w.wait.state == "" {
		return err
	}
	out := p.Stdout
	if w.format.json {
		out = p.Stderr
	}
	return p.await(ctx, c, made, w.wait, out)
}

// saved says that a document was saved, or that it was there already.
func saved(before int64, made client.Config) string {
	if made.Revision == before {
		return fmt.Sprintf("%s has this document already: revision %d", named(made), made.Revision)
	}
	return fmt.Sprintf("Saved %s as revision %d", named(made), made.Revision)
}

// notConfirmed says that a person said no.
func notConfirmed() error { return &refusedError{"nothing was changed"} }

// confirmed asks a person, unless the flags say yes. Where nobody can be asked, that is an error.
func (p Program) confirmed(ctx context.Context, w *writeFlags, question string) error {
	if w.yes {
		return nil
	}
	answer, err := p.ask(ctx, question+" [y/N] ", "confirm it with --yes")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	}
	return notConfirmed()
}

// ask asks a person for a line.
func (p Program) ask(ctx context.Context, question, otherwise string) (string, error) {
	if !p.watched(p.Stdin) {
		return "", &usageError{fmt.Errorf("there is nobody to ask; %s", otherwise)}
	}
	fmt.Fprint(p.Stderr, question)
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() { // a read cannot be called off, and an interrupt must end the question
		line, err := p.lines().ReadString('\n')
		read <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(p.Stderr)
		return "", notConfirmed()
	case a := <-read:
		if errors.Is(a.err, io.EOF) && a.line == "" {
			return "no", nil // whoever has gone away has not agreed
		}
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("read the answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	}
}

// lines reads standard input in lines, a byte at a time: an editor may read on from there.
func (p Program) lines() *bufio.Reader { return bufio.NewReaderSize(oneByte{p.Stdin}, 16) }

// oneByte hands over what it reads byte by byte.
type oneByte struct{ io.Reader }

// Read reads one byte.
func (r oneByte) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(1, len(b))]) }

// timeoutFlag is how long commands wait for a device unless they are told otherwise.
const timeoutFlag = time.Minute
