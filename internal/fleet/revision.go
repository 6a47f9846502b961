package fleet

import "time"

// Source says what a revision came from.
type Source string

// The sources. An adopted revision is the content that a takeover found.
const (
	FromCreate Source = "create"
	FromEdit   Source = "edit"
	FromImport Source = "import"
	FromDelete Source = "delete"
	FromAdopt  Source = "adopt"
)

// Revision is one state of the document of one device.
type Revision struct {
	MAC    MAC
	Number int64 // from 1 for a MAC address, rising by one
	// Content is the document byte for byte; nil where Source is FromDelete.
	Content   []byte
	SHA256    [32]byte // zero where Source is FromDelete
	Source    Source
	CreatedAt time.Time // UTC, whole microseconds
}

// Kind says what a Change does.
type Kind uint8

// The kinds of change.
const (
	Create Kind = iota + 1 // a configuration for a MAC address that has none
	Save                   // new content for a configuration
	Delete                 // the configuration, but not its revisions
)

// Tell says whether the device is told of a change.
type Tell uint8

// The choices. TellIfChanged leaves out a Save of what is there already; TellNobody is for a server without MQTT.
const (
	TellAlways Tell = iota
	TellIfChanged
	TellNobody
)

// Change is one change of one configuration. It is applied whole or not at all: the configuration, its revision, and
// the message to its device.
type Change struct {
	Kind     Kind
	ID       int64    // of Save and Delete
	MAC      MAC      // of Create
	Document Document // of Create and Save
	Source   Source
	At       time.Time
	Tell     Tell
}

// Applied is what became of a Change.
type Applied struct {
	// Config is the configuration after it, and before it for Delete.
	Config Config
	// Unchanged says that a Save found the same bytes: no revision was made, and updated_at stays.
	Unchanged bool
}
