package simulator

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// fakeBroker is as much of an MQTT 5 broker as a fleet needs.
type fakeBroker struct {
	listener net.Listener
	mu       sync.Mutex
	retained map[string][]byte
	sessions map[net.Conn]*fakeSession
	refuse   byte                               // reason code for those that subscribe; 0 lets them
	heard    func(topic string, payload []byte) // what clients publish; nil is nobody
	done     sync.WaitGroup
}

type fakeSession struct {
	mu     sync.Mutex // writes
	conn   net.Conn
	topics []string
	will   *packets.Connect
}

func newFakeBroker(t *testing.T) *fakeBroker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
	if err != nil {
		t.Fatal(err)
	}
	b := &fakeBroker{listener: l, retained: map[string][]byte{}, sessions: map[net.Conn]*fakeSession{}}
	b.done.Go(b.accept)
	t.Cleanup(func() { _ = l.Close(); b.dropAll(); b.done.Wait() })
	return b
}

func (b *fakeBroker) url() string { return "mqtt://" + b.listener.Addr().String() }

func (b *fakeBroker) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		s := &fakeSession{conn: conn}
		b.mu.Lock()
		b.sessions[conn] = s
		b.mu.Unlock()
		b.done.Go(func() { b.serve(s) })
	}
}

func (b *fakeBroker) serve(s *fakeSession) {
	defer func() {
		_ = s.conn.Close()
		b.mu.Lock()
		delete(b.sessions, s.conn)
		b.mu.Unlock()
		if s.will != nil {
			b.take(s.will.WillTopic, s.will.WillMessage, s.will.WillRetain)
		}
	}()
	in := bufio.NewReader(s.conn)
	for {
		p, err := packets.ReadPacket(in)
		if err != nil {
			return
		}
		switch c := p.Content.(type) {
		case *packets.Connect:
			if c.WillFlag {
				s.will = c
			}
			s.send(packets.NewControlPacket(packets.CONNACK))
		case *packets.Publish:
			b.take(c.Topic, c.Payload, c.Retain)
			reply := packets.NewControlPacket(packets.PUBACK)
			reply.Content.(*packets.Puback).PacketID = c.PacketID
			s.send(reply)
		case *packets.Subscribe:
			b.subscribe(s, c)
		case *packets.Pingreq:
			s.send(packets.NewControlPacket(packets.PINGRESP))
		case *packets.Disconnect:
			s.will = nil
			return
		}
	}
}

// take is a message of a client.
func (b *fakeBroker) take(topic string, payload []byte, retain bool) {
	b.mu.Lock()
	if retain {
		b.retained[topic] = payload
	}
	heard := b.heard
	b.mu.Unlock()
	if heard != nil {
		heard(topic, payload)
	}
}

// hears says who is told of what clients publish.
func (b *fakeBroker) hears(heard func(topic string, payload []byte)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = heard
}

func (b *fakeBroker) subscribe(s *fakeSession, c *packets.Subscribe) {
	b.mu.Lock()
	reply := packets.NewControlPacket(packets.SUBACK)
	reply.Content.(*packets.Suback).PacketID = c.PacketID
	kept := map[string][]byte{}
	for _, o := range c.Subscriptions {
		reply.Content.(*packets.Suback).Reasons = append(reply.Content.(*packets.Suback).Reasons, max(o.QoS, b.refuse))
		s.topics = append(s.topics, o.Topic)
		if payload := b.retained[o.Topic]; payload != nil {
			kept[o.Topic] = payload
		}
	}
	b.mu.Unlock()
	s.send(reply)
	for topic, payload := range kept {
		s.publish(topic, payload)
	}
}

func (s *fakeSession) send(p *packets.ControlPacket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = p.WriteTo(s.conn)
}

func (s *fakeSession) publish(topic string, payload []byte) {
	p := packets.NewControlPacket(packets.PUBLISH)
	c := p.Content.(*packets.Publish)
	c.Topic, c.Payload, c.QoS, c.PacketID = topic, payload, 1, 7
	// The library puts the packet type into the flags of a PUBLISH that it writes; it does no harm.
	s.send(p)
}

func (b *fakeBroker) publish(topic string, payload []byte, retain bool) {
	b.mu.Lock()
	if retain {
		b.retained[topic] = payload
	}
	var to []*fakeSession
	for _, s := range b.sessions {
		if slices.Contains(s.topics, topic) {
			to = append(to, s)
		}
	}
	b.mu.Unlock()
	for _, s := range to {
		s.publish(topic, payload)
	}
}

