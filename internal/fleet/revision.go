package fleet

import "time"

// Source says what a revision came from.
type Source string

// The sources. An adopted revision is the content that a takeover found, or that another program wrote.
const (
	FromCreate  Source = "create"
	FromEdit    Source = "edit" // PUT and PATCH
	FromImport  Source = "import"
	FromRestore Source = "restore" // the bytes of an older revision, or of a configuration that was deleted
	FromReplace Source = "replace" // the hardware was replaced: the history came from another MAC address, or went there
	FromDelete  Source = "delete"
	FromAdopt   Source = "adopt"
)

// Revision is one state of the document of one device.
type Revision struct {
	MAC    MAC
	Number int64 // from 1 for a MAC address, rising by one
	// Content is the document byte for byte; nil in lists, and where there is none: after a delete, and for a MAC address
	// whose configuration went to another.
	Content []byte
	// SHA256 is the hash of the content; zero where there is none.
	SHA256    [32]byte
	Size      int // bytes of the content
	Source    Source
	CreatedAt time.Time // UTC, whole microseconds
	By        Actor     // the zero Actor for what was written before actors were kept
	Message   string
	// Restored is the number of the revision whose bytes these are, where Source is FromRestore; else 0.
	Restored int64
	// Other is the MAC address that the history came from or went to, where Source is FromReplace.
	Other *MAC
}

// Gone tells whether the revision says that there is no document.
func (r Revision) Gone() bool { return r.SHA256 == [32]byte{} }

// Kind says what a Change does.
type Kind uint8

// The kinds of change.
const (
	Create   Kind = iota + 1 // a configuration for a MAC address that has none; one that was deleted there is forgotten but for its revisions
	Save                     // new content for a configuration
	Delete                   // the configuration, but not its revisions
	Undelete                 // a deleted configuration, with the id that it had
	Move                     // the configuration and its revisions to a MAC address that has none
)

// Tell says whether the device is told of a change.
type Tell uint8

// The choices. TellIfChanged leaves out a Save of what is there already; TellNobody is for a server without MQTT.
const (
	TellAlways Tell = iota
	TellIfChanged
	TellNobody
)

// Change is one change of one configuration. It is applied whole or not at all: the configuration, its revision, the
// message to its device, and the entry of the audit.
type Change struct {
	Kind     Kind
	ID       int64    // of all but Create
	MAC      MAC      // of Create; of Move the new one
	Document Document // of Create, Save and Undelete
	Source   Source
	Action   Action
	Restored int64 // of FromRestore: the revision whose bytes these are
	By       Actor
	Message  string
	// IfMatch is what Save, Delete and Move want of the configuration that is there, and Undelete of the one that was: the
	// revision that it had before the delete.
	IfMatch Match
	At      time.Time
	Tell    Tell
}

// Applied is what became of a Change.
type Applied struct {
	// Config is the configuration after it, and before it for Delete.
	Config Config
	// Unchanged says that a Save found the same bytes: no revision was made, and updated_at stays.
	Unchanged bool
}

// Retention says which revisions, facts and audit entries are kept. The zero value keeps everything. Whatever it says, the
// newest revision of a MAC address is kept, and so is each that its device still has.
type Retention struct {
	// Revisions is how many of a MAC address are kept at least, and Age how old one may be. With both set, a revision goes
	// only where both let it; 0 does not limit.
	Revisions int
	Age       time.Duration
	// Facts and Audit are how old facts of devices and entries of the audit may be; 0 does not limit. The newest fact of
	// a device is kept.
	Facts, Audit time.Duration
}
