package fleet

import (
	"slices"
	"time"
)

// Config is the configuration of one device: its row in the store.
type Config struct {
	ID  int64
	MAC MAC
	// DeviceName, DeviceEntityID and EnableOTA are derived from the content and mirror it always.
	DeviceName     *string
	DeviceEntityID *string
	EnableOTA      *bool
	// Content is the document byte for byte; nil in lists, which do not read it.
	Content []byte
	// Revision is that of the content: from 1 for a MAC address, and never used again.
	Revision int64
	// ETag is that of the content, as Document.ETag; "" where a list has a content that another program wrote.
	ETag string
	// CreatedAt and UpdatedAt are UTC, in whole microseconds.
	CreatedAt time.Time
	UpdatedAt time.Time
	// Standing is how the device stands to it. What answers a change of many configurations leaves it out.
	Standing Standing
	// DeletedAt is zero for a configuration that is there.
	DeletedAt time.Time
}

// Served is what the device endpoint needs of a configuration.
type Served struct {
	Content   []byte
	ETag      string // without quotes
	Revision  int64
	UpdatedAt time.Time
}

// Column is a column that a list can be sorted by.
type Column string

// The columns of a list.
const (
	ByMAC            Column = "mac_address"
	ByID             Column = "id"
	ByDeviceName     Column = "device_name"
	ByDeviceEntityID Column = "device_entity_id"
	ByEnableOTA      Column = "enable_ota"
	ByRevision       Column = "revision"
	ByCreatedAt      Column = "created_at"
	ByUpdatedAt      Column = "updated_at"
	BySync           Column = "sync"      // in the order of Syncs
	ByLastSeen       Column = "last_seen" // never is null
	ByDeletedAt      Column = "deleted_at"
)

// Columns lists every Column.
var Columns = []Column{ByMAC, ByID, ByDeviceName, ByDeviceEntityID, ByEnableOTA, ByRevision, ByCreatedAt, ByUpdatedAt,
	BySync, ByLastSeen, ByDeletedAt}

// Query asks for a part of the list of configurations. Text sorts by code point, nulls come first, and ties are
// broken by id; Descending turns all of it around.
type Query struct {
	// Search keeps those whose MAC address, name or entity id contains it; ASCII letters match in either case, and
	// a MAC address may be written in any accepted form or a part of one. Empty keeps all.
	Search string
	// Deleted asks for the configurations that were deleted, and not made again, instead of those that are there.
	Deleted bool
	// Syncs keeps those of which the device is in one of these states; none keeps all. Overdue and Online keep those of
	// which it is so, or is not so; a device of which it is not known whether it is online is neither.
	Syncs      []Sync
	Overdue    *bool
	Online     *bool
	Sort       Column // "" is ByMAC
	Descending bool
	// After continues behind a position; nil begins at the beginning.
	After *Position
	// Limit is the most configurations to answer; at least 1.
	Limit int
}

// Position is a place in a sorted list: the value of the sort column there, and the id.
type Position struct {
	// Value is a string, int64, bool or time.Time by the sort column, or nil for null.
	Value any
	ID    int64
}

// Position is c's place in a list that is sorted by the column.
func (c Config) Position(by Column) Position {
	p := Position{ID: c.ID}
	switch by {
	case ByID:
		p.Value = c.ID
	case ByDeviceName:
		p.Value = deref(c.DeviceName)
	case ByDeviceEntityID:
		p.Value = deref(c.DeviceEntityID)
	case ByEnableOTA:
		p.Value = deref(c.EnableOTA)
	case ByRevision:
		p.Value = c.Revision
	case ByCreatedAt:
		p.Value = c.CreatedAt
	case ByUpdatedAt:
		p.Value = c.UpdatedAt
	case BySync:
		p.Value = int64(slices.Index(Syncs, c.Standing.Sync))
	case ByLastSeen:
		p.Value = timeOrNull(c.Standing.LastSeen)
	case ByDeletedAt:
		p.Value = timeOrNull(c.DeletedAt)
	default:
		p.Value = c.MAC.String()
	}
	return p
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
