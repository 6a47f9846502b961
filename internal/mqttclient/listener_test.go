package mqttclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

// ear is a Handler that keeps what it hears.
type ear struct {
	mu       sync.Mutex
	heard    []Message
	sessions int
	keep     bool // acknowledges nothing
	session  func(ctx context.Context, subscribe func(context.Context) error) error
}

func (e *ear) Message(m Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, m)
	if !e.keep {
		m.Done()
	}
}

func (e *ear) Session(ctx context.Context, subscribe func(context.Context) error) error {
	if e.session != nil {
		return e.session(ctx, subscribe)
	}
	err := subscribe(ctx)
	if err == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.sessions++
	}
	return err
}

// has tells how often a message was heard.
func (e *ear) has(text string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.heard {
		if m.Topic+" "+string(m.Payload) == text {
			n++
		}
	}
	return n
}

func (e *ear) connections() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions
}

func (e *ear) waitFor(t *testing.T, text string) {
	t.Helper()
	testenv.WaitFor(t, patience, func() bool { return e.has(text) > 0 })
}

func listenerOptions(address string, log io.Writer, e *ear) ListenerOptions {
	return ListenerOptions{Options: optionsFor(address, log), Filters: []string{topics.Reports(), topics.States()}, Handler: e}
}

// listening starts a listener, waits until it has subscribed, and ends it with the test.
func listening(t *testing.T, o ListenerOptions) *Listener {
	t.Helper()
	l, err := NewListener(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { quit(t, l) })
	if e, ok := o.Handler.(*ear); ok && e.session == nil {
		testenv.WaitFor(t, patience, func() bool { return e.connections() > 0 })
	}
	return l
}

func quit(t *testing.T, l *Listener) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func say(t *testing.T, c *Client, topic, payload string, retain bool) {
	t.Helper()
	publishAll(t, c, fleet.Publication{Topic: topic, Payload: []byte(payload), Retain: retain})
}

func topicOf(n int, what string) string { return fmt.Sprintf("iotsupport/devices/%012x/%s", n, what) }

func TestListenerHears(t *testing.T) {
	eachBroker(t, func(t *testing.T, b broker) {
		c := connected(t, optionsFor(b.address, io.Discard))
		say(t, c, topicOf(1, "state"), "online", true)
		e := &ear{}
		again := make(chan struct{})
		e.session = func(ctx context.Context, subscribe func(context.Context) error) error {
			for {
				if err := subscribe(ctx); err != nil {
					return err
				}
				select {
				case <-again:
				case <-ctx.Done():
					return nil
				}
			}
		}
		listening(t, listenerOptions(b.address, io.Discard, e))
		e.waitFor(t, topicOf(1, "state")+" online")
		say(t, c, topicOf(2, "report"), "{}", false)
		say(t, c, topicOf(2, "config"), "not asked for", false)
		say(t, c, topicOf(2, "state"), "offline", false)
		e.waitFor(t, topicOf(2, "report")+" {}")
		e.waitFor(t, topicOf(2, "state")+" offline")
		again <- struct{}{} // what is retained comes once more
		testenv.WaitFor(t, patience, func() bool { return e.has(topicOf(1, "state")+" online") == 2 })
		if e.has(topicOf(2, "config")+" not asked for") > 0 || e.has(topicOf(2, "state")+" offline") != 1 {
			t.Errorf("heard %+v", e.heard)
		}
	})
}

// However many states a broker has retained, all of them come.
func TestListenerHearsEveryState(t *testing.T) {
	const count = 9000
	eachBroker(t, func(t *testing.T, b broker) {
		c := connected(t, optionsFor(b.address, io.Discard))
		var states []fleet.Publication
		for n := range count {
			states = append(states, fleet.Publication{Topic: topicOf(n, "state"), Payload: []byte("online"), Retain: true})
		}
		publishAll(t, c, states...)
		e := &ear{}
		listening(t, listenerOptions(b.address, io.Discard, e))
		topics, looked := map[string]bool{}, 0
		defer func() { t.Logf("%d of %d states came", len(topics), count) }()
		testenv.WaitFor(t, time.Minute, func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			for ; looked < len(e.heard); looked++ {
				topics[e.heard[looked].Topic] = true
			}
			return len(topics) == count
		})
	})
}

