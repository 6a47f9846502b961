package cli

import (
	"fmt"
	"iter"
)

// collect reads what is yielded, up to most; 0 is all. more says that something is left.
func collect[T any](all iter.Seq2[T, error], most int) (found []T, more bool, err error) {
	found = []T{}
	for one, err := range all {
		if err != nil {
			return nil, false, err
		}
		if most > 0 && len(found) == most {
			return found, true, nil
		}
		found = append(found, one)
	}
	return found, false, nil
}

// limitFlag is the help of --limit.
const limitFlag = "how many, the newest first; 0 for all"

// sayMore tells a person that a list goes on.
func (p Program) sayMore(more bool, limit int) {
	if more {
		fmt.Fprintf(p.Stderr, "These are the newest %d; --limit 0 shows all\n", limit)
	}
}
