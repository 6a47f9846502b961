package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"espalier.dev/espalier/client"
)

// mostImport is the largest import that a server takes, and mostFile the largest document that one can be set to keep.
const (
	mostImport = 256 << 20
	mostFile   = 16 << 20
)

// source is what is to be imported: text, or files.
type source struct {
	text    []byte
	dir     string
	files   []string // in dir, named <mac>.json
	ignored []string // in dir
}

// openSource looks at a path: a folder, a file, or - for standard input.
func openSource(path string, stdin io.Reader) (source, error) {
	if path == "-" {
		text, err := readBounded(stdin, "standard input")
		return source{text: text}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return source{}, fmt.Errorf("find what to import: %w", err)
	}
	if info.IsDir() {
		return openFolder(path)
	}
	if name := filepath.Base(path); isJSON(name) && looksLikeMAC(stem(name)) {
		return source{dir: filepath.Dir(path), files: []string{name}}, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return source{}, fmt.Errorf("read what to import: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := readBounded(file, path)
	return source{text: text}, err
}

func openFolder(path string) (source, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return source{}, fmt.Errorf("read what to import: %w", err)
	}
	from := source{dir: path}
	for _, e := range entries {
		if e.IsDir() || !isJSON(e.Name()) || strings.HasPrefix(e.Name(), ".") {
			from.ignored = append(from.ignored, e.Name())
			continue
		}
		from.files = append(from.files, e.Name())
	}
	if len(from.files) == 0 {
		return source{}, fmt.Errorf("there is no .json file in %s", path)
	}
	return from, nil
}

// readBounded reads text that is never nil.
func readBounded(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, mostImport+1))
	if err != nil {
		return nil, fmt.Errorf("read what to import: %w", err)
	}
	if len(text) > mostImport {
		return nil, fmt.Errorf("%s is larger than 256 MiB; split it and import the parts one after the other", name)
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}

// items reads the files one after the other. One that cannot be read is refused like one that is not valid.
func (s source) items() iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for _, name := range s.files {
			item := client.Item{Source: name, MAC: stem(name)}
			var err error
			item.Content, err = readDocument(filepath.Join(s.dir, name))
			if !yield(item, err) {
				return
			}
		}
	}
}

func readDocument(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > mostFile) {
		return nil, &client.Error{Code: "PAYLOAD_TOO_LARGE", Message: "it must be a file of at most 16 MiB"}
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err == nil {
		return text, nil
	}
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err // the report names the file
	}
	return nil, &client.Error{Code: "INVALID_OPERATION", Message: fmt.Sprintf("it cannot be read: %v", err)}
}

func isJSON(name string) bool { return strings.EqualFold(filepath.Ext(name), ".json") }

func stem(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

// looksLikeMAC tells a device's file from a file of many; the server judges what is a MAC address.
func looksLikeMAC(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9', 'a' <= r && r <= 'f', 'A' <= r && r <= 'F':
			digits++
		case r == ':' || r == '-' || r == '.':
		default:
			return false
		}
	}
	return digits == 12
}
