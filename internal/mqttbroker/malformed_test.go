package mqttbroker

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"espalier.dev/espalier/internal/testenv"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shortSubscribe is a SUBSCRIBE of MQTT 5 whose only filter is empty and has no options: 7 bytes over which the library
// reads past the end.
const shortSubscribe = "8205000100" + "0000"

// hello are CONNECT packets without anything special, of MQTT 3.1.1 and 5.
func hello(version byte) []byte {
	b := []byte{0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', version, 2, 0, 60}
	if version == 5 {
		b = append(b, 0)
	}
	b = append(b, 0, 1, 'x')
	b[1] = byte(len(b) - 2)
	return b
}

// throw sends bytes and waits until the broker has ended the connection, or has read them all and wants more.
func throw(t testing.TB, address string, b ...[]byte) {
	t.Helper()
	conn := dial(t, address)
	for _, part := range b {
		if _, err := conn.Write(part); err != nil {
			return // ended already
		}
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the broker does not end the connection")
		}
	}
	_ = conn.Close()
}

// lives fails the test when the broker does not serve a client from end to end.
func lives(t *testing.T, b running) {
	t.Helper()
	s := server(t, b)
	c := mustConnect(t, b, "witness", "", "")
	if err := c.subscribe(t, broadcast); err != nil {
		t.Fatal(err)
	}
	if err := s.publish(t, broadcast, "alive", 1, false); err != nil {
		t.Fatal(err)
	}
	c.hears(t, broadcast+" alive")
}

func TestKnownPanicIsCaught(t *testing.T) {
	b := run(t)
	for range 20 {
		throw(t, b.address, hello(5), unhex(t, shortSubscribe))
	}
	// If the library is mended, this waits in vain: look for another packet then.
	testenv.WaitFor(t, patience, func() bool { return b.log.count("could not handle") == 20 })
	lives(t, b)
}

// TestMalformedPackets throws cut, twisted and random packets at a broker.
func TestMalformedPackets(t *testing.T) {
	b := run(t)
	whole := [][]byte{
		unhex(t, shortSubscribe),
		unhex(t, "820a0001000004612f622300"),                 // SUBSCRIBE
		unhex(t, "8209000102ffffffff7f"+"0000"),              // subscription identifier without end
		unhex(t, "a2070001000002612f"),                       // UNSUBSCRIBE
		unhex(t, "320c0004"+"612f6263"+"0001"+"00"+"7878"),   // PUBLISH
		unhex(t, "320d0000"+"0001"+"0323"+"ffff"+"78787878"), // PUBLISH by an alias that is not set
		unhex(t, "e002"+"0405"), unhex(t, "f0021800"), unhex(t, "4003000180"), unhex(t, "62020001"), unhex(t, "c000"),
		unhex(t, "20020000"), unhex(t, "9003000100"), unhex(t, "d000"), unhex(t, "1000"), unhex(t, "30ffffff7f"),
		unhex(t, "ffffffffffff"), bytes.Repeat([]byte{0x80}, 100),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, version := range []byte{4, 5} {
		for _, packet := range whole {
			for cut := range len(packet) + 1 {
				throw(t, b.address, hello(version), packet[:cut])
			}
			for range 5 {
				twisted := bytes.Clone(packet)
				twisted[random.IntN(len(twisted))] = byte(random.UintN(256))
				throw(t, b.address, hello(version), twisted)
			}
		}
		greeting := hello(version)
		for i := range greeting { // before anybody is known
			throw(t, b.address, greeting[:i])
			twisted := bytes.Clone(greeting)
			twisted[i] ^= byte(1 + random.UintN(255))
			throw(t, b.address, twisted)
		}
	}
	lives(t, b)
}

// FuzzConnection throws whatever the fuzzer makes at a broker that must go on serving.
func FuzzConnection(f *testing.F) {
	b := run(f)
	f.Add(byte(5), unhex(f, shortSubscribe))
	f.Add(byte(4), unhex(f, "820a0001000004612f622300"))
	f.Add(byte(5), unhex(f, "320c0004612f62630001007878"))
	f.Fuzz(func(t *testing.T, version byte, packet []byte) {
		throw(t, b.address, hello(version), packet)
		conn := dial(t, b.address)
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write(hello(4)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
			t.Fatalf("the broker does not answer any more: %v", err)
		}
	})
}

// TestChildSurvivesMalformedPackets is the same through the process that the server starts.
func TestChildSurvivesMalformedPackets(t *testing.T) {
	s, book := supervise(t, SupervisorOptions{Command: child("broker"), Config: testConfig("127.0.0.1:0")})
	waitReady(t, s)
	pid := s.childPID()
	for range 5 {
		throw(t, s.Addr(), hello(5), unhex(t, shortSubscribe))
	}
	testenv.WaitFor(t, patience, func() bool { return book.count("could not handle") == 5 })
	lives(t, running{address: s.Addr(), log: book})
	if s.childPID() != pid {
		t.Error("the child was started again")
	}
}

// old is an MQTT 3.1.1 client, packet by packet: the client library has none.
type old struct {
	t    *testing.T
	conn net.Conn
}

func (o old) send(b []byte) {
	o.t.Helper()
	if _, err := o.conn.Write(b); err != nil {
		o.t.Fatal(err)
	}
}

func (o old) expect(want string) {
	o.t.Helper()
	_ = o.conn.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want)/2)
	if _, err := io.ReadFull(o.conn, got); err != nil || hex.EncodeToString(got) != want {
		o.t.Fatalf("the broker sends %x, %v; want %s", got, err, want)
	}
}

