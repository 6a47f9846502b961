// Package migrations holds the steps that bring a database to the schema of this program: one folder for each engine,
// with the same numbers and titles. It imports nothing of ours; package store runs them.
package migrations

import "embed"

// FS holds the folders sqlite and postgres.
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS
