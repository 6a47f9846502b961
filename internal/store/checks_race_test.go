//go:build race

package store_test

// checks is how many histories rapid tries where -rapid.checks does not say: SQLite is several times slower under the race
// detector.
const checks = "40"
