package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"espalier.dev/espalier/internal/testenv"
)

const device = "02:e5:00:00:00:01"

// numbered is a document that says which write it is.
func numbered(n int64) []byte { return fmt.Appendf(nil, `{"deviceName":"Ä 1.0","n":%d,"x":1e400}`, n) }

// number reads what numbered wrote, and -1 where it is something else.
func number(content string) int64 {
	var n int64
	if _, rest, ok := strings.Cut(content, `"n":`); ok {
		if _, err := fmt.Sscanf(rest, "%d,", &n); err == nil {
			return n
		}
	}
	return -1
}

func create(t testing.TB, s *server, mac string, n int64) int64 {
	t.Helper()
	c, err := s.Create(t.Context(), mac, numbered(n))
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func update(t testing.TB, s *server, id, n int64) {
	t.Helper()
	if _, err := s.Update(t.Context(), id, numbered(n)); err != nil {
		t.Fatal(err)
	}
}

// reads are what a device got that fetched its document the moment it heard of a revision.
type reads struct {
	mu     sync.Mutex
	looked int
	early  []string
}

// heed listens as a device that fetches from a server the moment it hears. The n-th write makes revision n, so the
// notice says what must be read.
func heed(t *testing.T, s *server, brokerURL, mac string) (*listener, *reads) {
	t.Helper()
	r := &reads{}
	l := listen(t, brokerURL, func(m message) {
		if m.retained || m.payload == "" {
			return
		}
		_, content := s.document(strings.ReplaceAll(mac, ":", "-"))
		r.mu.Lock()
		defer r.mu.Unlock()
		r.looked++
		if got, want := number(content), told(m).Rev; got < want {
			r.early = append(r.early, fmt.Sprintf("told of %d, read %d", want, got))
		}
	}, ownTopic(mac))
	return l, r
}

// wrong are the fetches that got an older document than the device had been told of.
func (r *reads) wrong() (looked int, early []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.looked, slices.Clone(r.early)
}

// TestToldOnlyAfterReadable: a device that fetches the moment it hears gets a document at least as new as the one it
// was told of.
func TestToldOnlyAfterReadable(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		eachBroker(t, func(t *testing.T, b broker) {
			s := startServer(t, append(db, b.env...)...)
			mac := "02:e5:00:00:01:" + fmt.Sprintf("%02x", len(b.env))
			l, device := heed(t, s, s.brokerURL(), mac)
			id := create(t, s, mac, 1)
			const writes = 200
			for n := int64(2); n <= writes; n++ {
				update(t, s, id, n)
			}
			testenv.WaitFor(t, patience, func() bool { return l.rev(mac) == writes })
			if looked, early := device.wrong(); len(early) > 0 || looked == 0 {
				t.Errorf("%d of %d messages came before the document could be read: %v", len(early), looked, early)
			}
			if err := s.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			testenv.WaitFor(t, patience, func() bool {
				return l.count(func(m message) bool { return m.topic == ownTopic(mac) && m.payload == "" }) > 0
			})
		})
	})
}

// TestToldOnlyAfterReadableByAnother: the same with two servers on one database, where the device asks the one that did
// not write.
func TestToldOnlyAfterReadableByAnother(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	testenv.Ran(t, testenv.MosquittoName)
	m := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	env := []string{"DATABASE_URL=" + testenv.NewDatabase(t), "MQTT_URL=" + m.URL()}
	one, two := startServer(t, env...), startServer(t, env...)
	l, reads := heed(t, two, m.URL(), device)
	id := create(t, one, device, 1)
	const writes = 100
	for n := int64(2); n <= writes; n++ {
		update(t, one, id, n)
	}
	testenv.WaitFor(t, patience, func() bool { return l.rev(device) == writes })
	if looked, early := reads.wrong(); len(early) > 0 || looked == 0 {
		t.Errorf("%d of %d messages came before the document could be read: %v", len(early), looked, early)
	}
}

// TestToldTooEarlyIsSeen is the control of the two above: a notice that comes before its change is made.
func TestToldTooEarlyIsSeen(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	testenv.Ran(t, testenv.MosquittoName)
	m := testenv.Mosquitto(t, testenv.MosquittoOptions{})
	s := startServer(t, "MQTT_URL="+m.URL())
	l, reads := heed(t, s, m.URL(), device)
	id := create(t, s, device, 1)
	testenv.WaitFor(t, patience, func() bool { return l.rev(device) == 1 })
	l.publish(t, ownTopic(device), `{"rev":2}`, false)
	testenv.WaitFor(t, patience, func() bool { return l.rev(device) == 2 })
	update(t, s, id, 2)
	if looked, early := reads.wrong(); len(early) != 1 {
		t.Errorf("%d of %d messages are found to be early, want the one that is: %v", len(early), looked, early)
	}
}

// TestToldAfterBrokerOutage: writes do not wait for a broker that is away, and each is announced when it is back.
func TestToldAfterBrokerOutage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		eachBroker(t, func(t *testing.T, b broker) {
			s := startServer(t, append(db, b.env...)...)
			macs := make([]string, 20)
			ids := make([]int64, len(macs))
			for i := range macs {
				macs[i] = fmt.Sprintf("02:e5:00:02:%02x:%02x", len(b.env), i)
				ids[i] = create(t, s, macs[i], 1)
			}
			l := listen(t, s.brokerURL(), nil, "iotsupport/#")
			testenv.WaitFor(t, patience, func() bool { return l.rev(macs[len(macs)-1]) == 1 })
			b.down(s)
			l.forget()
			for i, id := range ids[:10] {
				update(t, s, id, 2)
				if code, content := s.document(macs[i]); code != http.StatusOK || number(content) != 2 {
					t.Errorf("%s reads %d %s while the broker is away", macs[i], code, content)
				}
			}
			b.up(s)
			for i, mac := range macs {
				want := int64(1) // its retained message was lost with the broker, and must be there again
				if i < 10 {
					want = 2
				}
				testenv.WaitFor(t, patience, func() bool { return l.rev(mac) == want })
			}
			testenv.WaitFor(t, patience, func() bool { return l.toldOf(macs[9]) })
			late := listen(t, s.brokerURL(), nil, ownTopic(macs[3]))
			testenv.WaitFor(t, patience, func() bool { return late.rev(macs[3]) == 2 })
		})
	})
}

