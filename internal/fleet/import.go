package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// Conflict says what an import does with a device that has a configuration already.
type Conflict string

// The choices.
const (
	ConflictFail   Conflict = "fail"
	ConflictSkip   Conflict = "skip"
	ConflictUpdate Conflict = "update"
)

// Item is one configuration to import.
type Item struct {
	// Source names where it stands, for the report: a file's name, or a line.
	Source  string
	MAC     string
	Content []byte
	// IfRevision, where set, is the revision that the configuration must have, or 0 for a device that must have none; else
	// the item is refused with PRECONDITION_FAILED. A device that has this very document is left as it is in any case.
	IfRevision *int64
}

// ImportOptions are the choices of an import.
type ImportOptions struct {
	OnConflict Conflict // "" is ConflictFail
	// KeepGoing imports what can be imported; without it one refusal refuses all.
	KeepGoing bool
	// DryRun does everything but keep it.
	DryRun bool
}

// Refusal is one item that was not imported, and why. It never holds content.
type Refusal struct {
	Source string `json:"source"`
	MAC    string `json:"mac_address,omitempty"`
	Code   Code   `json:"code"`
	Reason string `json:"reason"`
	// Current is the revision that is there, of RECORD_EXISTS and PRECONDITION_FAILED; 0 where none is.
	Current int64 `json:"current_revision,omitempty"`
}

// Report is what an import did, or with DryRun would do. Where Applied is false nothing was changed, and the counts
// say what would have been.
type Report struct {
	Applied   bool      `json:"applied"`
	DryRun    bool      `json:"dry_run"`
	Created   int       `json:"created"`
	Updated   int       `json:"updated"`
	Unchanged int       `json:"unchanged"`
	Skipped   int       `json:"skipped"`
	Refused   []Refusal `json:"refused"`
}

// checked is an item that passed everything that can be said without the store.
type checked struct {
	item Item
	mac  MAC
	doc  Document
}

var errNotKept = errors.New("import: not to be kept")

// importBatch is how many items are looked up and written in a round trip or two.
const importBatch = 500

// Import makes or changes many configurations in one transaction, through the validation of Create and Update. What
// was refused is in the report and not an error. Errors: VALIDATION_FAILED for the options, and those of the store.
func (s *Service) Import(ctx context.Context, items []Item, o ImportOptions, a Attempt) (Report, error) {
	if err := a.check(); err != nil {
		return Report{}, err
	}
	switch o.OnConflict {
	case "":
		o.OnConflict = ConflictFail
	case ConflictFail, ConflictSkip, ConflictUpdate:
	default:
		return Report{}, Invalid("on_conflict", "must be fail, skip or update")
	}
	good, refused := s.check(items)
	var report Report
	do := func(ctx context.Context, tx Tx) error {
		report = Report{DryRun: o.DryRun, Refused: append([]Refusal{}, refused...)}
		for start := 0; start < len(good); start += importBatch {
			if err := s.importBatch(ctx, tx, good[start:min(start+importBatch, len(good))], o, a, &report); err != nil {
				return err
			}
		}
		if o.DryRun || (len(report.Refused) > 0 && !o.KeepGoing) {
			return errNotKept
		}
		report.Applied = true
		return nil
	}
	err := s.importOnce(ctx, a.Once, do, &report)
	switch {
	case errors.Is(err, errNotKept):
		return report, nil
	case err != nil:
		return Report{}, err
	}
	if report.Created+report.Updated > 0 {
		s.changed()
	}
	return report, nil
}

// importAttempts is how often an import is begun anew because somebody else, on another server, changed what it had just
// looked up.
const importAttempts = 5

// importOnce does an import in one transaction. It is begun anew where a configuration came, went or was changed between
// the look at it and the change: then the look tells what becomes of it.
func (s *Service) importOnce(ctx context.Context, once *Once, do func(ctx context.Context, tx Tx) error, report *Report) error {
	var err error
	for range importAttempts {
		if once == nil {
			err = s.store.Update(ctx, do)
		} else {
			err = s.once(ctx, once, func(ctx context.Context, tx Tx) (any, error) { err := do(ctx, tx); return *report, err })
		}
		switch CodeOf(err) {
		case CodeExists, CodeNotFound, CodePreconditionFailed:
			continue
		}
		return err
	}
	return Unavailable(fmt.Errorf("what is imported changes too fast: %w", err))
}

