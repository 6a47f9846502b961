// Package house holds the tests of the tree itself: the sizes that the house sets itself, and documents that name what
// exists. It has no code to import. The import table is the linter's; see .golangci.yml.
package house

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	mostFileLines     = 600
	mostFunctionLines = 80
	mostAgentsLines   = 100
	mostDependencies  = 24
)

// root is the module's directory, seen from this one.
const root = "../.."

// goFile is a parsed file of ours that a person wrote.
type goFile struct {
	path  string // from the root
	lines int
	set   *token.FileSet
	file  *ast.File
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// goFiles returns the tree's Go files, without generated ones.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f := goFile{path: strings.TrimPrefix(filepath.ToSlash(path), root+"/"), set: token.NewFileSet()}
		f.file, err = parser.ParseFile(f.set, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f.lines = strings.Count(string(text), "\n")
		if !ast.IsGenerated(f.file) {
			files = append(files, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found only %d Go files: this test looks in the wrong place", len(files))
	}
	return files
}

func TestFilesAreShort(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.lines > mostFileLines {
			t.Errorf("%s has %d lines; the most is %d", f.path, f.lines, mostFileLines)
		}
	}
}

// A test may be as long as its table; what ships may not.
func TestFunctionsAreShort(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		for _, decl := range f.file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1; n > mostFunctionLines {
				t.Errorf("%s: %s has %d lines; the most is %d", f.path, fn.Name.Name, n, mostFunctionLines)
			}
		}
	}
}

// Names that say nothing of what is inside draw in everything.
func TestPackagesAreNamedForWhatTheyDo(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "misc"}
	for _, f := range goFiles(t) {
		if slices.Contains(vague, f.file.Name.Name) {
			t.Errorf("%s is in a package named %s", f.path, f.file.Name.Name)
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	said := map[string]bool{}
	for _, f := range goFiles(t) {
		dir := filepath.Dir(f.path)
		said[dir] = said[dir] || f.file.Doc != nil
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// documents returns the Markdown files that name paths of the tree, those of them that exist.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"README.md", "AGENTS.md", "docs/*.md", "docs/*/*.md"} {
		matches, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, matches...)
	}
	return found
}

func TestDocumentsNamePathsThatExist(t *testing.T) {
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(filepath.ToSlash(document), root+"/")
		for _, path := range namedPaths(string(text)) {
			if !exists(root, path) {
				t.Errorf("%s names `%s`, which does not exist", name, path)
			}
		}
		for _, link := range links(string(text)) {
			if !exists(filepath.Dir(document), link) {
				t.Errorf("%s links to %s, which does not exist", name, link)
			}
		}
	}
}

var (
	fence = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	code  = regexp.MustCompile("`([^`\n]+)`")
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)

	// ours are paths from the root: files of its folders, and the few files that stand in it.
	ours = regexp.MustCompile(`^(\.ci|client|cmd|deploy|docs|examples|internal|scripts|web)(/[\w.@-]+)*/?$|` +
		`^(Makefile|go\.mod|\.golangci\.yml|[A-Z]+\.md)$`)
	symbol = regexp.MustCompile(`\.[A-Z]\w*(\.\w+)?$`)
	plain  = regexp.MustCompile(`^\w+$`)
)

// namedPaths returns the paths that inline code of a document names. Commands in fenced blocks, routes, settings and
// patterns are not among them, nor is a single word such as `client`, which may mean anything.
func namedPaths(text string) []string {
	var paths []string
	for _, m := range code.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		path := symbol.ReplaceAllString(m[1], "") // internal/fleet.Service names internal/fleet
		built := strings.HasPrefix(path, "web/dist") || strings.HasPrefix(path, "web/node_modules")
		if ours.MatchString(path) && (!plain.MatchString(path) || path == "Makefile") && !built {
			paths = append(paths, path)
		}
	}
	return paths
}

// links returns the relative targets of a document's links, without their anchors.
func links(text string) []string {
	var targets []string
	for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		target, _, _ := strings.Cut(m[1], "#")
		if target != "" && !strings.Contains(target, ":") {
			targets = append(targets, target)
		}
	}
	return targets
}

func exists(dir, path string) bool {
	_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path)))
	return err == nil
}

func TestNamedPaths(t *testing.T) {
	const text = "See `internal/fleet`, `internal/fleet.Service`, `internal/fleet/mac.go`, `docs/AGENTS.md`, `Makefile`,\n" +
		"but not `/api/configs`, `client`, `DATA_DIR`, `internal/<name>`, `docs/*.md`, `go test ./internal/...`, `web/dist/x`.\n" +
		"```\n`internal/in-a-fence`\n```\nA [link](docs/a.md#part), [another](https://example.org/x) and an [anchor](#here).\n"
	want := []string{"internal/fleet", "internal/fleet", "internal/fleet/mac.go", "docs/AGENTS.md", "Makefile"}
	if got := namedPaths(text); !slices.Equal(got, want) {
		t.Errorf("paths are %q, want %q", got, want)
	}
	if got := links(text); !slices.Equal(got, []string{"docs/a.md"}) {
		t.Errorf("links are %q, want docs/a.md alone", got)
	}
	if exists(root, "internal/no-such-package") || !exists(root, "internal/house") {
		t.Error("exists does not tell what exists")
	}
}

func TestAgentsGuideIsShort(t *testing.T) {
	text, ok := document(t, "AGENTS.md")
	if n := strings.Count(text, "\n"); ok && n > mostAgentsLines {
		t.Errorf("AGENTS.md has %d lines; the most is %d", n, mostAgentsLines)
	}
}

// document reads a file of the root. One that nobody has written yet is no failure here: the tests that bind documents
// bind those that exist.
func document(t *testing.T, path string) (string, bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text), true
}

func TestDependenciesAreFewAndExplained(t *testing.T) {
	text, ok := document(t, "go.mod")
	if !ok {
		t.Fatal("there is no go.mod")
	}
	direct := directDependencies(text)
	if len(direct) == 0 {
		t.Fatal("go.mod names no dependency: this test does not understand it")
	}
	if len(direct) > mostDependencies {
		t.Errorf("go.mod has %d direct dependencies; the most is %d", len(direct), mostDependencies)
	}
	reasons, ok := document(t, "docs/dependencies.md")
	if !ok {
		return
	}
	for _, module := range direct {
		named := regexp.MustCompile(regexp.QuoteMeta(module) + `([^\w/.-]|$)`)
		if !named.MatchString(reasons) {
			t.Errorf("docs/dependencies.md does not say what %s is for", module)
		}
	}
}

// directDependencies reads the modules that a go.mod requires itself.
func directDependencies(text string) []string {
	var direct []string
	inBlock := false
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		line := strings.TrimSpace(scanner.Text())
		switch line {
		case "require (":
			inBlock = true
			continue
		case ")":
			inBlock = false
		}
		line, single := strings.CutPrefix(line, "require ")
		if !inBlock && !single || strings.Contains(line, "// indirect") {
			continue
		}
		if module, _, ok := strings.Cut(line, " "); ok {
			direct = append(direct, module)
		}
	}
	return direct
}

func TestDirectDependencies(t *testing.T) {
	text := fmt.Sprintf("module x\n\ngo 1.26\n\nrequire %s v1\n\nrequire (\n\t%s v2.0.0\n\t%s v3 // indirect\n)\n\ntool c\n",
		"example.org/a", "example.org/b", "example.org/c")
	if got := directDependencies(text); !slices.Equal(got, []string{"example.org/a", "example.org/b"}) {
		t.Errorf("direct dependencies are %q, want a and b", got)
	}
}