func connectOld(t *testing.T, b running) old {
	o := old{t, dial(t, b.address)}
	o.send(hello(4))
	o.expect("20020000")
	return o
}

func mqttString(s string) string { return hex.EncodeToString(append([]byte{0, byte(len(s))}, s...)) }

func TestOldClientsReadAndWriteNothing(t *testing.T) {
	b := run(t)
	s := server(t, b)
	if err := s.subscribe(t, "#"); err != nil {
		t.Fatal(err)
	}
	o := connectOld(t, b)
	o.send(unhex(t, "8206000a"+mqttString("#")+"01"))
	o.expect("9003000a01")
	o.send(unhex(t, "3108"+mqttString("iot/x")+"78"))        // QoS 0, retained: dropped
	o.send(unhex(t, "330a"+mqttString("iot/x")+"0007"+"78")) // QoS 1, retained: acknowledged and dropped
	o.expect("40020007")
	o.send(unhex(t, "350a"+mqttString("iot/x")+"0008"+"78")) // QoS 2
	o.expect("50020008")
	o.send(unhex(t, "62020008"))
	o.expect("70020008")
	o.send(unhex(t, "8208000b"+mqttString("a/b")+"00")) // not below the prefix
	o.expect("9003000b80")
	if err := s.publish(t, "iotsupport/x", "y", 0, false); err != nil {
		t.Fatal(err)
	}
	o.expect("300f" + mqttString("iotsupport/x") + "79")
	s.hears(t, "iotsupport/x y")
}

// TestOldClientWithEmptyPassword is what some firmware sends where none is configured.
func TestOldClientWithEmptyPassword(t *testing.T) {
	b := run(t)
	o := old{t, dial(t, b.address)}
	packet := append(unhex(t, "1000"+mqttString("MQTT")+"04c2003c"+mqttString("x")+mqttString("user")), 0, 0)
	packet[1] = byte(len(packet) - 2)
	o.send(packet)
	o.expect("20020000")
}

func TestSilentConnectionIsEnded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the 10 s that a client has for its CONNECT packet")
	}
	b := run(t)
	conn := dial(t, b.address)
	_ = conn.SetReadDeadline(time.Now().Add(connectTimeout + patience))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that says nothing ends with %v", err)
	}
}

func TestWriteThatBlocksEndsTheConnection(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	l := newListener(nil, 1, (&logbook{}).logger(), nil)
	c := &conn{Conn: near, listener: l}
	if !l.admit(c) {
		t.Fatal("not admitted")
	}
	if err := c.SetDeadline(time.Time{}); err != nil { // as the library does for a client without keep-alive
		t.Fatal(err)
	}
	started := time.Now()
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("a write that nobody reads succeeds")
	}
	if took := time.Since(started); took > writeTimeout+patience {
		t.Errorf("it took %v", took)
	}
	if len(l.open) != 0 {
		t.Error("the connection is still counted")
	}
}

func TestListenerLimitsConnections(t *testing.T) {
	l := newListener(nil, 1, (&logbook{}).logger(), nil)
	admitted := 0
	for range 2000 {
		near, far := net.Pipe()
		c := &conn{Conn: near, listener: l}
		if l.admit(c) {
			admitted++
		}
		defer func() { _, _ = c.Close(), far.Close() }()
	}
	if admitted != 1+spareConnections {
		t.Errorf("%d connections are admitted", admitted)
	}
}
