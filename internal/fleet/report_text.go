package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxReport is the most bytes of a report as a device sends it.
const MaxReport = 4 << 10

// ParseReport reads what a device sends as its report, over HTTP or MQTT:
//
//	{"rev":7 or "etag":"…","status":"applied" or "error","code":…,"path":…,"message":…,"firmware":…}
//
// Members that are null count as missing, and those of other names are passed over. Firmware writes error codes as numbers
// too. rev is 0 and etag empty where they are missing. Errors: PAYLOAD_TOO_LARGE, VALIDATION_FAILED with the field.
func ParseReport(text []byte) (rev int64, etag string, r DeviceReport, err error) {
	if len(text) > MaxReport {
		return 0, "", r, &Error{Code: CodeTooLarge, Message: fmt.Sprintf("The report has %d bytes, and at most %d are allowed", len(text), MaxReport),
			Detail: "Shorten the message of the report"}
	}
	var given reportText
	if err := given.read(text); err != nil {
		return 0, "", r, err
	}
	switch given.status {
	case "applied":
		r.Applied = true
	case "error":
	default:
		return 0, "", r, Invalid("status", "must be applied or error")
	}
	r.Code, r.Path, r.Message, r.Firmware = given.code, given.path, given.message, given.firmware
	return given.rev, given.etag, r, nil
}

// reportText is a report as it stands in its text.
type reportText struct {
	rev                                         int64
	etag, status, code, path, message, firmware string
}

func (t *reportText) read(text []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	if tok, err := dec.ReadToken(); err != nil {
		return reportError(err)
	} else if tok.Kind() != '{' {
		return Invalid("body", "must be a JSON object")
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return reportError(err)
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return reportError(err)
		}
		if err := t.member(key, value); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return reportError(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return Invalid("body", "has text after the JSON object")
	}
	return nil
}

func (t *reportText) member(name string, value jsontext.Value) error {
	if value.Kind() == 'n' {
		return nil
	}
	if name == "rev" {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 1 {
			return Invalid("rev", "must be the number of a revision, from 1")
		}
		t.rev = n
		return nil
	}
	into := map[string]*string{"etag": &t.etag, "status": &t.status, "code": &t.code, "path": &t.path,
		"message": &t.message, "firmware": &t.firmware}[name]
	switch {
	case into == nil:
	case value.Kind() == '"':
		unquoted, err := jsontext.AppendUnquote(nil, []byte(value))
		if err != nil {
			return reportError(err)
		}
		*into = string(unquoted)
	case value.Kind() == '0' && name == "code":
		*into = string(value)
	default:
		return Invalid(name, "must be a string")
	}
	return nil
}

// reportError says why a report is no JSON, and quotes nothing of it.
func reportError(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return Invalid("body", "is not a whole JSON object")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return Invalid("body", fmt.Sprintf("has a key twice in one object (byte %d)", syntax.ByteOffset))
	}
	return Invalid("body", fmt.Sprintf("is not valid JSON in UTF-8 (byte %d)", syntax.ByteOffset))
}
