package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// kills is how often the storm is interrupted on each engine.
const kills = 200

// TestKilledInAWriteStorm: writers overwrite their documents as fast as they can while the server is killed again and
// again. Whatever was acknowledged must be read after each restart: nothing older, and nothing that nobody sent.
func TestKilledInAWriteStorm(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		s := startServer(t, append(db, "MQTT_URL=off", "LOG_LEVEL=warn")...)
		storm := newStorm(t, s, 8)
		random := rand.New(rand.NewPCG(1, 2))
		for range kills {
			before := storm.acknowledged.Load()
			run := storm.begin(s)
			testenv.WaitFor(t, patience, func() bool { return storm.acknowledged.Load() >= before+5 })
			pause := time.NewTimer(time.Duration(random.IntN(20)) * time.Millisecond)
			<-pause.C
			s.kill()
			run.end()
			s.start()
			storm.check(s)
		}
		s.kill()
		for _, wrong := range audit(t, s.setting("DATABASE_URL"), false) {
			t.Error(wrong)
		}
		t.Logf("%d kills, %d acknowledged writes, %d lost, %d writes without an answer", kills,
			storm.acknowledged.Load(), storm.lost, storm.unanswered.Load())
	})
}

// storm is writers that know what was acknowledged to them.
type storm struct {
	t            testing.TB
	writers      []*writer
	acknowledged atomic.Int64
	unanswered   atomic.Int64
	lost         int
}

// writer owns one configuration.
type writer struct {
	mac         string
	id          int64
	sent, acked int64
}

func newStorm(t testing.TB, s *server, writers int) *storm {
	st := &storm{t: t}
	for i := range writers {
		mac := fmt.Sprintf("02:e5:00:03:00:%02x", i)
		st.writers = append(st.writers, &writer{mac: mac, id: create(t, s, mac, 1), sent: 1, acked: 1})
	}
	return st
}

// run is one stretch of writing.
type run struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (st *storm) begin(s *server) *run {
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{cancel: cancel}
	for _, w := range st.writers {
		r.done.Go(func() { st.write(ctx, s.Client, w) })
	}
	return r
}

func (r *run) end() {
	r.cancel()
	r.done.Wait()
}

func (st *storm) write(ctx context.Context, c *client.Client, w *writer) {
	for ctx.Err() == nil {
		w.sent++
		if _, err := c.Update(ctx, w.id, numbered(w.sent)); err != nil {
			st.unanswered.Add(1)
			if _, refused := errors.AsType[*client.Error](err); refused && !errors.Is(err, client.ErrUnavailable) {
				st.t.Errorf("a write was refused: %v", err)
			}
			return
		}
		w.acked = w.sent
		st.acknowledged.Add(1)
	}
}

// check reads each document back.
func (st *storm) check(s *server) {
	st.t.Helper()
	for _, lost := range st.losses(s) {
		st.lost++
		st.t.Error(lost)
	}
}

// losses are the documents that are not what was acknowledged, or newer.
func (st *storm) losses(s *server) (lost []string) {
	for _, w := range st.writers {
		status, content := s.document(w.mac)
		got := number(content)
		if got < w.acked || got > w.sent || content != string(numbered(got)) {
			lost = append(lost, fmt.Sprintf("%s reads %d %s; acknowledged was %d, sent %d", w.mac, status, content, w.acked, w.sent))
		}
		w.acked = got
	}
	return lost
}

// TestALostWriteIsSeen is the control of the storm: one acknowledged write is taken out of the database, as one that was
// acknowledged before it was durable would be after a crash; and a half of another.
func TestALostWriteIsSeen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		s := startServer(t, append(db, "MQTT_URL=off", "LOG_LEVEL=warn")...)
		storm := newStorm(t, s, 4)
		run := storm.begin(s)
		testenv.WaitFor(t, patience, func() bool { return storm.acknowledged.Load() >= 50 })
		s.kill()
		run.end()
		s.start()
		storm.check(s)
		s.kill()
		// Those that wrote most: one that was held up may have a single revision, and none is left when that is taken.
		slices.SortFunc(storm.writers, func(a, b *writer) int { return cmp.Compare(b.acked, a.acked) })
		url, first, second := s.setting("DATABASE_URL"), storm.writers[0], storm.writers[1]
		storetest.Exec(t, url, `UPDATE configs SET content = $1, revision = revision - 1 WHERE mac_address = $2`,
			string(numbered(first.acked-1)), first.mac)
		storetest.Exec(t, url, `DELETE FROM revisions WHERE mac_address = $1
			AND rev = (SELECT max(rev) FROM revisions WHERE mac_address = $1)`, second.mac)
		if wrong := audit(t, url, false); len(wrong) != 2 {
			t.Errorf("the audit finds %q, want two devices", wrong)
		}
		s.start()
		if lost := storm.losses(s); len(lost) != 1 || !strings.Contains(lost[0], first.mac) {
			t.Errorf("the storm's check finds %q, want the one write that is lost", lost)
		}
	})
}

// TestKilledWhileTheBrokerIsAway: whatever was acknowledged while no broker could be told is in the outbox after each
// crash, at its newest. The control takes a row out.
func TestKilledWhileTheBrokerIsAway(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		nobody := fmt.Sprintf("MQTT_URL=mqtt://127.0.0.1:%d", testenv.FreePort(t))
		s := startServer(t, append(db, nobody, "LOG_LEVEL=error")...)
		storm := newStorm(t, s, 4)
		url := s.setting("DATABASE_URL")
		for range 10 {
			before := storm.acknowledged.Load()
			run := storm.begin(s)
			testenv.WaitFor(t, patience, func() bool { return storm.acknowledged.Load() >= before+20 })
			s.kill()
			run.end()
			for _, wrong := range audit(t, url, true) {
				t.Error(wrong)
			}
			s.start()
			storm.check(s)
		}
		s.kill()
		storetest.Exec(t, url, `DELETE FROM outbox WHERE mac_address = $1`, storm.writers[0].mac)
		if wrong := audit(t, url, true); len(wrong) != 1 {
			t.Errorf("the audit finds %q where a row of the outbox is gone", wrong)
		}
	})
}

// TestKilledServersBrokerIsGone: the embedded broker ends with a server that is killed, and the next one has its port at
// once.
func TestKilledServersBrokerIsGone(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	testenv.Ran(t, testenv.EmbeddedBroker)
	s := startServer(t)
	id := create(t, s, device, 1)
	for n := int64(2); n < 8; n++ {
		update(t, s, id, n)
		s.kill()
		s.start()
		l := listen(t, s.brokerURL(), nil, ownTopic(device))
		testenv.WaitFor(t, patience, func() bool { return l.rev(device) == n })
	}
}
