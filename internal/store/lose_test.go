package store_test

import (
	"context"
	"testing"
	"time"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// A device that was seen to be connected before the clock was set back does not stay so until the clock has caught up.
func TestLoseAfterTheClockWasSetBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		stale := storetest.Create(t, s, storetest.MAC(0), `{}`).MAC
		present := storetest.Create(t, s, storetest.MAC(1), `{}`).MAC
		online := func(mac fleet.MAC, at int) fleet.Evidence {
			return fleet.Evidence{MAC: mac, Kind: fleet.EvidenceOnline, At: storetest.Epoch().Add(time.Duration(at) * time.Minute)}
		}
		must(t, s.Record(ctx, []fleet.Evidence{online(stale, 600), online(present, 600)}))
		must(t, s.Record(ctx, []fleet.Evidence{online(present, 12)}))
		must(t, s.Lose(ctx, storetest.Epoch().Add(time.Duration(10)*time.Minute), storetest.Epoch().Add(time.Duration(13)*time.Minute)))
		must(t, s.View(ctx, func(ctx context.Context, tx fleet.ReadTx) error {
			for mac, want := range map[fleet.MAC]bool{stale: false, present: true} {
				d, err := tx.Device(ctx, mac)
				if err != nil {
					return err
				}
				if d.Online != nil != want {
					t.Errorf("%s: known to be connected %v, want %v", mac, d.Online != nil, want)
				}
			}
			return nil
		}))
	})
}
