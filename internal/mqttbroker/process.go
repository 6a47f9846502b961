package mqttbroker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// ending is how a child's life ended.
type ending struct {
	report Report // its Error is set when the child could not listen
	how    string
}

// live runs one child from start to end.
func (s *Supervisor) live(ctx context.Context) ending {
	cmd := exec.Command(s.command[0], s.command[1:]...) //nolint:noctx // SIGTERM comes first, by stopWith
	cmd.SysProcAttr = childAttributes()
	cmd.Env = []string{} // it serves the network, and our environment holds secrets
	var output, log pipe
	defer output.close()
	defer log.close()
	stdin, err := cmd.StdinPipe()
	if err := errors.Join(err, output.open(), log.open()); err != nil {
		return ending{how: err.Error()}
	}
	cmd.Stdout, cmd.Stderr = output.write, log.write
	if err := cmd.Start(); err != nil {
		return ending{how: err.Error()}
	}
	output.closeWrite()
	log.closeWrite()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	first, exited := make(chan Report, 1), make(chan struct{})
	helpers.Go(func() { s.forward(log.read) })
	helpers.Go(func() { readReport(output.read, first) })
	helpers.Go(func() { stopWith(ctx, cmd, exited) })
	report := s.begin(cmd, stdin, first)
	err = cmd.Wait()
	close(exited)
	end := ending{report: report, how: "exit status 0"}
	if err != nil {
		end.how = err.Error()
	}
	return end
}

// pipe is one stream from a child. Its reader comes to the end when the child does, and not before all is read.
type pipe struct{ read, write *os.File }

func (p *pipe) open() (err error) {
	p.read, p.write, err = os.Pipe()
	return err
}

func (p *pipe) closeWrite() { _ = p.write.Close() }

func (p *pipe) close() {
	if p.read != nil {
		_, _ = p.read.Close(), p.write.Close()
	}
}

// begin hands a child its configuration and waits for its report; a child that does not report is killed.
func (s *Supervisor) begin(cmd *exec.Cmd, stdin io.Writer, first <-chan Report) Report {
	if err := json.NewEncoder(stdin).Encode(s.current()); err != nil {
		s.logger.Warn("cannot hand the embedded broker its configuration", "error", err)
		_ = cmd.Process.Kill()
		return Report{}
	}
	select {
	case report := <-first:
		if report.Listen == "" {
			return report
		}
		if err := s.listening(report.Listen, cmd.Process.Pid); err != nil {
			s.logger.Warn("the embedded broker is not understood", "error", err)
			_ = cmd.Process.Kill()
		}
		return report
	case <-time.After(readyTimeout):
		s.logger.Warn("the embedded broker does not become ready; killing it", "after", readyTimeout)
		_ = cmd.Process.Kill()
		return Report{}
	}
}

// readReport reads the child's one line, and whatever else it writes there so that it is never held up. A child that
// ends without a word has an empty report.
func readReport(r io.Reader, first chan<- Report) {
	var report Report
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		report = Report{}
	}
	first <- report
	_, _ = io.Copy(io.Discard, r)
}

// stopWith ends a child when ctx ends: politely, then, after 3 s, not.
func stopWith(ctx context.Context, cmd *exec.Cmd, exited <-chan struct{}) {
	select {
	case <-exited:
		return
	case <-ctx.Done():
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return // gone already
	}
	select {
	case <-exited:
	case <-time.After(killAfter):
		_ = cmd.Process.Kill()
	}
}

// mostLines bounds what one life of a child may add to the log at once: a stack trace has hundreds.
const mostLines = 60

// forward writes a child's log to ours. Lines that are not of its logger, such as a stack trace, come as they are.
func (s *Supervisor) forward(r io.Reader) {
	lines, plain := bufio.NewReaderSize(r, maxPacketBytes), 0
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if s.relog(line) {
				plain = 0
			} else if plain++; plain <= mostLines {
				s.logger.Warn("embedded broker", "line", string(bytes.TrimRight(line, "\n")))
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.logger.Warn("the embedded broker's log cannot be read", "error", err)
			}
			return
		}
	}
}

// relog writes one line of the child's logger with its level and attributes to ours.
func (s *Supervisor) relog(line []byte) bool {
	var record map[string]any
	if json.Unmarshal(line, &record) != nil {
		return false
	}
	message, ok := record[slog.MessageKey].(string)
	if !ok {
		return false
	}
	level := slog.LevelInfo
	if text, ok := record[slog.LevelKey].(string); ok {
		_ = level.UnmarshalText([]byte(text)) // an unknown level stays at info
	}
	delete(record, slog.MessageKey)
	delete(record, slog.LevelKey)
	delete(record, slog.TimeKey)
	attrs := make([]slog.Attr, 0, len(record))
	for key, value := range record {
		attrs = append(attrs, slog.Any(key, value))
	}
	s.logger.LogAttrs(context.Background(), level, message, attrs...)
	return true
}
