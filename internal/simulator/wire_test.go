package simulator

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

func serverAt(t *testing.T, url string) address {
	t.Helper()
	a, err := parseAddress("server URL", url, "http", "https", [2]string{"80", "443"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestFetchAsksAsFirmwareDoes(t *testing.T) {
	var connections atomic.Int32
	var request *http.Request
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request = r
		w.Header().Set("ETag", `W/"abc"`)
		_, _ = io.WriteString(w, "{ }\r\n")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	var r readers
	for range 3 {
		doc, err := r.fetch(t.Context(), serverAt(t, s.URL+"/below/"), mac{0xaa, 0xbb, 0, 0, 0, 1}, ask{})
		if err != nil || string(doc.text) != "{ }\r\n" || doc.etag != "abc" {
			t.Errorf("got %+v, %v", doc, err)
		}
	}
	if request.URL.Path != "/below/api/configs/aa-bb-00-00-00-01.json" || !request.Close || "http://"+request.Host != s.URL {
		t.Errorf("asked for %s at %s", request.URL.Path, request.Host)
	}
	if n := connections.Load(); n != 3 {
		t.Errorf("3 fetches took %d connections", n)
	}
}

func TestFetchByTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer s.Close()
	a := serverAt(t, s.URL)
	var r readers
	if _, err := r.fetch(t.Context(), a, mac{}, ask{}); err == nil {
		t.Error("a certificate of nobody is trusted")
	}
	a.tls.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if doc, err := r.fetch(t.Context(), a, mac{}, ask{}); err != nil || string(doc.text) != "{}" {
		t.Errorf("got %+v, %v", doc, err)
	}
}

func TestAnswersThatAreNoDocument(t *testing.T) {
	for name, test := range map[string]struct{ answer, want string }{
		"not found":    {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", errGone.Error()},
		"busy":         {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "the server answers 503 Service Unavailable"},
		"cut short":    {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"a\":1", "unexpected EOF"},
		"no HTTP":      {"hello\r\n\r\n", "reply: malformed HTTP"},
		"nothing":      {"", "reply: unexpected EOF"},
		"not modified": {"HTTP/1.1 304 Not Modified\r\n\r\n", "the server answers 304 Not Modified to a request without If-None-Match"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, test.answer)
			_ = conn.Close()
		}()
		var r readers
		_, err = r.fetch(t.Context(), serverAt(t, "http://"+l.Addr().String()), mac{}, ask{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if errors.Is(err, errGone) != (name == "not found") {
			t.Errorf("%s: taken for a configuration that is gone: %v", name, err)
		}
		_ = l.Close()
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var r readers
	start := time.Now()
	if _, err := r.fetch(ctx, serverAt(t, "http://"+l.Addr().String()), mac{}, ask{}); err == nil || time.Since(start) > fetchTimeout/2 {
		t.Errorf("a server that says nothing: %v after %v", err, time.Since(start))
	}
}

func TestAdminErrors(t *testing.T) {
	for status, test := range map[int]struct {
		body    string
		want    string
		refused bool
	}{
		http.StatusUnauthorized:        {`{"error":"Not allowed","details":{"message":"give the token"}}`, "401, Not allowed: give the token", true},
		http.StatusForbidden:           {`{"error":"Not allowed"}`, "403, Not allowed", true},
		http.StatusConflict:            {`oops`, "409 Conflict", true},
		http.StatusTooManyRequests:     {`{"error":"Slow down"}`, "429, Slow down", false},
		http.StatusInternalServerError: {`{"error":"Internal server error"}`, "500, Internal server error", false},
		http.StatusServiceUnavailable:  {``, "503 Service Unavailable", false},
		http.StatusNotFound:            {`{}`, errGone.Error(), false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, test.body)
		}))
		a := newAdmin(serverAt(t, s.URL), "secret")
		_, err := a.update(t.Context(), 1, []byte(`{}`))
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, errRefused) != test.refused || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: got %v, want %q, refused %t", status, err, test.want, test.refused)
		}
		if gone := a.remove(t.Context(), 1); (gone == nil) != (status == http.StatusNotFound) {
			t.Errorf("%d: remove: %v", status, gone)
		}
		a.http.CloseIdleConnections()
		s.Close()
	}
}

func TestListReadsNoFurtherThanItMust(t *testing.T) {
	for _, test := range []struct {
		body string
		most int
		want int
		good bool
	}{
		{`{"configs":[],"count":0}`, 5, 0, true},
		{`{"configs":[{"id":1,"mac_address":"a"},{"id":2,"mac_address":"b"}],"count":2}`, 5, 2, true},
		{`{"configs":[{"id":1,"mac_address":"a"},{"id":2,"mac`, 1, 1, true},
		{`{"configs":[{"id":1,"mac_address":"a"},{"id":2,"mac`, 2, 0, false},
		{`[]`, 1, 0, false},
		{`{"error":"x"}`, 1, 0, false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, test.body) }))
		a := newAdmin(serverAt(t, s.URL), "")
		found, err := a.list(t.Context(), test.most)
		if (err == nil) != test.good || (test.good && len(found) != test.want) {
			t.Errorf("%s: %v, %v", test.body, found, err)
		}
		a.http.CloseIdleConnections()
		s.Close()
	}
}

