package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
	"espalier.dev/espalier/internal/app"
	"espalier.dev/espalier/internal/settings"
)

// ours starts a server of ours at an address ("127.0.0.1:0" is any) on a folder, and returns how to stop it.
func ours(t *testing.T, address, dir string) (at string, stop func()) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	failOn(t, err)
	set, _, err := settings.Load(settings.Source{Dir: t.TempDir(), Environ: []string{"HOST=" + host, "PORT=" + port, "DATA_DIR=" + dir, "MQTT_URL=off"}})
	failOn(t, err)
	a, err := app.New(app.Options{Settings: set})
	failOn(t, err)
	failOn(t, a.Start(context.Background()))
	return a.Addr(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), app.StopTimeout)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestAgainstAServer(t *testing.T) {
	address, stop := ours(t, "127.0.0.1:0", t.TempDir())
	defer stop()
	c, err := client.New("http://"+address, client.Options{})
	failOn(t, err)
	defer c.Close()
	ctx := t.Context()
	made, err := c.Create(ctx, "aabbccddee01", []byte(`{"deviceName":"Hallway","n":1.0}`), client.Message("für ☂, 100%"), client.IfAbsent(), client.IdempotencyKey("one"))
	failOn(t, err)
	again, err := c.Create(ctx, "aabbccddee01", []byte(`{"deviceName":"Hallway","n":1.0}`), client.Message("für ☂, 100%"), client.IfAbsent(), client.IdempotencyKey("one"))
	if diff := cmp.Diff(made, again); diff != "" || err != nil {
		t.Errorf("what is repeated: %v (-first +again):\n%s", err, diff)
	}
	if _, err := c.Create(ctx, "aabbccddee01", []byte("{}"), client.IfAbsent()); !errors.Is(err, client.ErrPrecondition) {
		t.Errorf("IfAbsent: %v", err)
	}
	if _, err := c.Create(ctx, "aabbccddee01", []byte("{}")); !errors.Is(err, client.ErrExists) {
		t.Errorf("without IfAbsent: %v", err)
	}
	patched, err := c.Patch(ctx, made.ID, []byte(`{"wifi":{"ssid":"x"}}`), client.IfRevision(1))
	if err != nil || patched.Revision != 2 {
		t.Errorf("patched %+v: %v", patched, err)
	}
	_, err = c.Update(ctx, made.ID, []byte("{}"), client.IfRevision(1))
	if e, ok := errors.AsType[*client.Error](err); !ok || !errors.Is(err, client.ErrPrecondition) || e.CurrentRevision != 2 {
		t.Errorf("an old revision: %v", err)
	}
	var messages []string
	for r, err := range c.AllRevisions(ctx, made.ID) {
		failOn(t, err)
		if r.Message != nil {
			messages = append(messages, fmt.Sprintf("%d %s", r.Revision, *r.Message))
		}
	}
	if diff := cmp.Diff([]string{"1 für ☂, 100%"}, messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	doc, err := c.Document(ctx, made.MAC, "")
	if err != nil || string(doc.Content) != string(patched.Content) || doc.ETag != patched.ETag {
		t.Errorf("document %s: %v", doc.Content, err)
	}
	if d, err := c.Device(ctx, made.ID); err != nil || d.LastSeen != nil || d.Sync != client.SyncUnknown {
		t.Errorf("looking left a trace: %+v, %v", d, err)
	}
	actions := map[string]int{}
	failOn(t, c.ExportAudit(ctx, client.AuditFilter{Result: "applied"}, func(e client.AuditEntry) error {
		actions[e.Action]++
		return nil
	}))
	if diff := cmp.Diff(map[string]int{"create": 1, "patch": 1}, actions); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// A reader of events misses nothing and sees nothing twice while the server is away.
func TestEventsSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	address, stop := ours(t, "127.0.0.1:0", dir)
	c, err := client.New("http://"+address, client.Options{})
	failOn(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	kinds := []string{client.EventCreated, client.EventUpdated, client.EventDeleted}
	var got []string
	var id int64
	lost := 0
	for e, err := range c.Events(ctx, client.EventOptions{Kinds: kinds, Lost: func(error, time.Duration) { lost++ }}) {
		failOn(t, err)
		got = append(got, fmt.Sprint(e.Kind, e.Revision))
		switch got[len(got)-1] {
		case "ready0":
			made, err := c.Create(ctx, "aabbccddee01", []byte("{}"))
			failOn(t, err)
			id = made.ID
		case "created1":
			stop()
			_, stop = ours(t, address, dir)
			for n := range 3 {
				_, err := c.Update(ctx, id, fmt.Appendf(nil, `{"n":%d}`, n))
				failOn(t, err)
			}
			failOn(t, c.Delete(ctx, id))
		case "deleted5":
			cancel()
		}
	}
	stop()
	if diff := cmp.Diff([]string{"ready0", "created1", "updated2", "updated3", "updated4", "deleted5"}, got); diff != "" || lost == 0 {
		t.Errorf("lost %d times (-want +got):\n%s", lost, diff)
	}
}
