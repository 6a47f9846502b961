package store

import (
	"crypto/sha256"
	"strings"
	"time"

	"espalier.dev/espalier/internal/fleet"
)

// The rows that a change leaves beside the configuration, as statements of both engines.

// newest is the number of a device's newest revision, and 0 where it has none.
const newest = `(SELECT coalesce(max(n.rev), 0) FROM revisions n WHERE n.mac_address = {mac})`

func newestOf(mac string) string { return strings.Replace(newest, `{mac}`, mac, 1) }

const keepRevision = `INSERT INTO revisions (mac_address, rev, content, sha256, size, source, created_at, principal, address, message,
		restored, other_mac)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// revisionRequest keeps a revision; its content is nil where it says that there is none.
func revisionRequest(r fleet.Revision) request {
	var text *string
	var sum []byte
	var restored, other any
	if r.Content != nil {
		content := string(r.Content)
		text, sum = &content, r.SHA256[:]
	}
	if r.Restored != 0 {
		restored = r.Restored
	}
	if r.Other != nil {
		other = r.Other.String()
	}
	return statement(keepRevision, r.MAC.String(), r.Number, text, sum, int64(len(r.Content)), string(r.Source), r.CreatedAt.UTC(),
		principalOf(r.By), addressOf(r.By), messageOf(r.Message), restored, other)
}

// Who made a revision, from where and why, as it is kept: null where nothing is known.
func principalOf(by fleet.Actor) *string { return orNull(clean(string(by.Principal), mostPrincipal)) }
func addressOf(by fleet.Actor) *string   { return orNull(clean(by.Address, mostAddress)) }
func messageOf(text string) *string      { return orNull(clean(text, mostMessage)) }

// revisionOf is the revision that a change with a document makes, or a delete.
func revisionOf(c fleet.Change, mac fleet.MAC, number int64) fleet.Revision {
	return fleet.Revision{MAC: mac, Number: number, Content: c.Document.Text, SHA256: c.Document.SHA256, Source: c.Source,
		CreatedAt: c.At, By: c.By, Message: c.Message, Restored: c.Restored}
}

// adoptedRevision is what another program wrote, when it becomes a revision.
func adoptedRevision(mac fleet.MAC, number int64, content []byte, at time.Time) fleet.Revision {
	return fleet.Revision{MAC: mac, Number: number, Content: content, SHA256: sha256.Sum256(content), Source: fleet.FromAdopt, CreatedAt: at}
}

// tellRequest tells the device that a revision is of.
func tellRequest(r fleet.Revision, tell fleet.Tell) request {
	var sum []byte
	gone := r.Content == nil
	if !gone {
		sum = r.SHA256[:]
	}
	told := tell != fleet.TellNobody
	return statement(tellDevice, r.MAC.String(), r.Number, sum, int64(len(r.Content)), gone, told && !gone, r.CreatedAt.UTC(), told)
}

// match is what a statement compares the revision with: nil lets every one through.
func match(m fleet.Match) []int64 {
	switch {
	case !m.Given || m.Any:
		return nil
	case m.Revisions == nil:
		return []int64{}
	}
	return m.Revisions
}

// forget lets go of what could be brought back at a MAC address, where a configuration is made anew.
const forget = `DELETE FROM deleted_configs WHERE mac_address = $1`

const (
	deletedColumns = `id, mac_address, device_name, device_entity_id, enable_ota, content, created_at, updated_at, revision, etag, deleted_at`
	// deletedAgain is what becomes of a configuration that was deleted, where another program made one at its MAC address and
	// that is deleted too.
	deletedAgain = `id = excluded.id, device_name = excluded.device_name, device_entity_id = excluded.device_entity_id,
		enable_ota = excluded.enable_ota, content = excluded.content, created_at = excluded.created_at, updated_at = excluded.updated_at,
		revision = excluded.revision, etag = excluded.etag, deleted_at = excluded.deleted_at`
)
