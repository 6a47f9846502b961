package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func nested(levels int) string {
	return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

func TestParseDocumentKeepsTheBytes(t *testing.T) {
	for _, text := range []string{
		`{}`,
		" \r\n\t{ \"b\" : 1 , \"a\":2 }\n\n",
		`{"n":[1e400,12345678901234567890,-0,1.0,1.50e-7,0.1]}`,
		`{"s":"\u00e4ä\ud83d\ude00 \u0000 <&>","t":"\ud800"}`,
		`{"deviceName":"Küche 寝室","deviceEntityId":"kueche","enableOTA":false}`,
		`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`,
		`{"devicename":5,"DeviceName":6,"x":{"deviceName":7,"enableOTA":"x"}}`,
		`{"b":"deviceName","c":"enableOTA","deviceName":"y"}`,
		nested(64),
	} {
		doc, err := ParseDocument([]byte(text), 0)
		if err != nil {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		if string(doc.Text) != text {
			t.Errorf("%.60q came out as %.60q", text, doc.Text)
		}
		if doc.SHA256 != sha256.Sum256([]byte(text)) {
			t.Errorf("%.60q: wrong hash", text)
		}
	}
}

func TestParseDocumentDerives(t *testing.T) {
	str := func(s string) *string { return &s }
	yes, no := true, false
	for text, want := range map[string]Document{
		`{}`: {},
		`{"deviceName":null,"deviceEntityId":null,"enableOTA":null}`:                             {},
		`{"deviceName":"Hallway Intercom","deviceEntityId":"hallway_intercom","enableOTA":true}`: {DeviceName: str("Hallway Intercom"), DeviceEntityID: str("hallway_intercom"), EnableOTA: &yes},
		`{"x":"y","enableOTA":false,"deviceName":"\u004b\u00fcche"}`:                             {EnableOTA: &no, DeviceName: str("Küche")},
		`{"device\u004eame":"escaped key"}`:                                                      {DeviceName: str("escaped key")},
		`{"devicename":"a","DEVICENAME":"b","deviceentityid":"c","EnableOTA":true}`:              {},
		`{"deviceName":"` + strings.Repeat("寝", 255) + `"}`:                                      {DeviceName: str(strings.Repeat("寝", 255))},
		`{"deviceName":"","o":{"deviceName":"inner"},"a":["deviceEntityId"]}`:                    {DeviceName: str("")},
		`{"deviceName":"\ud800"}`:                                                                {DeviceName: str("\uFFFD")},
	} {
		got, err := ParseDocument([]byte(text), 0)
		if err != nil {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		want.Text, want.SHA256 = got.Text, got.SHA256
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.60q: %s", text, diff)
		}
	}
}

func TestParseDocumentRefuses(t *testing.T) {
	const secret = "s3cr3tPassw0rd"
	for _, c := range []struct{ name, text, field, message string }{
		{"empty", "", "content", "is not valid JSON: it ends too early (line 1, column 1, byte 0)"},
		{"array", " [1]", "content", "must be a JSON object, not an array (line 1, column 2, byte 1)"},
		{"string", `"` + secret + `"`, "content", "must be a JSON object, not a string (line 1, column 1, byte 0)"},
		{"number", "5", "content", "must be a JSON object, not a number (line 1, column 1, byte 0)"},
		{"null", "null", "content", "must be a JSON object, not null (line 1, column 1, byte 0)"},
		{"boolean", "true", "content", "must be a JSON object, not a boolean (line 1, column 1, byte 0)"},
		{"trailing text", "{} x", "content", "has text after the JSON object (line 1, column 4, byte 3)"},
		{"trailing brace", "{}}", "content", "has text after the JSON object (line 1, column 3, byte 2)"},
		{"two objects", "{}\n{}", "content", "has text after the JSON object (line 2, column 1, byte 3)"},
		{"trailing NUL", "{}\x00", "content", "has text after the JSON object (line 1, column 3, byte 2)"},
		{"comment", "{} // c", "content", "has text after the JSON object (line 1, column 4, byte 3)"},
		{"duplicate", `{"a":1,"a":2}`, "content", "has a key twice in one object (line 1, column 8, byte 7)"},
		{"duplicate inside", "{\"ü\":\n[{\"b\":1,\"b\":2}]}", "content", "has a key twice in one object (line 2, column 9, byte 15)"},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, "content", "has a key twice in one object (line 1, column 8, byte 7)"},
		{"duplicate derived", `{"deviceName":"a","deviceName":"b"}`, "content", "has a key twice in one object (line 1, column 19, byte 18)"},
		{"bad UTF-8", "{\"ü\":\"" + secret + "\xff\"}", "content", "is not valid UTF-8 (line 1, column 21, byte 21)"},
		{"surrogate bytes", "{\"a\":\"\xed\xa0\x80\"}", "content", "is not valid UTF-8 (line 1, column 7, byte 6)"},
		{"overlong", "{\"a\":\"\xc0\xaf\"}", "content", "is not valid UTF-8 (line 1, column 7, byte 6)"},
		{"byte order mark", "\ufeff{}", "content", "is not valid JSON (line 1, column 1, byte 0)"},
		{"too deep", nested(65), "content", "is nested deeper than 64 (line 1, column 69, byte 68)"},
		{"much too deep", nested(60000), "content", "is nested deeper than 64 (line 1, column 69, byte 68)"},
		{"cut", `{"password":"` + secret, "content", "is not valid JSON: it ends too early (line 1, column 28, byte 27)"},
		{"leading zero", `{"a":01}`, "content", "is not valid JSON (line 1, column 7, byte 6)"},
		{"trailing comma", `{"a":1,}`, "content", "is not valid JSON (line 1, column 7, byte 6)"},
		{"single quotes", `{'a':1}`, "content", "is not valid JSON (line 1, column 2, byte 1)"},
		{"NaN", `{"a":NaN}`, "content", "is not valid JSON (line 1, column 6, byte 5)"},
		{"bare control", "{\"a\":\"x\ny\"}", "content", "is not valid JSON (line 1, column 8, byte 7)"},
		{"name a number", `{"deviceName":5}`, "content.deviceName", "must be a string or null, not a number"},
		{"name an object", `{"deviceName":{"x":1}}`, "content.deviceName", "must be a string or null, not an object"},
		{"entity id a boolean", `{"deviceEntityId":true}`, "content.deviceEntityId", "must be a string or null, not a boolean"},
		{"ota a string", `{"enableOTA":"` + secret + `"}`, "content.enableOTA", "must be true, false or null, not a string"},
		{"ota a number", `{"enableOTA":1}`, "content.enableOTA", "must be true, false or null, not a number"},
		{"name too long", `{"deviceName":"` + strings.Repeat("寝", 256) + `"}`, "content.deviceName", "has 256 characters, and at most 255 are allowed"},
		{"name with NUL", `{"deviceName":"a\u0000"}`, "content.deviceName", "holds the character U+0000, which cannot be kept"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseDocument([]byte(c.text), 0)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want a refusal", err)
			}
			want := &Error{Code: CodeValidationFailed, Message: "Validation failed", Detail: "The request data is not valid",
				Fields: []FieldError{{Field: c.field, Message: c.message}}}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds text of the document: %v", err)
			}
		})
	}
}

