package fleet

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// cursor is what an opaque cursor holds: a position, and the list that it is a position in.
type cursor struct {
	Sort       Column `json:"s"`
	Descending bool   `json:"d,omitempty"`
	Search     string `json:"q,omitempty"`
	Filter     string `json:"f,omitempty"`
	ID         int64  `json:"i"`
	Null       bool   `json:"n,omitempty"`
	Text       string `json:"t,omitempty"`
	Number     int64  `json:"v,omitempty"`
}

func isNumber(by Column) bool { return by == ByID || by == ByRevision || by == BySync }
func isTime(by Column) bool {
	return by == ByCreatedAt || by == ByUpdatedAt || by == ByLastSeen || by == ByDeletedAt
}

// filter is what a list keeps besides its search, as a text that is the same for the same list.
func (q Query) filter() string {
	if !q.Deleted && len(q.Syncs) == 0 && q.Overdue == nil && q.Online == nil {
		return ""
	}
	return fmt.Sprint(q.Deleted, q.Syncs, deref(q.Overdue), deref(q.Online))
}

// encodeCursor writes where the list of q goes on behind the position.
func encodeCursor(q Query, p Position) string {
	c := cursor{Sort: q.Sort, Descending: q.Descending, Search: q.Search, Filter: q.filter(), ID: p.ID}
	switch v := p.Value.(type) {
	case nil:
		c.Null = true
	case string:
		c.Text = v
	case int64:
		c.Number = v
	case bool:
		if v {
			c.Number = 1
		}
	case time.Time:
		c.Number = v.UnixMicro()
	}
	return base64.RawURLEncoding.EncodeToString(mustJSON(c))
}

// decodeCursor reads what encodeCursor wrote for the same list; anything else is VALIDATION_FAILED.
func decodeCursor(q Query, text string) (*Position, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, Invalid("cursor", "is not one that this server gave; begin again without it")
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	var c cursor
	if err := dec.Decode(&c); err != nil {
		return nil, Invalid("cursor", "is not one that this server gave; begin again without it")
	}
	if c.Sort != q.Sort || c.Descending != q.Descending || c.Search != q.Search || c.Filter != q.filter() {
		return nil, Invalid("cursor", "belongs to a list with another filter, sort or order; begin again without it")
	}
	p := &Position{ID: c.ID}
	switch {
	case c.Null:
	case isNumber(c.Sort):
		p.Value = c.Number
	case isTime(c.Sort):
		p.Value = time.UnixMicro(c.Number).UTC()
	case c.Sort == ByEnableOTA:
		p.Value = c.Number != 0
	default:
		p.Value = strings.ToValidUTF8(strings.ReplaceAll(c.Text, "\x00", ""), "")
	}
	return p, nil
}
