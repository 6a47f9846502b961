package app

import "espalier.dev/espalier/internal/fleet"

// CodeOf is the code of an error, as the API spells it: INTERNAL_ERROR for one that has none, and "" for nil.
func CodeOf(err error) string { return string(fleet.CodeOf(err)) }
