package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// ownTemplate is what made devices get where no templates were given.
const ownTemplate = `{"deviceName":"Simulated device","deviceEntityId":"simulated_device","enableOTA":false,` +
	`"mqtt":{"endpoint":"mqtt://127.0.0.1","username":"device","password":"change-me"},"interval":30,"gain":1.0}`

// template is a document to write again and again, with a mark that tells the states apart. All else of it stays
// as it was written.
type template struct {
	before, after []byte // of the mark
}

// newTemplate makes the i-th device's own out of a document: its name and entity id get a number.
func newTemplate(text []byte, i int) (template, error) {
	if !json.Valid(text) {
		return template{}, errors.New("it is not valid JSON")
	}
	open := bytes.IndexByte(text, '{')
	if open < 0 || len(bytes.TrimSpace(text[:open])) > 0 {
		return template{}, errors.New("it is not a JSON object")
	}
	name := regexp.MustCompile(`("deviceName"\s*:\s*"(?:[^"\\]|\\.)*)"`)
	entity := regexp.MustCompile(`("deviceEntityId"\s*:\s*"(?:[^"\\]|\\.)*)"`)
	text = name.ReplaceAll(text, fmt.Appendf(nil, `${1} (simulated %d)"`, i+1))
	text = entity.ReplaceAll(text, fmt.Appendf(nil, `${1}_simulated_%d"`, i+1))
	t := template{before: text[:open+1], after: text[open+1:]}
	if rest := bytes.TrimLeft(t.after, " \t\r\n"); rest[0] != '}' {
		t.after = append([]byte{','}, t.after...)
	}
	return t, nil
}

// mark tells the documents of one run apart from all others.
type mark string

func newMark(run uint16) mark {
	return mark(fmt.Sprintf(`"espalierSimulation":{"run":"%04x","n":`, run))
}

// stamp is the n-th state of the document.
func (t template) stamp(m mark, n int64, at time.Time) []byte {
	text := make([]byte, 0, len(t.before)+len(t.after)+len(m)+64)
	text = append(text, t.before...)
	text = append(text, m...)
	text = strconv.AppendInt(text, n, 10)
	text = append(text, `,"at":"`...)
	text = at.UTC().AppendFormat(text, time.RFC3339Nano)
	text = append(text, `"}`...)
	return append(text, t.after...)
}

// unmarked is the state of a document that does not bear the run's mark.
const unmarked = -1

// read finds which state a document is in.
func (m mark) read(text []byte) int64 {
	_, rest, found := bytes.Cut(text, []byte(m))
	end := bytes.IndexByte(rest, ',')
	if !found || end < 0 {
		return unmarked
	}
	n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	if err != nil || n < 0 {
		return unmarked
	}
	return n
}
