package fleet

import (
	"context"
	"errors"
	"time"
)

// Revisions is a page of the revisions of a configuration, or of one that was deleted, newest first and without contents:
// those below a number (0: from the newest). next is the number to go on below (0: that was all). Errors:
// RECORD_NOT_FOUND, VALIDATION_FAILED (limit).
func (s *Service) Revisions(ctx context.Context, id, below int64, limit int) (found []Revision, next int64, err error) {
	if limit, err = pageLimit(limit); err != nil {
		return nil, 0, err
	}
	err = s.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		c, err := eitherConfig(ctx, tx, id)
		if err != nil {
			return err
		}
		found, err = tx.Revisions(ctx, c.MAC, below, limit+1)
		return err
	})
	if err != nil || len(found) <= limit {
		return found, 0, err
	}
	found = found[:limit]
	return found, found[limit-1].Number, nil
}

// Revision is one revision of a configuration, or of one that was deleted, with its content. Errors: RECORD_NOT_FOUND.
func (s *Service) Revision(ctx context.Context, id, number int64) (Revision, error) {
	var found Revision
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		c, err := eitherConfig(ctx, tx, id)
		if err != nil {
			return err
		}
		found, err = tx.Revision(ctx, c.MAC, number)
		return err
	})
	return found, err
}

// TwoRevisions are two revisions of a configuration with their contents, as of one moment; to may be 0 for the newest, and from
// 0 for the one before to (an empty one before the first). Errors: RECORD_NOT_FOUND.
func (s *Service) TwoRevisions(ctx context.Context, id, from, to int64) (older, newer Revision, err error) {
	err = s.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		c, err := eitherConfig(ctx, tx, id)
		if err != nil {
			return err
		}
		older, newer = Revision{MAC: c.MAC}, Revision{MAC: c.MAC}
		if to == 0 {
			if to, err = newestNumber(ctx, tx, c.MAC); err != nil || to == 0 {
				return err
			}
		}
		if newer, err = tx.Revision(ctx, c.MAC, to); err != nil {
			return err
		}
		if from == 0 {
			before, err := tx.Revisions(ctx, c.MAC, to, 1)
			if err != nil || len(before) == 0 {
				return err
			}
			from = before[0].Number
		}
		older, err = tx.Revision(ctx, c.MAC, from)
		return err
	})
	return older, newer, err
}

func newestNumber(ctx context.Context, tx ReadTx, mac MAC) (int64, error) {
	newest, err := tx.Revisions(ctx, mac, 0, 1)
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].Number, nil
}

// eitherConfig is a configuration by its id, whether it is there or was deleted.
func eitherConfig(ctx context.Context, tx ReadTx, id int64) (Config, error) {
	c, err := tx.Config(ctx, id)
	if CodeOf(err) == CodeNotFound {
		return tx.Deleted(ctx, id)
	}
	return c, err
}

// Restore makes a new revision with the bytes of an older one, and brings the configuration back where it was deleted. Then
// the precondition is about the revision that the delete was.
// Errors: RECORD_NOT_FOUND (also for a revision that has no bytes), PRECONDITION_FAILED.
func (s *Service) Restore(ctx context.Context, id, number int64, a Attempt) (Config, error) {
	return s.bringBack(ctx, a, func(ctx context.Context, tx ReadTx) (Change, error) {
		c, err := eitherConfig(ctx, tx, id)
		if err != nil {
			return Change{}, err
		}
		rev, err := tx.Revision(ctx, c.MAC, number)
		if err == nil && rev.Gone() {
			err = NoRevision(c.MAC, number)
		}
		if err != nil {
			return Change{}, err
		}
		return restoring(ctx, tx, a, c, rev.Content, number)
	})
}

// Undelete brings back a configuration that was deleted, with the content and the id that it had. Errors:
// RECORD_NOT_FOUND; RECORD_EXISTS where it is there; PRECONDITION_FAILED as Restore.
func (s *Service) Undelete(ctx context.Context, id int64, a Attempt) (Config, error) {
	return s.bringBack(ctx, a, func(ctx context.Context, tx ReadTx) (Change, error) {
		if there, err := tx.Config(ctx, id); err == nil {
			return Change{}, Exists(there.MAC)
		}
		c, err := tx.Deleted(ctx, id)
		if err != nil {
			return Change{}, err
		}
		return restoring(ctx, tx, a, c, c.Content, c.Revision)
	})
}

// restoring is the change that has a configuration, there or deleted, hold the bytes of one of its revisions. The delete is a
// revision too: a precondition that names the one before it was written by somebody who does not know of the delete, and *
// wants a configuration that is there.
func restoring(ctx context.Context, tx ReadTx, a Attempt, c Config, content []byte, number int64) (Change, error) {
	change := Change{Kind: Save, ID: c.ID, Source: FromRestore, Action: ActionRestore, Restored: number}
	change.Document.Text = content
	if c.DeletedAt.IsZero() {
		return change, nil
	}
	change.Kind = Undelete
	if !a.IfMatch.Given {
		return change, nil
	}
	newest, err := newestNumber(ctx, tx, c.MAC)
	if err == nil && (a.IfMatch.Any || !a.IfMatch.Allows(newest)) {
		err = Stale(c.MAC, newest)
	}
	change.IfMatch = Match{Given: true, Revisions: []int64{c.Revision}}
	return change, err
}

