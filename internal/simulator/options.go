package simulator

import (
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"net/url"
	"strings"
	"time"
)

const maxDevices = 50_000 // a connection each, and a port at this end

// OptionsError says that a run cannot be as it was asked for. Nothing was done.
type OptionsError struct{ cause error }

func (e *OptionsError) Error() string { return e.cause.Error() }

// Unwrap is what is wrong with the options.
func (e *OptionsError) Unwrap() error { return e.cause }

// complete fills in what was left out, and says what cannot be.
func (o *Options) complete() error {
	if o.Devices < 1 || o.Devices > maxDevices {
		return fmt.Errorf("devices: %d is not between 1 and %d", o.Devices, maxDevices)
	}
	if o.Churn < 0 || math.IsNaN(o.Churn) || math.IsInf(o.Churn, 0) {
		return fmt.Errorf("churn: %v is not a number of changes a second", o.Churn)
	}
	if o.Duration < 0 || o.Bound < 0 || o.Poll < 0 || o.Check < 0 {
		return fmt.Errorf("duration, bound, poll and check must not be negative")
	}
	switch o.Listen {
	case "":
		o.Listen = ListenMixed
	case ListenMixed, ListenBroadcast, ListenRetained, ListenBoth:
	default:
		return fmt.Errorf("listen: %q is not mixed, broadcast, retained or both", o.Listen)
	}
	switch o.Firmware {
	case "":
		o.Firmware = FirmwareMixed
	case FirmwareMixed, FirmwarePlain, FirmwarePolite, FirmwareFull:
	default:
		return fmt.Errorf("firmware: %q is not mixed, plain, polite or full", o.Firmware)
	}
	if o.Restarts < 0 || math.IsNaN(o.Restarts) || math.IsInf(o.Restarts, 0) {
		return fmt.Errorf("restarts: %v is not a number of devices a second", o.Restarts)
	}
	if !(o.LoseReports >= 0 && o.LoseReports <= 1) {
		return fmt.Errorf("lose-reports: %v is not a fraction from 0 to 1", o.LoseReports)
	}
	for i, text := range o.Templates {
		if _, err := newTemplate(text, 0); err != nil {
			return fmt.Errorf("template %d: %w", i, err)
		}
	}
	o.Bound = orElse(o.Bound, 10*time.Second)
	o.Poll = orElse(o.Poll, 5*time.Second)
	o.unflushed = orElse(o.unflushed, unflushed)
	o.TopicPrefix = orElse(o.TopicPrefix, "iotsupport")
	return nil
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// address is a place to connect to.
type address struct {
	url      *url.URL
	hostPort string
	tls      *tls.Config // nil without TLS
}

// parseAddress reads a URL of one of two schemes, without and with TLS, and their default ports.
func parseAddress(what, text string, plain, secure string, ports [2]string) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != plain && u.Scheme != secure) {
		return address{}, fmt.Errorf("%s: %q is not %s://host:port or %s://host:port", what, redact(text), plain, secure)
	}
	a := address{url: u}
	port := u.Port()
	if u.Scheme == secure {
		a.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		port = orElse(port, ports[1])
	}
	a.hostPort = net.JoinHostPort(u.Hostname(), orElse(port, ports[0]))
	return a, nil
}

// redact leaves out what stands before an @, which may be a password.
func redact(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

func (o *Options) servers() ([]address, error) {
	var servers []address
	for text := range strings.SplitSeq(o.ServerURL, ",") {
		a, err := parseAddress("server URL", strings.TrimSpace(text), "http", "https", [2]string{"80", "443"})
		if err != nil {
			return nil, err
		}
		servers = append(servers, a)
	}
	return servers, nil
}

// broker is where to connect for MQTT, and false for nowhere.
func (o *Options) broker() (address, bool, error) {
	if o.MQTTURL == "" || strings.EqualFold(o.MQTTURL, "off") {
		return address{}, false, nil
	}
	a, err := parseAddress("MQTT URL", o.MQTTURL, "mqtt", "mqtts", [2]string{"1883", "8883"})
	return a, err == nil, err
}
