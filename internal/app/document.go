package app

import (
	"errors"

	"espalier.dev/espalier/internal/fleet"
)

// DocumentProblem tells why a text cannot be a document, with the line and the column, and "" where it can. How large one
// may be is for the server to say.
func DocumentProblem(text []byte) string {
	_, err := fleet.ParseDocument(text, max(1, len(text)))
	refused, ok := errors.AsType[*fleet.Error](err)
	if !ok {
		return ""
	}
	for _, field := range refused.Fields {
		return field.Field + " " + field.Message
	}
	return refused.Message
}

// MergePatch is fleet.MergePatch.
func MergePatch(text, patch []byte) ([]byte, error) { return fleet.MergePatch(text, patch) }
