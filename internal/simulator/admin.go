package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// admin is what the simulation asks of the admin API (contract, part 3). It is spoken to plainly: what is proved here must not
// depend on how a client of ours repeats or hides what a server answers.
type admin struct {
	root  string // of all paths
	base  string // of configurations
	token string
	http  *http.Client
}

// ErrNoAnswer says that no server answered.
var ErrNoAnswer = errors.New("no answer from the server")

// ErrNotAllowed is in the error of Run where the server wants another token, or none from here.
var ErrNotAllowed = errors.New("not allowed")

var errRefused = errors.New("the server refuses")

const adminTimeout = 30 * time.Second

func newAdmin(server address, token string) *admin {
	base := *server.url
	base.Path = strings.TrimSuffix(base.Path, "/")
	root := base.String()
	return &admin{root: root, base: root + "/api/configs", token: token, http: &http.Client{
		Timeout: adminTimeout,
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: writers,
			IdleConnTimeout: time.Minute, TLSClientConfig: server.tls, ForceAttemptHTTP2: server.tls != nil,
		},
	}}
}

// entry is a configuration as the server answers it.
type entry struct {
	ID       int64           `json:"id"`
	MAC      string          `json:"mac_address"`
	Revision int64           `json:"revision"`
	Content  json.RawMessage `json:"content"`
}

// ask sends a request and answers the body, which the caller closes. A missing configuration is errGone, and what will not be
// different the next time is errRefused.
func (a *admin) ask(ctx context.Context, method, path string, body any, key ...string) (io.ReadCloser, error) {
	var sent io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	url := a.base + path
	if strings.HasPrefix(path, "/api/") || path == "/metrics" {
		url = a.root + path
	}
	request, err := http.NewRequestWithContext(ctx, method, url, sent)
	if err != nil {
		return nil, err
	}
	for _, k := range key {
		request.Header.Set("Idempotency-Key", k)
	}
	request.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	reply, err := a.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if reply.StatusCode < 300 {
		return reply.Body, nil
	}
	defer func() { _ = reply.Body.Close() }()
	switch {
	case reply.StatusCode == http.StatusNotFound:
		return nil, errGone
	case reply.StatusCode == http.StatusUnauthorized || reply.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%w: %w: %s %s: %s", errRefused, ErrNotAllowed, method, reply.Request.URL.Path, reason(reply))
	case reply.StatusCode < 500 && reply.StatusCode != http.StatusTooManyRequests && reply.StatusCode != http.StatusRequestTimeout:
		return nil, fmt.Errorf("%w: %s %s: %s", errRefused, method, reply.Request.URL.Path, reason(reply))
	}
	return nil, fmt.Errorf("%s %s: %s", method, reply.Request.URL.Path, reason(reply))
}

// reason is what the server says of an error.
func reason(reply *http.Response) string {
	var said struct {
		Error   string
		Details struct{ Message string }
	}
	if json.NewDecoder(io.LimitReader(reply.Body, 16<<10)).Decode(&said) != nil || said.Error == "" {
		return reply.Status
	}
	if said.Details.Message == "" {
		return fmt.Sprintf("%d, %s", reply.StatusCode, said.Error)
	}
	return fmt.Sprintf("%d, %s: %s", reply.StatusCode, said.Error, said.Details.Message)
}

// one asks for one configuration, or for none where into is nil.
func (a *admin) one(ctx context.Context, method, path string, body any, into *entry, key ...string) error {
	reply, err := a.ask(ctx, method, path, body, key...)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Close() }()
	if into == nil {
		_, err = io.Copy(io.Discard, reply)
		return err
	}
	return json.NewDecoder(reply).Decode(into)
}

// list answers the first few configurations, by MAC address. It reads no further than it has to: there may be 100,000.
func (a *admin) list(ctx context.Context, most int) (found []entry, err error) {
	err = each(ctx, a, "", func(e entry) bool {
		if len(found) < most {
			found = append(found, e)
		}
		return len(found) < most
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// each yields a list of configurations one after the other, until yield answers false.
func each[T any](ctx context.Context, a *admin, query string, yield func(T) bool) error {
	reply, err := a.ask(ctx, http.MethodGet, query, nil)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Close() }()
	in := json.NewDecoder(reply)
	for _, want := range []json.Token{json.Delim('{'), "configs", json.Delim('[')} {
		if got, err := in.Token(); err != nil || got != want {
			return errors.Join(fmt.Errorf("the list of configurations has no %v", want), err)
		}
	}
	for in.More() {
		var one T
		if err := in.Decode(&one); err != nil {
			return err
		}
		if !yield(one) {
			return nil
		}
	}
	if _, err := in.Token(); err != nil {
		return fmt.Errorf("the list of configurations is cut short: %w", err)
	}
	return nil
}

// content travels as a string, which holds a document verbatim.

func (a *admin) create(ctx context.Context, m mac, text []byte, key ...string) (e entry, err error) {
	err = a.one(ctx, http.MethodPost, "", map[string]string{"mac_address": m.String(), "content": string(text)}, &e, key...)
	return e, err
}

// update answers the revision that the content became.
func (a *admin) update(ctx context.Context, id int64, text []byte) (int64, error) {
	var e entry
	err := a.one(ctx, http.MethodPut, "/"+strconv.FormatInt(id, 10), map[string]string{"content": string(text)}, &e)
	return e.Revision, err
}

// patch changes the mark of a document, and answers the revision that the content became.
func (a *admin) patch(ctx context.Context, id int64, change json.RawMessage) (int64, error) {
	var e entry
	err := a.one(ctx, http.MethodPatch, "/"+strconv.FormatInt(id, 10), map[string]json.RawMessage{"content": change}, &e)
	return e.Revision, err
}

// restore answers the revision that the bytes of an older one became.
func (a *admin) restore(ctx context.Context, id, revision int64, key string) (int64, error) {
	var e entry
	err := a.one(ctx, http.MethodPost, fmt.Sprintf("/%d/revisions/%d/restore", id, revision), nil, &e, key)
	return e.Revision, err
}

func (a *admin) config(ctx context.Context, id int64) (e entry, err error) {
	err = a.one(ctx, http.MethodGet, "/"+strconv.FormatInt(id, 10), nil, &e)
	return e, err
}

func (a *admin) remove(ctx context.Context, id int64) error {
	err := a.one(ctx, http.MethodDelete, "/"+strconv.FormatInt(id, 10), nil, nil)
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}
