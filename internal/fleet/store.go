package fleet

import (
	"context"
	"time"
)

// Store keeps configurations, their revisions and the outbox in one database. It is safe for concurrent use.
//
// Every method may fail with SERVICE_UNAVAILABLE (the database cannot be reached, is busy for too long, or did not
// confirm a commit, which may then have happened) and INTERNAL_ERROR. A canceled ctx is returned as it is.
type Store interface {
	// View runs fn in a transaction that only reads and sees one state of the database. fn may run twice.
	View(ctx context.Context, fn func(ctx context.Context, tx ReadTx) error) error

	// Update runs fn in a transaction: all of what it does is kept, or none where fn or the commit fails. fn may run
	// twice, must do nothing but read and change by tx, and must return the errors that tx gives it. When Update
	// returns nil, what fn did is durable, and every later read from every server sees it.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error

	// Apply applies one change in a transaction of its own, in as few round trips as the database allows: the same
	// as Update with Tx.Apply. Errors: as Tx.Apply.
	Apply(ctx context.Context, change Change) (Applied, error)

	// Document is the document that the device should have, as ReadTx.ConfigByMAC would have it: the read behind the
	// device endpoint. It sees every change that was acknowledged, whichever server made it. Errors: RECORD_NOT_FOUND.
	Document(ctx context.Context, mac MAC) (Served, error)

	// Ping tells whether the database answers and has the schema of this program.
	Ping(ctx context.Context) error
}

// ReadTx reads. Missing things are RECORD_NOT_FOUND.
type ReadTx interface {
	// Config is the configuration by its id, with its content.
	Config(ctx context.Context, id int64) (Config, error)
	// ConfigByMAC is the configuration of a device, with its content.
	ConfigByMAC(ctx context.Context, mac MAC) (Config, error)
	// ConfigsByMAC answers those of the devices that have one, with content, by MAC address, in no more round trips
	// than one per thousand.
	ConfigsByMAC(ctx context.Context, macs []MAC) (map[MAC]Config, error)
	// Configs is a part of the list; content is read only where withContent is set.
	Configs(ctx context.Context, q Query, withContent bool) ([]Config, error)
	// Glance is a part of the fleet by MAC address: configurations with their Standing and without Content and CreatedAt.
	Glance(ctx context.Context, g Glance) ([]Config, error)
	// Count is how many configurations there are.
	Count(ctx context.Context) (int64, error)
	// Deleted is a configuration that was deleted, by the id that it had, with the content that it had.
	Deleted(ctx context.Context, id int64) (Config, error)
	// Revisions are those of a device below a number (0: all), newest first, without content. A device that has none
	// has an empty list.
	Revisions(ctx context.Context, mac MAC, below int64, limit int) ([]Revision, error)
	// Revision is one state of a device's document, with its content.
	Revision(ctx context.Context, mac MAC, number int64) (Revision, error)
	// Contents are the documents of the revisions of a device from one number to another, both included, by their numbers:
	// nil for one that says that there is none. Numbers that are not kept are left out.
	Contents(ctx context.Context, mac MAC, first, last int64) (map[int64][]byte, error)
	// RevisionByETag is the number of the newest revision of a device, up to a number (0: all), that has these bytes.
	RevisionByETag(ctx context.Context, mac MAC, etag string, most int64) (int64, error)
	// Device is what is known of a device; the zero Device where it was never seen.
	Device(ctx context.Context, mac MAC) (Device, error)
	// Facts are the history of what is known of a device, newest first: those with a smaller id than below (0: all), and
	// not later than until (zero: all).
	Facts(ctx context.Context, mac MAC, below int64, until time.Time, limit int) ([]Fact, error)
	// Summary counts configurations by how their devices stand to them.
	Summary(ctx context.Context) (Summary, error)
	// Samples are the state of the fleet from a time until before another, oldest first: of each step since 1970, whole minutes, the
	// first that is kept.
	Samples(ctx context.Context, since, until time.Time, step time.Duration) ([]Summary, error)
	// Audit is a part of the audit, newest first.
	Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
}

