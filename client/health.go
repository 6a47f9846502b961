package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Health is how the server says that it is.
type Health struct {
	Status   string `json:"status"`          // healthy or unhealthy
	Database string `json:"database"`        // connected or disconnected
	MQTT     string `json:"mqtt"`            // connected, disconnected or disabled
	Version  string `json:"version"`         // of the server
	Error    string `json:"error,omitempty"` // why it is unhealthy
}

// Health asks how the server is, once. One that is not healthy is an answer, and no error.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	return h, c.probe(ctx, "/api/health", &h)
}

// Readiness is whether the server can do its work.
type Readiness struct {
	Status        string `json:"status"`     // ready or not ready
	Database      string `json:"database"`   // ok or unavailable
	Migrations    string `json:"migrations"` // ok, unknown, or what is wrong
	Broker        string `json:"broker"`     // connected, disconnected or disabled; it does not decide
	BrokerProblem string `json:"broker_problem,omitempty"`
}

// Ready tells whether the server can do its work, once. One that cannot is an answer, and no error.
func (c *Client) Ready(ctx context.Context) (r Readiness, ok bool, err error) {
	err = c.probe(ctx, "/readyz", &r)
	return r, r.Status == "ready", err
}

// Alive asks, once, whether the server answers at all.
func (c *Client) Alive(ctx context.Context) error {
	var alive struct{ Status string }
	if err := c.probe(ctx, "/healthz", &alive); err != nil {
		return err
	}
	if alive.Status != "alive" {
		return fmt.Errorf("%w: it says %q", ErrUnreadable, alive.Status)
	}
	return nil
}

// probe reads an answer that has the same shape whether it is 200 or 503.
func (c *Client) probe(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+path, nil)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("User-Agent", c.options.UserAgent)
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return refusal(resp)
	}
	const most = 64 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		if resp.StatusCode == http.StatusServiceUnavailable {
			return &Error{Status: resp.StatusCode, Message: "the answer was 503 Service Unavailable and said nothing more"}
		}
		return fmt.Errorf("%w; is this URL right?", ErrUnreadable)
	}
	return nil
}
