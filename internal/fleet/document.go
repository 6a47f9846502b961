package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// DefaultMaxContent is the most bytes of a document that fielded firmware reads.
const DefaultMaxContent = 128 << 10

const (
	maxDepth   = 64  // objects and arrays inside each other
	maxDerived = 255 // characters of a derived field
)

// Document is one JSON object exactly as somebody wrote it, and what is derived from it. The zero value is no document.
type Document struct {
	// Text is the document, byte for byte. It is shared and never written to.
	Text []byte
	// SHA256 is the hash of Text.
	SHA256 [sha256.Size]byte
	// DeviceName, DeviceEntityID and EnableOTA mirror deviceName, deviceEntityId and enableOTA; nil where the
	// document lacks them or has null.
	DeviceName     *string
	DeviceEntityID *string
	EnableOTA      *bool
}

// ETag is the entity tag of the served bytes, without quotes: 32 hex digits.
func (d Document) ETag() string { return ETag(d.SHA256) }

// ETag is the entity tag of a document by the SHA-256 of its text, without quotes: 32 hex digits.
func ETag(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:16]) }

// ParseDocument checks that text is one JSON object that may be kept (contract, part 1) and reads the derived fields.
// The bytes are kept as they are. most bounds the bytes; 0 means DefaultMaxContent.
//
// Errors: VALIDATION_FAILED with the field and the position (line and column from 1, byte offset from 0),
// PAYLOAD_TOO_LARGE. They name keys, and never a value.
func ParseDocument(text []byte, most int) (Document, error) {
	if most <= 0 {
		most = DefaultMaxContent
	}
	if len(text) > most {
		return Document{}, TooLarge(len(text), most)
	}
	doc := Document{Text: text}
	if err := doc.scan(); err != nil {
		return Document{}, err
	}
	doc.SHA256 = sha256.Sum256(text)
	return doc, nil
}

// scan walks the text once, and reads the derived fields.
func (d *Document) scan() error { return scanObject(d.Text, d.member) }

// scanObject walks the tokens of a text that must be one JSON object. member is called behind the name of each member of
// that object and may read its value; a string value it must read. Escaped lone surrogates are grammatical JSON (RFC 8259,
// section 8.2), so the tokenizer may not judge UTF-8: the bytes are judged here.
func scanObject(text []byte, member func(dec *jsontext.Decoder, name string) error) error {
	if at := invalidUTF8(text); at >= 0 {
		return contentError(text, at, "is not valid UTF-8")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowInvalidUTF8(true))
	first := true
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return tokenError(text, err, int(dec.InputOffset()))
		}
		start := int(dec.InputOffset())
		if first && tok.Kind() != '{' {
			return contentError(text, skipSpace(text, 0), "must be a JSON object, not "+kindName(tok.Kind()))
		}
		first = false
		if dec.StackDepth() > maxDepth {
			return contentError(text, start-1, fmt.Sprintf("is nested deeper than %d", maxDepth))
		}
		if member != nil && dec.StackDepth() == 1 && tok.Kind() == '"' {
			if err := member(dec, tok.String()); err != nil {
				return err
			}
		}
		if dec.StackDepth() == 0 {
			return trailing(text, int(dec.InputOffset()))
		}
	}
}

func trailing(text []byte, end int) error {
	if at := skipSpace(text, end); at < len(text) {
		return contentError(text, at, "has text after the JSON object")
	}
	return nil
}

func skipSpace(text []byte, from int) int {
	for ; from < len(text); from++ {
		switch text[from] {
		case ' ', '\t', '\r', '\n':
		default:
			return from
		}
	}
	return from
}

// member reads the value of a top-level member that a field is derived from, and leaves every other one to scan.
func (d *Document) member(dec *jsontext.Decoder, name string) error {
	switch name {
	case "deviceName":
		return derivedString(dec, d.Text, name, &d.DeviceName)
	case "deviceEntityId":
		return derivedString(dec, d.Text, name, &d.DeviceEntityID)
	case "enableOTA":
		tok, err := dec.ReadToken()
		if err != nil {
			return tokenError(d.Text, err, int(dec.InputOffset()))
		}
		switch tok.Kind() {
		case 't', 'f':
			v := tok.Bool()
			d.EnableOTA = &v
		case 'n':
		default:
			return Invalid("content."+name, "must be true, false or null, not "+kindName(tok.Kind()))
		}
		return nil
	}
	if k := dec.PeekKind(); k == '"' {
		// A string value at this level must not be taken for the name of the next member.
		if _, err := dec.ReadToken(); err != nil {
			return tokenError(d.Text, err, int(dec.InputOffset()))
		}
	}
	return nil
}

func derivedString(dec *jsontext.Decoder, text []byte, name string, into **string) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return tokenError(text, err, int(dec.InputOffset()))
	}
	switch tok.Kind() {
	case 'n':
		return nil
	case '"':
	default:
		return Invalid("content."+name, "must be a string or null, not "+kindName(tok.Kind()))
	}
	v := strings.ToValidUTF8(tok.String(), "\uFFFD")
	if n := utf8.RuneCountInString(v); n > maxDerived {
		return Invalid("content."+name, fmt.Sprintf("has %d characters, and at most %d are allowed", n, maxDerived))
	}
	if strings.ContainsRune(v, 0) {
		return Invalid("content."+name, "holds the character U+0000, which cannot be kept")
	}
	*into = &v
	return nil
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	case '{':
		return "an object"
	}
	return "something else"
}

// tokenError says where and why the tokenizer stopped, without a character of the text.
func tokenError(text []byte, err error, read int) error {
	if syn, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at := int(syn.ByteOffset)
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return contentError(text, at, "has a key twice in one object")
		case errors.Is(err, io.ErrUnexpectedEOF):
			return contentError(text, len(text), "is not valid JSON: it ends too early")
		}
		return contentError(text, at, "is not valid JSON")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return contentError(text, len(text), "is not valid JSON: it ends too early")
	}
	return contentError(text, read, "is not valid JSON")
}

func contentError(text []byte, at int, what string) *Error {
	at = max(0, min(at, len(text)))
	line := 1 + bytes.Count(text[:at], []byte{'\n'})
	column := 1 + utf8.RuneCount(text[bytes.LastIndexByte(text[:at], '\n')+1:at])
	return Invalid("content", fmt.Sprintf("%s (line %d, column %d, byte %d)", what, line, column, at))
}

func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}
