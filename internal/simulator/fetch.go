package simulator

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	fetchTimeout = 15 * time.Second
	mostDocument = 4 << 20
)

// document is what a device got.
type document struct {
	text []byte
	sum  [sha256.Size]byte
	etag string // without quotes; "" where there was none
}

var errGone = errors.New("there is no such configuration")

// dial opens a connection of its own, as each fetch and each session has.
func (a address) dial(ctx context.Context) (net.Conn, error) {
	if a.tls != nil {
		return (&tls.Dialer{Config: a.tls}).DialContext(ctx, "tcp", a.hostPort)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", a.hostPort)
}

// reader is kept between fetches: 5,000 devices have few fetches at once.
type readers struct{ pool sync.Pool }

func (r *readers) take(from io.Reader) *bufio.Reader {
	if b, ok := r.pool.Get().(*bufio.Reader); ok {
		b.Reset(from)
		return b
	}
	return bufio.NewReader(from)
}

func (r *readers) give(b *bufio.Reader) {
	b.Reset(nil)
	r.pool.Put(b)
}

// fetch gets a device's document as ESP-IDF's HTTP client does: one request on a connection of its own. A document
// that is not there is errGone.
func (r *readers) fetch(ctx context.Context, server address, m mac) (document, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	conn, err := server.dial(ctx)
	if err != nil {
		return document{}, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	path := strings.TrimSuffix(server.url.Path, "/") + "/api/configs/" + m.join('-') + ".json"
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nUser-Agent: ESP32 HTTP Client/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n",
		path, server.url.Host); err != nil {
		return document{}, err
	}
	b := r.take(conn)
	defer r.give(b)
	reply, err := http.ReadResponse(b, nil)
	if err != nil {
		return document{}, fmt.Errorf("reply: %w", err)
	}
	defer func() { _ = reply.Body.Close() }()
	return readDocument(reply)
}

func readDocument(reply *http.Response) (document, error) {
	switch {
	case reply.StatusCode == http.StatusNotFound:
		return document{}, errGone
	case reply.StatusCode != http.StatusOK:
		return document{}, fmt.Errorf("the server answers %s", reply.Status)
	}
	var text bytes.Buffer
	if reply.ContentLength > 0 && reply.ContentLength < mostDocument {
		text.Grow(int(reply.ContentLength) + bytes.MinRead)
	}
	if _, err := text.ReadFrom(io.LimitReader(reply.Body, mostDocument+1)); err != nil {
		return document{}, fmt.Errorf("document: %w", err)
	}
	if text.Len() > mostDocument {
		return document{}, fmt.Errorf("the document is larger than %d bytes", mostDocument)
	}
	etag := strings.Trim(strings.TrimPrefix(reply.Header.Get("ETag"), "W/"), `"`)
	return document{text: text.Bytes(), sum: sha256.Sum256(text.Bytes()), etag: etag}, nil
}
