package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// shown is a configuration as the list of the API shows it, with how its device stands to it.
type shown struct {
	MAC            string     `json:"mac_address"`
	Revision       int64      `json:"revision"`
	Sync           *string    `json:"sync"`
	LastSeen       *time.Time `json:"last_seen"`
	DeviceRevision *int64     `json:"device_revision"`
	Overdue        *bool      `json:"overdue"`
	Online         *bool      `json:"online"`
}

// summary is what the API counts.
type summary struct {
	Total   int64            `json:"total"`
	Sync    map[string]int64 `json:"sync"`
	Overdue int64            `json:"overdue"`
	Online  int64            `json:"online"`
	Offline int64            `json:"offline"`
	At      time.Time        `json:"at"`
}

func (c *summary) count(e shown) {
	c.Total++
	if c.Sync == nil {
		c.Sync = map[string]int64{}
	}
	if e.Sync != nil {
		c.Sync[*e.Sync]++
	}
	if e.Overdue != nil && *e.Overdue {
		c.Overdue++
	}
	if e.Online != nil && *e.Online {
		c.Online++
	}
	if e.Online != nil && !*e.Online {
		c.Offline++
	}
}

// differs says what of a summary is not what a list adds up to.
func (c *summary) differs(from summary) string {
	var wrong []string
	add := func(name string, listed, counted int64) {
		if listed != counted {
			wrong = append(wrong, fmt.Sprintf("%s: %d are listed and %d counted", name, listed, counted))
		}
	}
	add("all", c.Total, from.Total)
	for _, state := range []string{unknown, pending, fetched, held, applied, failed} {
		add(state, c.Sync[state], from.Sync[state])
	}
	add("overdue", c.Overdue, from.Overdue)
	add("online", c.Online, from.Online)
	add("offline", c.Offline, from.Offline)
	return strings.Join(wrong, ", ")
}

// clock is how a server's clock stands to ours.
type clock struct {
	known  bool
	offset time.Duration
	since  time.Time // since when it has been so
}

const clockSlack = 2 * time.Second

func (c *clock) read(at, now time.Time) {
	offset := at.Sub(now)
	if c.known && (offset-c.offset).Abs() < clockSlack {
		return
	}
	since := now
	if !c.known {
		since = time.Time{}
	}
	*c = clock{known: true, offset: offset, since: since}
}

// opinion is what was last found of a device, and for how long that has been so.
type opinion struct {
	wrong   string
	asked   string // what was expected
	since   time.Time
	counted bool
}

// note takes what is wrong, "" for nothing, where something was expected. It answers whether that is to be counted now: it
// has lasted for the bound, counted from since at the earliest, and was not counted yet.
func (o *opinion) note(wrong, expected string, now, since time.Time, bound time.Duration) bool {
	if wrong == "" {
		*o = opinion{}
		return false
	}
	if o.wrong == "" || o.asked != expected {
		*o = opinion{since: now, counted: o.counted && o.asked == expected}
	}
	o.wrong, o.asked = wrong, expected
	if since.After(o.since) {
		o.since = since
	}
	if o.counted || now.Sub(o.since) < bound {
		return false
	}
	o.counted = true
	return true
}

// expected are the states that are right for a device, and the revisions that it is right to say it has: none where all
// are, and 0 for null.
func (d *device) expected() map[string][]int64 {
	r := &d.record
	states := map[string][]int64{}
	for _, b := range d.truth.beliefs(r.written) {
		state, revisions := pending, []int64{0}
		switch {
		case b.open:
			return nil
		case !b.seen:
			state = unknown
		case b.level != "" && b.sum == r.newest.sum:
			state, revisions = b.level, []int64{r.newest.revision}
		case b.level != "":
			var all bool
			if revisions, all = r.revisions(b.sum, b.of.first); !all || len(revisions) == 0 {
				revisions = nil
			}
		}
		if before, found := states[state]; found && (before == nil || revisions == nil) {
			states[state] = nil
			continue
		}
		states[state] = append(states[state], revisions...)
	}
	return states
}

