package fleet

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseMAC(t *testing.T) {
	want := MAC{0xaa, 0xbb, 0xcc, 0x0d, 0xee, 0xff}
	for _, text := range []string{
		"aa:bb:cc:0d:ee:ff", "AA:BB:CC:0D:EE:FF", "aa-bb-cc-0d-ee-ff", "Aa-bB-cC-0d-eE-Ff",
		"aabb.cc0d.eeff", "AABB.CC0D.EEFF", "aabbcc0deeff", "AABBCC0DEEFF",
	} {
		got, err := ParseMAC(text)
		if err != nil || got != want {
			t.Errorf("ParseMAC(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "aa", "aa:bb:cc:0d:ee", "aa:bb:cc:0d:ee:ff:00", "aa:bb:cc:0d:ee:fg", "aa:bb-cc:0d:ee:ff", "aa-bb:cc-0d-ee-ff",
		" aa:bb:cc:0d:ee:ff", "aa:bb:cc:0d:ee:ff ", "aa:bb:cc:0d:ee:f", "aabb.cc0d-eeff", "aabb:cc0d:eeff", "aabbcc.0deeff",
		"aabbcc0deef", "aabbcc0deeffa", "aa:bb:cc:0d:ee:ff.json", "aa:bb:cc:0d:ee:ff\x00", "aa_bb_cc_0d_ee_ff",
		"ａａ:bb:cc:0d:ee", "１２３４", "٠٠:bb:cc:0d:ee:f", ":a:bb:cc:0d:ee:ff", "+a:bb:cc:0d:ee:ff", "0xaabbcc0dee", "a:b:c:d:e:f:0:1:2",
	} {
		if got, err := ParseMAC(text); err == nil {
			t.Errorf("ParseMAC(%q) = %v, want an error", text, got)
		}
	}
}

func TestMACForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mac := MAC(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "mac"))
		dotted := mac.Hex()[:4] + "." + mac.Hex()[4:8] + "." + mac.Hex()[8:]
		for _, form := range []string{mac.String(), mac.Dashed(), mac.Hex(), dotted} {
			for _, text := range []string{form, strings.ToUpper(form)} {
				var got MAC
				if err := got.UnmarshalText([]byte(text)); err != nil || got != mac {
					t.Fatalf("%q reads as %v, %v; want %v", text, got, err, mac)
				}
			}
		}
		if text, err := mac.MarshalText(); err != nil || string(text) != mac.String() {
			t.Fatalf("MarshalText = %q, %v", text, err)
		}
	})
	var mac MAC
	if err := mac.UnmarshalText([]byte("nope")); err == nil {
		t.Error("UnmarshalText took what is no MAC address")
	}
}

func FuzzParseMAC(f *testing.F) {
	f.Add("aa:bb:cc:dd:ee:ff")
	f.Add("aabb.ccdd.eeff")
	f.Add("ａａ-bb-cc-dd-ee")
	f.Fuzz(func(t *testing.T, text string) {
		mac, err := ParseMAC(text)
		if err != nil {
			return
		}
		bare := strings.ToLower(strings.NewReplacer(":", "", "-", "", ".", "").Replace(text))
		if bare != mac.Hex() {
			t.Fatalf("%q was read as %s", text, mac)
		}
	})
}
