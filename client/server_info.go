package client

import (
	"context"
	"net/http"
	"time"
)

// ServerInfo is what a server is, and how it does.
type ServerInfo struct {
	Version string `json:"version"`
	// Principal is as whom the question was let in: token, local or network.
	Principal string    `json:"principal"`
	StartedAt time.Time `json:"started_at"`
	TokenSet  bool      `json:"token_set"`
	Database  struct {
		Engine string `json:"engine"` // sqlite or postgres
		Status string `json:"status"` // ok or unavailable
	} `json:"database"`
	Broker struct {
		Kind        string  `json:"kind"`   // embedded, external or off
		Status      string  `json:"status"` // connected, disconnected or off
		Problem     *string `json:"problem"`
		TopicPrefix string  `json:"topic_prefix"`
	} `json:"broker"`
	Outbox struct {
		Waiting       *int64 `json:"waiting"`        // messages; nil: the database does not say
		OldestSeconds *int64 `json:"oldest_seconds"` // nil: none waits
	} `json:"outbox"`
	EventSubscribers int `json:"event_subscribers"` // of this server
	MaxContentBytes  int `json:"max_content_bytes"`
	// DeviceURLs are where devices in the network reach the server, each with a slash at its end.
	DeviceURLs []string  `json:"device_urls"`
	Settings   []Setting `json:"settings"`
}

// Setting is one of a server's own options.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"` // masked where it is secret
	Source string `json:"source"`
	Secret bool   `json:"secret"`
}

// ServerInfo asks what the server is and how it does. It answers with its database away too. Errors: those of who may not.
func (c *Client) ServerInfo(ctx context.Context) (ServerInfo, error) {
	var s ServerInfo
	return s, c.read(ctx, "/api/server", nil, &s)
}

// ImportSample imports the server's sample fleet of 24 documents. Devices that have another configuration are skipped. Of the
// options only Message and IdempotencyKey matter.
func (c *Client) ImportSample(ctx context.Context, options ...WriteOption) (Report, error) {
	a, err := c.fetch(ctx, written(request{method: http.MethodPost, path: "/api/sample"}, options))
	if err != nil {
		return Report{}, err
	}
	var report Report
	return report, a.decode(&report)
}
