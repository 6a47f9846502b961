package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/client"
)

const revisionText = `{"revision":7,"mac_address":"aa:bb:cc:dd:ee:ff","etag":"0123","sha256":"4567","size":12,"source":"restore",` +
	`"created_at":"2026-01-02T03:04:05.000006Z","principal":"token","address":"10.0.0.5","message":"back","restored_from":3,` +
	`"other_mac_address":null,"content":{ "n" : 1e400 }}`

func ptr[T any](v T) *T { return &v }

func revision() client.Revision {
	return client.Revision{Revision: 7, MAC: "aa:bb:cc:dd:ee:ff", ETag: ptr("0123"), SHA256: ptr("4567"), Size: 12, Source: "restore",
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Principal: ptr("token"), Address: ptr("10.0.0.5"), Message: ptr("back"),
		RestoredFrom: ptr(int64(3)), Content: json.RawMessage(`{ "n" : 1e400 }`)}
}

// calls of which the answer is read whole.
func TestHistoryCalls(t *testing.T) {
	at := time.Date(2026, 1, 2, 4, 4, 5, 6000, time.FixedZone("", 3600))
	for _, tc := range []struct {
		name   string
		call   func(context.Context, *client.Client) (any, error)
		asks   seen
		answer string
		want   any
	}{
		{"revision", func(ctx context.Context, c *client.Client) (any, error) { return c.Revision(ctx, 4, 7) },
			seen{"GET", "/api/configs/4/revisions/7", ""}, revisionText, revision()},
		{"revisions", func(ctx context.Context, c *client.Client) (any, error) {
			return c.Revisions(ctx, 4, client.PageOptions{Limit: 5, Cursor: "c+"})
		}, seen{"GET", "/api/configs/4/revisions?cursor=c%2B&limit=5", ""}, `{"revisions":[` + revisionText + `],"count":1,"next_cursor":"n"}`,
			client.RevisionPage{Revisions: []client.Revision{revision()}, Next: "n"}},
		{"document", func(ctx context.Context, c *client.Client) (any, error) { return c.RevisionDocument(ctx, 4, 7) },
			seen{"GET", "/api/configs/4/revisions/7/document", ""}, " { }\r\n", client.Document{Content: []byte(" { }\r\n"), ETag: "t"}},
		{"diff", func(ctx context.Context, c *client.Client) (any, error) { return c.Diff(ctx, 4, 6, 7) },
			seen{"GET", "/api/configs/4/diff?from=6&to=7", ""},
			`{"mac_address":"m","from":6,"to":7,"patch":[{"op":"remove","path":"/a"}],"unified":"- a\n","unified_of":"stored"}`,
			client.Diff{MAC: "m", From: ptr(int64(6)), To: 7, Patch: json.RawMessage(`[{"op":"remove","path":"/a"}]`), Unified: "- a\n", UnifiedOf: "stored"}},
		{"newest diff", func(ctx context.Context, c *client.Client) (any, error) { return c.Diff(ctx, 4, 0, 0) },
			seen{"GET", "/api/configs/4/diff", ""}, `{"from":null,"to":1,"patch":null}`, client.Diff{To: 1, Patch: json.RawMessage("null")}},
		{"restore", func(ctx context.Context, c *client.Client) (any, error) { return c.Restore(ctx, 4, 7) },
			seen{"POST", "/api/configs/4/revisions/7/restore", ""}, whole, wholeConfig()},
		{"undelete", func(ctx context.Context, c *client.Client) (any, error) { return c.Undelete(ctx, 4) },
			seen{"POST", "/api/configs/4/undelete", ""}, whole, wholeConfig()},
		{"replace", func(ctx context.Context, c *client.Client) (any, error) { return c.ReplaceDevice(ctx, 4, "aa-bb") },
			seen{"POST", "/api/configs/4/replace-device", `{"mac_address":"aa-bb"}`}, whole, wholeConfig()},
		{"device", func(ctx context.Context, c *client.Client) (any, error) { return c.Device(ctx, 4) },
			seen{"GET", "/api/configs/4/device", ""},
			`{"config_id":4,"mac_address":"m","sync":"error","overdue":true,"online":false,"last_seen":"2026-01-02T03:04:05.000006Z","device_revision":7,` +
				`"rhythm_seconds":60,"fetched":{"etag":"e","revision":7,"at":"2026-01-02T03:04:05.000006Z","address":"10.0.0.9"},"held":null,` +
				`"reported":{"status":"error","etag":"e","revision":7,"at":"2026-01-02T03:04:05.000006Z","address":null,"code":"bad","path":"/a","message":"no","firmware":"1.2"},` +
				`"has":{"etag":"e","revision":7,"at":"2026-01-02T03:04:05.000006Z","level":"error","since_revision":5}}`,
			client.Device{ConfigID: 4, MAC: "m", Sync: client.SyncError, Overdue: true, Online: ptr(false), LastSeen: ptr(at.UTC()), DeviceRevision: ptr(int64(7)),
				RhythmSeconds: ptr(int64(60)), Fetched: &client.Shown{ETag: "e", Revision: 7, At: at.UTC(), Address: ptr("10.0.0.9")},
				Reported: &client.ShownReport{Shown: client.Shown{ETag: "e", Revision: 7, At: at.UTC()}, Status: "error",
					Code: ptr("bad"), Path: ptr("/a"), Message: ptr("no"), Firmware: ptr("1.2")},
				Has: &client.ShownHas{ETag: "e", Revision: 7, At: at.UTC(), Level: "error", SinceRevision: 5}}},
		{"device at a time", func(ctx context.Context, c *client.Client) (any, error) { return c.DeviceAt(ctx, 4, at) },
			seen{"GET", "/api/configs/4/device?at=2026-01-02T03%3A04%3A05.000006Z", ""},
			`{"config_id":4,"mac_address":"m","at":"2026-01-02T03:04:05.000006Z","known":true,"revision":5,"etag":"e","level":"held","fact_at":"2026-01-02T03:04:05.000006Z"}`,
			client.DeviceAt{ConfigID: 4, MAC: "m", At: at.UTC(), Known: true, Revision: ptr(int64(5)), ETag: ptr("e"), Level: ptr("held"), FactAt: ptr(at.UTC())}},
		{"facts", func(ctx context.Context, c *client.Client) (any, error) { return c.Facts(ctx, 4, client.PageOptions{}) },
			seen{"GET", "/api/configs/4/facts?limit=100", ""}, `{"facts":[{"id":3,"kind":"offline","etag":null,"device_revision":5,"level":"held"}],"next_cursor":""}`,
			client.FactPage{Facts: []client.Fact{{ID: 3, Kind: "offline", DeviceRevision: ptr(int64(5)), Level: ptr("held")}}}},
		{"summary", func(ctx context.Context, c *client.Client) (any, error) { return c.Summary(ctx) },
			seen{"GET", "/api/fleet/summary", ""}, `{"total":3,"sync":{"held":2,"error":1},"overdue":1,"online":2,"offline":1,"deleted":4,"at":"2026-01-02T03:04:05.000006Z"}`,
			client.Summary{Total: 3, Sync: map[string]int64{"held": 2, "error": 1}, Overdue: 1, Online: 2, Offline: 1, Deleted: 4, At: at.UTC()}},
		{"report", func(ctx context.Context, c *client.Client) (any, error) {
			return nil, c.Report(ctx, "aa-bb", client.DeviceReport{Revision: 7, Status: client.ReportError, Code: "bad", Path: "/a"})
		}, seen{"POST", "/api/configs/aa-bb/report", `{"rev":7,"status":"error","code":"bad","path":"/a"}`}, "", nil},
		{"audit", func(ctx context.Context, c *client.Client) (any, error) {
			return c.Audit(ctx, client.AuditFilter{MAC: "m", ConfigID: 4, Action: "update", Result: "refused", Principal: "anonymous",
				Address: "10.0.0.5", CorrelationID: "x", Since: at, Until: at.Add(time.Hour)}, client.PageOptions{Limit: 9})
		}, seen{"GET", "/api/audit?action=update&address=10.0.0.5&config_id=4&correlation_id=x&limit=9&mac_address=m&principal=anonymous&result=refused" +
			"&since=2026-01-02T03%3A04%3A05.000006Z&until=2026-01-02T04%3A04%3A05.000006Z", ""},
			`{"audit":[{"id":1,"principal":"anonymous","action":"update","result":"refused","code":"UNAUTHORIZED","target":"/api/configs/4","times":3}],"next_cursor":"n"}`,
			client.AuditPage{Entries: []client.AuditEntry{{ID: 1, Principal: "anonymous", Action: "update", Result: "refused",
				Code: ptr("UNAUTHORIZED"), Target: ptr("/api/configs/4"), Times: 3}}, Next: "n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, last := recorder(t, 200, tc.answer, "ETag", `"t"`)
			got, err := tc.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.asks, *last); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListFilters(t *testing.T) {
	c, last := recorder(t, 200, `{"configs":[]}`)
	_, err := c.Configs(t.Context(), client.ListOptions{Syncs: []string{client.SyncPending, client.SyncError}, Overdue: ptr(true),
		Online: ptr(false), Deleted: true, Sort: "last_seen"})
	if want := "/api/configs?deleted=true&limit=100&online=false&overdue=true&sort=last_seen&sync=pending%2Cerror"; err != nil || last.URI != want {
		t.Errorf("asked %s: %v", last.URI, err)
	}
}

func TestPagesAreFollowed(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		next := map[string]string{"": "a", "a": "b", "b": ""}[r.URL.Query().Get("cursor")]
		_, _ = w.Write([]byte(strings.ReplaceAll(`{"revisions":[{"revision":1},{"revision":2}],"facts":[{"id":1},{"id":2}],"audit":[{"id":1},{"id":2}],"next_cursor":"N"}`, "N", next)))
	})
	count := map[string]int{}
	for _, err := range c.AllRevisions(t.Context(), 1) {
		count["revisions"]++
		failOn(t, err)
	}
	for _, err := range c.AllFacts(t.Context(), 1) {
		count["facts"]++
		failOn(t, err)
	}
	for _, err := range c.AllAudit(t.Context(), client.AuditFilter{}) {
		count["audit"]++
		failOn(t, err)
		if count["audit"] == 3 {
			break
		}
	}
	if diff := cmp.Diff(map[string]int{"revisions": 6, "facts": 6, "audit": 3}, count); diff != "" {
		t.Errorf("yielded (-want +got):\n%s", diff)
	}
	c = serveBody(t, 404, `{"error":"Config 1 was not found","code":"RECORD_NOT_FOUND"}`)
	for _, err := range c.AllRevisions(t.Context(), 1) {
		if err == nil {
			t.Error("yielded something of nothing")
		}
	}
}

func failOn(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestExportAudit(t *testing.T) {
	for body, want := range map[string]struct {
		entries int
		says    string
	}{
		"{\"id\":1}\n{\"id\":2}\n":           {2, ""},
		"":                                   {0, ""},
		"{\"id\":1}\n<html>\n":               {1, "a line of the audit is no entry"},
		"{\"error\":\"x\"}\n":                {0, "a line of the audit is no entry"},
		strings.Repeat("x", 2<<20) + "\n":    {0, "token too long"},
		"{\"id\":1}\n{\"id\":2}\n{\"id\":9}": {2, "enough"},
	} {
		c := serveBody(t, 200, body)
		entries := 0
		err := c.ExportAudit(t.Context(), client.AuditFilter{Result: "refused"}, func(e client.AuditEntry) error {
			if e.ID == 9 {
				return errEnough
			}
			entries++
			return nil
		})
		if entries != want.entries || (err == nil) != (want.says == "") || err != nil && !strings.Contains(err.Error(), want.says) {
			t.Errorf("%.40q: %d entries, %v", body, entries, err)
		}
	}
	c := serveBody(t, 401, `{"error":"No","code":"UNAUTHORIZED"}`)
	if err := c.ExportAudit(t.Context(), client.AuditFilter{}, nil); err == nil {
		t.Error("a refusal is no error")
	}
}
