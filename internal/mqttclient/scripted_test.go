package mqttclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/testenv"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // the broker reads it as another user
		t.Fatal(err)
	}
}

// scripted is a broker that answers as a test wants: it accepts each connection with ack, hands each PUBLISH to
// published, and each connection to serve's end.
func scripted(t *testing.T, ack func(*packets.Connack), published func(net.Conn, *packets.Publish)) string {
	t.Helper()
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = socket.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			talk(conn, ack, published)
			_ = conn.Close()
		}
	}()
	return socket.Addr().String()
}

func talk(conn net.Conn, ack func(*packets.Connack), published func(net.Conn, *packets.Publish)) {
	for {
		packet, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch p := packet.Content.(type) {
		case *packets.Connect:
			reply := &packets.Connack{Properties: &packets.Properties{}}
			ack(reply)
			_, _ = reply.WriteTo(conn)
		case *packets.Publish:
			published(conn, p)
		case *packets.Pingreq:
			_, _ = packets.NewControlPacket(packets.PINGRESP).WriteTo(conn)
		case *packets.Disconnect:
			return
		}
	}
}

func acknowledge(conn net.Conn, id uint16, code byte) {
	_, _ = (&packets.Puback{PacketID: id, ReasonCode: code, Properties: &packets.Properties{}}).WriteTo(conn)
}

func TestPublishHonorsReceiveMaximum(t *testing.T) {
	const most, n = 3, 60
	var held []uint16
	var worst atomic.Int64
	address := scripted(t, func(ack *packets.Connack) {
		limit := uint16(most)
		ack.Properties.ReceiveMaximum = &limit
	}, func(conn net.Conn, p *packets.Publish) {
		held = append(held, p.PacketID)
		worst.Store(max(worst.Load(), int64(len(held))))
		if len(held) == most { // only then is any acknowledged: a client that waits for each would never finish
			for _, id := range held {
				acknowledge(conn, id, 0)
			}
			held = nil
		}
	})
	c := connected(t, optionsFor(address, io.Discard))
	messages := make([]fleet.Publication, n)
	for i := range messages {
		messages[i] = fleet.Publication{Topic: topics.Broadcast(), Payload: []byte("x")}
	}
	publishAll(t, c, messages...)
	if worst.Load() != most {
		t.Errorf("%d messages were on their way at once, want %d", worst.Load(), most)
	}
}

func TestAcknowledgementsWithReasons(t *testing.T) {
	codes := []byte{0, 0x10, 0x97, 0x80}
	next := 0
	address := scripted(t, func(*packets.Connack) {}, func(conn net.Conn, p *packets.Publish) {
		acknowledge(conn, p.PacketID, codes[next])
		next++
	})
	c := connected(t, optionsFor(address, io.Discard))
	errs := c.Publish(t.Context(), make([]fleet.Publication, len(codes)))
	for i, code := range codes {
		if (errs[i] != nil) != (code >= 0x80) {
			t.Errorf("acknowledged with 0x%02x: %v", code, errs[i])
		}
	}
	if !strings.Contains(errs[2].Error(), "quota exceeded") {
		t.Errorf("the reason is not named: %v", errs[2])
	}
}

func TestPublishEndsWithItsContext(t *testing.T) {
	address := scripted(t, func(ack *packets.Connack) {
		limit := uint16(2)
		ack.Properties.ReceiveMaximum = &limit
	}, func(net.Conn, *packets.Publish) {}) // never acknowledges
	c := connected(t, optionsFor(address, io.Discard))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for i, err := range c.Publish(ctx, make([]fleet.Publication, 5)) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("message %d: %v", i, err)
		}
	}
}

// A broker that takes messages and acknowledges none, while it answers pings, would hold everything up for ever: it
// counts them against its receive maximum.
func TestASilentBrokerIsLeft(t *testing.T) {
	var connections atomic.Int64
	address := scripted(t, func(ack *packets.Connack) {
		limit := uint16(2)
		ack.Properties.ReceiveMaximum = &limit
		connections.Add(1)
	}, func(conn net.Conn, p *packets.Publish) {
		if connections.Load() > 1 {
			acknowledge(conn, p.PacketID, 0)
		}
	})
	book := &logbook{}
	c := connected(t, optionsFor(address, book))
	session, err := c.Connected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c.Publish(ctx, make([]fleet.Publication, 5))
	select {
	case <-session.Lost:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection is kept")
	}
	testenv.WaitFor(t, 10*time.Second, func() bool { return connections.Load() == 2 && c.Up() })
	publishAll(t, c, make([]fleet.Publication, 5)...)
	if book.count(errSilent.Error()) != 1 {
		t.Error("the log does not say why the connection was ended")
	}
}

