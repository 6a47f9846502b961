package fleet

import (
	"strings"
	"time"
)

// maxTag bounds the entity tag that a device may show; those of documents have 32 characters.
const maxTag = 64

// CheckIn is a device's request for its document, as it was answered with 200 or 304.
type CheckIn struct {
	MAC     MAC
	Current Served    // the document that it asked for, as it was then
	At      time.Time // of the request
	Address string
	// Head says that it asked by HEAD, and NotModified that the answer was 304.
	Head, NotModified bool
	// Tags is how many entity tags If-None-Match named (none: it was missing, or *), and Tag the one, where it was one:
	// without quotes and without what marks it as weak.
	Tags int
	Tag  string
}

// Evidence is what a check-in shows, in its order: n of the two. The second is set only behind the first.
func (c CheckIn) Evidence() (first, second Evidence, n int) {
	first = Evidence{MAC: c.MAC, Kind: EvidenceSeen, Revision: c.Current.Revision, At: c.At, Address: c.Address}
	switch {
	case c.NotModified && c.Tags > 0:
		first.Kind, first.ETag = EvidenceHeld, c.Current.ETag
	case !c.NotModified && c.Tags == 1 && c.Tag != "" && len(c.Tag) <= maxTag:
		// Evidence is kept for long, and the tag may be a piece of a long header.
		first.Kind, first.ETag = EvidenceHeld, strings.Clone(c.Tag)
	}
	if c.Head || c.NotModified {
		return first, second, 1
	}
	fetched := first
	fetched.Kind, fetched.ETag = EvidenceFetched, c.Current.ETag
	if first.Kind == EvidenceSeen {
		return fetched, second, 1
	}
	return first, fetched, 2
}
