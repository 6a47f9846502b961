package fleet

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseReport(t *testing.T) {
	type parsed struct {
		Rev    int64
		ETag   string
		Report DeviceReport
	}
	for text, want := range map[string]parsed{
		`{"rev":7,"status":"applied"}`: {7, "", DeviceReport{Applied: true}},
		" {\"etag\" : \"\\\"abc\\\"\",\n\"status\":\"error\",\"code\":\"E1\",\"path\":\"/a/b\",\"message\":\"ä\\n\",\"firmware\":\"1.2\"}\n": {0, `"abc"`,
			DeviceReport{Code: "E1", Path: "/a/b", Message: "ä\n", Firmware: "1.2"}},
		`{"rev":1,"etag":"abc","status":"applied"}`:                          {1, "abc", DeviceReport{Applied: true}},
		`{"rev":null,"etag":"abc","status":"error","code":-5,"path":null}`:   {0, "abc", DeviceReport{Code: "-5"}},
		`{"status":"applied"}`:                                               {0, "", DeviceReport{Applied: true}},
		`{"rev":7,"status":"applied","heap":{"a":[1,{"b":null}]},"Rev":"x"}`: {7, "", DeviceReport{Applied: true}},
		`{"rev":9223372036854775807,"status":"applied"}`:                     {1<<63 - 1, "", DeviceReport{Applied: true}},
	} {
		rev, etag, report, err := ParseReport([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, parsed{rev, etag, report}); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestParseReportRefuses(t *testing.T) {
	for text, field := range map[string]string{
		``:                                     "body",
		`  `:                                   "body",
		`{`:                                    "body",
		`[]`:                                   "body",
		`"x"`:                                  "body",
		`null`:                                 "body",
		`{"rev":7,"status":"applied"} x`:       "body",
		`{"rev":7,"status":"applied"}{}`:       "body",
		`{"rev":7,"rev":8,"status":"applied"}`: "body",
		`{"rev":7,"\u0072ev":8,"status":"applied"}`:             "body",
		`{"rev":7,"status":"applied","x":{"a":1,"a":2}}`:        "body",
		`{"rev":7,"status":"applied","message":"` + "\xff\"}":   "body",
		`{"rev":7,"status":"applied","message":"\ud800"}`:       "body",
		`{"rev":7,"status":"applied","x":"` + "\xc3\x28" + `"}`: "body",
		`{"rev":7,"status":"applied",}`:                         "body",
		`{"rev":"7","status":"applied"}`:                        "rev",
		`{"rev":0,"status":"applied"}`:                          "rev",
		`{"rev":-1,"status":"applied"}`:                         "rev",
		`{"rev":7.5,"status":"applied"}`:                        "rev",
		`{"rev":9223372036854775808,"status":"applied"}`:        "rev",
		`{"rev":{},"status":"applied"}`:                         "rev",
		`{"rev":7}`:                                             "status",
		`{"rev":7,"status":null}`:                               "status",
		`{"rev":7,"status":"Applied"}`:                          "status",
		`{"rev":7,"status":true}`:                               "status",
		`{"etag":5,"status":"applied"}`:                         "etag",
		`{"rev":7,"status":"error","code":true}`:                "code",
		`{"rev":7,"status":"error","path":["a"]}`:               "path",
		`{"rev":7,"status":"error","firmware":1.2}`:             "firmware",
	} {
		_, _, _, err := ParseReport([]byte(text))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != CodeValidationFailed || len(e.Fields) != 1 || e.Fields[0].Field != field {
			t.Errorf("%s: %v, want a fault of %s", text, err, field)
		}
	}
	long := `{"rev":7,"status":"error","message":"secret` + strings.Repeat("x", MaxReport) + `"}`
	if _, _, _, err := ParseReport([]byte(long)); CodeOf(err) != CodeTooLarge || strings.Contains(err.Error(), "secret") {
		t.Errorf("too long: %v", err)
	}
	if _, _, _, err := ParseReport([]byte(`{"rev":7,"status":"secret"}`)); strings.Contains(err.Error(), "secret") {
		t.Errorf("the text is quoted: %v", err)
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add([]byte(`{"rev":7,"status":"applied"}`))
	f.Add([]byte(`{"etag":"a","status":"error","code":-5,"path":"/a","message":"\u00e4","firmware":"1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		rev, _, report, err := ParseReport(text)
		switch {
		case err == nil && rev < 0:
			t.Errorf("rev %d", rev)
		case err != nil && report != (DeviceReport{}):
			t.Errorf("%v, and a report", err)
		case err != nil && CodeOf(err) != CodeValidationFailed && CodeOf(err) != CodeTooLarge:
			t.Errorf("%v", err)
		}
	})
}
