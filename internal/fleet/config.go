package fleet

import "time"

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
	// SHA256 is the hash of the content.
	SHA256 [32]byte
	// CreatedAt and UpdatedAt are UTC, in whole microseconds.
	CreatedAt time.Time
	UpdatedAt time.Time
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
)

// Columns lists every Column.
var Columns = []Column{ByMAC, ByID, ByDeviceName, ByDeviceEntityID, ByEnableOTA, ByRevision, ByCreatedAt, ByUpdatedAt}

// Query asks for a part of the list of configurations. Text sorts by code point, nulls come first, and ties are
// broken by id; Descending turns all of it around.
type Query struct {
	// Search keeps those whose MAC address, name or entity id contains it; ASCII letters match in either case, and
	// a MAC address may be written in any accepted form or a part of one. Empty keeps all.
	Search     string
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
	default:
		p.Value = c.MAC.String()
	}
	return p
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
