package cli

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// indentation is how a document is shown that has no lines of its own.
const indentation = "  "

// indented is a JSON text with a line for each member, and everything else as it was; a text that is no JSON is left alone.
func indented(text []byte) []byte {
	v := jsontext.Value(bytes.TrimSpace(bytes.Clone(text)))
	if v.Indent(jsontext.WithIndent(indentation)) != nil {
		return text
	}
	return append(v, '\n')
}

// sheet is a document as it is laid before a person, who edits it in lines that it may not have.
type sheet struct {
	lines []byte // ends with a newline
	// fold writes edited lines as the document was written. It needs a JSON text.
	fold func(lines []byte) []byte
}

// layOut lays a document out. One on a single line is indented, where that can be undone to the byte.
func layOut(text []byte) sheet {
	core := bytes.TrimSpace(text)
	if !bytes.ContainsAny(core, "\r\n") {
		for _, style := range lineStyles() {
			fold := func(lines []byte) []byte { return folded(lines, style) }
			if lines := indented(core); bytes.Equal(fold(lines), core) {
				tail := text[bytes.Index(text, core)+len(core):]
				head := text[:bytes.Index(text, core)]
				return sheet{lines, func(lines []byte) []byte { return bytes.Join([][]byte{head, fold(lines), tail}, nil) }}
			}
		}
	}
	if bytes.HasSuffix(text, []byte("\n")) {
		return sheet{text, func(lines []byte) []byte { return lines }}
	}
	// Editors end the last line; the document did not.
	return sheet{append(bytes.Clone(text), '\n'), func(lines []byte) []byte { return bytes.TrimSuffix(lines, []byte("\n")) }}
}

// lineStyles are the ways in which programs write JSON on one line: without spaces, as Python does, and between these.
func lineStyles() [][]jsontext.Options {
	return [][]jsontext.Options{
		{},
		{jsontext.SpaceAfterColon(true), jsontext.SpaceAfterComma(true)},
		{jsontext.SpaceAfterColon(true)},
		{jsontext.SpaceAfterComma(true)},
	}
}

// folded is a JSON text on one line; a text that is no JSON is left alone.
func folded(text []byte, style []jsontext.Options) []byte {
	v := jsontext.Value(bytes.Clone(bytes.TrimSpace(text)))
	if v.Compact(style...) != nil {
		return text
	}
	return v
}
