package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// Configs implements fleet.ReadTx.
func (r reader) Configs(ctx context.Context, q fleet.Query, withContent bool) ([]fleet.Config, error) {
	l := list{dialect: r.dialect, query: q, now: r.now()}
	sql := l.sql(withContent)
	var found []fleet.Config
	listed := newListed(q.Deleted, withContent)
	err := r.run(ctx, request{sql: sql, args: l.args, scan: func(row row) error {
		c, err := listed.scan(row)
		found = append(found, c)
		return err
	}})
	return found, err
}

// listed is where the rows of a list are scanned to, one after the other. How a device stands is computed by the database,
// which has to know it for filters anyway: reading what it is computed from would make a list of a hundred thousand slower
// by half.
type listed struct {
	c         fleet.Config
	mac       string
	etag      *string
	sync      int64
	lastSeen  *time.Time
	deletedAt *time.Time
	filled    bool // with contents
	dest      []any
}

// listedStanding is selected behind configColumns; $1 is the time.
var listedStanding = `, ` + syncOf + `, d.last_seen_at, coalesce(d.has_rev, 0), d.online, coalesce(d.overdue_at < $1, false)`

func newListed(deleted, withContent bool) *listed {
	l := &listed{filled: withContent}
	c := &l.c
	l.dest = []any{&c.ID, &l.mac, &c.DeviceName, &c.DeviceEntityID, &c.EnableOTA, &c.Revision, &c.CreatedAt, &c.UpdatedAt, &l.etag,
		&l.sync, &l.lastSeen, &c.Standing.Revision, &c.Standing.Online, &c.Standing.Overdue}
	if deleted {
		l.dest = append(l.dest, &l.deletedAt)
	}
	if withContent {
		l.dest = append(l.dest, &c.Content)
	}
	return l
}

func (l *listed) scan(row row) (fleet.Config, error) {
	if err := row.Scan(l.dest...); err != nil {
		return fleet.Config{}, err
	}
	c := l.c
	c.ETag, c.DeletedAt = orZero(l.etag), orZero(l.deletedAt)
	if l.filled {
		c.ETag = fleet.ETag(sha256.Sum256(c.Content))
	}
	c.Standing.Sync, c.Standing.LastSeen = fleet.Syncs[l.sync], orZero(l.lastSeen)
	if c.Standing.Sync != fleet.SyncUnknown && c.Standing.Sync != fleet.SyncPending {
		c.Standing.Revision = c.Revision
	}
	var err error
	c.MAC, err = parseMAC(l.mac)
	return c, err
}

// list writes the statement for one part of a list.
type list struct {
	dialect *dialect
	query   fleet.Query
	now     time.Time
	args    []any
	where   []string
}

// arg adds an argument and is its placeholder.
func (l *list) arg(v any) string {
	l.args = append(l.args, v)
	return fmt.Sprintf("$%d", len(l.args))
}

func (l *list) sql(withContent bool) string {
	l.arg(l.now)
	columns, table := configColumns+listedStanding, `configs`
	if l.query.Deleted {
		columns, table = columns+`, c.deleted_at`, `deleted_configs`
	}
	if withContent {
		columns += `, c.content`
	}
	l.search()
	l.standing()
	l.after()
	sql := `SELECT ` + columns + ` FROM ` + table + ` c` + joinDevice
	if len(l.where) > 0 {
		sql += ` WHERE ` + strings.Join(l.where, ` AND `)
	}
	return sql + ` ORDER BY ` + l.order() + ` LIMIT ` + l.arg(int64(l.query.Limit))
}

// standing keeps those of which the device stands as the query wants.
func (l *list) standing() {
	if len(l.query.Syncs) > 0 {
		places := make([]string, len(l.query.Syncs))
		for i, state := range l.query.Syncs {
			places[i] = strconv.Itoa(placeOf(state))
		}
		l.where = append(l.where, syncOf+` IN (`+strings.Join(places, `, `)+`)`)
	}
	if l.query.Overdue != nil {
		overdue := `d.overdue_at < $1`
		if !*l.query.Overdue {
			overdue = `(d.overdue_at IS NULL OR NOT ` + overdue + `)`
		}
		l.where = append(l.where, overdue)
	}
	if l.query.Online != nil {
		l.where = append(l.where, `d.online = `+l.arg(*l.query.Online))
	}
}

