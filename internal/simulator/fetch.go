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
	// same says that the server answered 304: there is no text, and etag is what it answered.
	same bool
	// asked says that the server may have had the whole request, whatever became of the answer.
	asked bool
}

// ask is how a device asks for its document.
type ask struct {
	etag string // of what it has stored, for If-None-Match; "" sends none
	// bystander has the server know that it is not the device that asks.
	bystander bool
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
func (r *readers) fetch(ctx context.Context, server address, m mac, how ask) (doc document, err error) {
	header := ""
	if how.etag != "" {
		header += "If-None-Match: \"" + how.etag + "\"\r\n"
	}
	if how.bystander {
		header += "X-No-Check-In: 1\r\n"
	}
	asked, err := r.exchange(ctx, server, "GET", "/api/configs/"+m.join('-')+".json", header, nil, func(reply *http.Response) error {
		doc, err = readDocument(reply)
		if err == nil && doc.same && how.etag == "" {
			err = fmt.Errorf("the server answers %s to a request without If-None-Match", reply.Status)
		}
		return err
	})
	doc.asked = asked
	return doc, err
}

// exchange sends one request on a connection of its own. asked says that the server may have had the whole of it.
func (r *readers) exchange(ctx context.Context, server address, method, path, header string, body []byte,
	read func(*http.Response) error) (asked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	conn, err := server.dial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if body != nil {
		header += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nUser-Agent: ESP32 HTTP Client/1.0\r\nHost: %s\r\n%sConnection: close\r\n\r\n%s",
		method, strings.TrimSuffix(server.url.Path, "/")+path, server.url.Host, header, body); err != nil {
		return true, err
	}
	b := r.take(conn)
	defer r.give(b)
	request, err := http.NewRequestWithContext(ctx, method, server.url.String(), nil)
	if err != nil {
		return true, err
	}
	reply, err := http.ReadResponse(b, request)
	if err != nil {
		return true, fmt.Errorf("reply: %w", err)
	}
	defer func() { _ = reply.Body.Close() }()
	return true, read(reply)
}

func readDocument(reply *http.Response) (document, error) {
	etag := strings.Trim(strings.TrimPrefix(reply.Header.Get("ETag"), "W/"), `"`)
	switch {
	case reply.StatusCode == http.StatusNotFound:
		return document{}, errGone
	case reply.StatusCode == http.StatusNotModified:
		return document{etag: etag, same: true}, nil
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
	return document{text: text.Bytes(), sum: sha256.Sum256(text.Bytes()), etag: etag}, nil
}
