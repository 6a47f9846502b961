// Package mqttclient is the one way to an MQTT 5 broker (contract, part 4), our own embedded one as any other: a
// [fleet.Publisher], and a [Listener] to what devices say. Both connect in the background, for ever. The publisher keeps no
// messages: while there is no connection every publish fails at once, because the outbox is the queue. The listener has a
// connection of its own, so that no flood of what devices say can hold up what they are told.
//
// Of ours it may import fleet. Start reading at [Client.Publish] and [Listener]; link.go is one connection of the
// publisher, connect.go makes them.
//
// The user that the server has on an external broker needs to publish and subscribe below the topic prefix.
package mqttclient

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"espalier.dev/espalier/internal/fleet"
)

// Options say which broker, and as whom.
type Options struct {
	URL *url.URL // mqtt://host[:1883] or mqtts://host[:8883]
	// Dial, where set, connects instead of dialling URL's host.
	Dial               func(ctx context.Context) (net.Conn, error)
	Username, Password string
	ClientID           string // a random suffix is added: two servers with one name would end each other's connections
	Logger             *slog.Logger
	Registerer         prometheus.Registerer
	TLS                *tls.Config // for mqtts; nil is the system's roots
	Topics             fleet.Topics
}

// Client is a fleet.Publisher. It is safe for concurrent use.
type Client struct {
	options  Options
	address  string // host:port, without a user
	clientID string
	metrics  *metrics
	cancel   context.CancelFunc
	done     chan struct{}

	asking sync.Mutex // Retained, one at a time
	asked  int        // how often

	mu      sync.Mutex
	link    *link         // nil while there is no connection
	changed chan struct{} // closed when link changes
	failure error         // of the last connection or the try to make one; nil while there is a connection
}

var _ fleet.Publisher = (*Client)(nil)

var errDown = errors.New("there is no connection to the MQTT broker")

// New checks the options and registers the metrics of the contract's part 5. It starts nothing.
func New(options Options) (*Client, error) {
	address, err := addressOf(options.URL)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(options.Registerer, options.Topics)
	if err != nil {
		return nil, err
	}
	return &Client{
		options: options, address: address, metrics: m, clientID: unique(options.ClientID), changed: make(chan struct{}),
	}, nil
}

// unique is a client identifier that no other client has.
func unique(name string) string {
	var suffix [6]byte
	_, _ = rand.Read(suffix[:]) // never fails
	return name + "-" + hex.EncodeToString(suffix[:])
}

// addressOf is host:port of a broker's URL. Its errors never hold the URL: it may have a password in it.
func addressOf(u *url.URL) (string, error) {
	if u == nil || u.Hostname() == "" {
		return "", errors.New("the MQTT URL has no host: write it as mqtt://host[:1883] or mqtts://host[:8883]")
	}
	port := u.Port()
	switch {
	case u.Scheme != "mqtt" && u.Scheme != "mqtts":
		return "", fmt.Errorf("the MQTT URL has the scheme %q: write it as mqtt://host[:1883] or mqtts://host[:8883]", u.Scheme)
	case port == "" && u.Scheme == "mqtt":
		port = "1883"
	case port == "":
		port = "8883"
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// place is the broker's name in the log: host:port, or URL's host alone where Dial knows the way.
func (o Options) place(address string) string {
	if o.Dial != nil {
		return o.URL.Host
	}
	return address
}

// Start begins to connect and returns at once. Only Stop ends it; ctx lends its values and nothing else.
func (c *Client) Start(ctx context.Context) error {
	if c.cancel != nil {
		return errors.New("the MQTT client was started before")
	}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		c.keepConnected(ctx)
	}()
	return nil
}

// Stop says goodbye to the broker, and returns when all is ended or ctx is.
func (c *Client) Stop(ctx context.Context) error {
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the MQTT client did not end in time: %w", ctx.Err())
	}
}

// Up tells whether there is a connection.
func (c *Client) Up() bool {
	l, _ := c.current()
	return l != nil
}

func (c *Client) current() (*link, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link, c.changed
}

func (c *Client) setLink(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
	close(c.changed)
	c.changed = make(chan struct{})
	c.metrics.connected(l != nil)
}

// Failure says why there is no connection; "" while there is one, or none was tried yet. It names the broker's address.
func (c *Client) Failure() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil {
		return ""
	}
	return c.failure.Error()
}

func (c *Client) setFailure(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

// Connected waits for a connection and answers it: the present one, or the next.
func (c *Client) Connected(ctx context.Context) (fleet.Session, error) {
	for {
		l, changed := c.current()
		if l != nil {
			return fleet.Session{Lost: l.lost}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fleet.Session{}, ctx.Err()
		}
	}
}

// Publish sends messages with QoS 1 over the present connection, as many at once as the broker allows, in order, and
// waits until each is acknowledged, the connection is lost, or ctx ends. An acknowledgement that refuses a message is
// its error, with the topic and the broker's reason; that nobody is subscribed is none.
func (c *Client) Publish(ctx context.Context, messages []fleet.Publication) []error {
	errs := make([]error, len(messages))
	l, _ := c.current()
	if l == nil {
		for i, m := range messages {
			errs[i] = errDown
			c.metrics.published(m.Topic, 0, errDown)
		}
		return errs
	}
	deliveries := make(chan *delivery, len(messages))
	go func() {
		defer close(deliveries)
		for _, m := range messages {
			deliveries <- l.send(ctx, m)
		}
	}()
	sent := make([]*delivery, len(messages))
	for i := range messages {
		d := <-deliveries
		errs[i], sent[i] = d.wait(ctx), d
		c.metrics.published(messages[i].Topic, time.Since(d.at), errs[i])
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		l.overdue(sent)
	}
	return errs
}
