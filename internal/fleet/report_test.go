package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/store"
	"espalier.dev/espalier/internal/store/storetest"
)

// reporter keeps reports at once, or refuses them.
type reporter struct {
	store  *store.Store
	refuse error
	taken  []fleet.Evidence
}

func (r *reporter) Report(ctx context.Context, e fleet.Evidence) error {
	if r.refuse != nil {
		return r.refuse
	}
	r.taken = append(r.taken, e)
	return r.store.Record(ctx, []fleet.Evidence{e})
}

func TestReport(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		r := &reporter{store: st}
		notices := 0
		b, ctx := newBundle(st, fleet.Options{Reporter: r, Notice: func() { notices++ }}), t.Context()
		config := must[fleet.Config](t)
		first := config(b.Create(ctx, mac1, []byte(`{"n":1}`), fleet.Attempt{}))
		second := config(b.Update(ctx, first.ID, []byte(`{"n":2}`), fleet.Attempt{}))
		other := config(b.Create(ctx, mac2, []byte(`{"n":3}`), fleet.Attempt{}))
		applied := fleet.DeviceReport{Applied: true, Firmware: "1.2"}
		failed := fleet.DeviceReport{Code: "E_7", Path: "/n", Message: "too\nlarge", Firmware: "1.2"}
		before := notices
		for _, test := range []struct {
			mac      string
			rev      int64
			etag     string
			report   fleet.DeviceReport
			sync     fleet.Sync
			revision int64
		}{
			{"AABBCCDDEE01", 1, "", applied, fleet.SyncPending, 1},
			{mac1, 0, second.ETag, failed, fleet.SyncError, 2},
			{mac1, 2, `"` + second.ETag + `"`, applied, fleet.SyncApplied, 2},
			{mac1, 1, "", failed, fleet.SyncApplied, 2}, // late
			{mac1, 0, `W/"` + second.ETag + `"`, failed, fleet.SyncError, 2},
		} {
			if err := b.Report(ctx, test.mac, test.rev, test.etag, test.report, "192.0.2.1"); err != nil {
				t.Errorf("%+v: %v", test, err)
			}
			if now := config(b.Config(ctx, first.ID)).Standing; now.Sync != test.sync || now.Revision != test.revision {
				t.Errorf("after %+v it is %s with revision %d", test, now.Sync, now.Revision)
			}
		}
		if notices != before+5 {
			t.Errorf("%d notices, want 5", notices-before)
		}
		_, device, err := b.Device(ctx, first.ID)
		if diff := cmp.Diff(failed, device.Report); diff != "" || err != nil || device.Reported.Revision != 2 || device.Reported.Address != "192.0.2.1" {
			t.Errorf("%s %v %+v", diff, err, device.Reported)
		}
		if _, device, err := b.Device(ctx, other.ID); err != nil || !device.FirstSeen.IsZero() {
			t.Errorf("another device was touched: %+v, %v", device, err)
		}
	})
}