// A broker that is slow is not: it acknowledges something.
func TestASlowBrokerIsKept(t *testing.T) {
	var first atomic.Int64
	address := scripted(t, func(*packets.Connack) {}, func(conn net.Conn, p *packets.Publish) {
		switch first.Add(1) {
		case 1, 3:
			acknowledge(conn, p.PacketID, 0)
		case 5: // of an earlier one
			acknowledge(conn, 2, 0)
		}
	})
	c := connected(t, optionsFor(address, io.Discard))
	session, err := c.Connected(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		c.Publish(ctx, make([]fleet.Publication, 2))
		cancel()
	}
	select {
	case <-session.Lost:
		t.Error("the connection was ended")
	default:
	}
}

func TestPublishEndsWithTheConnection(t *testing.T) {
	address := scripted(t, func(*packets.Connack) {}, func(conn net.Conn, p *packets.Publish) {
		if p.PacketID == 3 {
			_ = conn.Close()
		}
	})
	c := connected(t, optionsFor(address, io.Discard))
	for i, err := range c.Publish(t.Context(), make([]fleet.Publication, 5)) {
		if err == nil {
			t.Errorf("message %d succeeded", i)
		}
	}
}

func TestBrokersThatCannotServe(t *testing.T) {
	zero, no := byte(0), byte(0)
	book := &logbook{}
	address := scripted(t, func(ack *packets.Connack) { ack.Properties.MaximumQOS = &zero }, func(net.Conn, *packets.Publish) {})
	start(t, optionsFor(address, book))
	testenv.WaitFor(t, patience, func() bool { return book.count("does not support QoS 1") == 1 })

	address = scripted(t, func(ack *packets.Connack) { ack.Properties.RetainAvailable = &no }, func(conn net.Conn, p *packets.Publish) {
		acknowledge(conn, p.PacketID, 0)
	})
	c := connected(t, optionsFor(address, io.Discard))
	errs := c.Publish(t.Context(), []fleet.Publication{{Topic: "a", Retain: true}, {Topic: "b"}})
	if errs[0] == nil || errs[1] != nil {
		t.Errorf("errs = %v; want the retained one refused", errs)
	}
}

func TestDial(t *testing.T) {
	testenv.Ran(t, testenv.EmbeddedBroker)
	address := embedded(t)
	book := &logbook{}
	options := optionsFor("nowhere.invalid", book)
	options.Dial = func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", address) }
	connected(t, options)
	// A port that nobody dialled would send whoever reads the log to the wrong place.
	testenv.WaitFor(t, patience, func() bool { return book.count("broker=nowhere.invalid ") == 1 })
}

func TestTLS(t *testing.T) {
	testenv.Ran(t, testenv.MosquittoName)
	b := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	certificate, pool := selfSigned(t)
	socket, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			go forward(conn, b.Address())
		}
	}()
	options := optionsFor(socket.Addr().String(), io.Discard)
	options.URL.Scheme = "mqtts"
	options.TLS = &tls.Config{RootCAs: pool}
	c := connected(t, options)
	publishAll(t, c, fleet.Publication{Topic: topics.Broadcast(), Payload: []byte("x")})

	book := &logbook{}
	options = optionsFor(socket.Addr().String(), book)
	options.URL.Scheme = "mqtts"
	start(t, options)
	testenv.WaitFor(t, patience, func() bool { return book.count("certificate") > 0 })
}

func forward(conn net.Conn, address string) {
	defer func() { _ = conn.Close() }()
	behind, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = behind.Close() }()
	go func() {
		_, _ = io.Copy(conn, behind)
		_ = conn.Close()
	}()
	_, _ = io.Copy(behind, conn)
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// BenchmarkPublish measures acknowledged messages a second, in batches as the relay sends them.
func BenchmarkPublish(b *testing.B) {
	for _, each := range brokers(b) {
		b.Run(each.name, func(b *testing.B) {
			c := connected(b, optionsFor(each.address, io.Discard))
			batch := make([]fleet.Publication, 256)
			for i := range batch {
				batch[i] = fleet.Publication{
					Topic: topics.Config(fleet.MAC{1, byte(i)}), Retain: true, Payload: []byte(`{"rev":7,"etag":"x","size":612}`),
				}
			}
			b.ResetTimer()
			for sent := 0; sent < b.N; sent += len(batch) {
				if err := errors.Join(c.Publish(context.Background(), batch[:min(len(batch), b.N-sent)])...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "publishes/s")
		})
	}
}