func TestFetchWithAnEntityTag(t *testing.T) {
	var request *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request = r
		w.Header().Set("ETag", `"abc"`)
		if r.Header.Get("If-None-Match") == `"abc"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	var r readers
	for _, test := range []struct {
		how  ask
		same bool
	}{{ask{}, false}, {ask{etag: "other"}, false}, {ask{etag: "abc"}, true}, {ask{bystander: true}, false}} {
		doc, err := r.fetch(t.Context(), serverAt(t, s.URL), mac{}, test.how)
		if err != nil || doc.same != test.same || doc.etag != "abc" || !doc.asked || (len(doc.text) == 0) != test.same {
			t.Errorf("%+v: got %+v, %v", test.how, doc, err)
		}
		if _, sent := request.Header["If-None-Match"]; sent != (test.how.etag != "") {
			t.Errorf("%+v: If-None-Match is sent: %t", test.how, sent)
		}
		if _, sent := request.Header["X-No-Check-In"]; sent != test.how.bystander {
			t.Errorf("%+v: X-No-Check-In is sent: %t", test.how, sent)
		}
	}
	s.Close()
	if doc, err := r.fetch(t.Context(), serverAt(t, s.URL), mac{}, ask{}); err == nil || doc.asked {
		t.Errorf("a server that is away was asked: %+v, %v", doc, err)
	}
}

func TestPublishHearsTheBroker(t *testing.T) {
	b := newFakeBroker(t)
	heard := make(chan string, 8)
	b.hears(func(topic string, payload []byte) { heard <- topic + " " + string(payload) })
	a, err := parseAddress("MQTT URL", b.url(), "mqtt", "mqtts", [2]string{"1883", "8883"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSession(t.Context(), a, login{clientID: "x", willTopic: "state"})
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(string, []byte) {}
	if err := s.announce("state", online, nothing); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.listen(nothing) }()
	if code, err := s.publish(t.Context(), "report", []byte("{}"), false); err != nil || code != 0 {
		t.Errorf("a report: %d, %v", code, err)
	}
	_ = s.conn.Close() // the power is cut
	if err := <-ended; err == nil {
		t.Error("the session goes on without a connection")
	}
	for _, want := range []string{"state online", "report {}", "state offline"} {
		if got := <-heard; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	if _, err := s.publish(t.Context(), "report", nil, false); !errors.Is(err, errNotSent) {
		t.Errorf("a report without a session: %v", err)
	}
}

// A device must acknowledge with QoS 1, or the broker stops sending after its window.
func TestSessionAcknowledges(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	acked := make(chan uint16, 4)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s := &fakeSession{conn: conn}
		in := bufio.NewReader(conn)
		for {
			p, err := packets.ReadPacket(in)
			if err != nil {
				close(acked)
				return
			}
			switch c := p.Content.(type) {
			case *packets.Connect:
				s.send(packets.NewControlPacket(packets.CONNACK))
			case *packets.Subscribe:
				s.publish("before the answer", nil)
				reply := packets.NewControlPacket(packets.SUBACK)
				reply.Content.(*packets.Suback).PacketID, reply.Content.(*packets.Suback).Reasons = c.PacketID, []byte{1}
				s.send(reply)
				s.publish("after it", nil)
			case *packets.Puback:
				if acked <- c.PacketID; len(acked) == 2 {
					goodbye := packets.NewControlPacket(packets.DISCONNECT)
					goodbye.Content.(*packets.Disconnect).ReasonCode = 0x8b
					s.send(goodbye)
				}
			}
		}
	}()
	a, err := parseAddress("MQTT URL", "mqtt://"+l.Addr().String(), "mqtt", "mqtts", [2]string{"1883", "8883"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := openSession(t.Context(), a, login{clientID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	handle := func(topic string, _ []byte) { heard = append(heard, topic) }
	if err := s.subscribe([]string{"t"}, handle); err != nil {
		t.Fatal(err)
	}
	if err := s.listen(handle); err == nil || !strings.Contains(err.Error(), "reason code 0x8b") {
		t.Errorf("the end of the session: %v", err)
	}
	s.close()
	if strings.Join(heard, ", ") != "before the answer, after it" {
		t.Errorf("heard %q", heard)
	}
	if n := len(acked); n != 2 {
		t.Errorf("%d of 2 messages were acknowledged", n)
	}
	for range acked {
	}
}
