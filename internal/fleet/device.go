package fleet

import "time"

// Sync is how a device stands to the document that it should have.
type Sync string

// The states, from knowing nothing to knowing that it runs the document. SyncError is a device that has the document and
// reported that it cannot apply it.
const (
	SyncUnknown Sync = "unknown" // never seen
	SyncPending Sync = "pending" // seen, but not with the current document
	SyncFetched Sync = "fetched" // the current document was served to it
	SyncHeld    Sync = "held"    // it proved that it has the current document (If-None-Match)
	SyncApplied Sync = "applied" // it reported that it runs the current document
	SyncError   Sync = "error"   // it reported that it cannot
)

// Syncs lists every Sync in its order.
var Syncs = []Sync{SyncUnknown, SyncPending, SyncFetched, SyncHeld, SyncApplied, SyncError}

// Standing is what is known of a device, held against the document that it should have now.
type Standing struct {
	Sync Sync
	// LastSeen is the last sign of life; zero is none yet.
	LastSeen time.Time
	// Revision is the newest revision whose bytes the device is known to have had; 0 is none. It is the current one where
	// the bytes are the current ones.
	Revision int64
	// Overdue says that there was no sign of life for three times the device's own rhythm.
	Overdue bool
	// Online is what the device's connection to the broker says; nil says nothing.
	Online *bool
}

// Evidence is one thing that a device showed.
type Evidence struct {
	MAC  MAC
	Kind EvidenceKind
	// ETag names the bytes, as Document.ETag does; "" for EvidenceSeen, EvidenceOnline and EvidenceOffline.
	ETag string
	// Revision is the one that was current when the device was served or asked. What a device holds, or reports, may be
	// older than that: the store finds its number by ETag. A report may name its revision instead of an ETag.
	Revision int64
	// Current is the revision that was current when the device asked, where Revision has become that of what it holds: the
	// store sets it. 0 is not known.
	Current int64
	// Numbered says that a report names its revision by its number. One that names bytes means the newest time that the
	// device is known to have had them.
	Numbered bool
	At       time.Time
	Address  string // IP address; "" where it came by the broker
	Report   *DeviceReport
}

// EvidenceKind is what a device did.
type EvidenceKind string

// The kinds of evidence. They are kept apart: that a document was served does not say that the device has it.
const (
	EvidenceSeen     EvidenceKind = "seen"     // it asked, and showed nothing of what it has
	EvidenceFetched  EvidenceKind = "fetched"  // it was served the document with that ETag
	EvidenceHeld     EvidenceKind = "held"     // it sent If-None-Match with that ETag
	EvidenceReported EvidenceKind = "reported" // it said that it applied the document, or could not
	EvidenceOnline   EvidenceKind = "online"   // it is connected to the broker
	EvidenceOffline  EvidenceKind = "offline"  // it is not; not a sign of life
	// EvidenceLost says that nobody knows any more whether it is connected; not a sign of life.
	EvidenceLost EvidenceKind = "lost"
)

// bytes tells whether the evidence is about a document.
func (k EvidenceKind) bytes() bool {
	return k == EvidenceFetched || k == EvidenceHeld || k == EvidenceReported
}

// DeviceReport is what a device says of a document that it was given.
type DeviceReport struct {
	Applied  bool // false: it could not apply it
	Code     string
	Path     string // a JSON Pointer (RFC 6901) into the document, where the device can tell
	Message  string
	Firmware string
}

// Shown is one fact: the newest evidence of one kind.
type Shown struct {
	ETag     string // "" is none yet
	Revision int64
	At       time.Time
	Address  string
}

// Device is everything that is known of a device, of its own accord: nothing here depends on what it should have.
type Device struct {
	MAC       MAC
	FirstSeen time.Time
	LastSeen  time.Time // the last sign of life
	Address   string    // of the last request over HTTP

	Fetched  Shown
	Held     Shown
	Reported Shown
	Report   DeviceReport // of Reported

	// Has is what the device is known to have: the newest of the facts by its revision, which no clock can disturb, unless it
	// fell back to older bytes (see wentBack). Level is the strongest that is known of these bytes since the device has had
	// them: SyncFetched, SyncHeld, SyncApplied or SyncError; "" where there is none.
	Has   Shown
	Level Sync
	// Since is the revision with which it came to have these bytes.
	Since int64

	// Online is what the broker said last, OnlineAt since when, and ConfirmedAt when it last said so.
	Online      *bool
	OnlineAt    time.Time
	ConfirmedAt time.Time

	// Beat is the last sign of life that an interval was measured to, and Intervals the last few of these, newest last, in
	// whole seconds.
	Beat      time.Time
	Intervals []int64
}

// Standing holds the device against a configuration: the ETag and the number of its current revision. It is computed from
// the bytes, so that it cannot stick.
func (d Device) Standing(etag string, revision int64, now time.Time) Standing {
	return d.StandingAt(etag, revision, d.OverdueAt(), now)
}

