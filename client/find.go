package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// FindOptions say where Find looks.
type FindOptions struct {
	// Deleted also finds a configuration that was deleted, where there is none of the name.
	Deleted bool
}

// Find is every configuration that a person may mean by a word: a MAC address in any form, an id with or without a # before
// it, or the exact name or entity id of a device. They have no content, and there are several only of a name. Errors:
// ErrNotFound, where there is none.
func (c *Client) Find(ctx context.Context, device string, o FindOptions) ([]Config, error) {
	device = strings.TrimSpace(device)
	find := c.byName
	if id, err := strconv.ParseInt(strings.TrimPrefix(device, "#"), 10, 64); err == nil && bareMAC(device) == "" {
		find = func(ctx context.Context, _ string, deleted bool) ([]Config, error) { return c.byID(ctx, id, deleted) }
	}
	found, err := find(ctx, device, false)
	if err == nil && len(found) == 0 && o.Deleted {
		found, err = find(ctx, device, true)
	}
	if err == nil && len(found) == 0 {
		err = &Error{Status: http.StatusNotFound, Code: codeNotFound, Message: "There is no device " + strconv.Quote(device)}
	}
	return found, err
}

// byName goes by the MAC address, the name or the entity id.
func (c *Client) byName(ctx context.Context, device string, deleted bool) ([]Config, error) {
	mac := bareMAC(device)
	if device == "" {
		return nil, nil
	}
	var found []Config
	for config, err := range c.All(ctx, ListOptions{Search: device, Deleted: deleted}) {
		if err != nil {
			return nil, err
		}
		if mac != "" && bareMAC(config.MAC) == mac {
			return []Config{config}, nil
		}
		if is(config.DeviceName, device) || is(config.DeviceEntityID, device) {
			found = append(found, config)
		}
	}
	return found, nil
}

// byID finds a deleted configuration by its history, which names its MAC address.
func (c *Client) byID(ctx context.Context, id int64, deleted bool) ([]Config, error) {
	if id <= 0 {
		return nil, nil
	}
	if !deleted {
		config, err := c.Config(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		config.Content = nil
		return []Config{config}, nil
	}
	page, err := c.Revisions(ctx, id, PageOptions{Limit: 1})
	if errors.Is(err, ErrNotFound) || err == nil && len(page.Revisions) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := c.byName(ctx, page.Revisions[0].MAC, true)
	return slices.DeleteFunc(found, func(config Config) bool { return config.ID != id }), err
}

func is(field *string, text string) bool { return field != nil && *field == text }

// bareMAC is the digits of a MAC address in lower case, and "" for a text that is none.
func bareMAC(text string) string {
	digits := strings.ToLower(strings.NewReplacer(":", "", "-", "", ".", "").Replace(text))
	separators := len(text) - len(digits)
	if len(digits) != 12 || strings.Trim(digits, "0123456789abcdef") != "" {
		return ""
	}
	if separators != 0 && separators != 2 && separators != 5 {
		return ""
	}
	return digits
}
