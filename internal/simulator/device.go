package simulator

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// device is one simulated firmware.
type device struct {
	s        *simulation
	mac      mac
	server   int  // index of the server that it fetches from
	made     bool // the run made its configuration, and may change it
	firmware Firmware
	template template
	topics   []string // what it subscribes to; none where there is no MQTT
	fetches  sync.WaitGroup
	pace     *rate.Limiter // of its reports

	mu       sync.Mutex
	id       int64 // of its configuration
	record   record
	truth    truth
	verdict  opinion
	stored   stored
	booted   bool
	fresh    bool                    // it has not fetched since its power came back
	cut      context.CancelCauseFunc // ends its life; nil while it has no power
	off      bool                    // its power does not come back
	lived    time.Time               // since when it has power
	session  *session
	online   time.Time // since when it is subscribed; zero while it is not
	trouble  time.Time // when a fetch of its last failed
	wanted   bool      // it is to fetch (again)
	fetching bool
	writing  bool  // a change of its document is under way
	next     int64 // number of the next state
	gone     bool  // its configuration is not there any more
	absent   bool  // the run has deleted it, and not made it again
	creating int64 // the state that it is made again with
}

const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 4 * time.Second
	longestOff = 2 * time.Second
	flashOdds  = 4 // one restart of so many loses what is stored
)

// errPower ends a life without a word to anybody.
var errPower = errors.New("the power is cut")

// run is the device's lives, one after the other, until ctx ends.
func (d *device) run(ctx context.Context) {
	for ctx.Err() == nil {
		life, cut := context.WithCancelCause(ctx)
		d.mu.Lock()
		d.cut, d.fresh, d.lived = cut, true, time.Now()
		if d.firmware == FirmwarePlain || rand.N(flashOdds) == 0 {
			d.stored = stored{}
		}
		d.mu.Unlock()
		d.live(life)
		cut(nil)
		d.fetches.Wait()
		d.mu.Lock()
		d.cut = nil
		off := d.off
		d.mu.Unlock()
		if off || !pause(ctx, rand.N(longestOff)) {
			return
		}
	}
}

// live is from power to power: sessions one after the other, until ctx ends.
func (d *device) live(ctx context.Context) {
	if len(d.topics) == 0 {
		d.poll(ctx)
		return
	}
	if d.s.o.BootOnly {
		d.want(ctx)
	}
	wait := firstRetry
	for ctx.Err() == nil {
		if d.connected(ctx) {
			wait = firstRetry
		}
		// Half of the wait is random, so that a fleet does not return as one.
		if !pause(ctx, wait/2+rand.N(wait)) {
			return
		}
		wait = min(2*wait, lastRetry)
	}
}

func (d *device) poll(ctx context.Context) {
	if !pause(ctx, rand.N(d.s.o.Poll)/4+1) {
		return
	}
	for {
		d.want(ctx)
		if !pause(ctx, d.s.o.Poll*3/4+rand.N(d.s.o.Poll/2+1)) {
			return
		}
	}
}

// connected is one connection to the broker, from its start to its end. It answers whether it came about.
func (d *device) connected(ctx context.Context) bool {
	c, err := d.connect(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.s.stats.mqttErrors.Add(1)
			d.s.troubled("MQTT", err)
			d.s.brokerFailed(time.Now())
		}
		return false
	}
	stop := context.AfterFunc(ctx, func() { d.leave(ctx, c) })
	d.mu.Lock()
	again := d.booted
	d.online, d.session = time.Now(), c
	d.mu.Unlock()
	if again {
		d.s.stats.reconnects.Add(1)
	}
	if !d.s.o.BootOnly {
		d.want(ctx)
	}
	err = c.listen(func(topic string, payload []byte) { d.hear(ctx, topic, payload) })
	_ = c.conn.Close()
	cut := !stop() && errors.Is(context.Cause(ctx), errPower)
	now := time.Now()
	d.mu.Lock()
	d.online, d.session = time.Time{}, nil
	state := dropped
	if cut {
		state = cutOff
	}
	d.truth.link.set(state, d.absent, now)
	d.mu.Unlock()
	if ctx.Err() == nil {
		d.s.stats.lastError.Store(&problem{where: "MQTT", err: err})
		d.s.brokerFailed(now)
	}
	return true
}

