package store

import (
	"context"
	"math"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

const factColumns = `mac_address, at, kind, etag, rev, address, report_code, report_path, report_message, report_firmware,
	has_etag, has_rev, has_at, has_address, level`

const keepFact = `INSERT INTO facts (` + factColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

func factRequest(f fleet.Fact) request {
	return statement(keepFact, f.MAC.String(), f.At.UTC(), string(f.Kind), f.ETag, f.Revision, f.Address,
		f.Report.Code, f.Report.Path, f.Report.Message, f.Report.Firmware,
		f.Has.ETag, f.Has.Revision, timeOrNull(f.Has.At), f.Has.Address, string(f.Level))
}

func scanFact(r row) (f fleet.Fact, err error) {
	var mac, kind, level string
	var hasAt *time.Time
	err = r.Scan(&f.ID, &mac, &f.At, &kind, &f.ETag, &f.Revision, &f.Address,
		&f.Report.Code, &f.Report.Path, &f.Report.Message, &f.Report.Firmware,
		&f.Has.ETag, &f.Has.Revision, &hasAt, &f.Has.Address, &level)
	if err != nil {
		return f, err
	}
	f.Kind, f.Level, f.Has.At = fleet.FactKind(kind), fleet.Sync(level), orZero(hasAt)
	f.Report.Applied = f.Kind == fleet.FactApplied
	f.MAC, err = parseMAC(mac)
	return f, err
}

// Facts implements fleet.ReadTx.
func (r reader) Facts(ctx context.Context, mac fleet.MAC, below int64, until time.Time, limit int) ([]fleet.Fact, error) {
	const sql = `SELECT id, ` + factColumns + ` FROM facts
		WHERE mac_address = $1 AND id < $2 AND at <= $3 ORDER BY id DESC LIMIT $4`
	if below <= 0 {
		below = math.MaxInt64
	}
	if until.IsZero() {
		until = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	var found []fleet.Fact
	err := r.run(ctx, query(sql, func(row row) error {
		f, err := scanFact(row)
		found = append(found, f)
		return err
	}, mac.String(), below, until.UTC(), int64(limit)))
	return found, err
}
