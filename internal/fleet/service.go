package fleet

import (
	"context"
	"time"
)

// Service is the use cases: what a person, a program or a device can ask for. It is safe for concurrent use.
type Service struct {
	store      Store
	now        func() time.Time
	maxContent int
	announce   bool
	wake       func()
	notice     func()
	reporter   Reporter
	patching   turns // by the id of a configuration
	blaming    turns // all of them are 0: each takes a processor and a connection for up to a second
}

// Options are what a Service needs besides a Store.
type Options struct {
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// MaxContent bounds the bytes of a document; 0 is DefaultMaxContent.
	MaxContent int
	// Announce says that devices are told of changes; without it nothing is put in the outbox.
	Announce bool
	// Wake is called after a change that put something in the outbox; it must not block. nil does nothing.
	Wake func()
	// Notice is called after every change; it must not block. nil does nothing.
	Notice func()
	// Reporter takes the reports of devices; nil refuses them.
	Reporter Reporter
}

// NewService returns the use cases over a store.
func NewService(store Store, o Options) *Service {
	s := &Service{store: store, now: o.Now, maxContent: o.MaxContent, announce: o.Announce, wake: o.Wake,
		notice: o.Notice, reporter: o.Reporter}
	if s.now == nil {
		s.now = time.Now
	}
	if s.maxContent <= 0 {
		s.maxContent = DefaultMaxContent
	}
	if s.wake == nil {
		s.wake = func() {}
	}
	if s.notice == nil {
		s.notice = func() {}
	}
	return s
}

// MaxContent is the most bytes of a document.
func (s *Service) MaxContent() int { return s.maxContent }

// Config is the configuration by its id, with its content. Errors: RECORD_NOT_FOUND.
func (s *Service) Config(ctx context.Context, id int64) (Config, error) {
	var found Config
	err := s.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		found, err = tx.Config(ctx, id)
		return err
	})
	return found, err
}

// Document is what the device of that MAC address reads. Errors: INVALID_OPERATION, RECORD_NOT_FOUND.
func (s *Service) Document(ctx context.Context, mac string) (Served, error) {
	key, err := ParseMAC(mac)
	if err != nil {
		return Served{}, invalidMAC("get", mac)
	}
	return s.store.Document(ctx, key)
}

// Create makes the configuration of a device that has none. Errors: INVALID_OPERATION, VALIDATION_FAILED,
// PAYLOAD_TOO_LARGE, RECORD_EXISTS (PRECONDITION_FAILED with IfNoneMatch).
func (s *Service) Create(ctx context.Context, mac string, content []byte, a Attempt) (Config, error) {
	key, err := ParseMAC(mac)
	if err != nil {
		return Config{}, invalidMAC("create", mac)
	}
	doc, err := ParseDocument(content, s.maxContent)
	if err != nil {
		return Config{}, err
	}
	made, err := s.write(ctx, a, func(ctx context.Context, w writing) (Config, error) {
		return w.apply(ctx, Change{Kind: Create, MAC: key, Document: doc, Source: FromCreate, Action: ActionCreate})
	})
	if a.IfNoneMatch && CodeOf(err) == CodeExists {
		return Config{}, s.stale(ctx, key, err)
	}
	return made, err
}

// stale says with the current revision that a configuration exists; or err, where it is gone meanwhile.
func (s *Service) stale(ctx context.Context, mac MAC, err error) error {
	viewed := s.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		c, missing := tx.ConfigByMAC(ctx, mac)
		if missing == nil {
			there := Exists(mac)
			there.Code, there.Current = CodePreconditionFailed, c.Revision
			there.Detail = "It was to be made only if there was none"
			err = there
		}
		return missing
	})
	if viewed != nil && CodeOf(viewed) != CodeNotFound {
		return viewed
	}
	return err
}