// certain tells whether only one state is right for the device.
func (d *device) certain() bool { return len(d.expected()) == 1 && !d.truth.link.fog }

func expectation(states map[string][]int64) string {
	if states == nil {
		return "anything"
	}
	var all []string
	for _, state := range []string{unknown, pending, fetched, held, applied, failed} {
		revisions, found := states[state]
		if !found {
			continue
		}
		text := state
		if revisions != nil {
			slices.Sort(revisions)
			var numbers []string
			for _, one := range slices.Compact(revisions) {
				numbers = append(numbers, revisionText(&one))
			}
			text += " of revision " + strings.Join(numbers, " or ")
		}
		all = append(all, text)
	}
	return strings.Join(all, ", or ")
}

func revisionText(n *int64) string {
	if n == nil || *n == 0 {
		return "null"
	}
	return strconv.FormatInt(*n, 10)
}

// judge says what is wrong with what the API shows of the device, and what is expected. ok is false while that cannot be
// said, because its document is being changed. The mutex is held.
func (d *device) judge(e shown, c clock, now time.Time) (wrong, want string, ok bool) {
	if d.writing || d.gone || d.absent || d.record.foreign || len(d.record.confirmed) == 0 {
		return "", "", false
	}
	d.truth.settle(now, d.record.written)
	states := d.expected()
	want = expectation(states) + ", online " + d.truth.link.String() + fmt.Sprintf(" (revision %d)", d.record.newest.revision)
	saw := func(format string, args ...any) string {
		return fmt.Sprintf("expected %s; the API shows ", want) + fmt.Sprintf(format, args...)
	}
	if e.Revision != d.record.newest.revision {
		return saw("revision %d", e.Revision), want, true
	}
	if e.Sync == nil {
		return saw("no sync"), want, true
	}
	if states != nil {
		revisions, found := states[*e.Sync]
		var has int64
		if e.DeviceRevision != nil {
			has = *e.DeviceRevision
		}
		if !found || revisions != nil && !slices.Contains(revisions, has) {
			return saw("%s of revision %s", *e.Sync, revisionText(e.DeviceRevision)), want, true
		}
	}
	if !d.truth.link.right(e.Online) {
		text := "null"
		if e.Online != nil {
			text = strconv.FormatBool(*e.Online)
		}
		return saw("online %s", text), want, true
	}
	wrong = d.judgeLife(e, c, now)
	if wrong != "" {
		wrong = saw("%s", wrong)
		if last, found := d.truth.life.last(now); found {
			want += last.String()
		}
	}
	return wrong, want, true
}

// judgeLife says what is wrong with the times that the API shows.
func (d *device) judgeLife(e shown, c clock, now time.Time) string {
	life := &d.truth.life
	last, found := life.last(now)
	jumped := c.known && c.since.After(last)
	switch {
	case e.LastSeen == nil && found:
		return "last_seen null"
	case e.LastSeen != nil && *e.Sync == unknown:
		return "last_seen of a device that is unknown"
	case e.LastSeen == nil || !found || !c.known || jumped:
	case e.LastSeen.Before(last.Add(c.offset - clockSlack)):
		return fmt.Sprintf("last_seen %s before its last sign of life", last.Add(c.offset).Sub(*e.LastSeen).Round(time.Millisecond))
	case e.LastSeen.After(now.Add(c.offset + clockSlack)):
		return "last_seen in the future"
	}
	if e.Overdue == nil {
		return "no overdue"
	}
	link := d.truth.link
	yes, no := life.overdue(now, link.state == up && !link.fog, d.s.o.Bound)
	if link.fog || jumped {
		yes, no = true, true
	}
	if *e.Overdue && !yes || !*e.Overdue && !no {
		return fmt.Sprintf("overdue %t, %s after its last sign of life", *e.Overdue, now.Sub(last).Round(time.Millisecond))
	}
	return ""
}

// check compares what the API shows with what is true.
type check struct {
	s     *simulation
	mu    sync.Mutex // one at a time
	byMAC map[string]*device
	clock []clock // by server
	fleet opinion // of the summary
}