// leave ends a connection as firmware that is shut down does, or as one whose power is cut.
func (d *device) leave(ctx context.Context, c *session) {
	if errors.Is(context.Cause(ctx), errPower) {
		_ = c.conn.Close()
		return
	}
	if d.firmware == FirmwareFull {
		last := []byte(offline)
		if !d.s.o.Keep {
			last = nil // its configuration goes, and nobody will ask for its state
		}
		done, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_, _ = c.publish(done, d.s.deviceTopic(d.mac, "state"), last, true)
	}
	c.close()
}

// connect opens a session and subscribes. Few devices do so at once: brokers are not built for a fleet that arrives
// in one instant, and fleets do not.
func (d *device) connect(ctx context.Context) (*session, error) {
	select {
	case d.s.doors <- struct{}{}:
		defer func() { <-d.s.doors }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	who := login{clientID: "simulated-" + d.s.name + "-" + d.mac.join('-'), username: d.s.o.MQTTUsername, password: d.s.o.MQTTPassword}
	full := d.firmware == FirmwareFull
	if full {
		who.willTopic = d.s.deviceTopic(d.mac, "state")
	}
	c, err := openSession(ctx, d.s.broker, who)
	if err != nil {
		return nil, err
	}
	hear := func(topic string, payload []byte) { d.hear(ctx, topic, payload) }
	err = c.subscribe(d.topics, hear)
	if err == nil && full {
		err = d.sayOnline(c, hear)
	}
	if err != nil {
		if full {
			d.mu.Lock()
			d.truth.link.set(dropped, d.absent, time.Now()) // its last will says so
			d.mu.Unlock()
			d.shows(fact{at: time.Now(), mqtt: true, maybe: true})
		}
		return nil, errors.Join(err, c.conn.Close())
	}
	return c, nil
}

func (d *device) sayOnline(c *session, hear func(string, []byte)) error {
	if err := c.announce(d.s.deviceTopic(d.mac, "state"), online, hear); err != nil {
		return err
	}
	now := time.Now()
	d.mu.Lock()
	d.truth.link.set(up, d.absent, now)
	d.mu.Unlock()
	d.shows(fact{at: now, mqtt: true})
	return nil
}

// hear takes a message as firmware does: what is about another device is passed over.
func (d *device) hear(ctx context.Context, topic string, payload []byte) {
	d.s.stats.heard.Add(1)
	var t told
	if topic == d.s.broadcastTopic() {
		who, err := parseBroadcast(payload)
		if err != nil {
			d.s.incident(d, corrupt, "it heard a broadcast that it cannot read: "+err.Error())
			return
		}
		if who != d.mac {
			return
		}
	} else {
		if len(payload) == 0 {
			return // cleared: the configuration was deleted
		}
		var err error
		if t, err = parseTold(payload); err != nil {
			d.s.incident(d, corrupt, "it heard a retained message that it cannot read: "+err.Error())
			return
		}
	}
	d.s.stats.notifications.Add(1)
	d.mu.Lock()
	d.record.toldAt = time.Now()
	d.record.hear(t)
	d.mu.Unlock()
	d.want(ctx)
}

// want has the device fetch, after the fetch that is under way if there is one.
func (d *device) want(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = true
	if !d.fetching && ctx.Err() == nil {
		d.fetching = true
		d.fetches.Go(func() { d.fetchAll(ctx) })
	}
}

// fetchAll fetches until nothing is wanted any more. A fetch that fails is repeated.
func (d *device) fetchAll(ctx context.Context) {
	wait := firstRetry
	for {
		d.mu.Lock()
		if !d.wanted || ctx.Err() != nil {
			d.fetching = false
			d.mu.Unlock()
			return
		}
		d.wanted = false
		d.mu.Unlock()
		err := d.fetch(ctx)
		if err == nil {
			wait = firstRetry
			continue
		}
		d.mu.Lock()
		d.wanted = true
		d.trouble = time.Now()
		d.mu.Unlock()
		if ctx.Err() == nil {
			d.s.stats.fetchErrors.Add(1)
			d.s.stats.lastError.Store(&problem{where: "fetch", err: err})
		}
		pause(ctx, wait/2+rand.N(wait))
		wait = min(2*wait, lastRetry)
	}
}

// fetch gets the document once, judges it, and has the firmware do with it what it does.
func (d *device) fetch(ctx context.Context) error {
	d.mu.Lock()
	floor, t, had := d.record.newest.n, d.record.told, d.stored
	d.mu.Unlock()
	doc, err := d.request(ctx, had.etag)
	at := time.Now()
	if errors.Is(err, errGone) {
		d.mu.Lock()
		d.booted, d.gone = true, d.gone || !d.made
		d.mu.Unlock()
		return nil
	}
	if err == nil && doc.same && doc.etag != had.etag {
		d.s.incident(d, corrupt, "it asked for a document with an entity tag and got 304 with another")
	}
	if err == nil && !doc.same && had.etag != "" && doc.sum == had.sum {
		d.s.incident(d, corrupt, "it asked for a document with the entity tag of what it has and got it once more")
	}
	if err != nil {
		if doc.asked && d.made {
			d.mu.Lock()
			facts := d.record.broken(had, floor, at)
			d.mu.Unlock()
			d.shows(facts...)
		}
		return err
	}
	d.s.stats.fetches.Add(1)
	n := had.n
	if doc.same {
		doc.sum, doc.etag = had.sum, had.etag
		d.s.stats.unmodified.Add(1)
	} else {
		n = d.s.mark.read(doc.text)
	}
	d.mu.Lock()
	v, took := d.record.got(doc, n, floor, t, at)
	facts := d.record.facts(had, doc, floor, at)
	d.booted, d.gone = true, false
	fresh := d.fresh
	d.fresh = false
	d.mu.Unlock()
	for _, one := range took {
		d.s.stats.latency.add(one)
	}
	if v.stale {
		d.s.incident(d, staleDocument, v.what)
	}
	d.shows(facts...)
	d.apply(ctx, doc, n, fresh, facts[len(facts)-1])
	return nil
}

func (d *device) request(ctx context.Context, etag string) (document, error) {
	select {
	case d.s.lines <- struct{}{}:
		defer func() { <-d.s.lines }()
	case <-ctx.Done():
		return document{}, ctx.Err()
	}
	// Whoever stands for a real device must not have the server believe that this one has its document.
	return d.s.readers.fetch(ctx, d.s.servers[d.server].address, d.mac, ask{etag: etag, bystander: !d.made})
}

// apply is what firmware does with a document that it got, or that it still has when it starts.
func (d *device) apply(ctx context.Context, doc document, n int64, fresh bool, f fact) {
	if d.firmware == FirmwarePlain {
		return
	}
	refused := d.refuses(n)
	if !refused && doc.etag != "" {
		d.mu.Lock()
		d.stored = stored{etag: doc.etag, sum: doc.sum, n: n}
		d.mu.Unlock()
	}
	if d.firmware == FirmwareFull && (fresh || !doc.same) {
		d.tell(ctx, doc, refused, f)
	}
}

// up tells whether the device has its first document, and is subscribed where there is a broker.
func (d *device) up() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.booted && d.cut != nil && (len(d.topics) == 0 || !d.online.IsZero())
}

// due is when a change that was confirmed at the time must be in hand, and false while that cannot be said because the
// device has no power or is not subscribed. The mutex is held.
func (d *device) due(confirmed time.Time) (time.Time, bool) {
	from := confirmed
	for _, t := range []time.Time{d.online, d.lived, d.trouble, d.s.lastTrouble()} {
		if t.After(from) {
			from = t
		}
	}
	if len(d.topics) == 0 {
		return from.Add(d.s.o.Bound + 2*d.s.o.Poll), d.cut != nil
	}
	return from.Add(d.s.o.Bound), d.cut != nil && !d.online.IsZero()
}
