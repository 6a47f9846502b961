package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// printf writes to the report; where that goes wrong there is nobody left to tell.
func (r *run) printf(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// line prints how a package fared.
func (r *run) line(p *pkg, took time.Duration) {
	if p.outcome == "skip" && len(p.tests) == 0 {
		return // it has no tests
	}
	c := p.count()
	word := "ok  "
	if c.failed > 0 {
		word = "FAIL"
	}
	r.printf("%s  %7.2fs  %4d passed", word, took.Seconds(), c.passed)
	if c.failed > 0 {
		r.printf(", %d failed", c.failed)
	}
	if c.skipped > 0 {
		r.printf(", %d skipped", c.skipped)
	}
	r.printf("  %s\n", p.name)
}

// report prints everything but the packages' lines, which read printed, and reports whether the run is a pass.
func (r *run) report(required []string) bool {
	var total counts
	for _, name := range r.order {
		p := r.pkgs[name]
		if p.outcome == "" {
			r.printf("FAIL  cut off  %s\n", name)
		}
		c := p.count()
		total.passed += c.passed
		total.failed += c.failed
		total.skipped += c.skipped
	}
	r.reportFailures()
	r.reportSkips()
	r.reportSlowest()
	for _, name := range slices.Sorted(maps.Keys(r.suites)) {
		word := "failed"
		if r.suites[name] {
			total.passed++
			word = "passed"
		} else {
			total.failed++
		}
		r.printf("\nsuite %s: %s\n", name, word)
	}
	complaints := r.reportEngines(required)
	if total.passed+total.failed == 0 {
		complaints = append(complaints, "no tests ran")
	}
	for _, complaint := range complaints {
		r.printf("FAIL: %s\n", complaint)
	}
	total.failed += len(complaints)
	r.printf("%d passed, %d failed\n", total.passed, total.failed)
	return total.failed == 0
}

func (r *run) reportFailures() {
	for _, line := range r.noise {
		r.printf("%s\n", line)
	}
	for _, name := range r.order {
		p := r.pkgs[name]
		failures := p.failures()
		for _, t := range failures {
			what := "failed"
			if t.outcome == "" {
				what = "did not end"
			}
			r.printf("\n=== %s %s: %s\n%s", t.name, what, name, indent(t.output.String()))
		}
		r.reportPackage(p, len(failures) == 0)
	}
}

// reportPackage prints what a failed package says beside its tests: that it did not build, a time limit, a leak found
// at its end. Where no test failed it says at least that the package did.
func (r *run) reportPackage(p *pkg, always bool) {
	if p.outcome == "pass" || p.outcome == "skip" {
		return
	}
	output := indent(p.output.String())
	if build := r.builds[p.build]; build != nil {
		output = indent(build.String()) + output
	}
	if always || output != "" {
		r.printf("\n=== package %s failed\n%s", p.name, output)
	}
}

// said matches the lines of go test that the report words itself.
var said = regexp.MustCompile(`^(=== |FAIL\t|FAIL$|PASS$|ok  \t|exit status|-test.shuffle )`)

// indent sets output off, without the lines that the report has said already.
func indent(output string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if !said.MatchString(line) && !marker.MatchString(line) {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String()
}

func (r *run) reportSkips() {
	for _, name := range r.order {
		p := r.pkgs[name]
		for _, t := range p.order {
			if p.tests[t].outcome == "skip" {
				r.printf("\n=== %s skipped: %s\n%s", t, name, indent(p.tests[t].output.String()))
			}
		}
	}
}

func (r *run) reportSlowest() {
	const most, notable = 10, time.Second
	title := "\nslowest tests\n"
	for _, t := range r.slowest(most) {
		if t.elapsed < notable {
			break
		}
		r.printf("%s  %7.2fs  %s  %s\n", title, t.elapsed.Seconds(), t.name, t.pkg)
		title = ""
	}
}

// reportEngines prints how many tests ran on each engine, and returns a complaint for each required one that ran none.
func (r *run) reportEngines(required []string) []string {
	var parts, complaints []string
	known := map[string]bool{}
	for _, engine := range engines {
		known[engine.name] = true
		n := len(r.engines[engine.name])
		parts = append(parts, fmt.Sprintf("%s: %d", engine.title, n))
		if n == 0 && slices.Contains(required, engine.name) {
			complaints = append(complaints, "no test ran on "+engine.title)
		}
	}
	for _, name := range required {
		if !known[name] {
			complaints = append(complaints, fmt.Sprintf("-require: no engine is named %q", name))
		}
	}
	r.printf("\ntests ran on %s\n", strings.Join(parts, ", "))
	return complaints
}
