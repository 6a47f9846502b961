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
}

// NewService returns the use cases over a store.
func NewService(store Store, o Options) *Service {
	s := &Service{store: store, now: o.Now, maxContent: o.MaxContent, announce: o.Announce, wake: o.Wake}
	if s.now == nil {
		s.now = time.Now
	}
	if s.maxContent <= 0 {
		s.maxContent = DefaultMaxContent
	}
	if s.wake == nil {
		s.wake = func() {}
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
// PAYLOAD_TOO_LARGE, RECORD_EXISTS.
func (s *Service) Create(ctx context.Context, mac string, content []byte) (Config, error) {
	key, err := ParseMAC(mac)
	if err != nil {
		return Config{}, invalidMAC("create", mac)
	}
	doc, err := ParseDocument(content, s.maxContent)
	if err != nil {
		return Config{}, err
	}
	return s.apply(ctx, Change{Kind: Create, MAC: key, Document: doc, Source: FromCreate})
}

// Update replaces the content of a configuration. Content that is there already makes no revision, and the device is
// told all the same. Errors: RECORD_NOT_FOUND, VALIDATION_FAILED, PAYLOAD_TOO_LARGE.
func (s *Service) Update(ctx context.Context, id int64, content []byte) (Config, error) {
	doc, err := ParseDocument(content, s.maxContent)
	if err != nil {
		return Config{}, err
	}
	return s.apply(ctx, Change{Kind: Save, ID: id, Document: doc, Source: FromEdit})
}

// Delete removes a configuration; its revisions stay. Errors: RECORD_NOT_FOUND.
func (s *Service) Delete(ctx context.Context, id int64) error {
	_, err := s.apply(ctx, Change{Kind: Delete, ID: id, Source: FromDelete})
	return err
}

func (s *Service) apply(ctx context.Context, c Change) (Config, error) {
	c.At = s.timestamp()
	c.Tell = s.tell(TellAlways)
	applied, err := s.store.Apply(ctx, c)
	if err != nil {
		return Config{}, err
	}
	if c.Tell != TellNobody {
		s.wake()
	}
	applied.Config.Content = c.Document.Text
	return applied.Config, nil
}

func (s *Service) tell(wanted Tell) Tell {
	if !s.announce {
		return TellNobody
	}
	return wanted
}

// timestamp is now as both databases keep it.
func (s *Service) timestamp() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
