// Package client talks to an Espalier server: configurations and their history, what their devices have, events as they
// happen, the audit, import and export, and the documents that devices read.
//
//	c, err := client.New("http://127.0.0.1:3201", client.Options{Token: os.Getenv("ADMIN_TOKEN")})
//	config, err := c.Create(ctx, "aa:bb:cc:dd:ee:ff", []byte(`{"deviceName":"Hallway"}`))
//
// What the server refuses is an *Error, which errors.Is compares with ErrNotFound and its like. It imports the standard
// library alone. Start reading at Client.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options are the choices of a Client; the zero value is good on the server's own machine.
type Options struct {
	// Token is the server's ADMIN_TOKEN, which everything but Document and the probes needs from another machine.
	Token string
	// HTTPClient sends the requests; nil is one of its own.
	HTTPClient *http.Client
	// UserAgent names the program; "" is "espalier-client".
	UserAgent string
	// Retries is how often a request that is safe to repeat is repeated: 0 is 3, and below 0 is never. See Client.
	Retries int
	// Timeout bounds each attempt, its answer included; 0 is 30 seconds. Import and Export are bounded by their context.
	Timeout time.Duration
}

// Client is a connection to one server. It is safe for concurrent use.
//
// A request is repeated, after a pause that doubles and that the server may lengthen by Retry-After, where nothing can be
// done twice by it: any request that reached no server, or that was turned away with 429; and GET, HEAD and POST also where
// the connection broke or the answer was 502, 503 or 504. Each POST bears an Idempotency-Key for that, the same in every
// attempt, by which the server knows what it has done already and gives its first answer again. An update, patch or delete
// that got 503 may have been done, and nothing would tell that from somebody else's change, so these are left to the caller.
type Client struct {
	base       *url.URL
	options    Options
	http       *http.Client
	mostImport int // bytes; largestImport but in a test
}

// The bounds of what is read into memory.
const (
	mostAnswer = 64 << 20
	mostLine   = 100 << 20 // of an export: the largest document there is, escaped at its worst
)

// New returns a client of the server at a URL: http or https, with a path where a proxy serves it below one.
func New(server string, o Options) (*Client, error) {
	base, err := url.Parse(server)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, errors.New("the server's URL must be http://host[:port] or https://host[:port], without credentials or query")
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath, base.Fragment = "", ""
	if o.UserAgent == "" {
		o.UserAgent = "espalier-client"
	}
	if o.Retries == 0 {
		o.Retries = 3
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	c := &Client{base: base, options: o, http: o.HTTPClient, mostImport: largestImport}
	if c.http == nil {
		c.http = &http.Client{Transport: newTransport()}
	}
	return c, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   16,
		ForceAttemptHTTP2:     true,
	}
}

// Server is the URL of the server.
func (c *Client) Server() string { return c.base.String() }

// Close lets go of idle connections. The client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is what is sent, possibly more than once.
type request struct {
	method string
	path   string // escaped
	query  url.Values
	header http.Header
	body   []byte
	// progress hears how much of the body was sent.
	progress func(sent, total int64)
}

// send makes one attempt. What the server refuses, and what got no answer, is an error.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	target := c.base.String() + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if r.progress != nil {
		req.Body = &meter{ReadCloser: req.Body, total: int64(len(r.body)), report: r.progress}
	}
	req.Header.Set("User-Agent", c.options.UserAgent)
	req.Header.Set("Accept", "application/json, application/x-ndjson")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if c.options.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotModified {
		defer resp.Body.Close()
		return nil, refusal(resp)
	}
	return resp, nil
}

// unreachable wraps why there was no answer. The URL, which net/http would repeat, is the server's.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("ask %s: %w", c.base, context.Canceled)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, c.base, err)
}

// answer is a whole answer of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// fetch sends a request until it is answered, and reads the whole answer.
func (c *Client) fetch(ctx context.Context, r request) (answer, error) {
	var a answer
	err := c.repeat(ctx, r.method, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
		if err != nil {
			return c.unreachable(ctx, err)
		}
		if len(body) > mostAnswer {
			return fmt.Errorf("%w: it has more than %d bytes", ErrUnreadable, mostAnswer)
		}
		a = answer{status: resp.StatusCode, header: resp.Header, body: body}
		return nil
	})
	return a, err
}

// decode reads a JSON answer.
func (a answer) decode(into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("%w (%d %s); is this URL right?", ErrUnreadable, a.status, a.header.Get("Content-Type"))
	}
	return nil
}

// meter tells how much of a body was read.
type meter struct {
	io.ReadCloser
	sent, total int64
	report      func(sent, total int64)
}

// Read reads on, and tells.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.sent += int64(n)
	m.report(m.sent, m.total)
	return n, err
}
