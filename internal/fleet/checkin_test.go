package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCheckInEvidence(t *testing.T) {
	const current, other = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	at := time.Date(2026, 3, 9, 8, 7, 6, 0, time.UTC)
	shows := func(kind EvidenceKind, tag string) Evidence {
		return Evidence{MAC: MAC{1}, Kind: kind, ETag: tag, Revision: 7, At: at, Address: "10.0.0.5"}
	}
	seen, fetched := shows(EvidenceSeen, ""), shows(EvidenceFetched, current)
	held, heldOther := shows(EvidenceHeld, current), shows(EvidenceHeld, other)
	for name, c := range map[string]struct {
		asked CheckIn
		want  []Evidence
	}{
		"a plain fetch":                     {CheckIn{}, []Evidence{fetched}},
		"not modified":                      {CheckIn{NotModified: true, Tags: 1, Tag: current}, []Evidence{held}},
		"not modified, of several":          {CheckIn{NotModified: true, Tags: 2}, []Evidence{held}},
		"anything will do":                  {CheckIn{NotModified: true}, []Evidence{seen}},
		"it has another":                    {CheckIn{Tags: 1, Tag: other}, []Evidence{heldOther, fetched}},
		"it has one of others":              {CheckIn{Tags: 2}, []Evidence{fetched}},
		"it has what cannot be ours":        {CheckIn{Tags: 1, Tag: strings.Repeat("x", maxTag+1)}, []Evidence{fetched}},
		"it has an empty tag":               {CheckIn{Tags: 1}, []Evidence{fetched}},
		"HEAD":                              {CheckIn{Head: true}, []Evidence{seen}},
		"HEAD, not modified":                {CheckIn{Head: true, NotModified: true, Tags: 1, Tag: current}, []Evidence{held}},
		"HEAD, it has another":              {CheckIn{Head: true, Tags: 1, Tag: other}, []Evidence{heldOther}},
		"HEAD, it has what cannot be ours":  {CheckIn{Head: true, Tags: 1, Tag: strings.Repeat("x", maxTag+1)}, []Evidence{seen}},
		"HEAD, it has one of others":        {CheckIn{Head: true, Tags: 2}, []Evidence{seen}},
		"HEAD, and anything will do for it": {CheckIn{Head: true, NotModified: true}, []Evidence{seen}},
	} {
		t.Run(name, func(t *testing.T) {
			c.asked.MAC, c.asked.At, c.asked.Address = MAC{1}, at, "10.0.0.5"
			c.asked.Current = Served{ETag: current, Revision: 7}
			first, second, n := c.asked.Evidence()
			if diff := cmp.Diff(c.want, []Evidence{first, second}[:n]); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
