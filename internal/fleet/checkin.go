package fleet

import "time"

// CheckIn is a device's request for its document, as it was answered with 200 or 304.
type CheckIn struct {
	MAC     MAC
	Current Served // the document that it asked for, as it was then
	At      time.Time
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
	case !c.NotModified && c.Tags == 1 && isETag(c.Tag):
		first.Kind, first.ETag = EvidenceHeld, c.Tag
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

// isETag tells whether a text can be an entity tag of ours. Only such a tag is worth keeping, and it is short.
func isETag(tag string) bool {
	if len(tag) != 32 {
		return false
	}
	for _, c := range []byte(tag) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
