package fleet

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of one page.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// Page is a part of a list.
type Page struct {
	Configs []Config
	// Next is the cursor of the page behind, and empty on the last.
	Next string
}

// Configs is one page of the list, without contents: q from the beginning, or from the cursor that the page before
// gave. Errors: VALIDATION_FAILED with the field (sort, limit, q, sync, cursor).
func (s *Service) Configs(ctx context.Context, q Query, cursor string) (Page, error) {
	q, err := checkQuery(q)
	if err != nil {
		return Page{}, err
	}
	if cursor != "" {
		if q.After, err = decodeCursor(q, cursor); err != nil {
			return Page{}, err
		}
	}
	return s.page(ctx, q, false)
}

// EachConfig yields the whole list of q, read in pages, so that a slow reader holds no transaction open. A
// configuration that is changed meanwhile is seen once, before or after the change, unless its place in the order
// moves. q.After and q.Limit are not used. An error of yield ends it and is returned.
func (s *Service) EachConfig(ctx context.Context, q Query, withContent bool, yield func(Config) error) error {
	q, err := checkQuery(q)
	if err != nil {
		return err
	}
	q.Limit = MaxPage
	if withContent {
		q.Limit = DefaultPage
	}
	for {
		page, err := s.page(ctx, q, withContent)
		if err != nil {
			return err
		}
		for _, c := range page.Configs {
			if err := yield(c); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		last := page.Configs[len(page.Configs)-1].Position(q.Sort)
		q.After = &last
	}
}

// Count is how many configurations there are.
func (s *Service) Count(ctx context.Context) (int64, error) {
	var n int64
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		n, err = tx.Count(ctx)
		return err
	})
	return n, err
}

func (s *Service) page(ctx context.Context, q Query, withContent bool) (Page, error) {
	limit := q.Limit
	q.Limit++
	var found []Config
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		found, err = tx.Configs(ctx, q, withContent)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	if len(found) <= limit {
		return Page{Configs: found}, nil
	}
	found = found[:limit]
	return Page{Configs: found, Next: encodeCursor(q, found[limit-1].Position(q.Sort))}, nil
}

func checkQuery(q Query) (Query, error) {
	if q.Sort == "" {
		q.Sort = ByMAC
	}
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	for _, state := range q.Syncs {
		if !slices.Contains(Syncs, state) {
			return q, Invalid("sync", "must be a list of "+joinNames(Syncs))
		}
	}
	switch {
	case !slices.Contains(Columns, q.Sort):
		return q, Invalid("sort", "must be one of "+joinNames(Columns))
	case q.Limit < 1 || q.Limit > MaxPage:
		return q, Invalid("limit", "must be a number from 1 to 1000")
	case !utf8.ValidString(q.Search) || strings.ContainsRune(q.Search, 0):
		return q, Invalid("q", "must be text in UTF-8")
	case utf8.RuneCountInString(q.Search) > maxDerived:
		return q, Invalid("q", "must have at most 255 characters")
	}
	return q, nil
}

func joinNames[T ~string](all []T) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = string(one)
	}
	return strings.Join(names, ", ")
}