func TestReportRefuses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		r := &reporter{store: st}
		b, ctx := newBundle(st, fleet.Options{Reporter: r}), t.Context()
		config := must[fleet.Config](t)
		c := config(b.Create(ctx, mac1, []byte(`{"n":1}`), fleet.Attempt{}))
		other := config(b.Create(ctx, mac2, []byte(`{"n":2}`), fleet.Attempt{}))
		gone := config(b.Create(ctx, mac3, []byte(`{"n":3}`), fleet.Attempt{}))
		if err := b.Delete(ctx, gone.ID, fleet.Attempt{}); err != nil {
			t.Fatal(err)
		}
		ok := fleet.DeviceReport{Applied: true}
		for _, test := range []struct {
			name, mac string
			rev       int64
			etag      string
			report    fleet.DeviceReport
			code      fleet.Code
			field     string
		}{
			{"no MAC", "x", 1, "", ok, fleet.CodeInvalidOperation, ""},
			{"no configuration", "aa:bb:cc:dd:ee:09", 1, "", ok, fleet.CodeNotFound, ""},
			{"deleted", mac3, 1, "", ok, fleet.CodeNotFound, ""},
			{"negative", mac1, -1, c.ETag, ok, fleet.CodeValidationFailed, "rev"},
			{"about nothing", mac1, 0, "", ok, fleet.CodeValidationFailed, "rev"},
			{"a revision that never was", mac1, 2, "", ok, fleet.CodeNotFound, ""},
			{"bytes that never were", mac1, 0, strings.Repeat("0", 32), ok, fleet.CodeNotFound, ""},
			{"bytes of another", mac1, 0, other.ETag, ok, fleet.CodeNotFound, ""},
			{"no tag of ours", mac1, 0, "x", ok, fleet.CodeNotFound, ""},
			{"a number with other bytes", mac1, 1, other.ETag, ok, fleet.CodeNotFound, ""},
			{"long code", mac1, 1, "", fleet.DeviceReport{Code: strings.Repeat("c", 65)}, fleet.CodeValidationFailed, "code"},
			{"long path", mac1, 1, "", fleet.DeviceReport{Path: strings.Repeat("c", 513)}, fleet.CodeValidationFailed, "path"},
			{"long message", mac1, 1, "", fleet.DeviceReport{Message: strings.Repeat("ä", 1001)}, fleet.CodeValidationFailed, "message"},
			{"long firmware", mac1, 1, "", fleet.DeviceReport{Firmware: strings.Repeat("c", 65)}, fleet.CodeValidationFailed, "firmware"},
			{"no UTF-8", mac1, 1, "", fleet.DeviceReport{Message: "\xff"}, fleet.CodeValidationFailed, "message"},
			{"NUL", mac1, 1, "", fleet.DeviceReport{Message: "a\x00"}, fleet.CodeValidationFailed, "message"},
			{"control character", mac1, 1, "", fleet.DeviceReport{Code: "a\nb"}, fleet.CodeValidationFailed, "code"},
		} {
			err := b.Report(ctx, test.mac, test.rev, test.etag, test.report, "")
			wantCode(t, test.name, err, test.code)
			if e, _ := errors.AsType[*fleet.Error](err); test.field != "" && (e == nil || len(e.Fields) != 1 || e.Fields[0].Field != test.field) {
				t.Errorf("%s: %v, want the field %s", test.name, err, test.field)
			}
		}
		r.refuse = &fleet.Error{Code: fleet.CodeTooManyRequests}
		wantCode(t, "too often", b.Report(ctx, mac1, 1, "", ok, ""), fleet.CodeTooManyRequests)
		if len(r.taken) != 0 {
			t.Errorf("taken: %+v", r.taken)
		}
		none := newBundle(st, fleet.Options{})
		wantCode(t, "nobody takes reports", none.Report(ctx, mac1, 1, "", ok, ""), fleet.CodeUnavailable)
	})
}

// TestReportOnBytesThatCameBack: what names bytes that the device has had twice means the newest time that is known.
func TestReportOnBytesThatCameBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{Reporter: &reporter{store: st}}), t.Context()
		config := must[fleet.Config](t)
		first := config(b.Create(ctx, mac1, []byte(`{"n":1}`), fleet.Attempt{}))
		second := config(b.Update(ctx, first.ID, []byte(`{"n":2}`), fleet.Attempt{}))
		show := func(kind fleet.EvidenceKind, c fleet.Config) {
			t.Helper()
			if err := st.Record(ctx, []fleet.Evidence{{MAC: c.MAC, Kind: kind, ETag: c.ETag, Revision: c.Revision, At: b.clock}}); err != nil {
				t.Fatal(err)
			}
		}
		standing := func(want fleet.Sync, revision int64) {
			t.Helper()
			if now := config(b.Config(ctx, first.ID)).Standing; now.Sync != want || now.Revision != revision {
				t.Errorf("%s with revision %d, want %s with %d", now.Sync, now.Revision, want, revision)
			}
		}
		report := func() {
			t.Helper()
			if err := b.Report(ctx, mac1, 0, first.ETag, fleet.DeviceReport{Applied: true}, ""); err != nil {
				t.Fatal(err)
			}
		}
		show(fleet.EvidenceHeld, first)
		show(fleet.EvidenceFetched, second)
		back := config(b.Restore(ctx, first.ID, 1, fleet.Attempt{}))
		standing(fleet.SyncPending, 2)
		report() // it comes late: the device has others by now
		standing(fleet.SyncPending, 2)
		b.clock = b.clock.Add(time.Hour)
		show(fleet.EvidenceFetched, back)
		standing(fleet.SyncFetched, 3)
		report()
		standing(fleet.SyncApplied, 3)
	})
}