// StandingAt is Standing where it is known when the device is overdue (zero: never). It needs FirstSeen, LastSeen, Has, Level
// and Online.
func (d Device) StandingAt(etag string, revision int64, overdueAt, now time.Time) Standing {
	if d.FirstSeen.IsZero() {
		return Standing{Sync: SyncUnknown}
	}
	s := Standing{Sync: SyncPending, LastSeen: d.LastSeen, Revision: d.Has.Revision, Online: d.Online}
	if etag != "" && d.Has.ETag == etag {
		s.Sync, s.Revision = d.Level, revision
	}
	s.Overdue = !overdueAt.IsZero() && overdueAt.Before(now)
	return s
}

// Fact is one thing that changed of what is known of a device: a line of its history.
type Fact struct {
	ID       int64
	MAC      MAC
	At       time.Time
	Kind     FactKind
	ETag     string // "" of FactOnline, FactOffline and FactLost
	Revision int64
	Address  string
	Report   DeviceReport // of FactApplied and FactError
	// Has and Level are what the device was known to have afterwards.
	Has   Shown
	Level Sync
}

// FactKind is what a fact tells.
type FactKind string

// The kinds of fact.
const (
	FactFetched FactKind = "fetched"
	FactHeld    FactKind = "held"
	FactApplied FactKind = "applied"
	FactError   FactKind = "error"
	FactOnline  FactKind = "online"
	FactOffline FactKind = "offline"
	FactLost    FactKind = "lost"
)

// clockTolerance is how much older than what is known evidence may be and still be late rather than of a clock that was
// set back: batches of several servers arrive in any order.
const clockTolerance = time.Minute

// late tells whether a time is of before what is known.
func late(known, at time.Time) bool {
	gap := at.Sub(known)
	return gap < 0 && gap > -clockTolerance
}

// Take adds evidence, of which Revision is known (0 where it shows no bytes), and answers the fact that it brought, if it
// brought one that was not known. Evidence may arrive out of order and twice. Times decide only between what shows the same
// revision: of two reports on it the later counts, and so does the later word of the broker.
func (d *Device) Take(e Evidence) (Fact, bool) {
	if d.FirstSeen.IsZero() || late(d.FirstSeen, e.At) {
		d.MAC, d.FirstSeen = e.MAC, e.At
	}
	if e.Address != "" && !late(d.LastSeen, e.At) {
		d.Address = e.Address
	}
	if e.Kind != EvidenceOffline && e.Kind != EvidenceLost {
		d.alive(e)
	}
	if e.Report == nil && e.Kind == EvidenceReported || e.ETag == "" && e.Kind.bytes() || e.Revision <= 0 && e.Kind.bytes() {
		return Fact{}, false
	}
	if e.Kind == EvidenceReported && !e.Numbered && e.ETag == d.Has.ETag {
		// Its bytes were looked up before it was known what the device showed just before.
		e.Revision = max(e.Revision, d.Has.Revision)
	}
	fact := Fact{MAC: d.MAC, At: e.At, ETag: e.ETag, Revision: e.Revision, Address: e.Address}
	before := *d
	switch e.Kind {
	case EvidenceFetched:
		fact.Kind = FactFetched
		keepNewest(&d.Fetched, e)
		d.has(e, SyncFetched)
	case EvidenceHeld:
		fact.Kind = FactHeld
		d.holds(e)
	case EvidenceReported:
		fact.Kind, fact.Report = FactError, *e.Report
		if e.Report.Applied {
			fact.Kind = FactApplied
		}
		level := SyncHeld // an older report shows that the device has had the bytes, and has no say in how it took them
		if keepNewest(&d.Reported, e) {
			d.Report, level = *e.Report, e.Report.level()
		} else if d.overtakes(e) {
			d.Reported, d.Report = e.shown(), *e.Report
		}
		d.has(e, level)
	case EvidenceOnline, EvidenceOffline, EvidenceLost:
		fact.Kind = d.connection(e)
	default:
		return Fact{}, false
	}
	fact.Has, fact.Level = d.Has, d.Level
	return fact, d.news(before, fact)
}

// news tells whether a fact says more than was known before it.
func (d *Device) news(before Device, fact Fact) bool {
	if before.Has.ETag != d.Has.ETag || before.Level != d.Level {
		return true
	}
	switch fact.Kind {
	case FactFetched:
		return before.Fetched.ETag != d.Fetched.ETag || before.Fetched.Revision != d.Fetched.Revision
	case FactHeld:
		return before.Held.ETag != d.Held.ETag || before.Held.Revision != d.Held.Revision
	case FactApplied, FactError:
		return before.Reported.ETag != d.Reported.ETag || before.Reported.Revision != d.Reported.Revision || before.Report != d.Report
	}
	return (before.Online == nil) != (d.Online == nil) || d.Online != nil && *before.Online != *d.Online
}

