// Package fleet is the domain of Espalier: devices known by their MAC address, the JSON document that each should
// have, its revisions, and the messages that tell a device of a change.
//
// It imports the standard library and a JSON tokenizer, and nothing of ours: no database, no network, no logger.
// Start reading at Service (the use cases) and Store (what they need of a database).
package fleet
