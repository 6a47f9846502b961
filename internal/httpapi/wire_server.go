package httpapi

import "time"

// The types of this file are the shape of GET /api/server, for the OpenAPI document only, as those of wire.go are.

type serverState struct {
	Version          string        `json:"version"`
	Principal        string        `json:"principal" enum:"token,local,network" doc:"As whom this request was let in: with the token, from the server's own machine, or as everyone on the network is"`
	StartedAt        time.Time     `json:"started_at"`
	TokenSet         bool          `json:"token_set" doc:"There is an ADMIN_TOKEN"`
	Database         databaseState `json:"database"`
	Broker           brokerState   `json:"broker"`
	Outbox           outboxState   `json:"outbox"`
	EventSubscribers int           `json:"event_subscribers" minimum:"0" doc:"Readers of the live events of this server"`
	MaxContentBytes  int           `json:"max_content_bytes" minimum:"1" doc:"The largest document that is accepted"`
	DeviceURLs       []string      `json:"device_urls" nullable:"false" doc:"Where devices in the network can reach this server, each with a slash at its end: the machine's own addresses, in a container those of the container; none where it listens on loopback only"`
	Settings         []setting     `json:"settings" nullable:"false" doc:"The server's own options, as espalier settings prints them"`
}

type databaseState struct {
	Engine string `json:"engine" enum:"sqlite,postgres"`
	Status string `json:"status" enum:"ok,unavailable"`
}

type brokerState struct {
	Kind        string  `json:"kind" enum:"embedded,external,off"`
	Status      string  `json:"status" enum:"connected,disconnected,off"`
	Problem     *string `json:"problem" nullable:"true" doc:"Why there is no connection, where that is known"`
	TopicPrefix string  `json:"topic_prefix"`
}

type outboxState struct {
	Waiting       *int64 `json:"waiting" nullable:"true" minimum:"0" doc:"Messages that wait for the broker; null: the database does not say"`
	OldestSeconds *int64 `json:"oldest_seconds" nullable:"true" minimum:"0" doc:"Age of the oldest change that a device has not been told of; null: none waits"`
}

type setting struct {
	Name   string `json:"name" doc:"Of the variable"`
	Value  string `json:"value" doc:"What is secret in it is masked"`
	Source string `json:"source" doc:"default, .env, environment or flag, with the variable that named the file of a secret behind it, or MQTT_URL for credentials that stood there"`
	Secret bool   `json:"secret" doc:"It may hold a secret, which is masked"`
}