func TestAudit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		b, ctx := newBundle(st, fleet.Options{}), t.Context()
		config := must[fleet.Config](t)
		token := fleet.Actor{Principal: fleet.ByToken, Address: "192.0.2.1", Correlation: "c-1"}
		local := fleet.Actor{Principal: fleet.ByLocal, Address: "127.0.0.1", Correlation: "c-2"}
		start := b.clock
		c := config(b.Create(ctx, mac1, []byte(`{}`), fleet.Attempt{By: token, Message: "why"}))
		config(b.Update(ctx, c.ID, []byte(`{"n":1}`), fleet.Attempt{By: token}))
		config(b.Update(ctx, c.ID, []byte(`{"n":1}`), fleet.Attempt{By: local}))
		config(b.Patch(ctx, c.ID, []byte(`{"n":2}`), fleet.Attempt{By: local}))
		middle := b.clock
		config(b.Restore(ctx, c.ID, 1, fleet.Attempt{By: local}))
		config(b.ReplaceDevice(ctx, c.ID, mac2, fleet.Attempt{By: token}))
		if err := b.Delete(ctx, c.ID, fleet.Attempt{By: token}); err != nil {
			t.Fatal(err)
		}
		config(b.Undelete(ctx, c.ID, fleet.Attempt{By: token}))
		items := []fleet.Item{{MAC: mac3, Content: []byte(`{}`)}, {MAC: mac2, Content: []byte(`{"m":1}`)}}
		if _, err := b.Import(ctx, items, fleet.ImportOptions{OnConflict: fleet.ConflictUpdate}, fleet.Attempt{By: fleet.Actor{Principal: fleet.ByConsole}, Message: "all"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Import(ctx, items, fleet.ImportOptions{DryRun: true}, fleet.Attempt{By: token}); err != nil {
			t.Fatal(err)
		}
		_, err := b.Update(ctx, c.ID, []byte(`[]`), fleet.Attempt{By: token})
		wantCode(t, "what is refused", err, fleet.CodeValidationFailed)

		all := []string{"import applied r8 " + mac2 + ": all", "import applied r1 " + mac3 + ": all", "restore applied r7 " + mac2, "delete applied r6 " + mac2,
			"replace_device applied r5 " + mac2, "restore applied r4 " + mac1, "patch applied r3 " + mac1, "update unchanged r2 " + mac1,
			"update applied r2 " + mac1, "create applied r1 " + mac1 + ": why"}
		got := b.audited(t)
		if diff := cmp.Diff(all, got); diff != "" {
			t.Fatal(diff)
		}
		mac, other := must[fleet.MAC](t)(fleet.ParseMAC(mac3)), must[fleet.MAC](t)(fleet.ParseMAC(mac1))
		for name, test := range map[string]struct {
			q    fleet.AuditQuery
			want []int // places in all
		}{
			"MAC":         {fleet.AuditQuery{MAC: &mac}, []int{1}},
			"former MAC":  {fleet.AuditQuery{MAC: &other}, []int{4, 5, 6, 7, 8, 9}},
			"id":          {fleet.AuditQuery{ConfigID: c.ID}, []int{0, 2, 3, 4, 5, 6, 7, 8, 9}},
			"action":      {fleet.AuditQuery{Action: fleet.ActionUpdate}, []int{7, 8}},
			"result":      {fleet.AuditQuery{Result: fleet.ResultUnchanged}, []int{7}},
			"principal":   {fleet.AuditQuery{Principal: fleet.ByLocal}, []int{5, 6, 7}},
			"address":     {fleet.AuditQuery{Address: "127.0.0.1"}, []int{5, 6, 7}},
			"correlation": {fleet.AuditQuery{Correlation: "c-1", Result: fleet.ResultApplied, Action: fleet.ActionCreate}, []int{9}},
			"since":       {fleet.AuditQuery{Since: middle.Add(time.Second / 2)}, []int{0, 1, 2, 3, 4, 5}},
			"until":       {fleet.AuditQuery{Until: middle.Add(time.Second / 2)}, []int{6, 7, 8, 9}},
			"nothing":     {fleet.AuditQuery{Until: start}, nil},
		} {
			var want, found []string
			for _, i := range test.want {
				want = append(want, all[i])
			}
			for page := test.q; ; {
				page.Limit = 2
				entries, next, err := b.Audit(ctx, page)
				if err != nil || len(entries) > 2 {
					t.Fatalf("%s: %d entries, %v", name, len(entries), err)
				}
				for _, e := range entries {
					found = append(found, inShort(e))
				}
				if page.Below = next; next == 0 {
					break
				}
			}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		for _, limit := range []int{-1, fleet.MaxPage + 1} {
			_, _, err := b.Audit(ctx, fleet.AuditQuery{Limit: limit})
			wantCode(t, "limit", err, fleet.CodeValidationFailed)
		}
		stop := errors.New("stop")
		if err := b.EachAudit(ctx, fleet.AuditQuery{}, func(fleet.AuditEntry) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}

// inShort is an entry of the audit on one line.
func inShort(e fleet.AuditEntry) string {
	one := fmt.Sprintf("%s %s r%d", e.Action, e.Result, e.Revision)
	if e.MAC != nil {
		one += " " + e.MAC.String()
	}
	if e.Message != "" {
		one += ": " + e.Message
	}
	return one
}
