package mqttclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

const (
	// sessionExpiry is how long a broker keeps for us what devices say while we are away.
	sessionExpiry = time.Hour
	// mostUnacknowledged is how many messages the broker may send before the first is acknowledged. At a subscription it
	// sends what is retained of the whole fleet at once, and some keep no more than this for a client.
	mostUnacknowledged = 65535
	// mostShort is after how many connections in a row that did not last the identity is given up.
	mostShort = 3
)

// Message is one that the broker sent us.
type Message struct {
	Topic   string
	Payload []byte
	// Done acknowledges it: until then the broker sends it again after the connection was lost. It does not block, and
	// must be called once.
	Done func()
}

// Handler takes what a Listener hears.
type Handler interface {
	// Message takes one message. It must not block: it holds up those behind it.
	Message(m Message)
	// Session is called with each connection, in a goroutine of its own. ctx ends with the connection. subscribe asks for
	// the topics, and has everything sent that is retained of them; it may be called again. A Session that returns an
	// error ends the connection, and one that returns nil leaves it.
	Session(ctx context.Context, subscribe func(ctx context.Context) error) error
}

// ListenerOptions say which broker, as whom, and to what is listened.
type ListenerOptions struct {
	Options
	// Identity, where set, is the client identifier, and the broker keeps a session for it: what is sent while we are away
	// comes when we are back within the hour. nil takes an identifier and a session for each connection.
	Identity *Identity
	Filters  []string
	Handler  Handler
}

// Listener hears what is published to some topics. It is safe for concurrent use.
type Listener struct {
	options ListenerOptions
	address string
	cancel  context.CancelFunc
	done    chan struct{}
}

var errTakenOver = errors.New("another client has connected with our identifier")

// NewListener checks the options and starts nothing.
func NewListener(options ListenerOptions) (*Listener, error) {
	address, err := addressOf(options.URL)
	if err != nil {
		return nil, err
	}
	if options.Handler == nil || len(options.Filters) == 0 {
		return nil, errors.New("mqttclient: a Listener needs a Handler and Filters")
	}
	return &Listener{options: options, address: address}, nil
}

// Start begins to connect and returns at once. Only Stop ends it; ctx lends its values and nothing else.
func (l *Listener) Start(ctx context.Context) error {
	if l.cancel != nil {
		return errors.New("the MQTT listener was started before")
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		l.keepListening(ctx)
	}()
	return nil
}

// Stop ends the connection, and returns when the Handler will not be called any more or ctx ends.
func (l *Listener) Stop(ctx context.Context) error {
	if l.cancel == nil {
		return nil
	}
	l.cancel()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the MQTT listener did not end in time: %w", ctx.Err())
	}
}

func (l *Listener) keepListening(ctx context.Context) {
	journal := &journal{logger: l.options.Logger, broker: l.options.place(l.address), quiet: true}
	pause, short := backoffMin, 0
	for ctx.Err() == nil {
		client, cause, err := l.connect(ctx)
		if err == nil {
			up := time.Now()
			journal.up()
			err = l.attend(ctx, client, cause)
			if short++; time.Since(up) > steady {
				pause, short = backoffMin, 0
			}
		}
		if ctx.Err() != nil {
			return
		}
		journal.down(err)
		if l.options.Identity != nil && (errors.Is(err, errTakenOver) || short >= mostShort) {
			l.giveUpIdentity(err)
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
		pause = min(pause*2, backoffMax)
	}
}

// giveUpIdentity ends a quarrel: a client that connects with the identifier of another ends the other's connection, and
// not every broker says why.
func (l *Listener) giveUpIdentity(err error) {
	l.options.Logger.Warn("another server may have the MQTT client identifier of this one, as after a folder of data was copied; this one "+
		"goes on without a session, and what devices report while it restarts is lost", "identity", l.options.Identity, "reason", err)
	l.options.Identity = nil
}

// connect makes one connection. Why it ends will come from cause, if the library knows.
func (l *Listener) connect(ctx context.Context) (client *paho.Client, cause <-chan error, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := l.options.dial(ctx, l.address)
	if err != nil {
		return nil, nil, err
	}
	causes := make(chan error, 1)
	lose := func(err error) {
		select {
		case causes <- err:
		default:
		}
	}
	conn := newStream(raw)
	client = paho.NewClient(paho.ClientConfig{
		Conn: conn, PacketTimeout: packetTimeout, EnableManualAcknowledgment: true,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){l.hear},
		OnClientError:     lose,
		OnServerDisconnect: func(d *paho.Disconnect) {
			if d.ReasonCode == packets.DisconnectSessionTakenOver {
				lose(errTakenOver)
				return
			}
			lose(disconnected(d))
		},
	})
	ack, err := client.Connect(ctx, l.packet())
	if err != nil {
		_ = conn.Close()
		return nil, nil, refused(ack, err)
	}
	return client, causes, nil
}

// packet is our CONNECT.
func (l *Listener) packet() *paho.Connect {
	receive, expiry := uint16(mostUnacknowledged), uint32(0)
	connect := &paho.Connect{ClientID: unique(l.options.ClientID), CleanStart: true, KeepAlive: keepAlive,
		Properties: &paho.ConnectProperties{ReceiveMaximum: &receive, SessionExpiryInterval: &expiry}}
	if l.options.Identity != nil {
		connect.ClientID, connect.CleanStart, expiry = l.options.Identity.ID(), false, uint32(sessionExpiry/time.Second)
	}
	l.options.authenticate(connect)
	return connect
}

// attend has the Handler use a connection until it is lost, the Handler ends it, or ctx ends.
func (l *Listener) attend(ctx context.Context, client *paho.Client, cause <-chan error) error {
	connected, cancel := context.WithCancel(ctx)
	session := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() {
		session <- l.options.Handler.Session(connected, func(ctx context.Context) error { return l.subscribe(ctx, client) })
	})
	defer leave(client)
	defer running.Wait()
	defer cancel()
	for {
		select {
		case err := <-session:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		case <-client.Done():
			select {
			case err := <-cause:
				return err
			case <-time.After(time.Second): // the library tells why just after it has closed the connection
				return errLost
			}
		}
	}
}

// leave says goodbye, and returns when nothing is heard any more. A session that the broker keeps stays.
func leave(client *paho.Client) {
	_ = client.Disconnect(&paho.Disconnect{ReasonCode: 0}) // the connection is closed whatever it answers
	<-client.Done()
}

// hear hands on a message.
func (l *Listener) hear(received paho.PublishReceived) (bool, error) {
	packet, client := received.Packet, received.Client
	l.options.Handler.Message(Message{Topic: packet.Topic, Payload: packet.Payload, Done: func() {
		_ = client.Ack(packet) // fails where the connection is gone: the message comes again
	}})
	return true, nil
}

func (l *Listener) subscribe(ctx context.Context, client *paho.Client) error {
	request := &paho.Subscribe{}
	for _, filter := range l.options.Filters {
		request.Subscriptions = append(request.Subscriptions, paho.SubscribeOptions{Topic: filter, QoS: qos})
	}
	ack, err := client.Subscribe(ctx, request)
	if ack != nil {
		for i, code := range ack.Reasons {
			if code >= 0x80 && i < len(l.options.Filters) {
				return fmt.Errorf("subscribe to %s: the broker refused it: %s", l.options.Filters[i], reason(code, ""))
			}
		}
	}
	if err != nil {
		return fmt.Errorf("subscribe to what devices say: %w", err)
	}
	return nil
}
