//go:build !race

package store_test

// checks is how many histories rapid tries where -rapid.checks does not say.
const checks = "100"