// keepNewest replaces what is known of one kind, unless that is about a newer revision, or a later word on the same one.
func keepNewest(have *Shown, e Evidence) bool {
	if e.Revision < have.Revision || e.Revision == have.Revision && late(have.At, e.At) {
		return false
	}
	*have = e.shown()
	return true
}

func (e Evidence) shown() Shown {
	return Shown{ETag: e.ETag, Revision: e.Revision, At: e.At, Address: e.Address}
}

// has says that the device has bytes. Revisions only rise, and every server serves the newest: evidence of an older
// revision is of an earlier time, whatever the clocks say, and comes late. What is of before Since says nothing of what the
// device has.
func (d *Device) has(e Evidence, level Sync) {
	switch same := e.ETag == d.Has.ETag; {
	case e.Revision < d.Since:
	case same:
		keepNewest(&d.Has, e)
		d.raise(level)
	case e.Revision < d.Has.Revision:
		d.interrupted(e.Revision)
	default:
		d.begin(e, level)
	}
}

// overtakes tells whether a report may be about bytes of which it is not known yet that the device has them again: it has
// had them before, and others since. It is kept for begin.
func (d *Device) overtakes(e Evidence) bool {
	return !e.Numbered && e.ETag != d.Has.ETag && e.Revision < d.Has.Revision && e.At.After(d.Has.At) && e.At.After(d.Reported.At)
}

// begin says that the device has come to have bytes.
func (d *Device) begin(e Evidence, level Sync) {
	before := d.Has
	d.Has, d.Since, d.Level = e.shown(), e.Revision, ""
	d.raise(level)
	// A report that names its bytes may overtake the batch that says when they were served. If the device has had the
	// same bytes before, it was taken for one on these. It is known by coming after the other bytes that the device had
	// meanwhile, also where it showed these by the request that it was served these by, and about when that was.
	r := d.Reported
	if r.ETag == e.ETag && r.Revision < e.Revision && r.At.After(before.At) && r.At.Sub(e.At).Abs() < clockTolerance {
		d.raise(d.Report.level())
	}
}

// interrupted takes late evidence that the device had other bytes at a revision between Since and that of Has: what was
// known of the bytes until then says nothing of them since.
func (d *Device) interrupted(at int64) {
	d.Since, d.Level = at+1, SyncFetched
	if d.Held.ETag == d.Has.ETag && d.Held.Revision > at {
		d.raise(SyncHeld)
	}
	if d.Reported.ETag == d.Has.ETag && d.Reported.Revision > at {
		d.raise(d.Report.level())
	}
}

// holds says that the device proved to have bytes.
func (d *Device) holds(e Evidence) {
	if d.wentBack(e) {
		d.Held = e.shown()
		d.begin(e, SyncHeld)
		return
	}
	keepNewest(&d.Held, e)
	d.has(e, SyncHeld)
}

// wentBack tells whether a device that proved, or reported, that it has a revision holds an older one again, as after it
// fell back to what it had stored: it asks with the older bytes while the newer revision is out, and a good while after
// it last showed that it has that. Nothing goes back from bytes that were only served, or that the device reported
// that it cannot apply: to go on asking with the older ones is what it does then.
func (d *Device) wentBack(e Evidence) bool {
	if e.ETag == d.Has.ETag || e.Revision >= d.Has.Revision || e.Current < d.Has.Revision {
		return false
	}
	var last time.Time
	for _, s := range []Shown{d.Held, d.Reported} {
		if s.ETag == d.Has.ETag && s.At.After(last) {
			last = s.At
		}
	}
	return (d.Level == SyncHeld || d.Level == SyncApplied) && e.At.Sub(last) >= clockTolerance
}

func (r DeviceReport) level() Sync {
	if r.Applied {
		return SyncApplied
	}
	return SyncError
}

// raise keeps the strongest that is known of the bytes; of what the device reported, the last word.
func (d *Device) raise(level Sync) {
	switch {
	case level == SyncApplied || level == SyncError:
		d.Level = level
	case d.Level == "" || d.Level == SyncFetched:
		d.Level = level
	}
}

// connection takes what the broker says.
func (d *Device) connection(e Evidence) FactKind {
	kind, up := FactLost, e.Kind == EvidenceOnline
	switch e.Kind {
	case EvidenceOnline:
		kind = FactOnline
	case EvidenceOffline:
		kind = FactOffline
	}
	known := d.ConfirmedAt
	if d.OnlineAt.After(known) {
		known = d.OnlineAt
	}
	if late(known, e.At) {
		return kind
	}
	if kind == FactLost {
		if d.Online != nil {
			d.Online, d.OnlineAt = nil, e.At
		}
		return kind
	}
	d.ConfirmedAt = e.At
	if d.Online == nil || *d.Online != up {
		d.Online, d.OnlineAt = &up, e.At
	}
	return kind
}