// Update replaces the content of a configuration. Content that is there already makes no revision, and the device is
// told all the same. Errors: RECORD_NOT_FOUND, VALIDATION_FAILED, PAYLOAD_TOO_LARGE, PRECONDITION_FAILED.
func (s *Service) Update(ctx context.Context, id int64, content []byte, a Attempt) (Config, error) {
	doc, err := ParseDocument(content, s.maxContent)
	if err != nil {
		return Config{}, err
	}
	return s.write(ctx, a, func(ctx context.Context, w writing) (Config, error) {
		return w.apply(ctx, Change{Kind: Save, ID: id, Document: doc, Source: FromEdit, Action: ActionUpdate})
	})
}

// Delete removes a configuration; its revisions stay, and it can be brought back. Errors: RECORD_NOT_FOUND,
// PRECONDITION_FAILED.
func (s *Service) Delete(ctx context.Context, id int64, a Attempt) error {
	_, err := s.write(ctx, a, func(ctx context.Context, w writing) (Config, error) {
		return w.apply(ctx, Change{Kind: Delete, ID: id, Source: FromDelete, Action: ActionDelete})
	})
	return err
}

// writing is one attempt on its way: in a transaction that it shares with the answer that is kept of it, or without one.
type writing struct {
	s       *Service
	attempt Attempt
	tx      Tx // nil: reads and the one change are transactions of their own
}

// view reads.
func (w writing) view(ctx context.Context, fn func(ctx context.Context, tx ReadTx) error) error {
	if w.tx != nil {
		return fn(ctx, w.tx)
	}
	return w.s.store.View(ctx, fn)
}

// apply applies one change. In a transaction a change that fails fails all.
func (w writing) apply(ctx context.Context, c Change) (Config, error) {
	c.By, c.Message = w.attempt.By, w.attempt.Message
	c.At, c.Tell = w.s.timestamp(), w.s.tell(TellAlways)
	if !c.IfMatch.Given {
		c.IfMatch = w.attempt.IfMatch
	}
	var applied Applied
	if w.tx == nil {
		var err error
		if applied, err = w.s.store.Apply(ctx, c); err != nil {
			return Config{}, err
		}
	} else {
		all, err := w.tx.Apply(ctx, c)
		if err != nil {
			return Config{}, err
		}
		applied = all[0]
	}
	if c.Kind != Move {
		applied.Config.Content = c.Document.Text
	}
	return applied.Config, nil
}

// write does what one attempt is to change. do may be called twice.
func (s *Service) write(ctx context.Context, a Attempt, do func(ctx context.Context, w writing) (Config, error)) (Config, error) {
	if err := a.check(); err != nil {
		return Config{}, err
	}
	var done Config
	var err error
	if a.Once == nil {
		done, err = do(ctx, writing{s: s, attempt: a})
	} else {
		err = s.once(ctx, a.Once, func(ctx context.Context, tx Tx) (any, error) {
			var err error
			done, err = do(ctx, writing{s: s, attempt: a, tx: tx})
			return done, err
		})
	}
	if err != nil {
		return Config{}, err
	}
	s.changed()
	return done, nil
}

// once does a write in one transaction with the answer that it gets, or finds the answer that it got before.
func (s *Service) once(ctx context.Context, o *Once, do func(ctx context.Context, tx Tx) (any, error)) error {
	return s.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		o.Replayed = nil
		answer, first, kept, err := tx.Answer(ctx, o.Key, o.Fingerprint, s.timestamp())
		switch {
		case err != nil:
			return err
		case kept && first != o.Fingerprint:
			return Invalid("Idempotency-Key", "was used for another request; take a new key for each request")
		case kept:
			o.Replayed = answer
			return nil
		}
		result, err := do(ctx, tx)
		if err != nil {
			return err
		}
		return tx.KeepAnswer(ctx, o.Key, o.Encode(result))
	})
}

// changed lets those know who wait for changes.
func (s *Service) changed() {
	if s.announce {
		s.wake()
	}
	s.notice()
}

func (s *Service) tell(wanted Tell) Tell {
	if !s.announce {
		return TellNobody
	}
	return wanted
}

// timestamp is now as both databases keep it.
func (s *Service) timestamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
