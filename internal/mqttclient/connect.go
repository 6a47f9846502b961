package mqttclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session/state"
)

const (
	connectTimeout = 10 * time.Second
	packetTimeout  = 10 * time.Second
	keepAlive      = 20 // seconds; a broker that is gone without a word is noticed after at most twice that
	receiveMaximum = 16 // messages to us at once: Retained asks for two
	backoffMin     = 100 * time.Millisecond
	backoffMax     = 10 * time.Second
	steady         = 5 * time.Second // a connection that lasted this long starts the backoff anew
	logAgain       = time.Minute
)

// keepConnected makes one connection after the other until ctx ends.
func (c *Client) keepConnected(ctx context.Context) {
	journal := &journal{logger: c.options.Logger, broker: c.options.place(c.address)}
	pause := backoffMin
	for ctx.Err() == nil {
		l, err := c.connect(ctx)
		if err == nil {
			up := time.Now()
			journal.up()
			c.setFailure(nil)
			err = c.hold(ctx, l)
			if time.Since(up) > steady {
				pause = backoffMin
			}
		}
		if ctx.Err() != nil {
			return
		}
		journal.down(err)
		c.setFailure(err)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
		pause = min(pause*2, backoffMax)
	}
}

// hold offers a connection to everybody until it is lost or ctx ends, and answers why it was lost.
func (c *Client) hold(ctx context.Context, l *link) error {
	c.setLink(l)
	defer func() { _ = l.session.Close() }() // never fails
	defer c.setLink(nil)
	select {
	case <-l.lost:
	case <-ctx.Done():
		_ = l.client.Disconnect(&paho.Disconnect{ReasonCode: 0}) // the connection is closed whatever it answers
		<-l.lost
		return nil
	}
	select {
	case err := <-l.cause:
		return err
	case <-time.After(time.Second): // the library tells why just after it has closed the connection
		return errLost
	}
}

// connect makes one connection. Its session ends with it: nothing of it is to be sent again by anybody but the outbox.
func (c *Client) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := c.options.dial(ctx, c.address)
	if err != nil {
		return nil, err
	}
	l := &link{session: state.NewInMemory(), conn: newStream(raw), cause: make(chan error, 1)}
	lose := func(err error) {
		select {
		case l.cause <- err:
		default:
		}
	}
	l.client = paho.NewClient(paho.ClientConfig{
		ClientID: c.clientID, Conn: l.conn, Session: l.session, PacketTimeout: packetTimeout,
		OnPublishReceived:  []func(paho.PublishReceived) (bool, error){l.hear},
		OnClientError:      lose,
		OnServerDisconnect: func(d *paho.Disconnect) { lose(disconnected(d)) },
	})
	ack, err := l.client.Connect(ctx, c.packet())
	if err != nil {
		_ = l.conn.Close()
		return nil, refused(ack, err)
	}
	l.lost, l.retains = l.client.Done(), true
	if ack.Properties != nil {
		l.retains = ack.Properties.RetainAvailable
		if q := ack.Properties.MaximumQoS; q != nil && *q < qos {
			_ = l.client.Disconnect(&paho.Disconnect{ReasonCode: 0})
			return nil, errors.New("the broker does not support QoS 1")
		}
	}
	return l, nil
}

func (c *Client) packet() *paho.Connect {
	receive, expiry := uint16(receiveMaximum), uint32(0)
	connect := &paho.Connect{
		ClientID: c.clientID, CleanStart: true, KeepAlive: keepAlive,
		Properties: &paho.ConnectProperties{ReceiveMaximum: &receive, SessionExpiryInterval: &expiry},
	}
	c.options.authenticate(connect)
	return connect
}

// authenticate says who we are: the user of the options, or else of the URL.
func (o Options) authenticate(connect *paho.Connect) {
	username, password := o.Username, o.Password
	if user := o.URL.User; username == "" && user != nil {
		username = user.Username()
		password, _ = user.Password()
	}
	if username != "" {
		connect.UsernameFlag, connect.Username = true, username
	}
	if password != "" {
		connect.PasswordFlag, connect.Password = true, []byte(password)
	}
}

func (o Options) dial(ctx context.Context, address string) (net.Conn, error) {
	switch {
	case o.Dial != nil:
		return o.Dial(ctx)
	case o.URL.Scheme == "mqtts":
		return (&tls.Dialer{Config: o.TLS}).DialContext(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func refused(ack *paho.Connack, err error) error {
	if ack == nil || ack.ReasonCode < 0x80 {
		return err
	}
	given := ""
	if ack.Properties != nil {
		given = ack.Properties.ReasonString
	}
	return fmt.Errorf("the broker refused the connection: %s", reason(ack.ReasonCode, given))
}

func disconnected(d *paho.Disconnect) error {
	given := ""
	if d.Properties != nil {
		given = d.Properties.ReasonString
	}
	return fmt.Errorf("the broker ended the connection: %s", reason(d.ReasonCode, given))
}