// dropAll ends every connection, as a broker that restarts does.
func (b *fakeBroker) dropAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.sessions {
		_ = conn.Close()
	}
}

// fakeServer is a configuration server that can be told to do wrong. It is the control of every verdict: a simulator that finds
// nothing wrong with one that does wrong proves nothing.
type fakeServer struct {
	*httptest.Server
	broker *fakeBroker

	mu      sync.Mutex
	lastID  int64
	configs map[int64]*fakeConfig
	history map[mac][][]byte // documents by revision, from 1; nil where there was none
	devices map[mac]*fakeDevice
	updates int
	wrong   faults
	tokens  string
	most    int                                             // updates, after which full is called
	full    func()                                          // nil for nothing
	send    func(topic string, payload []byte, retain bool) // instead of broker
}

type fakeConfig struct {
	id       int64
	mac      mac
	text     []byte
	old      []byte // of the revision before
	revision int64
	reads    int // by devices
}

// faults are what a fake server does wrong, each at the n-th update; 0 is never.
type faults struct {
	forget    int  // does not announce it
	serveOld  int  // devices get the document before it, from then on until the next change
	lose      int  // acknowledges it and keeps the old document
	mangle    int  // keeps it with other spacing
	early     int  // announces it before it can be read, and not again
	fail      int  // answers 503 once, having done nothing
	failAfter int  // answers 503 once, having done everything
	dropAt    int  // the broker loses every connection
	lie       int  // the retained message tells of a revision that does not exist
	garble    int  // the broadcast is not readable
	refuseAll bool // answers 403 to every update
	untrue    lie  // how it lies about devices
}