// A handler that acknowledges nothing holds up neither what comes nor what is published.
func TestListenerHoldsNobodyUp(t *testing.T) {
	eachBroker(t, func(t *testing.T, b broker) {
		c := connected(t, optionsFor(b.address, io.Discard))
		e := &ear{keep: true}
		listening(t, listenerOptions(b.address, io.Discard, e))
		for n := range 20 {
			var some []fleet.Publication
			for i := range 25 {
				some = append(some, fleet.Publication{Topic: topicOf(n*25+i, "report"), Payload: []byte("{}")})
			}
			publishAll(t, c, some...)
		}
		e.waitFor(t, topicOf(499, "report")+" {}")
		if _, _, err := c.Retained(t.Context(), topics.Watermark()); err != nil {
			t.Error(err)
		}
	})
}

func identityIn(t *testing.T, dir string) *Identity {
	t.Helper()
	one, err := TakeIdentity(filepath.Join(dir, "deep", "mqtt"), "espalier")
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// What is said while nobody listens comes later, to whoever has the identity; without one it is lost. The embedded broker
// ends with the server, so that there is nothing to be kept.
func TestListenerHearsWhatWasSaidMeanwhile(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	address := testenv.Mosquitto(t, testenv.MosquittoOptions{}).Address()
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprint("identity ", kept), func(t *testing.T) {
			dir := t.TempDir()
			c := connected(t, optionsFor(address, io.Discard))
			life := func(meanwhile string, want int) {
				t.Helper()
				e := &ear{}
				o := listenerOptions(address, io.Discard, e)
				if kept {
					o.Identity = identityIn(t, dir)
					defer func() { _ = o.Identity.Release() }()
				}
				l := listening(t, o)
				say(t, c, topicOf(1, "report"), "end of "+meanwhile, false)
				e.waitFor(t, topicOf(1, "report")+" end of "+meanwhile)
				if n := e.has(topicOf(1, "report") + " " + meanwhile); n != want {
					t.Errorf("%s was heard %d times, want %d", meanwhile, n, want)
				}
				quit(t, l)
			}
			life("nothing", 0)
			say(t, c, topicOf(1, "report"), "meanwhile", false)
			want := 0
			if kept {
				want = 1
			}
			life("meanwhile", want)
		})
	}
}

// What was not acknowledged comes again, also after the server was killed.
func TestListenerHearsAgainWhatItDidNotAcknowledge(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	address := testenv.Mosquitto(t, testenv.MosquittoOptions{}).Address()
	one := identityIn(t, t.TempDir())
	defer func() { _ = one.Release() }()
	var raw net.Conn
	e := &ear{keep: true}
	o := listenerOptions(address, io.Discard, e)
	o.Identity = one
	o.Dial = func(ctx context.Context) (conn net.Conn, err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
		e.mu.Lock()
		defer e.mu.Unlock()
		raw = conn
		return conn, err
	}
	listening(t, o)
	c := connected(t, optionsFor(address, io.Discard))
	say(t, c, topicOf(1, "report"), "first", false)
	e.waitFor(t, topicOf(1, "report")+" first")
	e.mu.Lock()
	e.keep = false
	_ = raw.Close()
	e.mu.Unlock()
	testenv.WaitFor(t, patience, func() bool { return e.has(topicOf(1, "report")+" first") == 2 })
}

// Two servers that have the same identity, because a folder was copied, do not end each other's connections for ever.
func TestListenersWithOneIdentity(t *testing.T) {
	eachBroker(t, func(t *testing.T, b broker) {
		here, there := t.TempDir(), t.TempDir()
		first := identityIn(t, here)
		defer func() { _ = first.Release() }()
		copyOf := filepath.Join(there, "deep", "mqtt")
		if err := os.MkdirAll(filepath.Dir(copyOf), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, copyOf, first.ID()+"\n")
		second := identityIn(t, there)
		defer func() { _ = second.Release() }()
		if first.ID() != second.ID() {
			t.Fatal("the copy has another identifier")
		}
		c := connected(t, optionsFor(b.address, io.Discard))
		book := &logbook{}
		var ears [2]*ear
		for i, one := range []*Identity{first, second} {
			ears[i] = &ear{}
			o := listenerOptions(b.address, book, ears[i])
			o.Identity = one
			listening(t, o)
		}
		testenv.WaitFor(t, patience, func() bool { return book.count("another server may have") > 0 })
		testenv.WaitFor(t, patience, func() bool { // from then on both hear everything
			say(t, c, topicOf(1, "report"), "to both", false)
			return ears[0].has(topicOf(1, "report")+" to both") > 0 && ears[1].has(topicOf(1, "report")+" to both") > 0
		})
		if n := ears[0].connections() + ears[1].connections(); n > 2*mostShort+2 {
			t.Errorf("they connected %d times", n)
		}
		if book.count(first.ID()) > 0 {
			t.Error("the log has the identifier, by which the session could be taken over")
		}
	})
}

