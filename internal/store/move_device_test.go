package store_test

import (
	"slices"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// replace moves a configuration to another MAC address.
func replace(t testing.TB, s *store.Store, id int64, n int) fleet.Config {
	t.Helper()
	return storetest.Apply(t, s, fleet.Change{Kind: fleet.Move, ID: id, MAC: storetest.MAC(n), Source: fleet.FromReplace, Action: fleet.ActionReplace,
		At: storetest.Epoch()})
}

// Hardware that was replaced and is back has what it had, by the number that this has now.
func TestMoveBackRenumbersWhatTheDeviceHas(t *testing.T) {
	for name, others := range map[string]int{"to a new device and back": 0, "to one that had a history and back": 3} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				for n := range others {
					storetest.Delete(t, s, storetest.Create(t, s, storetest.MAC(2), []string{`{}`, `{"a":1}`, `{"v":1}`}[n]).ID)
				}
				c := storetest.Create(t, s, storetest.MAC(1), `{"v":1}`)
				record(t, s, held(c.MAC, `{"v":1}`, 1, minute(0)), fetched(c.MAC, `{"v":1}`, 1, minute(1)), reported(c.MAC, `{"v":1}`, 1, minute(1), true))
				storetest.Save(t, s, c.ID, `{"v":2}`)
				storetest.Save(t, s, c.ID, `{"v":3}`)
				replace(t, s, c.ID, 2)
				record(t, s, fetched(storetest.MAC(2), `{"v":3}`, replaced(t, s, 2), minute(2)))
				at := head(t, s)
				back := replace(t, s, c.ID, 1)
				d := device(t, s, c.MAC)
				if back.Standing.Sync != fleet.SyncPending || back.Standing.Revision != d.Has.Revision || d.Level != fleet.SyncApplied || d.Since != d.Has.Revision {
					t.Errorf("it has %+v, %s since %d; shown is %+v", d.Has, d.Level, d.Since, back.Standing)
				}
				wantBytes(t, s, c.MAC, d)
				said, _ := tail(t, s, at, 100)
				if last := said[len(said)-1]; last.Kind != fleet.EventSync || last.Standing.Revision != d.Has.Revision {
					t.Errorf("told is %v", saidAll(said))
				}
				prune(t, s, fleet.Retention{Revisions: 1}, time.Now().AddDate(1, 0, 0))
				wantBytes(t, s, c.MAC, d)
				restored := storetest.Save(t, s, c.ID, `{"v":1}`)
				if restored.Standing.Sync != fleet.SyncApplied {
					t.Errorf("with the bytes that it has: %+v", restored.Standing)
				}
				record(t, s, held(c.MAC, `{"v":1}`, restored.Revision, minute(3)))
				if now := device(t, s, c.MAC); now.Has.Revision != restored.Revision || now.Level != fleet.SyncApplied {
					t.Errorf("when it shows that it has them: %+v", now)
				}
			})
		})
	}
}

func replaced(t testing.TB, s *store.Store, n int) int64 {
	t.Helper()
	return slices.Max(numbersOf(t, s, storetest.MAC(n)))
}

// wantBytes wants every fact of a device to name a revision that is there with these bytes.
func wantBytes(t *testing.T, s *store.Store, mac fleet.MAC, d fleet.Device) {
	t.Helper()
	for _, shown := range []fleet.Shown{d.Has, d.Fetched, d.Held, d.Reported} {
		i := slices.IndexFunc(history(t, s, mac), func(r fleet.Revision) bool { return r.Number == shown.Revision })
		if i < 0 || fleet.ETag(history(t, s, mac)[i].SHA256) != shown.ETag {
			t.Errorf("revision %d is not one with the bytes that the device has: %v", shown.Revision, numbersOf(t, s, mac))
		}
	}
}

// A device whose revisions stay where they are keeps its numbers, of the same bytes too.
func TestMoveLeavesOtherNumbers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		mac := storetest.MAC(2)
		old := storetest.Create(t, s, mac, `{"v":1}`)
		record(t, s, held(mac, `{"v":1}`, 1, minute(0)))
		storetest.Delete(t, s, old.ID)
		before := device(t, s, mac)
		c := storetest.Create(t, s, storetest.MAC(1), `{"v":1}`)
		if moved := replace(t, s, c.ID, 2); moved.Standing.Sync != fleet.SyncHeld {
			t.Errorf("with the bytes that it has: %+v", moved.Standing)
		}
		if now := device(t, s, mac); now.Has != before.Has || now.Since != 1 {
			t.Errorf("it has %+v since %d, before %+v", now.Has, now.Since, before.Has)
		}
	})
}
