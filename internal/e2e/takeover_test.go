package e2e

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/testenv"
)

// TestTakesOverTheFieldsDatabase: pointed at the database of the service before it, Espalier serves the same
// configurations by the same ids, with the same bytes and times, and goes on counting where that one stopped.
func TestTakesOverTheFieldsDatabase(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	db := testenv.NewDatabase(t)
	dump, err := os.ReadFile("testdata/field.sql")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, db, string(dump))
	s := startServer(t, "DATABASE_URL="+db, "MQTT_URL=off")

	for mac, want := range map[string]string{
		"aa-bb-cc-dd-ee-ff": "{\"deviceName\": \"Hallway Intercom\", \"deviceEntityId\": \"hallway_intercom\",\n \"enableOTA\": true, \"volume\": 1.0, \"big\": 12345678901234567890}",
		"10-20-30-40-50-60": `{"név":"Küche 寝室","e":1e400}`,
	} {
		if status, got := s.document(mac); status != http.StatusOK || got != want {
			t.Errorf("%s reads %d %s, want %s", mac, status, got, want)
		}
	}
	c, err := s.Config(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	created := time.Date(2025, 3, 30, 1, 30, 0, 5e8, time.UTC)
	updated := time.Date(2025, 10, 26, 2, 30, 0, 0, time.UTC)
	if diff := cmp.Diff([]time.Time{created, updated}, []time.Time{c.CreatedAt, c.UpdatedAt}); diff != "" {
		t.Errorf("times: %s", diff)
	}
	if c.Revision != 1 {
		t.Errorf("an adopted document has revision %d, want 1", c.Revision)
	}
	if id := create(t, s, device, 1); id != 42 {
		t.Errorf("the next id is %d, want 42", id)
	}
	update(t, s, 3, 2)
	if c, err = s.Config(t.Context(), 3); err != nil || c.Revision != 2 || !c.CreatedAt.Equal(created) {
		t.Errorf("after an update: %+v, %v", c, err)
	}
}