// key is the expression that the list is sorted by, and whether it is different in each row, and whether it may be null.
func (l *list) key() (expression string, unique, nullable bool) {
	switch l.query.Sort {
	case fleet.ByID:
		return `c.id`, true, false
	case fleet.ByDeviceName:
		return `c.device_name` + l.dialect.collate, false, true
	case fleet.ByDeviceEntityID:
		return `c.device_entity_id` + l.dialect.collate, false, true
	case fleet.ByEnableOTA:
		return `c.enable_ota`, false, true
	case fleet.ByRevision:
		return `c.revision`, false, false
	case fleet.ByCreatedAt:
		return l.dialect.time(`c.created_at`), false, false
	case fleet.ByUpdatedAt:
		return l.dialect.time(`c.updated_at`), false, false
	case fleet.BySync:
		return syncOf, false, false
	case fleet.ByLastSeen:
		return `d.last_seen_at`, false, true
	case fleet.ByDeletedAt:
		if !l.query.Deleted {
			return `CAST(NULL AS timestamp)`, false, true
		}
		return `c.deleted_at`, false, false
	}
	return `c.mac_address` + l.dialect.collate, true, false
}

func (l *list) order() string {
	key, unique, nullable := l.key()
	direction, nulls := ` ASC`, ` NULLS FIRST`
	if l.query.Descending {
		direction, nulls = ` DESC`, ` NULLS LAST`
	}
	if unique {
		return key + direction
	}
	if !nullable {
		nulls = ``
	}
	return key + direction + nulls + `, c.id` + direction
}

// after keeps what lies behind the position.
func (l *list) after() {
	p := l.query.After
	if p == nil {
		return
	}
	key, unique, nullable := l.key()
	beyond := ` > `
	if l.query.Descending {
		beyond = ` < `
	}
	if p.Value == nil {
		behind := key + ` IS NULL AND c.id` + beyond + l.id(p.ID)
		if !l.query.Descending {
			behind = key + ` IS NOT NULL OR ` + behind
		}
		l.where = append(l.where, `(`+behind+`)`)
		return
	}
	value := l.arg(p.Value)
	if l.query.Sort == fleet.ByID || l.query.Sort == fleet.BySync { // a cursor may have a larger number than the expression
		value = `CAST(` + value + ` AS bigint)`
	}
	if unique {
		l.where = append(l.where, key+beyond+value)
		return
	}
	behind := key + beyond + value + ` OR ` + key + ` = ` + value + ` AND c.id` + beyond + l.id(p.ID)
	if nullable && l.query.Descending {
		behind += ` OR ` + key + ` IS NULL`
	}
	l.where = append(l.where, `(`+behind+`)`)
}

// id is the placeholder of an id, which a cursor may have larger than the column's type.
func (l *list) id(id int64) string { return `CAST(` + l.arg(id) + ` AS bigint)` }

// The forms of a MAC address besides the one that is kept.
const (
	macDashed = `replace(c.mac_address, ':', '-')`
	macBare   = `replace(c.mac_address, ':', '')`
	macDotted = `substr(c.mac_address, 1, 2) || substr(c.mac_address, 4, 2) || '.' || substr(c.mac_address, 7, 2) || ` +
		`substr(c.mac_address, 10, 2) || '.' || substr(c.mac_address, 13, 2) || substr(c.mac_address, 16, 2)`
)

// search keeps rows of which a name, or the MAC address in one of its forms, contains the text.
func (l *list) search() {
	if l.query.Search == "" {
		return
	}
	text := lowerASCII(l.query.Search)
	placeholder := `CAST(` + l.arg(text) + ` AS text)`
	columns := []string{`lower(c.device_name` + l.dialect.collate + `)`, `lower(c.device_entity_id` + l.dialect.collate + `)`}
	if strings.Trim(text, "0123456789abcdef:-.") == "" {
		columns = append(columns, `c.mac_address`+l.dialect.collate)
		switch {
		case strings.Contains(text, "-"):
			columns = append(columns, macDashed)
		case strings.Contains(text, "."):
			columns = append(columns, macDotted)
		default:
			columns = append(columns, macBare)
		}
	}
	for i, column := range columns {
		columns[i] = l.dialect.position + `(` + column + `, ` + placeholder + `) > 0`
	}
	l.where = append(l.where, `(`+strings.Join(columns, ` OR `)+`)`)
}

// lowerASCII lowers the letters that both engines lower.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
