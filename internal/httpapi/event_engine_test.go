package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"espalier.dev/espalier/internal/events"
	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
	"espalier.dev/espalier/internal/testenv"
)

// liveOver is an API with the events of a store, behind a real server: one of several on the same database.
func liveOver(t *testing.T, s *store.Store) *live {
	t.Helper()
	hub, err := events.New(events.Options{Journal: s, Registerer: prometheus.NewRegistry(), Logger: newFixture(t).logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := hub.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	k := keeper{t, s}
	f := over(t, s, func(o *Options) {
		o.Events, o.Saw, o.Now = hub, k.saw, time.Now
		o.Service = fleet.NewService(s, fleet.Options{Reporter: k, Notice: hub.Wake})
	})
	f.lax = true // several write at a time
	transport := &http.Transport{}
	l := &live{fixture: f, address: f.serving(nil), client: &http.Client{Transport: transport}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ending, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := hub.Stop(ending); err != nil {
			t.Error(err)
		}
	})
	return l
}

// told is a change as a reader of events was told of it.
type told struct {
	Change   string // its place among all changes
	Kind     string
	MAC      string `json:"mac_address"`
	Revision int64
}

func (f *follower) told() told {
	f.t.Helper()
	m := f.next()
	one := told{Kind: m.kind}
	if err := json.Unmarshal([]byte(m.data), &one); err != nil {
		f.t.Fatal(err)
	}
	one.Change = strings.Split(m.id, "-")[1]
	return one
}

// TestEventsOnBothEngines has two servers on one database, and changes through both: a reader of each is told of every change
// once, in the same order, also one that breaks off again and again.
func TestEventsOnBothEngines(t *testing.T) {
	testenv.NewDatabase(t) // the cluster is up, and stays
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { testenv.NoLeaks(t, before) })
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		servers := []*live{liveOver(t, s), liveOver(t, s)}
		const kinds = "?kinds=created,updated,deleted,restored,replaced"
		steady, restless := servers[0].follow(kinds).ready(), servers[1].follow(kinds).ready()

		const writers, each = 4, 50
		var writing sync.WaitGroup
		for n := range writers {
			writing.Go(func() {
				f := servers[n%2].fixture
				mac := fmt.Sprintf("aa:bb:cc:dd:ee:%02d", n)
				body := f.send("POST", "/api/configs", `{"mac_address":"`+mac+`","content":{}}`).want(t, 201).body
				var made struct{ ID int64 }
				if err := json.Unmarshal([]byte(body), &made); err != nil {
					t.Error(err)
				}
				path := fmt.Sprint("/api/configs/", made.ID)
				for i := range each - 3 {
					f.send("PUT", path, fmt.Sprintf(`{"content":{"n":%d}}`, i)).want(t, 200)
				}
				f.send("DELETE", path, "").want(t, 204)
				f.send("POST", path+"/undelete", "").want(t, 200)
			})
		}
		var first, second []told
		for range writers * each {
			first = append(first, steady.told())
		}
		for len(second) < writers*each {
			for range min(17, writers*each-len(second)) {
				second = append(second, restless.told())
			}
			last := restless.lastID
			restless.leave()
			restless = servers[len(second)%2].follow(kinds, "Last-Event-ID: "+last).ready()
		}
		writing.Wait()
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("the two were told of other things: %s", diff)
		}
		next := map[string]int64{}
		for _, one := range first {
			next[one.MAC]++
			want := map[int64]string{1: "created", each - 1: "deleted", each: "restored"}[one.Revision]
			if want == "" {
				want = "updated"
			}
			if one.Revision != next[one.MAC] || one.Kind != want {
				t.Errorf("%+v, want revision %d and %s", one, next[one.MAC], want)
			}
		}
		testDeviceEvents(t, servers)
	})
}

// testDeviceEvents has a device fetch from one server and report to the other.
func testDeviceEvents(t *testing.T, servers []*live) {
	const mac = "aa:bb:cc:dd:ee:00"
	everything := servers[0].follow("?mac_address=" + mac).ready()
	others := servers[1].follow("?mac_address=aa:bb:cc:dd:ee:77").ready()
	wait := func(kind string, says ...string) {
		t.Helper()
		for {
			m := everything.next()
			if m.kind != kind {
				continue
			}
			for _, want := range says {
				if !strings.Contains(m.data, want) {
					t.Errorf("%s: %s, want %s", kind, m.data, want)
				}
			}
			return
		}
	}
	servers[1].device("GET", "/api/configs/"+mac+".json", "", nil).want(t, 200)
	wait("check-in", `"mac_address":"`+mac+`"`, `"sync":"fetched"`, `"address":"10.0.0.5"`)
	servers[1].device("POST", "/api/configs/"+mac+"/report", `{"rev":50,"status":"error","code":"E7"}`, nil).want(t, 204)
	wait("report", `"sync":"error"`, `"status":"error"`, `"code":"E7"`, `"revision":50`)
	servers[0].send("POST", "/api/configs", `{"mac_address":"aa:bb:cc:dd:ee:77","content":{}}`).want(t, 201)
	if m := others.next(); m.kind != "created" || !strings.Contains(m.data, `"mac_address":"aa:bb:cc:dd:ee:77"`) {
		t.Errorf("the reader of another device: %v", m)
	}
}