// TestToldAfterKill: the server is killed between the commit and the message. Whoever starts next announces it. The
// control takes the row out of the outbox, which is what a write that does not put it there in its own transaction
// would leave: then the broadcast may not be heard, or the test proves nothing.
func TestToldAfterKill(t *testing.T) {
	for _, c := range []struct {
		name    string
		control bool
	}{{"announced", false}, {"control", true}} {
		t.Run(c.name, func(t *testing.T) {
			testenv.Ran(t, testenv.PostgreSQL)
			testenv.Ran(t, testenv.MosquittoName)
			db := testenv.NewDatabase(t)
			m := testenv.Mosquitto(t, testenv.MosquittoOptions{Persistence: true})
			s := startServer(t, "DATABASE_URL="+db, "MQTT_URL="+m.URL())
			id := create(t, s, device, 1)
			other := create(t, s, "02:e5:00:00:00:02", 1)
			before := listen(t, m.URL(), nil, "iotsupport/#")
			testenv.WaitFor(t, patience, func() bool { return before.rev(device) == 1 })
			drained(t, db)
			// A broker that has an older watermark than the database has lost something, and is told all again. It
			// has not where both agree on one that is newer than all that came before.
			conn := connect(t, db)
			var quiet time.Time
			if err := conn.QueryRow(t.Context(), "SELECT updated_at FROM configs WHERE id = $1", other).Scan(&quiet); err != nil {
				t.Fatal(err)
			}
			testenv.WaitFor(t, patience, func() bool {
				stored := watermark(t, conn)
				return stored.After(quiet) && before.count(func(m message) bool {
					return m.topic == "iotsupport/server/watermark" && strings.Contains(m.payload, stored.Format("2006-01-02T15:04:05.000000Z07:00"))
				}) > 0
			})
			m.Stop(t)
			update(t, s, id, 2)
			s.kill()
			if c.control {
				execute(t, db, "DELETE FROM outbox")
			}
			m.Start(t)
			l := listen(t, m.URL(), nil, "iotsupport/#")
			if c.control {
				// The guard behind the row: a start broadcasts what changed since the watermark. It is put ahead.
				ahead := time.Now().Add(time.Minute).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
				execute(t, db, "UPDATE meta SET value = '"+ahead+"' WHERE key = 'watermark'")
				l.publish(t, "iotsupport/server/watermark", `{"through":"`+ahead+`"}`, true)
			}
			s.start()
			if c.control {
				update(t, s, other, 2)
				testenv.WaitFor(t, patience, func() bool { return l.toldOf("02:e5:00:00:00:02") })
				if l.toldOf(device) {
					t.Error("the device was told although its row was gone: the test above proves nothing")
				}
				return
			}
			testenv.WaitFor(t, patience, func() bool { return l.rev(device) == 2 && l.toldOf(device) })
		})
	}
}

// TestToldOfWhatChangedWhileOff: what was changed by a server without MQTT is announced and broadcast by the next one
// that has it, also where the broker went on and knows nothing of it.
func TestToldOfWhatChangedWhileOff(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		testenv.Ran(t, testenv.MosquittoName)
		m := testenv.Mosquitto(t, testenv.MosquittoOptions{})
		s := startServer(t, append(db, "MQTT_URL="+m.URL())...)
		id := create(t, s, device, 1)
		other := create(t, s, "02:e5:00:00:00:02", 1)
		l := listen(t, m.URL(), nil, "iotsupport/#")
		testenv.WaitFor(t, patience, func() bool { return l.rev("02:e5:00:00:00:02") == 1 && l.rev(device) == 1 })
		s.stop()
		on := s.env
		s.env = append(s.env[:len(s.env):len(s.env)], "MQTT_URL=off")
		s.start()
		update(t, s, id, 2)
		s.stop()
		l.forget()
		s.env = on
		s.start()
		testenv.WaitFor(t, patience, func() bool { return l.rev(device) == 2 && l.toldOf(device) })
		update(t, s, other, 2) // and of nothing else
		testenv.WaitFor(t, patience, func() bool { return l.toldOf("02:e5:00:00:00:02") })
		if n := l.count(func(m message) bool { return m.topic == "iotsupport/updates/configs" }); n != 2 {
			t.Errorf("%d broadcasts, want one for each of the two changes", n)
		}
	})
}

// drained waits until the outbox of a PostgreSQL database is empty.
func drained(t testing.TB, db string) {
	t.Helper()
	conn := connect(t, db)
	testenv.WaitFor(t, patience, func() bool {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM outbox").Scan(&n)
		return err == nil && n == 0
	})
}

// watermark is the one that a PostgreSQL database holds, zero where there is none.
func watermark(t testing.TB, conn *pgx.Conn) time.Time {
	t.Helper()
	var text string
	if err := conn.QueryRow(t.Context(), "SELECT value FROM meta WHERE key = 'watermark'").Scan(&text); err != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func execute(t testing.TB, db, statement string) {
	t.Helper()
	if _, err := connect(t, db).Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func connect(t testing.TB, db string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}