func newCheck(s *simulation) *check { return &check{s: s, clock: make([]clock, len(s.servers))} }

// look compares once, by one of the servers. What is wrong counts only when it lasts. quiet says that the fleet is at rest, so that the summary must add up to the list.
func (c *check) look(ctx context.Context, server int, quiet bool) (found finding, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byMAC == nil {
		c.byMAC = map[string]*device{}
		for _, d := range c.s.made {
			c.byMAC[d.mac.String()] = d
		}
	}
	a := c.s.servers[server].admin
	before := time.Now()
	counted, err := a.summary(ctx)
	if err != nil {
		return found, fmt.Errorf("read the summary of the fleet: %w", err)
	}
	c.clock[server].read(counted.At, before.Add(time.Since(before)/2))
	var listed summary
	seen := make(map[string]bool, len(c.byMAC))
	err = each(ctx, a, "", func(e shown) bool {
		listed.count(e)
		if d := c.byMAC[e.MAC]; d != nil {
			seen[e.MAC] = true
			c.one(d, e, server, &found)
		}
		return true
	})
	if err != nil {
		return found, fmt.Errorf("list the configurations: %w", err)
	}
	for name, d := range c.byMAC {
		if !seen[name] {
			c.one(d, shown{}, server, &found)
		}
	}
	if quiet {
		c.sum(listed, counted, &found)
	}
	c.s.stats.checks.Add(1)
	return found, nil
}

// one notes what is shown of a device.
func (c *check) one(d *device, e shown, server int, f *finding) {
	now := time.Now()
	d.mu.Lock()
	text, want, ok := d.judge(e, c.clock[server], now)
	if !ok {
		d.verdict = opinion{}
		d.mu.Unlock()
		return
	}
	count := d.verdict.note(text, want, now, c.s.lastShaken(), c.s.o.Bound)
	after := d.truth.last(now)
	f.add(d.verdict)
	d.mu.Unlock()
	if count {
		c.s.incident(d, disagrees, text+after)
	}
}

// sum notes whether a summary adds up to the list that came after it.
func (c *check) sum(listed, counted summary, f *finding) {
	text := listed.differs(counted)
	if c.fleet.note(text, "", time.Now(), c.s.lastShaken(), c.s.o.Bound) {
		c.s.incidentOf("the fleet", disagrees, "its summary does not add up to the list: "+text)
	}
	f.add(c.fleet)
}

// finding is what one comparison found.
type finding struct {
	wrong int // of these
	open  int // which have not lasted for the bound
}

func (f *finding) add(o opinion) {
	if o.wrong == "" {
		return
	}
	f.wrong++
	if !o.counted {
		f.open++
	}
}

// settle compares until every server shows what is true, or what does not has lasted for the bound and is counted.
func (c *check) settle(ctx context.Context) {
	for i := range c.s.servers {
		start := time.Now()
		for {
			found, err := c.look(ctx, i, true)
			if err == nil && found.open == 0 {
				break
			}
			over := time.Since(start) > 3*c.s.o.Bound && time.Since(c.s.lastShaken()) > 2*c.s.o.Bound
			refused := errors.Is(err, errGone) || errors.Is(err, errRefused)
			if !over && !refused && pause(ctx, 100*time.Millisecond) {
				continue
			}
			if err != nil {
				c.s.incidentOf("the fleet", disagrees, err.Error())
			}
			break
		}
	}
}

// run compares now and then until ctx ends.
func (c *check) run(ctx context.Context) {
	for i := 0; pause(ctx, c.s.o.Check); i++ {
		// A server that is away is found by the pulse.
		_, _ = c.look(ctx, i%len(c.s.servers), false)
	}
}

func (a *admin) summary(ctx context.Context) (s summary, err error) {
	reply, err := a.ask(ctx, http.MethodGet, "/api/fleet/summary", nil)
	if err != nil {
		return s, err
	}
	defer func() { _ = reply.Close() }()
	return s, json.NewDecoder(reply).Decode(&s)
}
