package simulator

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// device is one simulated firmware.
type device struct {
	s        *simulation
	mac      mac
	id       int64 // of its configuration
	server   int   // index of the server that it fetches from
	made     bool  // the run made its configuration, and may change it
	template template
	topics   []string // what it subscribes to; none where there is no MQTT

	mu       sync.Mutex
	record   record
	booted   bool
	online   time.Time // since when it is subscribed; zero while it is not
	trouble  time.Time // when a fetch of its last failed
	wanted   bool      // it is to fetch (again)
	fetching bool
	writing  bool  // a change of its document is under way
	next     int64 // number of the next state
	gone     bool  // its configuration is not there any more
}

const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 4 * time.Second
)

// run is the device's life: boot, then sessions one after the other, until ctx ends.
func (d *device) run(ctx context.Context) {
	if len(d.topics) == 0 {
		d.poll(ctx)
		return
	}
	if d.s.o.BootOnly {
		d.want(ctx)
	}
	wait := firstRetry
	for ctx.Err() == nil {
		if d.session(ctx) {
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

// session is one connection to the broker, from its start to its end. It answers whether it came about.
func (d *device) session(ctx context.Context) bool {
	c, err := d.connect(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.s.stats.mqttErrors.Add(1)
			d.s.troubled("MQTT", err)
		}
		return false
	}
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	d.mu.Lock()
	again := d.booted
	d.online = time.Now()
	d.mu.Unlock()
	if again {
		d.s.stats.reconnects.Add(1)
	}
	if !d.s.o.BootOnly {
		d.want(ctx)
	}
	err = c.listen(func(topic string, payload []byte) { d.hear(ctx, topic, payload) })
	d.mu.Lock()
	d.online = time.Time{}
	d.mu.Unlock()
	if ctx.Err() == nil {
		_ = c.conn.Close()
		d.s.stats.lastError.Store(&problem{where: "MQTT", err: err})
	}
	return true
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
	c, err := openSession(ctx, d.s.broker, login{
		clientID: "simulated-" + d.s.name + "-" + d.mac.join('-'), username: d.s.o.MQTTUsername, password: d.s.o.MQTTPassword,
	})
	if err != nil {
		return nil, err
	}
	if err := c.subscribe(d.topics, func(topic string, payload []byte) { d.hear(ctx, topic, payload) }); err != nil {
		return nil, errors.Join(err, c.conn.Close())
	}
	return c, nil
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
	if !d.fetching {
		d.fetching = true
		d.s.live.Go(func() { d.fetchAll(ctx) })
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

// fetch gets the document once and judges it.
func (d *device) fetch(ctx context.Context) error {
	select {
	case d.s.lines <- struct{}{}:
		defer func() { <-d.s.lines }()
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	floor, t := d.record.newest.n, d.record.told
	d.mu.Unlock()
	doc, err := d.s.readers.fetch(ctx, d.s.servers[d.server].address, d.mac)
	at := time.Now()
	if errors.Is(err, errGone) {
		d.mu.Lock()
		d.booted, d.gone = true, true
		d.mu.Unlock()
		return nil
	}
	if err != nil {
		return err
	}
	d.s.stats.fetches.Add(1)
	d.mu.Lock()
	n := d.s.mark.read(doc.text)
	v, took := d.record.got(doc, n, floor, t, at)
	d.booted, d.gone = true, false
	d.mu.Unlock()
	for _, one := range took {
		d.s.stats.latency.add(one)
	}
	if v.stale {
		d.s.incident(d, staleDocument, v.what)
	}
	return nil
}

// up tells whether the device has its first document, and is subscribed where there is a broker.
func (d *device) up() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.booted && (len(d.topics) == 0 || !d.online.IsZero())
}

// due is when a change that was confirmed at the time must be in hand, and false while that cannot be said because the
// device is not subscribed. The mutex is held.
func (d *device) due(confirmed time.Time) (time.Time, bool) {
	from := confirmed
	for _, t := range []time.Time{d.online, d.trouble, d.s.lastTrouble()} {
		if t.After(from) {
			from = t
		}
	}
	if len(d.topics) == 0 {
		return from.Add(d.s.o.Bound + 2*d.s.o.Poll), true
	}
	return from.Add(d.s.o.Bound), !d.online.IsZero()
}
