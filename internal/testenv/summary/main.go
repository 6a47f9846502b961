// Command summary reads what `go test -json` prints and says what happened: a line per package as it ends, each
// failure in full, the slowest tests, how many tests ran on which engine and broker, and last a line "N passed, N
// failed". Its exit status is 1 when a test or a package failed, when none ran, or when one of the engines that -require
// names ran none: a run without an engine is not a pass.
//
//	go test -json ./... | go run ./internal/testenv/summary -require sqlite,postgres
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	flags := flag.NewFlagSet("summary", flag.ExitOnError)
	require := flags.String("require", "", "engines that must have run at least one test, separated by commas")
	suites := flags.String("suite", "", "further suites and their exit statuses, such as web=0, separated by commas")
	_ = flags.Parse(os.Args[1:]) // it exits on an error

	run := newRun(os.Stdout)
	err := run.read(os.Stdin)
	if err == nil {
		err = run.addSuites(*suites)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(2)
	}
	if !run.report(strings.FieldsFunc(*require, func(r rune) bool { return r == ',' })) {
		os.Exit(1)
	}
}
