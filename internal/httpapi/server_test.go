package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"espalier.dev/espalier/internal/testenv"
)

// serving starts the API behind a server with the bounds of ConfigureServer, which change may tighten for the test.
func (f *fixture) serving(change func(*http.Server)) (address string) {
	f.t.Helper()
	listener, err := new(net.ListenConfig).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	server := &http.Server{Handler: f.Handler()}
	ConfigureServer(server)
	if change != nil {
		change(server)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	f.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			f.t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			f.t.Error(err)
		}
	})
	return listener.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestFirmware talks as firmwares do, over plain TCP.
func TestFirmware(t *testing.T) {
	f := newFixture(t)
	f.keep(odd)
	address := f.serving(nil)
	const path = "/api/configs/aa-bb-cc-dd-ee-ff.json"
	for name, c := range map[string]struct {
		request, status string
		keeps           bool // the connection, for a second request
	}{
		"1.1":             {"GET " + path + " HTTP/1.1\r\nHost: 10.0.0.5:3201\r\n\r\n", "HTTP/1.1 200 OK", true},
		"1.1, closing":    {"GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUser-Agent: ESP32 HTTP Client/1.0\r\n\r\n", "HTTP/1.1 200 OK", false},
		"lower case":      {"GET " + path + " HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept-encoding: identity;q=1,chunked;q=0.1,*;q=0\r\n\r\n", "HTTP/1.1 200 OK", false},
		"1.0":             {"GET " + path + " HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK", false},
		"1.0, kept alive": {"GET " + path + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 200 OK", true},
		"absolute form":   {"GET http://x" + path + " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK", true},
		"old path":        {"GET /esp32/config/AABBCCDDEEFF.json HTTP/1.1\r\nHost:x\r\n\r\n", "HTTP/1.1 200 OK", true},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, address)
			in := bufio.NewReader(conn)
			times := 1
			if c.keeps {
				times = 2
			}
			for range times {
				if _, err := io.WriteString(conn, c.request); err != nil {
					t.Fatal(err)
				}
				first, err := in.Peek(len(c.status))
				if err != nil || string(first) != c.status {
					t.Fatalf("%q, %v", first, err)
				}
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				if err != nil || string(body) != odd || res.ContentLength != int64(len(odd)) || len(res.TransferEncoding) > 0 {
					t.Fatalf("%q, %v, %d, %v", body, err, res.ContentLength, res.TransferEncoding)
				}
				if err := res.Body.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if c.keeps {
				return
			}
			if _, err := in.ReadByte(); err != io.EOF {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

// TestSlowClients has clients that begin and never end: the server lets go of each, and serves others meanwhile.
func TestSlowClients(t *testing.T) {
	f := newFixture(t)
	f.keep(odd)
	const patience = 800 * time.Millisecond
	address := f.serving(func(s *http.Server) { s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout = patience, patience, patience })
	const post = "POST /api/configs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	for name, begin := range map[string]string{
		"header": "GET /api/configs HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
		"body":   post + "Content-Length: 100\r\n\r\n{\"mac_address\":",
		"chunks": post + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"mac",
		"idle":   "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, address)
			if _, err := io.WriteString(conn, begin); err != nil {
				t.Fatal(err)
			}
			other := dial(t, address)
			if _, err := io.WriteString(other, "GET /api/configs/aabbccddeeff.json HTTP/1.0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if reply, err := io.ReadAll(other); err != nil || !strings.HasSuffix(string(reply), odd) {
				t.Errorf("another client is not served: %q, %v", reply, err)
			}
			reply, err := io.ReadAll(conn)
			if err != nil {
				t.Fatalf("the server did not let go: %v", err)
			}
			if (name == "body" || name == "chunks") && !strings.Contains(string(reply), "did not arrive in time") {
				t.Errorf("%q", reply)
			}
		})
	}
}

// TestAClientThatDoesNotRead asks for a long list and takes none of it: the server gives it up.
func TestAClientThatDoesNotRead(t *testing.T) {
	f := newFixture(t)
	f.fill(1500)
	f.patience = 200 * time.Millisecond
	address := f.serving(func(s *http.Server) {
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			if err := c.(*net.TCPConn).SetWriteBuffer(4 << 10); err != nil {
				t.Error(err)
			}
			return ctx
		}
	})
	conn := dial(t, address)
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /api/configs?order=desc HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, func() bool { return strings.Contains(f.log.String(), `"status":499`) })
	if strings.Contains(f.log.String(), "ERROR") {
		t.Error("a client that does not read is logged as a failure of ours")
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	f := newFixture(t)
	conn := dial(t, f.serving(nil))
	if _, err := fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 2*maxHeader)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 431") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestConfigureServerBoundsEverything(t *testing.T) {
	var s http.Server
	ConfigureServer(&s)
	for name, d := range map[string]time.Duration{"header": s.ReadHeaderTimeout, "read": s.ReadTimeout, "write": s.WriteTimeout, "idle": s.IdleTimeout} {
		if d <= 0 || d > 5*time.Minute {
			t.Errorf("%s: %v", name, d)
		}
	}
	// Both begin with the header: a client whose body takes too long must be told so.
	if left := s.WriteTimeout - s.ReadTimeout; left < 10*time.Second {
		t.Errorf("%v are left to answer a body that did not arrive in time", left)
	}
	if s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 64<<10 {
		t.Errorf("header: %d", s.MaxHeaderBytes)
	}
}
