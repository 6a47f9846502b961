package store

import (
	"context"

	"espalier.dev/espalier/internal/fleet"
)

// renumber has what the device of a MAC address showed bear the numbers of the history that has come there. Hardware that was
// replaced and is back has shown bytes of this very history, by numbers that went with it and came back as others: what the
// device has could not be looked at, and pruning would not know it.
func (r reader) renumber(ctx context.Context, mac fleet.MAC) error {
	var seq int64
	var d *deviceRow
	err := r.run(ctx, query(nextBatch, func(row row) error { return row.Scan(&seq) }, deviceSeqKey),
		query(selectDevices+` WHERE d.mac_address = $1`, func(row row) (err error) {
			d, err = scanDevice(row)
			return err
		}, mac.String()))
	if err != nil || d == nil {
		return err
	}
	before := d.Device
	for _, shown := range []*fleet.Shown{&d.Has, &d.Fetched, &d.Held, &d.Reported} {
		if err := r.renumberShown(ctx, mac, shown); err != nil {
			return err
		}
	}
	if d.Has.Revision != before.Has.Revision {
		d.Since = d.Has.Revision
	}
	if d.Has == before.Has && d.Fetched == before.Fetched && d.Held == before.Held && d.Reported == before.Reported {
		return nil
	}
	d.seq, d.syncSeq = seq, seq
	return r.run(ctx, statement(keepDevice, d.args()...))
}

// renumberShown finds the number of bytes whose own is not that of a revision with these bytes. What is not kept keeps its number.
func (r reader) renumberShown(ctx context.Context, mac fleet.MAC, shown *fleet.Shown) error {
	if shown.Revision <= 0 {
		return nil
	}
	found, err := r.Revision(ctx, mac, shown.Revision)
	if err == nil && !found.Gone() && fleet.ETag(found.SHA256) == shown.ETag {
		return nil
	}
	if err != nil && fleet.CodeOf(err) != fleet.CodeNotFound {
		return err
	}
	number, err := r.RevisionByETag(ctx, mac, shown.ETag, 0)
	switch {
	case err == nil:
		shown.Revision = max(number, shown.Revision)
	case fleet.CodeOf(err) != fleet.CodeNotFound:
		return err
	}
	return nil
}
