package cli

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/simulator"
)

func (p Program) simulate() *cobra.Command {
	var o simulator.Options
	var listen string
	var others []string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Act as a fleet of devices, and prove that each is told of every change",
		Long: "Acts as that many firmwares: each fetches its document over a new connection, listens to the broker, and fetches\n" +
			"again when it is told. With --churn it also changes documents (only of devices that it made for the run, and\n" +
			"removes at its end) and proves that every device holds the newest. Exit status 0 says that nothing was stale and\n" +
			"nothing missed, 1 that something was. Without MQTT_URL the broker is the embedded one of the server.",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Devices, "devices", 20, "how many devices to act as")
	flags.DurationVar(&o.Duration, "duration", 0, "how long, such as 30s or 5m; 0 lasts until Ctrl-C")
	flags.Float64Var(&o.Churn, "churn", 0, "documents to change in each second")
	flags.StringVar(&listen, "listen", string(simulator.ListenMixed), "what devices listen to: broadcast, retained, both or mixed")
	flags.BoolVar(&o.BootOnly, "boot-only", false, "fetch at the start and when told, but not when connecting again")
	flags.DurationVar(&o.Bound, "bound", 10*time.Second, "how soon a device must have what was changed")
	flags.DurationVar(&o.Poll, "poll", 5*time.Second, "how often devices fetch where there is no MQTT")
	flags.BoolVar(&o.Keep, "keep", false, "leave the configurations that were made for the run")
	flags.Uint64Var(&o.Seed, "seed", 0, "make the choices of the run repeatable; 0 makes them differ")
	flags.StringSliceVar(&others, "also", nil, "`URLs` of further servers of the same fleet, to spread the devices over")
	settings.Flags(flags, "SERVER_URL", "ADMIN_TOKEN", "MQTT_URL", "MQTT_USERNAME", "MQTT_PASSWORD", "MQTT_TOPIC_PREFIX")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		set, _, err := p.load(cmd)
		if err != nil {
			return err
		}
		o.ServerURL = strings.Join(append([]string{set.ServerURL}, others...), ",")
		o.Token, o.Listen = set.AdminToken.Reveal(), simulator.Listen(listen)
		o.MQTTURL, o.MQTTUsername, o.MQTTPassword = embeddedBroker(set), set.MQTTUsername, set.MQTTPassword.Reveal()
		o.TopicPrefix = set.MQTTTopicPrefix
		for _, item := range app.SampleItems() {
			o.Templates = append(o.Templates, item.Content)
		}
		o.Out, o.JSON, o.Terminal = p.Stdout, format.json, isTerminal(p.Stdout)
		result, err := simulator.Run(cmd.Context(), o)
		if err == nil && !result.OK() {
			err = fmt.Errorf("the fleet is not well: %d stale, %d missed, %d corrupt, %d unproven",
				result.Stale, result.Missed, result.Corrupt, result.Unproven)
		}
		return err
	}
	return cmd
}

// embeddedBroker is MQTT_URL, or where the embedded broker of the server must be.
func embeddedBroker(set settings.Settings) string {
	if set.MQTTURL != "" {
		return set.MQTTURL
	}
	server, err := url.Parse(set.ServerURL)
	if err != nil {
		return settings.MQTTOff
	}
	_, port, err := net.SplitHostPort(set.MQTTListen)
	if err != nil {
		return settings.MQTTOff
	}
	return "mqtt://" + net.JoinHostPort(server.Hostname(), port)
}
