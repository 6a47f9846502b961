package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// PageOptions choose a page of a history.
type PageOptions struct {
	// Limit is the most entries of a page, up to 1000; 0 is 100.
	Limit int
	// Cursor is the Next of the page before.
	Cursor string
}

func (o PageOptions) query() url.Values {
	if o.Limit == 0 {
		o.Limit = defaultPage
	}
	query := url.Values{"limit": {strconv.Itoa(o.Limit)}}
	if o.Cursor != "" {
		query.Set("cursor", o.Cursor)
	}
	return query
}

// read asks for something that is JSON.
func (c *Client) read(ctx context.Context, path string, query url.Values, into any) error {
	a, err := c.fetch(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return err
	}
	return a.decode(into)
}

// follow yields what pages hold, one page after the other. An error is yielded once, as the last.
func follow[T any](page func(cursor string) (entries []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		cursor := ""
		for {
			entries, next, err := page(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}
