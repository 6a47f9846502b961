// Package mqttbroker is the embedded MQTT broker (contract, part 4): what a child process runs ([RunChild], [Run]) and
// the [Supervisor] by which the server starts, watches and restarts that process. A process of its own, because a
// library that reads packets from anybody on the network must not be able to take the service with it.
//
// It is the only importer of the broker library, and none of that library's types leave it. Of ours it may import fleet.
// Start reading at [Run], then the rules of access in access.go.
//
// The broker keeps retained messages and sessions in memory only. When it ends they are gone, by design: the outbox's
// relay notices and announces them again.
package mqttbroker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"espalier.dev/espalier/internal/fleet"
)

// Limits of one broker. A client that needs more than these does not read configurations.
const (
	maxPacketBytes   = 64 << 10
	maxPendingWrites = 4096 // messages that wait for one slow connection
	maxInflight      = 1024 // messages sent to one client and not acknowledged, connected or not
	receiveMaximum   = 1024 // unacknowledged messages that one client may send
	readBufferBytes  = 1024
	defaultClients   = 20_000
	closeTimeout     = 2 * time.Second
)

// Config is what a broker needs to know. It holds a password, so it travels by a pipe and never by a command line or
// the environment.
type Config struct {
	Listen         string       `json:"listen"` // host:port; ":1883" is every interface
	Topics         fleet.Topics `json:"topics"` // what clients may read
	ServerUsername string       `json:"server_username"`
	ServerPassword string       `json:"server_password"`
	LogLevel       slog.Level   `json:"log_level"`
	MaxClients     int          `json:"max_clients"` // connected at once; 0 is 20,000
}

func (c Config) validate() error {
	switch {
	case c.Topics.Prefix == "":
		return errors.New("the broker's topic prefix is empty")
	case c.ServerUsername == "" || c.ServerPassword == "":
		return errors.New("the broker has no user name or password for the server itself")
	case c.MaxClients < 0:
		return fmt.Errorf("the broker cannot serve %d clients", c.MaxClients)
	}
	return nil
}

// Report is the one line of JSON that a broker writes when it listens, or when it cannot.
type Report struct {
	Listen string `json:"listen,omitempty"` // the address it listens on, with the real port
	Error  string `json:"error,omitempty"`
	InUse  bool   `json:"in_use,omitempty"` // somebody else listens there
	Denied bool   `json:"denied,omitempty"` // the system does not allow this port
}

// Run serves MQTT 5 and 3.1.1 until ctx ends. Once it listens, or when it cannot, it writes one [Report] to ready.
func Run(ctx context.Context, config Config, ready io.Writer, logger *slog.Logger) error {
	err := config.validate()
	if err != nil {
		return errors.Join(err, report(ready, Report{Error: err.Error()}))
	}
	if config.MaxClients == 0 {
		config.MaxClients = defaultClients
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Listen)
	if err != nil {
		return errors.Join(err, report(ready, Report{
			Error: err.Error(), InUse: errors.Is(err, syscall.EADDRINUSE), Denied: errors.Is(err, os.ErrPermission),
		}))
	}
	server := mqtt.New(&mqtt.Options{
		Capabilities:            capabilities(),
		ClientNetReadBufferSize: readBufferBytes,
		SysTopicResendInterval:  int64(time.Hour / time.Second),
		Logger:                  slog.New(slog.DiscardHandler), // it logs whole packets, passwords included
	})
	l := newListener(socket, config.MaxClients, logger, func(conn net.Conn) { forget(server, conn) })
	l.goodbye = func() { goodbye(server) }
	if err := server.AddHook(newAccess(config, server, logger), nil); err != nil {
		return errors.Join(err, socket.Close())
	}
	if err := server.AddListener(l); err != nil {
		return errors.Join(err, socket.Close())
	}
	if err := server.Serve(); err != nil {
		return errors.Join(err, socket.Close())
	}
	logger.Info("broker listens", "address", l.Address())
	err = report(ready, Report{Listen: l.Address()})
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, shutdown(server))
}

// goodbye disconnects every client. The library's own way to them takes a read lock twice, and hangs where a client leaves between.
func goodbye(server *mqtt.Server) {
	for _, c := range server.Clients.GetAll() {
		if c.Net.Listener == listenerID && !c.Closed() {
			// A client that is gone already needs no goodbye.
			_ = server.DisconnectClient(c, packets.ErrServerShuttingDown)
		}
	}
}

// shutdown says goodbye to clients, and gives up on those that do not go: the process ends anyway.
func shutdown(server *mqtt.Server) error {
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeTimeout):
		return nil
	}
}

func report(w io.Writer, r Report) error {
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return fmt.Errorf("tell that the broker is ready: %w", err)
	}
	return nil
}

// capabilities bound each client, and let nothing be dropped because it is old: the library drops retained messages
// after a day unless its expiry is 0.
func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumMessageExpiryInterval = 0
	c.MaximumPacketSize = maxPacketBytes
	c.MaximumClientWritesPending = maxPendingWrites
	c.MaximumInflight = maxInflight
	c.ReceiveMaximum = receiveMaximum
	c.SharedSubAvailable = 0
	c.Compatibilities.NoInheritedPropertiesOnAck = true
	return c
}

// forget removes the client of a connection whose handling panicked: the library does not come to it itself then.
func forget(server *mqtt.Server, conn net.Conn) {
	for id, client := range server.Clients.GetAll() {
		if client.Net.Conn == conn {
			client.Stop(nil)
			drop(server, id, client)
		}
	}
}

// drop removes a session with its subscriptions and what waits for it.
func drop(server *mqtt.Server, id string, client *mqtt.Client) {
	client.ClearInflights()
	server.UnsubscribeClient(client)
	server.Clients.Delete(id)
}
