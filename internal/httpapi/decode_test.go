package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"espalier.dev/espalier/internal/fleet"
)

// limited is a body with the bound that handlers put on one.
func limited(r io.Reader, most int64) io.Reader {
	return http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(r), most)
}

func TestFieldsAreVerbatim(t *testing.T) {
	text := " {\"a\" : [1 , 2.0e1],\"b\":{ \"x\":\"\\u0041\" }  ,\"c\":\"\\u0041\"\n}\t"
	got, err := parseFields([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "[1 , 2.0e1]", "b": `{ "x":"\u0041" }`, "c": `"\u0041"`} {
		if string(got[name]) != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if s, wrong := got.text("c"); s != "A" || wrong != nil {
		t.Errorf("c: %q, %v", s, wrong)
	}
	if len(got) != 3 {
		t.Errorf("%d members", len(got))
	}
}

// FuzzCreateBody sends any bytes as the body of a create: it never fails for a reason of ours, and what it accepts comes
// back byte for byte.
func FuzzCreateBody(f *testing.F) {
	for _, seed := range []string{
		`{"mac_address":"aa:bb:cc:dd:ee:ff","content":{"a":1}}`,
		`{"mac_address":"aabb.ccdd.eeff","content":"{\"a\":\"\\ud800\"} "}`,
		`{"content":` + odd + `,"mac_address":"AA-BB-CC-DD-EE-FF"}`,
		`{"mac_address":"x","content":[]}`, `{"mac_address":`, `[]`, `{"content":"\ud800"}`, "\xff", `{"a":1,"\u0061":2}`,
	} {
		f.Add([]byte(seed))
	}
	fx := newFixture(f, func(o *Options) { o.Logger = slog.New(slog.DiscardHandler) })
	fx.lax = true
	f.Fuzz(func(t *testing.T, body []byte) {
		fx.t = t
		fx.memory().clear()
		got := fx.do(request{method: "POST", target: "/api/configs", body: string(body),
			header: map[string]string{"Content-Type": "application/json"}})
		switch got.status {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if len(fx.memory().configs) != 0 {
				t.Fatal("refused, and kept")
			}
			return
		case http.StatusCreated:
		default:
			t.Fatalf("%d: %s", got.status, got.body)
		}
		given, err := parseFields(body)
		if err != nil {
			t.Fatalf("accepted, and cannot be parsed: %v", err)
		}
		mac, _ := given.text("mac_address")
		want, wrong := given.document()
		if wrong != nil {
			t.Fatal(wrong)
		}
		key, err := fleet.ParseMAC(mac)
		if err != nil {
			t.Fatal(err)
		}
		read := fx.get("/api/configs/"+key.Dashed()+".json").want(t, http.StatusOK)
		if read.body != string(want) {
			t.Fatalf("kept %q, got %q", want, read.body)
		}
		if !strings.Contains(got.body, `,"content":`+string(want)+`,"created_at":"`) {
			t.Fatalf("the answer does not hold the document as it is: %s", got.body)
		}
	})
}

// FuzzFields holds parseFields against its promise: no member's text is changed, and none is invented.
func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":{"a":2}}`))
	f.Add([]byte(` { } `))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseFields(text)
		if err != nil {
			if code := fleet.CodeOf(err); code != fleet.CodeValidationFailed {
				t.Fatalf("%s: %v", code, err)
			}
			return
		}
		for name, value := range got {
			if !strings.Contains(string(text), string(value)) || len(value) == 0 {
				t.Fatalf("%q is not in the text: %q", name, value)
			}
		}
	})
}
