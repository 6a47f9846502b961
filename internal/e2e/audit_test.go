package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"testing"

	"espalier.dev/espalier/internal/store/storetest"
)

// audit looks into a database for what no crash may leave: a configuration whose content is not its newest revision, a
// gap in the numbers, a hash or a size that is not the content's; and, where told is set, a configuration whose newest
// revision is not in the outbox, when nothing was ever sent from there.
func audit(t testing.TB, url string, told bool) (wrong []string) {
	t.Helper()
	db := storetest.SQL(t, url)
	rows, err := db.QueryContext(context.Background(), `SELECT r.mac_address, r.rev, r.content, r.sha256, r.size,
			c.content, c.revision, o.rev
		FROM revisions r LEFT JOIN configs c ON c.mac_address = r.mac_address
			LEFT JOIN outbox o ON o.mac_address = r.mac_address
		ORDER BY r.mac_address, r.rev`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	var last auditRow
	end := func() {
		switch {
		case last.mac == "":
		case last.current.Valid && (last.current.String != last.content.String || last.revision.Int64 != last.rev):
			found("%s is at revision %d, and the newest is %d, or has other content", last.mac, last.revision.Int64, last.rev)
		case told && last.owed.Int64 != last.rev:
			found("%s: the outbox has revision %d, and the newest is %d", last.mac, last.owed.Int64, last.rev)
		}
	}
	for rows.Next() {
		var r auditRow
		if err := rows.Scan(&r.mac, &r.rev, &r.content, &r.sum, &r.size, &r.current, &r.revision, &r.owed); err != nil {
			t.Fatal(err)
		}
		want := int64(1)
		if r.mac == last.mac {
			want = last.rev + 1
		} else {
			end()
		}
		if r.rev != want {
			found("%s has revision %d behind %d", r.mac, r.rev, want-1)
		}
		sum := sha256.Sum256([]byte(r.content.String))
		if r.content.Valid && (!bytes.Equal(r.sum, sum[:]) || r.size != int64(len(r.content.String))) ||
			!r.content.Valid && (r.sum != nil || r.size != 0) {
			found("revision %d of %s has a hash or a size that is not its content's", r.rev, r.mac)
		}
		last = r
	}
	end()
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return wrong
}

type auditRow struct {
	mac              string
	rev, size        int64
	sum              []byte
	content, current sql.NullString
	revision, owed   sql.NullInt64
}
