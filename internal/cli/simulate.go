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
	var listen, firmware string
	var others []string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Act as a fleet of devices, and prove that each is told and shown as it is",
		Long: "Acts as that many firmwares: each fetches its document over a new connection, listens to the broker, and fetches\n" +
			"again when it is told. With --churn it also changes documents (only of devices that it made for the run, and\n" +
			"removes at its end) and proves that every device holds the newest, and that the server shows of each device that it\n" +
			"made what is true of it: whether it has the document, applied it, or could not, and whether it is connected.\n" +
			"Exit status 0 says that nothing was stale, missed or shown wrongly, 1 that something was. Without MQTT_URL the\n" +
			"broker is the embedded one of the server.\n\n" +
			"Devices made for the run have one of three firmwares. Plain asks for its document, and nothing else. Polite asks\n" +
			"with If-None-Match. Full reports as well what it applied or could not, and has a last will. What is shown wrongly\n" +
			"is a disagreement, and counts when it lasts longer than --bound.",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Devices, "devices", 20, "how many devices to act as")
	flags.DurationVar(&o.Duration, "duration", 0, "how long, such as 30s or 5m; 0 lasts until Ctrl-C")
	flags.Float64Var(&o.Churn, "churn", 0, "documents to change in each second")
	flags.StringVar(&listen, "listen", string(simulator.ListenMixed), "what devices listen to: broadcast, retained, both or mixed")
	flags.StringVar(&firmware, "firmware", string(simulator.FirmwareMixed), "what devices run: plain, polite, full or mixed")
	flags.Float64Var(&o.Restarts, "restarts", 0, "devices whose power is cut for a moment in each second")
	flags.Float64Var(&o.LoseReports, "lose-reports", 0, "the `fraction` of reports that get lost on their way, 0 to 1")
	flags.DurationVar(&o.Check, "check", 0, "how often to compare what the server shows with what is true; 0 is at the end only")
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
		o.Token, o.Listen, o.Firmware = set.AdminToken.Reveal(), simulator.Listen(listen), simulator.Firmware(firmware)
		o.MQTTURL, o.MQTTUsername, o.MQTTPassword = embeddedBroker(set), set.MQTTUsername, set.MQTTPassword.Reveal()
		o.TopicPrefix = set.MQTTTopicPrefix
		for _, item := range app.SampleItems() {
			o.Templates = append(o.Templates, item.Content)
		}
		o.Out, o.JSON, o.Terminal = p.Stdout, format.json, isTerminal(p.Stdout)
		result, err := simulator.Run(cmd.Context(), o)
		if err == nil && !result.OK() {
			err = fmt.Errorf("the fleet is not well: %d stale, %d missed, %d corrupt, %d unproven, %d disagreements",
				result.Stale, result.Missed, result.Corrupt, result.Unproven, result.Disagreements)
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