// Tx reads and changes.
type Tx interface {
	ReadTx
	// Apply applies changes in their order, in few round trips. The configurations in its answer have no Content.
	// At the first that fails it stops with RECORD_NOT_FOUND (all but Create), RECORD_EXISTS (Create, Undelete, Move) or
	// PRECONDITION_FAILED (IfMatch).
	Apply(ctx context.Context, changes ...Change) ([]Applied, error)
	// Answer is what was kept under an idempotency key, with the fingerprint; kept is false where there is nothing. Then
	// the key is taken: another transaction that asks for it waits for this one.
	Answer(ctx context.Context, key string, fingerprint [32]byte, at time.Time) (answer []byte, first [32]byte, kept bool, err error)
	// KeepAnswer keeps the answer of a key that Answer has taken in this transaction.
	KeepAnswer(ctx context.Context, key string, answer []byte) error
}

// Witness keeps what devices show.
type Witness interface {
	// Record adds evidence in its order, in one transaction. Evidence of a device that has no configuration is passed over,
	// and so is what a device holds or reports that was never a revision of its document.
	Record(ctx context.Context, evidence []Evidence) error
	// Lose takes back that devices are connected: those that were said to be so before a time, and not since.
	Lose(ctx context.Context, before, at time.Time) error
}

// Auditor keeps attempts that were refused.
type Auditor interface {
	Refused(ctx context.Context, entries []AuditEntry) error
}

// Sampler keeps the state of the fleet over time.
type Sampler interface {
	// Sample keeps the state of the fleet as that of the minute of now, unless it has been taken: by an earlier call, or
	// another server. It answers whether it did.
	Sample(ctx context.Context, now time.Time) (taken bool, err error)
}

// Pruner lets go of what retention does not keep, a piece at a time. Samples go as KeptMinutes and KeptHours say.
type Pruner interface {
	// Prune answers how many rows went, without samples; more says that there may be others.
	Prune(ctx context.Context, r Retention, now time.Time) (n int64, more bool, err error)
}

// Outbox is the part of a store that the relay works with. Any number of servers may work on one outbox: each
// message is claimed by one of them at a time.
type Outbox interface {
	// Claim takes up to limit messages that are due at now and not claimed by anybody, oldest first, and keeps them
	// from others until now+lease.
	Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Message, error)
	// Clear removes messages that the broker acknowledged, each only where its Generation is still the one claimed;
	// one that was changed since is due again at once.
	Clear(ctx context.Context, sent []Message) error
	// Postpone gives claims back; the messages are due again at the time, and after five minutes in any case: a clock
	// that is set back must not keep them.
	Postpone(ctx context.Context, failed []Message, until time.Time) error
	// Backlog is how many messages wait, due or not, and when the oldest change among them was made (zero: none).
	Backlog(ctx context.Context) (n int64, oldest time.Time, err error)
	// Announce puts a message in the outbox again for each device whose document was changed (or deleted) at or
	// after since; the zero time means every configuration. Broadcast is set for those changed at or after
	// broadcastSince. It answers how many.
	Announce(ctx context.Context, since, broadcastSince time.Time) (int64, error)
	// Watermark is the time up to which every change had been acknowledged by the broker when SetWatermark was last
	// called; zero where it never was.
	Watermark(ctx context.Context) (time.Time, error)
	// SetWatermark keeps a watermark.
	SetWatermark(ctx context.Context, at time.Time) error
}

// Session is one connection to the broker that has come up.
type Session struct {
	// Lost closes when the connection is gone.
	Lost <-chan struct{}
}

// Publisher is the way to a broker.
type Publisher interface {
	// Publish sends messages with QoS 1, pipelined and in order, and waits until the broker has acknowledged each or
	// ctx ends. The answer has an error or nil for each. It does not wait for a connection: without one, all fail at once.
	Publish(ctx context.Context, messages []Publication) []error
	// Retained is the retained message of a topic, and false where there is none.
	Retained(ctx context.Context, topic string) ([]byte, bool, error)
	// Connected waits for a connection and answers it: the present one, or the next.
	Connected(ctx context.Context) (Session, error)
}
