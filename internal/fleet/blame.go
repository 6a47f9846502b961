package fleet

import (
	"context"
	"crypto/sha256"
)

// Blame says which revisions gave a document its values.
type Blame struct {
	// Config is the configuration as it is, with its content.
	Config Config
	// Values are those of the document, in its order.
	Values []Blamed
	// Complete is false where the bounds of Blame ended the search before it knew of every value.
	Complete bool
}

// Blamed is one value of a document: a scalar, an object or array that has nothing in it, or one that is not divided because
// the paths of what is in it would take megabytes.
type Blamed struct {
	Path string // JSON Pointer (RFC 6901)
	// By is the revision, without content; nil where it is not kept any more, where it lies further back than was looked, and
	// where another program wrote the value beside us.
	By *Revision
}

// The bounds of Blame: how many revisions it compares, how many bytes of documents these may have together, and how much
// it reads at once.
const (
	maxBlameRevisions = 10_000
	maxBlameBytes     = 16 << 20
	blamePage         = 500
	blameChunk        = 2 << 20
)

// Blame tells of each value of the document of a configuration which revision gave it the value that it has had since, without
// a break. A value that was removed and came back was given anew, and so was one whose list became an object. Numbers are the
// same where they are written in the same way. One is searched for after the other. Errors: RECORD_NOT_FOUND, also for a
// configuration that was deleted.
func (s *Service) Blame(ctx context.Context, id int64) (Blame, error) {
	release, err := s.blaming.take(ctx, 0)
	if err != nil {
		return Blame{}, err
	}
	defer release()
	var found Blame
	err = s.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		c, err := tx.Config(ctx, id)
		if err != nil {
			return err
		}
		b := blaming{tx: tx, mac: c.MAC, trace: newTrace(c.Content, maxBlamed), sum: sha256.Sum256(c.Content)}
		complete, err := b.search(ctx)
		found = Blame{Config: c, Values: b.trace.values, Complete: complete}
		return err
	})
	return found, err
}

// blaming is one search, from the document that there is back through the revisions.
type blaming struct {
	tx    ReadTx
	mac   MAC
	trace *trace
	// by is the revision that the search has come to, whose document has all values that are open, and sum is that document's;
	// nil is what there is now.
	by  *Revision
	sum [sha256.Size]byte
	// moved says that the history so far came from another MAC address.
	moved            bool
	revisions, bytes int
}

// search goes back until no value is open or no older revision is kept, and answers false where a bound ended it.
func (b *blaming) search(ctx context.Context) (complete bool, err error) {
	var below int64
	for b.trace.open > 0 {
		page, err := b.tx.Revisions(ctx, b.mac, below, blamePage)
		if err != nil {
			return false, err
		}
		if len(page) == 0 {
			b.end(b.by != nil && b.by.Number == 1)
			break
		}
		below = page[len(page)-1].Number
		for len(page) > 0 && b.trace.open > 0 {
			n := b.chunk(page)
			if n == 0 {
				return false, nil
			}
			contents, err := b.tx.Contents(ctx, b.mac, page[n-1].Number, page[0].Number)
			if err != nil {
				return false, err
			}
			for i := range page[:n] {
				if !b.step(&page[i], contents[page[i].Number]) {
					return true, nil
				}
			}
			page = page[n:]
		}
	}
	return true, nil
}

// chunk is how many of some revisions are looked at together; 0 where a bound is reached.
func (b *blaming) chunk(page []Revision) int {
	n, bytes := 0, 0
	for n < len(page) && b.revisions < maxBlameRevisions && b.bytes+page[n].Size <= maxBlameBytes {
		if bytes += page[n].Size; n > 0 && bytes > blameChunk {
			break
		}
		b.bytes += page[n].Size
		b.revisions++
		n++
	}
	return n
}

// step goes back to the revision before the one that the search has come to, and answers false where it ends there.
func (b *blaming) step(rev *Revision, content []byte) bool {
	switch {
	case b.by != nil && rev.Number != b.by.Number-1: // what was between is not kept
		b.end(false)
		return false
	case rev.Gone():
		b.end(b.brought())
		return false
	case rev.SHA256 != b.sum:
		b.trace.compare(content, b.by)
	}
	if rev.Source == FromReplace {
		b.moved = true
	}
	b.by, b.sum = rev, rev.SHA256
	return true
}

// end says of what is still open that the revision that the search has come to gave it, where that made the configuration: it is
// known to be the first, or says so itself.
func (b *blaming) end(first bool) {
	if b.by != nil && (first || b.by.Source == FromCreate) {
		b.trace.settle(b.by)
	}
}

// brought tells whether a revision behind one without a document made the configuration. Where history came from another
// address, which may have let go of its beginning, the one before can be what this address had.
func (b *blaming) brought() bool {
	return b.by != nil && (!b.moved || b.by.Source == FromRestore && b.by.Restored > 0)
}