func TestParseDocumentSize(t *testing.T) {
	exact := []byte(`{"a":"` + strings.Repeat("x", 100-8) + `"}`)
	if _, err := ParseDocument(exact, 100); err != nil {
		t.Errorf("100 of 100 bytes: %v", err)
	}
	if _, err := ParseDocument(append(exact, ' '), 100); CodeOf(err) != CodeTooLarge {
		t.Errorf("101 of 100 bytes: %v", err)
	}
	big := append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), DefaultMaxContent)...)
	if _, err := ParseDocument(append(big, `"}`...), 0); CodeOf(err) != CodeTooLarge {
		t.Errorf("over the default: %v", err)
	}
}

// FuzzParseDocument holds the scanner against encoding/json, which is laxer in known ways only.
func FuzzParseDocument(f *testing.F) {
	for _, seed := range []string{`{}`, `{"deviceName":"x","a":[1,2,{"b":null}]}`, `{"a":1,"a":2}`, `[1]`, "{\"a\":\"\xff\"}", nested(64), nested(65), `{} x`, `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		doc, err := ParseDocument(text, 0)
		if !bytes.Equal(before, text) {
			t.Fatal("the scanner changed its input")
		}
		if err != nil {
			if CodeOf(err) != CodeValidationFailed && CodeOf(err) != CodeTooLarge {
				t.Fatalf("code %s", CodeOf(err))
			}
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		var name *string
		if raw, ok := fields["deviceName"]; ok {
			if err := json.Unmarshal(raw, &name); err != nil {
				t.Fatalf("accepted a deviceName that is no string: %v", err)
			}
		}
		if diff := cmp.Diff(name, doc.DeviceName); diff != "" {
			t.Fatal(diff)
		}
	})
}
