package store

import (
	"context"

	"espalier.dev/espalier/internal/fleet"
)

// tx is a transaction that reads and changes.
type tx struct {
	reader
	change func(ctx context.Context, changes []fleet.Change) ([]fleet.Applied, error)
	// failed is the first error of a change; whatever the caller makes of it, nothing is kept.
	failed error
}

var _ fleet.Tx = (*tx)(nil)

// Apply implements fleet.Tx.
func (t *tx) Apply(ctx context.Context, changes ...fleet.Change) ([]fleet.Applied, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	applied, err := t.change(ctx, changes)
	if err != nil {
		t.failed = err
	}
	return applied, err
}

// after is the configuration that a change with a document leaves, but for what the database says.
func after(c fleet.Change, id int64, mac fleet.MAC) fleet.Config {
	return fleet.Config{
		ID: id, MAC: mac, ETag: c.Document.ETag(), CreatedAt: c.At.UTC(), UpdatedAt: c.At.UTC(),
		DeviceName: c.Document.DeviceName, DeviceEntityID: c.Document.DeviceEntityID, EnableOTA: c.Document.EnableOTA,
	}
}

// missing is the error of a change that found no row to change, or one where none may be.
func missing(c fleet.Change) error {
	if c.Kind == fleet.Create {
		return fleet.Exists(c.MAC)
	}
	return fleet.NotFound(c.ID)
}