// bringBack applies a change whose bytes were accepted once; the bound on their size may have been lowered since, and does
// not undo that.
func (s *Service) bringBack(ctx context.Context, a Attempt, find func(ctx context.Context, tx ReadTx) (Change, error)) (Config, error) {
	return s.write(ctx, a, func(ctx context.Context, w writing) (Config, error) {
		var change Change
		err := w.view(ctx, func(ctx context.Context, tx ReadTx) (err error) {
			change, err = find(ctx, tx)
			return err
		})
		if err != nil {
			return Config{}, err
		}
		change.Document, err = ParseDocument(change.Document.Text, max(1, len(change.Document.Text)))
		if err != nil {
			return Config{}, err
		}
		return w.apply(ctx, change)
	})
}

// ReplaceDevice moves a configuration and its history to a new MAC address. The old device's retained message goes. Its
// revisions keep their numbers, or follow those that the new address had before. Errors: RECORD_NOT_FOUND,
// INVALID_OPERATION, RECORD_EXISTS (also for the address that it has), PRECONDITION_FAILED.
func (s *Service) ReplaceDevice(ctx context.Context, id int64, mac string, a Attempt) (Config, error) {
	key, err := ParseMAC(mac)
	if err != nil {
		return Config{}, invalidMAC("move", mac)
	}
	return s.write(ctx, a, func(ctx context.Context, w writing) (Config, error) {
		return w.apply(ctx, Change{Kind: Move, ID: id, MAC: key, Source: FromReplace, Action: ActionReplace})
	})
}

// patchAttempts is how often a patch is made anew because somebody else changed the document meanwhile. Patches by this
// server come one after another, so that these are other servers, and who replaces the document.
const patchAttempts = 20

// Patch applies a JSON Merge Patch (RFC 7396) to the content, and keeps the text of what it does not touch. Errors:
// RECORD_NOT_FOUND, VALIDATION_FAILED, PAYLOAD_TOO_LARGE, PRECONDITION_FAILED.
func (s *Service) Patch(ctx context.Context, id int64, patch []byte, a Attempt) (Config, error) {
	release, err := s.patching.take(ctx, id)
	if err != nil {
		return Config{}, err
	}
	defer release()
	for range patchAttempts {
		wanted := true // what is there is what the client wants to patch
		done, err := s.write(ctx, a, func(ctx context.Context, w writing) (Config, error) {
			_, change, err := s.patched(ctx, w, id, patch)
			if err != nil {
				wanted = CodeOf(err) != CodePreconditionFailed
				return Config{}, err
			}
			return w.apply(ctx, change)
		})
		if !wanted || CodeOf(err) != CodePreconditionFailed {
			return done, err
		}
	}
	return Config{}, Unavailable(errors.New("the document changes too fast to be patched"))
}

// patched is what is there now, and the change that a patch makes of it and of nothing else.
func (s *Service) patched(ctx context.Context, w writing, id int64, patch []byte) (c Config, change Change, err error) {
	err = w.view(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		c, err = tx.Config(ctx, id)
		return err
	})
	if err != nil {
		return Config{}, Change{}, err
	}
	if !w.attempt.IfMatch.Allows(c.Revision) {
		return Config{}, Change{}, Stale(c.MAC, c.Revision)
	}
	text, err := MergePatch(c.Content, patch)
	if err != nil {
		return Config{}, Change{}, err
	}
	doc, err := ParseDocument(text, s.maxContent)
	return c, Change{Kind: Save, ID: id, Document: doc, Source: FromEdit, Action: ActionPatch,
		IfMatch: Match{Given: true, Revisions: []int64{c.Revision}}}, err
}

// Facts is a page of the history of what is known of a configuration's device, newest first: those with an id below a
// number (0: from the newest). next is the id to go on below (0: that was all). Errors: RECORD_NOT_FOUND,
// VALIDATION_FAILED (limit).
func (s *Service) Facts(ctx context.Context, id, below int64, limit int) (found []Fact, next int64, err error) {
	if limit, err = pageLimit(limit); err != nil {
		return nil, 0, err
	}
	err = s.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		c, err := eitherConfig(ctx, tx, id)
		if err != nil {
			return err
		}
		found, err = tx.Facts(ctx, c.MAC, below, time.Time{}, limit+1)
		return err
	})
	if err != nil || len(found) <= limit {
		return found, 0, err
	}
	found = found[:limit]
	return found, found[limit-1].ID, nil
}

// Device is a configuration and what is known of its device now. Errors: RECORD_NOT_FOUND.
func (s *Service) Device(ctx context.Context, id int64) (Config, Device, error) {
	var c Config
	var d Device
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		if c, err = eitherConfig(ctx, tx, id); err != nil {
			return err
		}
		d, err = tx.Device(ctx, c.MAC)
		return err
	})
	return c, d, err
}

// DeviceAt is what was known at a time of what the device had: the last fact until then, and false where there was none.
// Errors: RECORD_NOT_FOUND.
func (s *Service) DeviceAt(ctx context.Context, id int64, at time.Time) (Fact, bool, error) {
	var found []Fact
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		c, err := eitherConfig(ctx, tx, id)
		if err != nil {
			return err
		}
		found, err = tx.Facts(ctx, c.MAC, 0, at, 1)
		return err
	})
	if err != nil || len(found) == 0 {
		return Fact{}, false, err
	}
	return found[0], true, nil
}
