package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/settings"
)

func (p Program) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Runs the server until it is told to stop (SIGTERM or Ctrl-C), which takes at most ten seconds; a second signal\n" +
			"ends it at once. Each setting is a flag, an environment variable or a line of the file .env in the working\n" +
			"directory; the first of these that has it counts.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, warnings, err := p.load(cmd)
			if err != nil {
				return err
			}
			p.warn(warnings)
			return p.runServer(cmd.Context(), set)
		},
	}
	settings.Flags(cmd.Flags())
	return cmd
}

// runServer serves until ctx ends or the server fails.
func (p Program) runServer(ctx context.Context, set settings.Settings) error {
	log := p.logger(set)
	server, err := app.New(app.Options{Settings: set, Logger: log, Version: p.Version, Clock: p.Clock})
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	p.welcome(set, log, server.Addr(), server.BrokerAddr())
	var failure error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case failure = <-server.Failed():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), app.StopTimeout)
	defer cancel()
	if err := server.Stop(stopping); err != nil {
		log.Warn("not everything stopped in good order", "error", err)
	}
	return failure
}

// humanLog tells whether people read the log as it is written.
func (p Program) humanLog(set settings.Settings) bool {
	return set.LogFormat == settings.LogText || (set.LogFormat == settings.LogAuto && isTerminal(p.Stderr))
}

func (p Program) logger(set settings.Settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: set.LogLevel}
	if p.humanLog(set) {
		return slog.New(slog.NewTextHandler(p.Stderr, options))
	}
	options.ReplaceAttr = plainDuration
	return slog.New(slog.NewJSONHandler(p.Stderr, options))
}

// plainDuration writes "1.6ms", as the text log does, where JSON would have a number of nanoseconds that does not say so.
func plainDuration(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// welcome says where to go: in a few lines to people, and as log lines to what collects them.
func (p Program) welcome(set settings.Settings, log *slog.Logger, address, broker string) {
	urls := addresses("http", address)
	if !p.humanLog(set) {
		log.Info("serving", "version", p.Version, "url", urls[0], "address", address, "broker", broker, "settings", set)
		if set.TrustNetwork {
			log.Warn("TRUST_NETWORK is set: everyone who reaches this server may read and change every document")
		}
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nEspalier %s is running.\n\n", p.Version)
	fmt.Fprintf(&b, "  Open        %s/\n", strings.Join(urls, "/  "))
	fmt.Fprintf(&b, "  API         %s/api/docs\n", urls[0])
	fmt.Fprintf(&b, "  Devices     %s/api/configs/<mac>.json\n", urls[len(urls)-1])
	fmt.Fprintf(&b, "  MQTT        %s\n", brokerLine(set, broker))
	fmt.Fprintf(&b, "  Database    %s\n", shown(set, "DATABASE_URL"))
	fmt.Fprintf(&b, "  Admin API   %s\n\n", adminLine(set))
	fmt.Fprint(p.Stdout, b.String())
}

func brokerLine(set settings.Settings, broker string) string {
	switch {
	case set.MQTTURL == settings.MQTTOff:
		return "off"
	case set.MQTTURL != "":
		return set.MQTTURL
	case broker == "":
		return "the embedded broker is not running; the log says why"
	}
	return strings.Join(addresses("mqtt", listening(broker, set.MQTTListen)), "  ") + "  (embedded)"
}

// listening is the address that others use for a broker that our own client reaches at one: with the host that was set.
func listening(own, set string) string {
	host, _, err := net.SplitHostPort(set)
	if err != nil {
		return own
	}
	_, port, err := net.SplitHostPort(own)
	if err != nil {
		return own
	}
	return net.JoinHostPort(host, port)
}

func adminLine(set settings.Settings) string {
	switch {
	case set.TrustNetwork:
		return "OPEN TO EVERYONE on the network (TRUST_NETWORK is set): they may read and change every document"
	case set.AdminToken != "":
		return "from this machine, and from the network with the ADMIN_TOKEN"
	}
	return "from this machine only; to open it to the network, set ADMIN_TOKEN (openssl rand -hex 24 makes one)"
}

// shown is a setting as it may be printed.
func shown(set settings.Settings, name string) string {
	for _, e := range set.Effective() {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// addresses are the URLs at which a listening address can be reached: of every interface, this machine's first and then
// at most two of the network's.
func addresses(scheme, address string) []string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return []string{scheme + "://" + address}
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		return []string{scheme + "://" + net.JoinHostPort(host, port)}
	}
	urls := []string{scheme + "://127.0.0.1:" + port}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return urls
	}
	for _, a := range own {
		network, ok := a.(*net.IPNet)
		if ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() && len(urls) < 3 {
			urls = append(urls, scheme+"://"+net.JoinHostPort(network.IP.String(), port))
		}
	}
	return urls
}
