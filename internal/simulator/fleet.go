package simulator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

const (
	doors = 64  // devices that connect to the broker at once
	lines = 256 // devices that fetch at once
)

// server is one of the servers that are tried.
type server struct {
	address address
	admin   *admin
}

// simulation is one run.
type simulation struct {
	o       Options
	name    string // of the run, four hex digits
	begun   int64  // tells it apart from another run with the same seed
	run     uint16
	mark    mark
	servers []server
	broker  address
	mqtt    bool
	report  *report

	devices []*device
	made    []*device // those of devices that the run made
	check   *check

	readers   readers
	doors     chan struct{}
	lines     chan struct{}
	live      sync.WaitGroup
	began     time.Time
	phase     atomic.Value // string
	stats     stats
	trouble   atomic.Int64 // when something last failed to answer, Unix nanoseconds
	shaken    atomic.Int64 // when a server or the broker was last found to have failed, Unix nanoseconds
	listeners atomic.Int64 // when the broker, or a server that listens to it, was; Unix nanoseconds
	found     Result       // at the end, while the devices are still there

	mu     sync.Mutex
	rng    *rand.Rand
	failed error
}

func newSimulation(o Options) (*simulation, error) {
	addresses, err := o.servers()
	if err != nil {
		return nil, err
	}
	s := &simulation{o: o, doors: make(chan struct{}, doors), lines: make(chan struct{}, lines), report: newReport(o)}
	if s.broker, s.mqtt, err = o.broker(); err != nil {
		return nil, err
	}
	for _, a := range addresses {
		s.servers = append(s.servers, server{address: a, admin: newAdmin(a, o.Token)})
	}
	seed := orElse(o.Seed, rand.Uint64())
	s.rng = rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // choices that can be repeated, and no secrets
	s.run = uint16(s.rng.Uint32())
	s.name, s.begun = fmt.Sprintf("%04x", s.run), time.Now().UnixNano()
	s.mark = newMark(s.run)
	s.check = newCheck(s)
	s.phase.Store("starting")
	return s, nil
}

func (s *simulation) random(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

// chance is true as often as a fraction says.
func (s *simulation) chance(fraction float64) bool {
	if fraction <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64() < fraction
}

func (s *simulation) broadcastTopic() string { return s.o.TopicPrefix + "/updates/configs" }

// topics are what the i-th device subscribes to.
func (s *simulation) topics(i int, m mac) []string {
	retained := s.deviceTopic(m, "config")
	switch {
	case !s.mqtt:
		return nil
	case s.o.Listen == ListenBoth:
		return []string{s.broadcastTopic(), retained}
	case s.o.Listen == ListenRetained, s.o.Listen == ListenMixed && i%4 == 3:
		return []string{retained}
	}
	return []string{s.broadcastTopic()}
}

// troubled notes that something failed to answer, which gives everything that is due more time.
func (s *simulation) troubled(where string, err error) {
	s.trouble.Store(time.Now().UnixNano())
	s.stats.lastError.Store(&problem{where: where, err: err})
}

func (s *simulation) lastTrouble() time.Time { return time.Unix(0, s.trouble.Load()) }

// fail ends the churning for a reason that will not go away.
func (s *simulation) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
}

func (s *simulation) fatal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// enlist takes the configurations that exist for devices, and makes what is lacking.
func (s *simulation) enlist(ctx context.Context) error {
	most := s.o.Devices
	if s.o.Churn > 0 {
		most /= 2 // there must be some that may be changed
	}
	found, err := s.servers[0].admin.list(ctx, most)
	if err != nil {
		return fmt.Errorf("list the configurations: %w", err)
	}
	for _, e := range found {
		m, err := parseMAC(e.MAC)
		if err != nil {
			return fmt.Errorf("list the configurations: %w", err)
		}
		s.enroll(&device{mac: m, id: e.ID})
	}
	return s.make(ctx, s.o.Devices-len(found))
}

func (s *simulation) enroll(d *device) {
	i := len(s.devices)
	d.s, d.server, d.topics, d.firmware = s, i%len(s.servers), s.topics(i, d.mac), s.firmware(i, d.made)
	d.pace = rate.NewLimiter(rate.Every(reportEvery), reportBurst)
	d.truth = newTruth(d.record.newest.revision, d.firmware == FirmwareFull && s.mqtt)
	s.devices = append(s.devices, d)
}

// make creates configurations that are clearly nobody's. Those that were made before one failed are enrolled, so that
// they are removed again.
func (s *simulation) make(ctx context.Context, n int) error {
	templates := s.o.Templates
	if len(templates) == 0 {
		templates = [][]byte{[]byte(ownTemplate)}
	}
	made := make([]*device, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for i := range n {
		group.Go(func() error {
			d, err := s.makeOne(ctx, i, templates[i%len(templates)])
			if err != nil {
				return fmt.Errorf("make a simulated device: %w", err)
			}
			made[i] = d
			return nil
		})
	}
	err := group.Wait()
	for _, d := range made {
		if d != nil {
			s.enroll(d)
			s.made = append(s.made, d)
		}
	}
	return err
}

func (s *simulation) makeOne(ctx context.Context, i int, text []byte) (*device, error) {
	t, err := newTemplate(text, i)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	d := &device{mac: madeMAC(s.run, i), made: true, template: t, next: 1}
	content := t.stamp(s.mark, 0, now)
	e, err := s.servers[i%len(s.servers)].admin.create(ctx, d.mac, content)
	if err != nil {
		return nil, err
	}
	d.id = e.ID
	first := change{sum: sha256.Sum256(content), sent: now, acked: time.Now(), revision: e.Revision}
	d.record.newest, d.record.confirmed = first, []change{first}
	d.record.sent(state{at: now, sum: first.sum})
	return d, nil
}

// dismiss removes the configurations that the run made, and says how many it could not.
func (s *simulation) dismiss(ctx context.Context) error {
	defer func() {
		for _, server := range s.servers {
			server.admin.http.CloseIdleConnections()
		}
	}()
	if s.o.Keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(writers)
	var left atomic.Int64
	var last atomic.Pointer[problem]
	for i, d := range s.made {
		group.Go(func() error {
			if err := s.servers[i%len(s.servers)].admin.remove(ctx, d.id); err != nil {
				left.Add(1)
				last.Store(&problem{err: err})
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil || left.Load() == 0 {
		return err
	}
	return errors.Join(fmt.Errorf("%d of %d are left; their addresses begin with 02:e5:%02x:%02x",
		left.Load(), len(s.made), byte(s.run>>8), byte(s.run)), last.Load().err)
}
