package app_test

import (
	"strings"
	"testing"

	"espalier.dev/espalier/internal/app"
)

func TestDocumentProblem(t *testing.T) {
	for text, says := range map[string]string{
		"{}":                   "",
		"":                     "content is not valid JSON: it ends too early (line 1, column 1, byte 0)",
		"[]":                   "content must be a JSON object, not an array",
		"{\n \"a\":1,\"a\":2}": "content has a key twice in one object (line 2,",
		`{"deviceName":1}`:     "content.deviceName must be a string",
		`{"a":"` + strings.Repeat("x", 1<<20) + `"}`: "",
	} {
		if got := app.DocumentProblem([]byte(text)); got == "" != (says == "") || !strings.HasPrefix(got, says) {
			t.Errorf("%.40q: %q, want %q", text, got, says)
		}
	}
}

func TestMergePatchKeepsText(t *testing.T) {
	got, err := app.MergePatch([]byte(`{ "a": 1.0, "b":2 }`), []byte(`{"b":null}`))
	if err != nil || string(got) != `{ "a": 1.0 }` {
		t.Errorf("%s, %v", got, err)
	}
}
