package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is a line of `go test -json`; see `go doc test2json`, and for builds `go help buildjson`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// engines are those that package testenv counts, in the order of the report, and what the report calls them.
var engines = []struct{ name, title string }{
	{"sqlite", "sqlite"},
	{"postgres", "postgres"},
	{"embedded", "embedded broker"},
	{"mosquitto", "mosquitto"},
	{"chromium", "chromium"},
}

// marker is the line that testenv.Ran logs.
var marker = regexp.MustCompile(`espalier-ran engine=(\S+) test=(\S+)`)

// test is one test or subtest.
type test struct {
	pkg, name string
	outcome   string // pass, fail, skip, or "" when it never ended
	elapsed   time.Duration
	output    strings.Builder
	parent    bool // has subtests
	failedSub bool // one of them failed, or never ended
}

// pkg is one package's run.
type pkg struct {
	name    string
	tests   map[string]*test
	order   []string
	outcome string
	output  strings.Builder
	build   string // the package whose build failed
}

// run is a whole run, filled by read and told by report.
type run struct {
	out     io.Writer
	pkgs    map[string]*pkg
	order   []string
	builds  map[string]*strings.Builder
	engines map[string]map[string]bool // engine -> package and test
	suites  map[string]bool            // other suites: passed?
	noise   []string                   // lines that are not JSON
}

func newRun(out io.Writer) *run {
	return &run{
		out: out, pkgs: map[string]*pkg{}, builds: map[string]*strings.Builder{},
		engines: map[string]map[string]bool{}, suites: map[string]bool{},
	}
}

// read takes in the events and prints a line as each package ends.
func (r *run) read(in io.Reader) error {
	reader := bufio.NewReader(in)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				r.noise = append(r.noise, strings.TrimRight(string(line), "\n"))
			} else {
				r.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (r *run) take(e event) {
	if e.Action == "build-output" {
		if r.builds[e.ImportPath] == nil {
			r.builds[e.ImportPath] = &strings.Builder{}
		}
		r.builds[e.ImportPath].WriteString(e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	p := r.pkgs[e.Package]
	if p == nil {
		p = &pkg{name: e.Package, tests: map[string]*test{}}
		r.pkgs[e.Package] = p
		r.order = append(r.order, e.Package)
	}
	if e.Test == "" {
		p.take(e)
		if p.outcome != "" {
			r.line(p, seconds(e.Elapsed))
		}
		return
	}
	t := p.test(e.Test)
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
		if m := marker.FindStringSubmatch(e.Output); m != nil {
			if r.engines[m[1]] == nil {
				r.engines[m[1]] = map[string]bool{}
			}
			r.engines[m[1]][e.Package+" "+m[2]] = true
		}
	case "pass", "fail", "skip":
		t.outcome, t.elapsed = e.Action, seconds(e.Elapsed)
	}
}

func (p *pkg) take(e event) {
	switch e.Action {
	case "output":
		p.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		p.outcome, p.build = e.Action, e.FailedBuild
	}
}

func (p *pkg) test(name string) *test {
	t := p.tests[name]
	if t == nil {
		t = &test{pkg: p.name, name: name}
		p.tests[name] = t
		p.order = append(p.order, name)
	}
	return t
}

// addSuites takes in what ran beside `go test`, as name=status pairs.
func (r *run) addSuites(pairs string) error {
	for pair := range strings.SplitSeq(pairs, ",") {
		if pair == "" {
			continue
		}
		name, status, ok := strings.Cut(pair, "=")
		if !ok || name == "" || status == "" {
			return fmt.Errorf("-suite: %q is not name=status", pair)
		}
		r.suites[name] = status == "0"
	}
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// settle finds, once all is read, which tests have subtests and which of these failed. A test that never ended in a
// package that failed was running when that crashed.
func (p *pkg) settle() {
	for _, name := range p.order {
		t := p.tests[name]
		for parent := name; ; {
			cut := strings.LastIndexByte(parent, '/')
			if cut < 0 {
				break
			}
			parent = parent[:cut]
			if above := p.tests[parent]; above != nil {
				above.parent = true
				above.failedSub = above.failedSub || t.bad()
			}
		}
	}
}

func (t *test) bad() bool { return t.outcome == "fail" || t.outcome == "" }

// counts are of the tests that have no subtests, and of those that failed by themselves.
type counts struct{ passed, failed, skipped int }

func (p *pkg) count() counts {
	p.settle()
	var c counts
	for _, t := range p.tests {
		switch {
		case t.bad() && !t.failedSub:
			c.failed++
		case t.parent:
		case t.outcome == "pass":
			c.passed++
		case t.outcome == "skip":
			c.skipped++
		}
	}
	if c.failed == 0 && p.outcome != "pass" && p.outcome != "skip" {
		c.failed++ // it did not build, or it crashed outside its tests, or was cut off
	}
	return c
}

// failures are the tests to tell of, in the order in which they began.
func (p *pkg) failures() []*test {
	p.settle()
	var failed []*test
	for _, name := range p.order {
		if t := p.tests[name]; t.bad() && !t.failedSub {
			failed = append(failed, t)
		}
	}
	return failed
}

// slowest returns up to n tests without subtests, the slowest first.
func (r *run) slowest(n int) []*test {
	var all []*test
	for _, name := range r.order {
		p := r.pkgs[name]
		for _, t := range p.order {
			if !p.tests[t].parent {
				all = append(all, p.tests[t])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *test) int { return int(b.elapsed - a.elapsed) })
	return all[:min(n, len(all))]
}
