package client_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

const fleetHead = `{"columns":["id","new","mac_address","device_name","device_entity_id","enable_ota","sync","last_seen","revision",` +
	`"device_revision","updated_at","overdue","online"],"count":2,"position":"0badcafe-1-2-3"}` + "\n"

func TestFleetDevices(t *testing.T) {
	c, last := recorder(t, 200, fleetHead+`[1,{"a":1},"m1",null,null,null,"unknown",null,7,null,1767323045,0,null]`+"\n"+
		`[2,null,"m2","n","e",1,"held",1767323046,3,2,1767323045,1,0]`+"\n")
	var got []client.FleetDevice
	position, err := c.FleetDevices(t.Context(), []int64{1, 2}, func(d client.FleetDevice) error { got = append(got, d); return nil })
	failOn(t, err)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []client.FleetDevice{{ID: 1, MAC: "m1", Sync: "unknown", Revision: 7, UpdatedAt: at},
		{ID: 2, MAC: "m2", DeviceName: ptr("n"), DeviceEntityID: ptr("e"), EnableOTA: ptr(true), Sync: "held", LastSeen: ptr(at.Add(time.Second)), Revision: 3,
			DeviceRevision: ptr(int64(2)), UpdatedAt: at, Overdue: true, Online: ptr(false)}}
	if diff := cmp.Diff(want, got); diff != "" || position != "0badcafe-1-2-3" || last.URI != "/api/fleet/devices?ids=1%2C2" {
		t.Errorf("%s, %s (-want +got):\n%s", last.URI, position, diff)
	}
	if _, err := c.FleetDevices(t.Context(), nil, func(client.FleetDevice) error { return io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("its own error: %v", err)
	}
}

func TestFleetDevicesThatCannotBeRead(t *testing.T) {
	for _, body := range []string{"", "<html>", "{}\n", fleetHead + "[1]\n", fleetHead + `{"id":1}`, fleetHead + `["1",0,"m",null,null,null,"held",null,7,null,1,0,null]`} {
		c, _ := recorder(t, 200, body)
		if _, err := c.FleetDevices(t.Context(), nil, func(client.FleetDevice) error { return nil }); !errors.Is(err, client.ErrUnreadable) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestFleetAgainstAServer(t *testing.T) {
	address, stop := ours(t, "127.0.0.1:0", t.TempDir())
	defer stop()
	c, err := client.New("http://"+address, client.Options{})
	failOn(t, err)
	defer c.Close()
	made, err := c.Create(t.Context(), "aabbccddee01", []byte(`{"deviceName":"Hallway"}`))
	failOn(t, err)
	n := 0
	position, err := c.FleetDevices(t.Context(), nil, func(d client.FleetDevice) error {
		if n++; d.ID != made.ID || d.MAC != made.MAC || *d.DeviceName != "Hallway" || !d.UpdatedAt.Equal(made.UpdatedAt.Truncate(time.Second)) {
			t.Errorf("%+v", d)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d devices, %v", n, err)
	}
	if _, err := c.Patch(t.Context(), made.ID, []byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	for e, err := range c.Events(t.Context(), client.EventOptions{After: position}) {
		failOn(t, err)
		if e.Kind == client.EventCreated || e.Kind == client.EventReset {
			t.Errorf("%+v", e)
		}
		if e.Kind == client.EventUpdated && e.MAC == made.MAC {
			break
		}
	}
	if _, err := c.FleetHistory(t.Context(), client.FleetHistoryOptions{Points: 5}); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("five points: %v", err)
	}
	if h, err := c.FleetHistory(t.Context(), client.FleetHistoryOptions{Since: time.Now().Add(-time.Hour), Points: 60}); err != nil || h.StepSeconds < 60 {
		t.Errorf("%+v %v", h, err)
	}
}
