package mqttbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	restartMin   = 100 * time.Millisecond
	restartMax   = 10 * time.Second
	steady       = time.Minute // a child that lived this long is restarted at once
	listenRetry  = 15 * time.Second
	readyTimeout = 10 * time.Second
	killAfter    = 3 * time.Second
)

// SupervisorOptions say what to run.
type SupervisorOptions struct {
	// Command is the program and its arguments; it must call RunChild with its standard streams.
	Command []string
	Config  Config
	Logger  *slog.Logger
	// ListenRetry is the time between two tries to listen on an address that is taken, after some that follow faster; 0
	// is 15 s.
	ListenRetry time.Duration
}

// Supervisor runs the broker in a child process and restarts it whenever it ends. It is safe for concurrent use.
type Supervisor struct {
	command []string
	logger  *slog.Logger
	retry   time.Duration
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	config  Config
	address string // for our own client, while a child listens
	problem string
	pid     int
	changed chan struct{} // closed at each change of the above
}

// NewSupervisor starts nothing.
func NewSupervisor(options SupervisorOptions) (*Supervisor, error) {
	if len(options.Command) == 0 {
		return nil, errors.New("the embedded broker has no command to run")
	}
	if err := options.Config.validate(); err != nil {
		return nil, err
	}
	if _, _, err := net.SplitHostPort(options.Config.Listen); err != nil {
		return nil, fmt.Errorf("MQTT_LISTEN=%q is not host:port: %w", options.Config.Listen, err)
	}
	if options.ListenRetry == 0 {
		options.ListenRetry = listenRetry
	}
	return &Supervisor{
		command: options.Command, config: options.Config, logger: options.Logger, retry: options.ListenRetry,
		changed: make(chan struct{}),
	}, nil
}

// Start begins to run the broker and returns at once. Only Stop ends it; ctx lends its values and nothing else.
func (s *Supervisor) Start(ctx context.Context) error {
	if s.cancel != nil {
		return errors.New("the embedded broker was started before")
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		// The kernel ends the child together with the thread that started it, so the thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s.run(ctx)
	}()
	return nil
}

// Stop asks the child to end, kills it after 3 s, and returns when it is gone or ctx ends.
func (s *Supervisor) Stop(ctx context.Context) error {
	if s.cancel == nil {
		return nil
	}
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the embedded broker did not end in time: %w", ctx.Err())
	}
}

// WaitReady returns when the broker listens. Its error says why it does not.
func (s *Supervisor) WaitReady(ctx context.Context) error {
	for {
		s.mu.Lock()
		address, problem, changed := s.address, s.problem, s.changed
		s.mu.Unlock()
		if address != "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if problem != "" {
				return errors.New(problem)
			}
			return fmt.Errorf("the embedded broker is not ready: %w", ctx.Err())
		}
	}
}

// Addr is host:port for a client on this machine, "" while no child listens. It stays the same when the child is
// restarted, also where the configuration left the port to the system.
func (s *Supervisor) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// Problem says why the broker does not listen and what to set; "" when nothing is wrong.
func (s *Supervisor) Problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// Dial connects to the broker as its own client does, when the first child listens. Later, while no child listens, it fails, so
// that the server never takes another program that has its port for its own broker.
func (s *Supervisor) Dial(ctx context.Context) (net.Conn, error) {
	for {
		s.mu.Lock()
		address, problem, changed := s.address, s.problem, s.changed
		s.mu.Unlock()
		switch {
		case address != "":
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		case problem != "":
			return nil, errors.New(problem)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errors.New("the embedded broker is starting")
		}
	}
}

// run starts a child, waits for its end, and does so again.
func (s *Supervisor) run(ctx context.Context) {
	pause := restartMin
	for ctx.Err() == nil {
		started := time.Now()
		end := s.live(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := s.judge(end, time.Since(started), &pause)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// judge says how long to wait before the next child, and tells the log what is new about the end of the last.
func (s *Supervisor) judge(end ending, lived time.Duration, pause *time.Duration) time.Duration {
	if end.report.Error != "" {
		problem := s.explain(end.report)
		if s.set("", problem, 0) {
			s.logger.Error("the embedded broker cannot listen; serving without it", "problem", problem)
			*pause = restartMin // a broker whose server was killed is about to be gone
		}
		wait := min(*pause, s.retry)
		*pause = min(*pause*2, s.retry)
		return wait
	}
	*pause = min(*pause, restartMax)
	if lived > steady {
		*pause = restartMin
	}
	s.set("", "the embedded broker ended and is being restarted", 0)
	s.logger.Warn("the embedded broker ended; starting it again", "how", end.how, "after", lived.Round(time.Millisecond))
	wait := *pause + rand.N(*pause/2)
	*pause = min(*pause*2, restartMax)
	return wait
}

func (s *Supervisor) explain(r Report) string {
	listen := s.current().Listen
	_, port, err := net.SplitHostPort(listen)
	const what = "set MQTT_LISTEN to another address, or MQTT_URL to the broker that is there"
	switch {
	case err != nil:
		return r.Error
	case r.InUse:
		return fmt.Sprintf("port %s is taken: %s", port, what)
	case r.Denied:
		return fmt.Sprintf("port %s is not allowed to this user: set MQTT_LISTEN to another address", port)
	}
	return fmt.Sprintf("cannot listen on %s (%s): set MQTT_LISTEN to another address", listen, r.Error)
}

func (s *Supervisor) current() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// set keeps what is known of the broker and reports whether the problem is another than before.
func (s *Supervisor) set(address, problem string, pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := problem != s.problem
	s.address, s.problem, s.pid = address, problem, pid
	close(s.changed)
	s.changed = make(chan struct{})
	return changed
}

// listening keeps the port that the first child was given, and the address by which our own client reaches it.
func (s *Supervisor) listening(real string, pid int) error {
	realHost, port, err := net.SplitHostPort(real)
	if err != nil {
		return fmt.Errorf("the embedded broker reports the address %q: %w", real, err)
	}
	s.mu.Lock()
	host, _, err := net.SplitHostPort(s.config.Listen)
	if err == nil {
		s.config.Listen = net.JoinHostPort(host, port)
	}
	s.mu.Unlock()
	if ip := net.ParseIP(realHost); ip == nil || ip.IsUnspecified() {
		realHost = "127.0.0.1"
	}
	s.set(net.JoinHostPort(realHost, port), "", pid)
	return nil
}
