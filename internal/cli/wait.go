package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/client"
)

// waitFlags say what to wait for, and how long.
type waitFlags struct {
	state   string // "" is nothing
	timeout time.Duration
}

// levels are the states that can be waited for, from the least to the most.
var levels = []string{client.SyncFetched, client.SyncHeld, client.SyncApplied}

// register adds the flags to a command.
func (f *waitFlags) register(cmd *cobra.Command, until string) {
	cmd.Flags().Var((*waitState)(&f.state), "wait", "wait until "+until+" at least in this `state`: fetched, held or applied")
	cmd.Flags().DurationVar(&f.timeout, "timeout", timeoutFlag, "how long to wait; 0 is for ever. In vain, the exit status is 7")
}

// waitState implements pflag.Value.
type waitState string

// String is the state.
func (s *waitState) String() string { return string(*s) }

// Set takes a state that can be waited for.
func (s *waitState) Set(v string) error {
	if !slices.Contains(levels, v) {
		return errors.New("must be fetched, held or applied")
	}
	*s = waitState(v)
	return nil
}

// Type names the kind of value in help.
func (s *waitState) Type() string { return "state" }

// timeoutError says that what was waited for did not come.
type timeoutError struct{ message string }

func (e *timeoutError) Error() string { return e.message }

// reached tells whether a state is what is waited for, or more.
func reached(state, wanted string) bool {
	return slices.Contains(levels, state) && slices.Index(levels, state) >= slices.Index(levels, wanted)
}

// The pauses of waiting: what is heard is looked at after the one, and without hearing anything after the other.
const (
	shortPause = 200 * time.Millisecond
	longPause  = time.Second
)

// until looks at something again and again, whenever there is an event, until look says that it is there or fails. A server
// that is away for a while is waited for too. In the end it is an error that says how it stood at the last look.
func until(ctx context.Context, c *client.Client, mac string, timeout time.Duration, look func(context.Context) (there bool, err error)) error {
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		waiting, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	heard, stop := listen(waiting, c, mac)
	defer stop()
	for {
		there, err := look(ctx)
		away := errors.Is(err, client.ErrUnreachable) || errors.Is(err, client.ErrUnavailable)
		switch {
		case there || err != nil && !away:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case waiting.Err() != nil && away:
			return err
		case waiting.Err() != nil:
			return errInVain
		}
		if pausing(waiting, shortPause) {
			select {
			case <-heard:
			case <-time.After(longPause):
			case <-waiting.Done():
			}
		}
	}
}

// errInVain says that the time was up.
var errInVain = errors.New("waited in vain")

// pausing pauses, and tells whether ctx went on.
func pausing(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// listen tells that something happened to a device, or to any ("").
func listen(ctx context.Context, c *client.Client, mac string) (heard <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	news, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for _, err := range c.Events(ctx, client.EventOptions{MAC: mac}) {
			if err != nil {
				return // the look that follows meets it too, or does without
			}
			select {
			case news <- struct{}{}:
			default:
			}
		}
	}()
	return news, func() { cancel(); <-ended }
}

// await waits until the device of a configuration has its document.
func (p Program) await(ctx context.Context, c *client.Client, config client.Config, f waitFlags, out io.Writer) error {
	var d client.Device
	err := until(ctx, c, config.MAC, f.timeout, func(ctx context.Context) (there bool, err error) {
		read, err := c.Device(ctx, config.ID)
		if err != nil {
			return false, err
		}
		d = read
		if d.Sync == client.SyncError {
			return false, &refusedError{p.rejection(config, d)}
		}
		return reached(d.Sync, f.state), nil
	})
	switch {
	case errors.Is(err, errInVain):
		return &timeoutError{p.inVain(config, d, f)}
	case err == nil:
		_, err = fmt.Fprintf(out, "%s: %s\n", named(config), describeSync(d.Sync))
	}
	return err
}

// rejection says that a device reported that it cannot apply its document.
func (p Program) rejection(config client.Config, d client.Device) string {
	says := named(config) + " reported that it cannot apply its document"
	if d.Reported == nil {
		return says
	}
	return strings.Join(slices.DeleteFunc([]string{says, reportText(d.Reported)}, func(s string) bool { return s == "" }), ": ")
}

// inVain says how a device stands that did not come to have its document in time, and what may be the reason.
func (p Program) inVain(config client.Config, d client.Device, f waitFlags) string {
	now := p.clock()
	lines := []string{fmt.Sprintf("%s is not %s after %s: %s", named(config), f.state, f.timeout, describeSync(d.Sync))}
	switch {
	case d.LastSeen == nil:
		lines = append(lines, "It was never seen. Does it ask this server, and with this MAC address?")
	case d.Overdue:
		lines = append(lines, fmt.Sprintf("It is overdue: it was last seen %s%s.", ago(now, *d.LastSeen), rhythm(d)))
	default:
		lines = append(lines, fmt.Sprintf("It was last seen %s%s.", ago(now, *d.LastSeen), rhythm(d)))
	}
	if d.Online != nil && !*d.Online && d.OnlineSince != nil {
		lines = append(lines, fmt.Sprintf("By what the broker says it is off, since %s.", ago(now, *d.OnlineSince)))
	}
	if d.DeviceRevision != nil && d.Sync == client.SyncPending {
		lines = append(lines, fmt.Sprintf("The newest revision that it is known to have had is %d.", *d.DeviceRevision))
	}
	if d.Sync == client.SyncFetched && d.Held == nil && f.state == client.SyncHeld {
		lines = append(lines, "It has never sent If-None-Match; firmware that does not is never more than fetched.")
	}
	if reached(d.Sync, client.SyncFetched) && d.Reported == nil && f.state == client.SyncApplied {
		lines = append(lines, "It has never sent a report; firmware that does not is never applied.")
	}
	return strings.Join(lines, "\n")
}

func rhythm(d client.Device) string {
	if d.RhythmSeconds == nil {
		return ""
	}
	return ", and shows itself every " + long(time.Duration(*d.RhythmSeconds)*time.Second)
}

// awaitFleet waits until every device has its document.
func (p Program) awaitFleet(ctx context.Context, c *client.Client, f waitFlags) error {
	var missing, total int64
	err := until(ctx, c, "", f.timeout, func(ctx context.Context) (there bool, err error) {
		s, err := c.Summary(ctx)
		if err != nil {
			return false, err
		}
		total, missing = s.Total, s.Total
		for state, n := range s.Sync {
			if reached(state, f.state) {
				missing -= n
			}
		}
		if n := s.Sync[client.SyncError]; n > 0 {
			return false, &refusedError{fmt.Sprintf("%s reported that it cannot apply its document; see: espalier list --sync error",
				count(int(n), "device", "devices"))}
		}
		return missing == 0, nil
	})
	switch {
	case errors.Is(err, errInVain):
		return &timeoutError{fmt.Sprintf("%d of %s not %s after %s; see: espalier list --sync %s", missing,
			count(int(total), "device is", "devices are"), f.state, f.timeout, strings.Join(below(f.state), ","))}
	case err == nil:
		_, err = fmt.Fprintf(p.Stdout, "All of %s: %s, or more\n", count(int(total), "device", "devices"), f.state)
	}
	return err
}

// below are the states that are less than one that is waited for.
func below(state string) []string {
	return append([]string{client.SyncUnknown, client.SyncPending}, levels[:slices.Index(levels, state)]...)
}