// check refuses what no store could accept: bad MAC addresses and documents, and a device named twice.
func (s *Service) check(items []Item) ([]checked, []Refusal) {
	var good []checked
	var refused []Refusal
	first := map[MAC]string{}
	for _, item := range items {
		mac, err := ParseMAC(item.MAC)
		if err != nil {
			refused = append(refused, refusal(item, invalidMAC("import", item.MAC)))
			continue
		}
		if source, twice := first[mac]; twice {
			refused = append(refused, refusal(item, Invalid("mac_address",
				fmt.Sprintf("%s is in this import twice; it was first in %s", mac, clip(source)))))
			continue
		}
		first[mac] = item.Source
		doc, err := ParseDocument(item.Content, s.maxContent)
		if err != nil {
			refused = append(refused, refusal(item, err))
			continue
		}
		good = append(good, checked{item: item, mac: mac, doc: doc})
	}
	return good, refused
}

func (s *Service) importBatch(ctx context.Context, tx Tx, batch []checked, o ImportOptions, a Attempt, report *Report) error {
	macs := make([]MAC, len(batch))
	for i, c := range batch {
		macs[i] = c.mac
	}
	have, err := tx.ConfigsByMAC(ctx, macs)
	if err != nil {
		return err
	}
	var changes []Change
	for _, c := range batch {
		change := Change{Kind: Create, MAC: c.mac, Document: c.doc, Source: FromImport, Action: ActionImport,
			By: a.By, Message: a.Message, At: s.timestamp(), Tell: s.tell(TellIfChanged)}
		old, exists := have[c.mac]
		if exists && bytes.Equal(old.Content, c.doc.Text) {
			report.Unchanged++
			continue
		}
		if err := c.item.changed(c.mac, old, exists); err != nil {
			report.Refused = append(report.Refused, refusal(c.item, err))
			continue
		}
		switch {
		case !exists:
			report.Created++
		case o.OnConflict == ConflictSkip:
			report.Skipped++
			continue
		case o.OnConflict == ConflictFail:
			there := Exists(c.mac)
			there.Current = old.Revision
			report.Refused = append(report.Refused, refusal(c.item, there))
			continue
		default:
			change.Kind, change.ID = Save, old.ID
			if c.item.IfRevision != nil {
				change.IfMatch = Match{Given: true, Revisions: []int64{old.Revision}}
			}
			report.Updated++
		}
		changes = append(changes, change)
	}
	_, err = tx.Apply(ctx, changes...)
	return err
}

// changed says why an item may not be imported, where its device has another configuration than the item was made for.
func (i Item) changed(mac MAC, there Config, exists bool) error {
	switch {
	case i.IfRevision == nil, exists && *i.IfRevision > 0 && *i.IfRevision == there.Revision, !exists && *i.IfRevision == 0:
		return nil
	case !exists:
		return &Error{Code: CodePreconditionFailed, Message: fmt.Sprintf("Config for %s is not there any more", mac)}
	case *i.IfRevision == 0:
		e := Exists(mac)
		e.Code, e.Current = CodePreconditionFailed, there.Revision
		return e
	}
	return Stale(mac, there.Revision)
}

func refusal(item Item, err error) Refusal {
	r := Refusal{Source: clip(item.Source), Code: CodeOf(err), Reason: err.Error()}
	if mac, bad := ParseMAC(item.MAC); bad == nil {
		r.MAC = mac.String()
	}
	if e, ok := errors.AsType[*Error](err); ok {
		r.Reason, r.Current = e.Message, e.Current
		if len(e.Fields) > 0 {
			r.Reason = e.Fields[0].Field + " " + e.Fields[0].Message
		}
	}
	return r
}