func newFakeServer(t *testing.T, broker *fakeBroker, wrong faults) *fakeServer {
	t.Helper()
	f := &fakeServer{broker: broker, configs: map[int64]*fakeConfig{}, wrong: wrong,
		history: map[mac][][]byte{}, devices: map[mac]*fakeDevice{}}
	if broker != nil {
		broker.hears(f.heard)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/configs", f.list)
	mux.HandleFunc("POST /api/configs", f.create)
	mux.HandleFunc("GET /api/configs/{id}", f.get)
	mux.HandleFunc("PUT /api/configs/{id}", f.update)
	mux.HandleFunc("DELETE /api/configs/{id}", f.remove)
	mux.HandleFunc("PATCH /api/configs/{id}", f.patch)
	mux.HandleFunc("POST /api/configs/{id}/revisions/{rev}/restore", f.restore)
	mux.HandleFunc("POST /api/configs/{id}/report", f.report)
	mux.HandleFunc("GET /api/fleet/summary", f.summary)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		public := strings.HasSuffix(r.URL.Path, ".json") || strings.HasSuffix(r.URL.Path, "/report")
		if !public && f.tokens != "" && r.Header.Get("Authorization") != "Bearer "+f.tokens {
			http.Error(w, `{"error":"Not allowed","details":{"message":"set ADMIN_TOKEN"}}`, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeServer) put(m mac, text string) *fakeConfig {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID++
	f.history[m] = append(f.history[m], []byte(text))
	c := &fakeConfig{id: f.lastID, mac: m, text: []byte(text), revision: int64(len(f.history[m]))}
	f.configs[f.lastID] = c
	return c
}

func (f *fakeServer) texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, id := range slices.Sorted(maps.Keys(f.configs)) {
		all = append(all, string(f.configs[id].text))
	}
	return all
}

// readsOf is how often a device asked for a configuration.
func (f *fakeServer) readsOf(id int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.configs[id].reads
}

// enough has a function called at the n-th update.
func (f *fakeServer) enough(n int, call func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most, f.full = n, call
}

func (f *fakeServer) list(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(f.configs)) {
		if f.wrong.untrue == hides && id == f.lastID {
			continue
		}
		out = append(out, f.item(f.configs[id]))
	}
	_ = json.NewEncoder(w).Encode(struct {
		Configs []map[string]any `json:"configs"`
		Count   int              `json:"count"`
	}{out, len(out)})
}

func (f *fakeServer) create(w http.ResponseWriter, r *http.Request) {
	var body struct {
		MAC     string `json:"mac_address"`
		Content string `json:"content"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	m, err := parseMAC(body.MAC)
	if err != nil || !json.Valid([]byte(body.Content)) {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	c := f.put(m, body.Content)
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.revision > 1 {
		f.announce(c.mac, c.revision, c.text, false, false)
	}
	w.WriteHeader(http.StatusCreated)
	f.write(w, c)
}

func (f *fakeServer) write(w http.ResponseWriter, c *fakeConfig) {
	_, _ = fmt.Fprintf(w, `{"id":%d,"mac_address":"%s","content":%s,"revision":%d}`, c.id, c.mac, c.text, c.revision)
}

func (f *fakeServer) find(r *http.Request) *fakeConfig {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return f.configs[id]
}

func (f *fakeServer) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name, device := strings.CutSuffix(r.PathValue("id"), ".json"); device {
		for _, c := range f.configs {
			if c.mac.join('-') == name {
				c.reads++
				text := c.text
				if c.old != nil {
					text = c.old
				}
				f.serve(w, r, c, text)
				return
			}
		}
	}
	if c := f.find(r); c != nil {
		f.write(w, c)
		return
	}
	http.Error(w, `{"error":"Config was not found"}`, http.StatusNotFound)
}

func etagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func (f *fakeServer) remove(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.find(r)
	if c == nil {
		http.Error(w, "{}", http.StatusNotFound)
		return
	}
	delete(f.configs, c.id)
	f.history[c.mac] = append(f.history[c.mac], nil)
	if f.wrong.untrue == forgetsAtDelete {
		delete(f.devices, c.mac)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fakeServer) update(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Content string `json:"content"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.find(r)
	if c == nil {
		http.Error(w, "{}", http.StatusNotFound)
		return
	}
	if f.wrong.refuseAll {
		http.Error(w, `{"error":"Not allowed"}`, http.StatusForbidden)
		return
	}
	f.updates++
	if f.updates == f.most {
		f.full()
	}
	number := f.updates // others come while this one waits
	at := func(n int) bool { return n == number }
	if at(f.wrong.fail) {
		http.Error(w, `{"error":"Busy"}`, http.StatusServiceUnavailable)
		return
	}
	text := []byte(body.Content)
	if at(f.wrong.mangle) {
		text = bytes.Replace(text, []byte(`"gain":1.0`), []byte(`"gain":1`), 1)
	}
	if at(f.wrong.early) {
		f.announceEarly(c, text)
	}
	c.old = nil
	if at(f.wrong.serveOld) {
		c.old = c.text
	}
	if !bytes.Equal(c.text, text) && !at(f.wrong.lose) {
		c.text = text
		f.history[c.mac] = append(f.history[c.mac], text)
		c.revision++
	}
	if !at(f.wrong.forget) && !at(f.wrong.early) {
		f.announce(c.mac, c.revision, c.text, at(f.wrong.lie), at(f.wrong.garble))
	}
	if at(f.wrong.dropAt) {
		f.broker.dropAll()
	}
	if at(f.wrong.failAfter) {
		http.Error(w, `{"error":"Busy"}`, http.StatusServiceUnavailable)
		return
	}
	f.write(w, c)
}

// announceEarly tells of a document, and lets its device ask while it cannot be read.
func (f *fakeServer) announceEarly(c *fakeConfig, text []byte) {
	before := c.reads
	f.announce(c.mac, c.revision+1, text, false, false)
	for end := time.Now().Add(10 * time.Second); c.reads == before && time.Now().Before(end); {
		f.mu.Unlock()
		<-time.After(time.Millisecond)
		f.mu.Lock()
	}
}

func (f *fakeServer) announce(m mac, revision int64, text []byte, lie, garble bool) {
	send := f.send
	if f.broker != nil {
		send = f.broker.publish
	}
	if send == nil {
		return
	}
	told := told{Revision: revision, ETag: etagOf(text), Size: len(text)}
	broadcast := `{"filename":"` + m.String() + `.json"}`
	if lie {
		told.Revision = 0
	}
	if garble {
		broadcast = `{"filename":"`
	}
	payload, _ := json.Marshal(told)
	send(fmt.Sprintf("iotsupport/devices/%x/config", m[:]), payload, true)
	send("iotsupport/updates/configs", []byte(broadcast), false)
}
