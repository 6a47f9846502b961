package sample_test

import (
	"bytes"
	"encoding/json"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/fleet"
	"espalier.dev/espalier/internal/sample"
)

// kinds has, for each kind of device, the top-level member that only it has.
var kinds = map[string]string{
	"intercom":            "doorRelay",
	"thermostat":          "frostProtection",
	"paper clock":         "clock",
	"under-floor heating": "heatCurve",
	"blinds":              "motors",
	"light strip":         "strip",
	"energy meter":        "meter",
	"soil sensor":         "probes",
}

func TestThreeDevicesOfEightKinds(t *testing.T) {
	got, want := map[string]int{}, map[string]int{}
	for kind := range kinds {
		want[kind] = 3
	}
	for _, item := range sample.Items() {
		members := members(t, item)
		for kind, member := range kinds {
			if _, ok := members[member]; ok {
				got[kind]++
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("devices by kind (-want +got):\n%s", diff)
	}
}

func members(t *testing.T, item fleet.Item) map[string]json.RawMessage {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(item.Content, &members); err != nil {
		t.Fatalf("%s: %v", item.Source, err)
	}
	return members
}

func TestEveryDocumentIsAccepted(t *testing.T) {
	for _, item := range sample.Items() {
		doc, err := fleet.ParseDocument(item.Content, 0)
		if err != nil {
			t.Errorf("%s: %v", item.Source, err)
			continue
		}
		if doc.DeviceName == nil || *doc.DeviceName == "" || doc.DeviceEntityID == nil || *doc.DeviceEntityID == "" {
			t.Errorf("%s lacks its name or its entity id", item.Source)
		}
		if _, ok := members(t, item)["enableOTA"]; !ok {
			t.Errorf("%s lacks enableOTA", item.Source)
		}
		var mqtt struct {
			MQTT struct{ Endpoint, Username, Password string }
		}
		if err := json.Unmarshal(item.Content, &mqtt); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(mqtt.MQTT.Endpoint, "mqtt://") || mqtt.MQTT.Username == "" {
			t.Errorf("%s does not say where its broker is", item.Source)
		}
		if mqtt.MQTT.Password != "change-me" {
			t.Errorf("%s has a password that does not look like a placeholder", item.Source)
		}
	}
}

func TestAddressesAreNobodysAndNamesUnlike(t *testing.T) {
	seen := map[string]string{}
	once := func(what, source string) {
		if other, twice := seen[what]; twice {
			t.Errorf("%s and %s share %s", other, source, what)
		}
		seen[what] = source
	}
	var order []string
	for _, item := range sample.Items() {
		mac, err := fleet.ParseMAC(item.MAC)
		if err != nil {
			t.Fatalf("%s: %v", item.Source, err)
		}
		if mac[0]&0b11 != 0b10 {
			t.Errorf("%s is not a locally administered address of one device (IEEE 802, section 8.2)", mac)
		}
		if item.Source != mac.Dashed()+".json" {
			t.Errorf("%s is not named by its address in the form that devices ask with", item.Source)
		}
		doc, err := fleet.ParseDocument(item.Content, 0)
		if err != nil {
			t.Fatal(err)
		}
		once(mac.String(), item.Source)
		once(*doc.DeviceName, item.Source)
		once(*doc.DeviceEntityID, item.Source)
		order = append(order, mac.String())
	}
	if len(order) != 24 || !sort.StringsAreSorted(order) {
		t.Errorf("want 24 devices by MAC address, got %d: %v", len(order), order)
	}
}

// What must come back byte for byte is here to be tried: a sample that was tidied up would try nothing.
func TestDocumentsAreWrittenInManyWays(t *testing.T) {
	ways := map[string]func([]byte) bool{
		"on one line":                   func(b []byte) bool { return !bytes.ContainsAny(b, "\r\n") },
		"indented with spaces":          func(b []byte) bool { return bytes.Contains(b, []byte("\n  \"")) },
		"indented with tabs":            func(b []byte) bool { return bytes.Contains(b, []byte("\n\t\"")) },
		"with CRLF":                     func(b []byte) bool { return bytes.Contains(b, []byte("\r\n")) },
		"without a line end at its end": func(b []byte) bool { return b[len(b)-1] == '}' },
		"with a line end at its end":    func(b []byte) bool { return b[len(b)-1] == '\n' },
		"a float that is whole":         func(b []byte) bool { return bytes.Contains(b, []byte(" 1.0,")) },
		"a small exponent":              func(b []byte) bool { return bytes.Contains(b, []byte("1e-3")) },
		"a capital exponent":            func(b []byte) bool { return bytes.Contains(b, []byte("8E3")) },
		"beyond 64 bits":                func(b []byte) bool { return bytes.Contains(b, []byte("12345678901234567890")) },
		"beyond what a double holds":    func(b []byte) bool { return bytes.Contains(b, []byte("18446744073709551615")) },
		"escapes":                       func(b []byte) bool { return bytes.Contains(b, []byte(`\u2728`)) },
		"Latin beyond ASCII":            func(b []byte) bool { return bytes.Contains(b, []byte("Łazienka")) },
		"Cyrillic":                      func(b []byte) bool { return bytes.Contains(b, []byte("Подсветка")) },
		"kanji":                         func(b []byte) bool { return bytes.Contains(b, []byte("寝室")) },
		"null":                          func(b []byte) bool { return bytes.Contains(b, []byte(`"enableOTA":null`)) },
		"some 20 KB":                    func(b []byte) bool { return len(b) > 18<<10 && len(b) < 22<<10 },
		"less than 500 bytes":           func(b []byte) bool { return len(b) < 500 },
	}
	for name, is := range ways {
		found := false
		for _, item := range sample.Items() {
			found = found || is(item.Content)
		}
		if !found {
			t.Errorf("no document is written %s", name)
		}
	}
	for _, item := range sample.Items() {
		if !utf8.Valid(item.Content) || bytes.HasPrefix(item.Content, []byte("\ufeff")) {
			t.Errorf("%s is not plain UTF-8", item.Source)
		}
	}
}

func TestItemsAreCopies(t *testing.T) {
	before := bytes.Clone(sample.Items()[0].Content)
	clear(sample.Items()[0].Content)
	if diff := cmp.Diff(before, sample.Items()[0].Content); diff != "" {
		t.Errorf("a caller changed the sample (-want +got):\n%s", diff)
	}
}