func TestListenerReconnects(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	e, book := &ear{}, &logbook{}
	o := listenerOptions(b.Address(), book, e)
	listening(t, o)
	for round := 2; round <= 3; round++ {
		b.Kill(t)
		b.Start(t)
		testenv.WaitFor(t, patience, func() bool { return e.connections() == round })
	}
	if book.count("level=WARN") > 0 {
		t.Errorf("the log says twice what the publisher's connection says:\n%s", book.text.String())
	}
}

func TestListenerWhoseSessionFails(t *testing.T) {
	eachBroker(t, func(t *testing.T, b broker) {
		fails := errors.New("not today")
		tries := make(chan struct{}, 100)
		e := &ear{session: func(context.Context, func(context.Context) error) error {
			tries <- struct{}{}
			return fails
		}}
		book := &logbook{}
		listening(t, listenerOptions(b.address, book, e))
		<-tries
		<-tries // over a new connection
		if book.count("not today") == 0 {
			t.Error("the log does not say why")
		}
	})
}

func TestListenerThatIsRefused(t *testing.T) {
	testenv.Ran(t, testenv.EmbeddedBroker)
	refusals := make(chan error, 100)
	e := &ear{session: func(ctx context.Context, subscribe func(context.Context) error) error {
		err := subscribe(ctx)
		refusals <- err
		return err
	}}
	o := listenerOptions(embedded(t), io.Discard, e)
	o.Username, o.Filters = "somebody", []string{topics.Reports(), "another/topic"}
	listening(t, o)
	if err := <-refusals; err == nil || !strings.Contains(err.Error(), "another/topic") || !strings.Contains(err.Error(), "not authorized") {
		t.Errorf("subscribe: %v", err)
	}
}

// Stop does not wait for a broker that does not answer.
func TestListenerStopsWhileItConnects(t *testing.T) {
	address := scripted(t, func(*packets.Connack) {}, func(net.Conn, *packets.Publish) {})
	e := &ear{session: func(ctx context.Context, subscribe func(context.Context) error) error { return subscribe(ctx) }}
	l := listening(t, listenerOptions(address, io.Discard, e))
	began := time.Now()
	quit(t, l)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if err := l.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
}

func TestNewListener(t *testing.T) {
	good := listenerOptions("host:1", io.Discard, &ear{})
	for name, change := range map[string]func(*ListenerOptions){
		"no URL": func(o *ListenerOptions) { o.URL = nil }, "no handler": func(o *ListenerOptions) { o.Handler = nil },
		"no filters": func(o *ListenerOptions) { o.Filters = nil },
	} {
		o := good
		if change(&o); name != "" {
			if _, err := NewListener(o); err == nil {
				t.Errorf("%s is not refused", name)
			}
		}
	}
	l, err := NewListener(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Errorf("Stop before Start: %v", err)
	}
}

func TestTakeIdentity(t *testing.T) {
	dir := t.TempDir()
	first := identityIn(t, dir)
	if _, err := TakeIdentity(first.path, "espalier"); !errors.Is(err, ErrIdentityInUse) {
		t.Errorf("taken twice: %v", err)
	}
	if info, err := os.Stat(first.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second := identityIn(t, dir)
	if second.ID() != first.ID() || !strings.HasPrefix(first.ID(), "espalier-") {
		t.Errorf("identifiers %s and %s", first.ID(), second.ID())
	}
	book := &logbook{}
	slog.New(slog.NewTextHandler(book, nil)).Info("x", "identity", second)
	if book.count(second.ID()) > 0 {
		t.Error("a logger prints the identifier")
	}
	_ = second.Release()
	for _, broken := range []string{"", "x\n", "no end", "with a space in it\n", strings.Repeat("x", 200) + "\n"} {
		writeFile(t, second.path, broken)
		third := identityIn(t, dir)
		if third.ID() == first.ID() || !identifier.MatchString(third.ID()+"\n") {
			t.Errorf("%q became %s", broken, third.ID())
		}
		_ = third.Release()
		fourth := identityIn(t, dir)
		if fourth.ID() != third.ID() {
			t.Errorf("after %q the identifier is not kept", broken)
		}
		_ = fourth.Release()
	}
	if _, err := TakeIdentity(filepath.Join(second.path, "below a file"), "espalier"); err == nil {
		t.Error("a path that cannot be is taken")
	}
}
