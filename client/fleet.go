package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// FleetDevice is a configuration as the list of the whole fleet has it: its fields are those of Config, with times in whole
// seconds.
type FleetDevice struct {
	ID             int64
	MAC            string
	DeviceName     *string
	DeviceEntityID *string
	EnableOTA      *bool
	Sync           string
	LastSeen       *time.Time
	Revision       int64
	DeviceRevision *int64
	UpdatedAt      time.Time
	Overdue        bool
	Online         *bool
}

// FleetDevices hands over the whole fleet by MAC address, or those of some ids that exist (1 to 500; none: all), in one request
// and little space. Who follows the events from position (EventOptions.After) misses nothing of what changes meanwhile; it is ""
// where the server has no events. An error of each ends it and is returned. It is never begun again: an error after the first
// means that some were not handed over. Errors: ErrInvalid.
func (c *Client) FleetDevices(ctx context.Context, ids []int64, each func(FleetDevice) error) (position string, err error) {
	r := request{method: http.MethodGet, path: "/api/fleet/devices", query: url.Values{}}
	if len(ids) > 0 {
		texts := make([]string, len(ids))
		for i, id := range ids {
			texts[i] = strconv.FormatInt(id, 10)
		}
		r.query.Set("ids", strings.Join(texts, ","))
	}
	var cut error
	err = c.repeat(ctx, r.method, func(ctx context.Context) error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		position, cut = c.eachDevice(ctx, resp.Body, each)
		return nil
	})
	if err == nil {
		err = cut
	}
	return position, err
}

// eachDevice reads the lines of a fleet. Columns that it does not know it passes over.
func (c *Client) eachDevice(ctx context.Context, body io.Reader, each func(FleetDevice) error) (string, error) {
	unreadable := fmt.Errorf("%w: a line of the fleet is no configuration", ErrUnreadable)
	var header struct {
		Columns  []string `json:"columns"`
		Position string   `json:"position"`
	}
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		if header.Columns == nil {
			if err := json.Unmarshal(lines.Bytes(), &header); err != nil || len(header.Columns) == 0 {
				return "", unreadable
			}
			continue
		}
		var values []json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &values); err != nil || len(values) != len(header.Columns) {
			return "", unreadable
		}
		var d fleetLine
		for i, column := range header.Columns {
			into := d.column(column)
			if into == nil {
				continue
			}
			if err := json.Unmarshal(values[i], into); err != nil {
				return "", unreadable
			}
		}
		if err := each(d.device()); err != nil {
			return "", err
		}
	}
	if err := lines.Err(); err != nil {
		return "", c.unreachable(ctx, err)
	}
	if header.Columns == nil {
		return "", unreadable
	}
	return header.Position, nil
}

// fleetLine is a line of the fleet with its times and bits as they are sent.
type fleetLine struct {
	FleetDevice
	seen, updated           *int64
	ota, overdue, connected *int
}

// column is where a column is read to; nil is one that is not known.
func (l *fleetLine) column(name string) any {
	switch name {
	case "id":
		return &l.ID
	case "mac_address":
		return &l.MAC
	case "device_name":
		return &l.DeviceName
	case "device_entity_id":
		return &l.DeviceEntityID
	case "enable_ota":
		return &l.ota
	case "sync":
		return &l.Sync
	case "last_seen":
		return &l.seen
	case "revision":
		return &l.Revision
	case "device_revision":
		return &l.DeviceRevision
	case "updated_at":
		return &l.updated
	case "overdue":
		return &l.overdue
	case "online":
		return &l.connected
	}
	return nil
}

func (l *fleetLine) device() FleetDevice {
	bit := func(n *int) *bool {
		if n == nil {
			return nil
		}
		is := *n != 0
		return &is
	}
	d := l.FleetDevice
	d.EnableOTA, d.Online, d.Overdue = bit(l.ota), bit(l.connected), l.overdue != nil && *l.overdue != 0
	if l.seen != nil {
		at := time.Unix(*l.seen, 0).UTC()
		d.LastSeen = &at
	}
	if l.updated != nil {
		d.UpdatedAt = time.Unix(*l.updated, 0).UTC()
	}
	return d
}

// FleetHistoryOptions choose a part of the history of the fleet.
type FleetHistoryOptions struct {
	// Since and Until bound the time; zero is a day ago, and now.
	Since, Until time.Time
	Points       int // the most samples, 10 to 1000; 0 is 300
}

// FleetHistory is the state of the fleet over time.
type FleetHistory struct {
	// Samples are oldest first; At is the beginning of the minute of each.
	Samples []Summary `json:"samples"`
	// StepSeconds is a number of whole minutes. Each span of that length, counted from 1970 in UTC, has at most one sample: the
	// first that there is of it.
	StepSeconds int64 `json:"step_seconds"`
}

// FleetHistory is how the state of the fleet was over time. Errors: ErrInvalid.
func (c *Client) FleetHistory(ctx context.Context, o FleetHistoryOptions) (FleetHistory, error) {
	query := url.Values{}
	if !o.Since.IsZero() {
		query.Set("since", wireTime(o.Since))
	}
	if !o.Until.IsZero() {
		query.Set("until", wireTime(o.Until))
	}
	if o.Points != 0 {
		query.Set("points", strconv.Itoa(o.Points))
	}
	var h FleetHistory
	return h, c.read(ctx, "/api/fleet/history", query, &h)
}
