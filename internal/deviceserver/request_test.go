package deviceserver

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"espalier.dev/espalier/internal/fleet"
)

func TestParse(t *testing.T) {
	const line = "GET /api/configs/aa-bb-cc-dd-ee-ff.json HTTP/1.1\r\n"
	const start = line + "Host: server:3201\r\n"
	for name, test := range map[string]struct {
		text string
		ours bool
		want request // but mac, which is the same in all
	}{
		"plain":                 {start + "\r\n", true, request{}},
		"older firmware's path": {"GET /esp32/config/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", true, request{}},
		"colons":                {"GET /api/configs/AA:bb:CC:dd:EE:ff.json HTTP/1.1\r\nHost: x\r\n\r\n", true, request{}},
		"dots":                  {"GET /api/configs/aabb.ccdd.eeff.json HTTP/1.1\r\nHost: x\r\n\r\n", true, request{}},
		"HEAD":                  {"HEAD /api/configs/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", true, request{head: true}},
		"1.0":                   {"GET /api/configs/aabbccddeeff.json HTTP/1.0\r\n\r\n", true, request{http10: true}},
		"1.0 kept alive": {"GET /api/configs/aabbccddeeff.json HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true,
			request{http10: true, keepAlive: true}},
		"close":            {start + "CONNECTION:close\r\n\r\n", true, request{close: true}},
		"If-None-Match":    {start + "if-none-match:  \"a\" \r\n\r\n", true, request{noneMatch: []byte(`"a"`)}},
		"ESP-IDF":          {line + "User-Agent: ESP32 HTTP Client/1.0\r\nHost: 10.0.0.2:3201\r\nContent-Length: 0\r\n\r\n", true, request{}},
		"Arduino":          {line + "Host: 10.0.0.2\r\nUser-Agent: ESP32HTTPClient\r\nConnection: keep-alive\r\nAccept-Encoding: identity;q=1,chunked;q=0.1,*;q=0\r\n\r\n", true, request{keepAlive: true}},
		"behind a proxy":   {start + "x-forwarded-for: 10.0.0.5, 10.0.0.6\r\nVia: 1.1 a\r\n\r\n", true, request{forwarded: []byte("10.0.0.5, 10.0.0.6")}},
		"IPv6 host":        {line + "Host: [::1]:3201\r\n\r\n", true, request{}},
		"repeated Accept":  {start + "Accept: a\r\nAccept: b\r\n\r\n", true, request{}},
		"nothing":          {"", false, request{}},
		"line only":        {line, false, request{}},
		"not ended":        {start, false, request{}},
		"ended by CR only": {start + "\r", false, request{}},
		"no host":          {line + "\r\n", false, request{}},
		"empty host":       {line + "Host:\r\n\r\n", false, request{}},
		"odd host":         {line + "Host: a/b\r\n\r\n", false, request{}},
		"two hosts":        {start + "host: server\r\n\r\n", false, request{}},
		"bare LF":          {start + "Accept: a\n\r\n", false, request{}},
		"bare LF at end":   {start + "\n", false, request{}},
		"bare CR":          {start + "Accept: a\rb\r\n\r\n", false, request{}},
		"folded":           {start + "Accept: a\r\n b\r\n\r\n", false, request{}},
		"tab":              {start + "Accept:\ta\r\n\r\n", false, request{}},
		"NUL":              {start + "Accept: a\x00\r\n\r\n", false, request{}},
		"non-ASCII":        {start + "Accept: ä\r\n\r\n", false, request{}},
		"space before colon": {start + "Content-Length : 0\r\n\r\n", false,
			request{}},
		"space before name":    {line + " Host: a\r\n\r\n", false, request{}},
		"no colon":             {start + "Accept\r\n\r\n", false, request{}},
		"no name":              {start + ": a\r\n\r\n", false, request{}},
		"a body":               {start + "Content-Length: 5\r\n\r\nhello", false, request{}},
		"length 00":            {start + "Content-Length: 00\r\n\r\n", false, request{}},
		"length +0":            {start + "Content-Length: +0\r\n\r\n", false, request{}},
		"length 0, 5":          {start + "Content-Length: 0, 5\r\n\r\n", false, request{}},
		"two lengths":          {start + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", false, request{}},
		"chunked":              {start + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, request{}},
		"length 0 and chunked": {start + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", false, request{}},
		"transfer_encoding":    {start + "Transfer_Encoding: chunked\r\n\r\n", false, request{}},
		"upgrade":              {start + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", false, request{}},
		"connection list":      {start + "Connection: close, te\r\n\r\n", false, request{}},
		"two connections":      {start + "Connection: close\r\nConnection: close\r\n\r\n", false, request{}},
		"expect":               {start + "Expect: 100-continue\r\n\r\n", false, request{}},
		"range":                {start + "Range: bytes=0-1\r\n\r\n", false, request{}},
		"trailer":              {start + "Trailer: a\r\n\r\n", false, request{}},
		"te":                   {start + "TE: trailers\r\n\r\n", false, request{}},
		"If-Match":             {start + "If-Match: *\r\n\r\n", false, request{}},
		"If-Modified-Since":    {start + "If-Modified-Since: x\r\n\r\n", false, request{}},
		"empty If-None-Match":  {start + "If-None-Match:\r\n\r\n", false, request{}},
		"two If-None-Match":    {start + "If-None-Match: *\r\nIf-None-Match: *\r\n\r\n", false, request{}},
		"correlation id":       {start + "X-Correlation-ID: a\r\n\r\n", false, request{}},
		"request id":           {start + "X-Request-ID: a\r\n\r\n", false, request{}},
		"origin":               {start + "Origin: http://a\r\n\r\n", false, request{}},
		"authorization":        {start + "Authorization: Bearer a\r\n\r\n", false, request{}},
		"language":             {start + "Accept-Language: en\r\n\r\n", false, request{}},
		"cookie":               {start + "Cookie: a=b\r\n\r\n", false, request{}},
		"referer":              {start + "Referer: http://a/\r\n\r\n", false, request{}},
		"upgrade to HTTPS":     {start + "Upgrade-Insecure-Requests: 1\r\n\r\n", false, request{}},
		"fetch metadata":       {start + "Sec-Fetch-Site: none\r\n\r\n", false, request{}},
		"no check-in":          {start + "X-No-Check-In: 1\r\n\r\n", false, request{}},
		"forwarded twice":      {start + "X-Forwarded-For: 10.0.0.5\r\nX-Forwarded-For: 10.0.0.6\r\n\r\n", false, request{}},
		"forwarded for nobody": {start + "X-Forwarded-For:\r\n\r\n", false, request{}},
		"a name nobody knows":  {start + "X-New: a\r\n\r\n", false, request{}},
		"a very long name":     {start + strings.Repeat("a", 300) + ": a\r\n\r\n", false, request{}},
		"query":                {"GET /api/configs/aabbccddeeff.json?a HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"fragment":             {"GET /api/configs/aabbccddeeff.json#a HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"encoded":              {"GET /api/configs/%61abbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"double slash":         {"GET //api/configs/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"dot segments":         {"GET /api/configs/../configs/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"absolute form":        {"GET http://x/api/configs/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"no MAC":               {"GET /api/configs/1.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"mixed separators":     {"GET /api/configs/aa:bb-cc:dd:ee:ff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"an id":                {"GET /api/configs/1 HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"upper-case .JSON":     {"GET /api/configs/aabbccddeeff.JSON HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"lower-case method":    {"get /api/configs/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"another method":       {"PUT /api/configs/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"two spaces":           {"GET  /api/configs/aabbccddeeff.json HTTP/1.1\r\nHost: x\r\n\r\n", false, request{}},
		"space at end of line": {"GET /api/configs/aabbccddeeff.json HTTP/1.1 \r\nHost: x\r\n\r\n", false, request{}},
		"HTTP/1.2":             {"GET /api/configs/aabbccddeeff.json HTTP/1.2\r\nHost: x\r\n\r\n", false, request{}},
		"HTTP/2 preface":       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false, request{}},
		"empty line first":     {"\r\n" + start + "\r\n", false, request{}},
		"TLS":                  {"\x16\x03\x01\x02\x00\x01", false, request{}},
	} {
		t.Run(name, func(t *testing.T) {
			const behind = "GET / what follows is not looked at \x00"
			got, size, ours := parse([]byte(test.text + behind))
			if !test.ours {
				// What is not ended must not be ended by the test.
				got, size, ours = parse([]byte(test.text))
			}
			if ours != test.ours {
				t.Fatalf("ours: %v, want %v", ours, test.ours)
			}
			if !ours {
				if size != 0 {
					t.Fatalf("took %d bytes of what is not ours", size)
				}
				return
			}
			if size != len(test.text) {
				t.Errorf("took %d bytes, want %d", size, len(test.text))
			}
			if want := (fleet.MAC{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}); got.mac != want {
				t.Errorf("MAC %v, want %v", got.mac, want)
			}
			if string(got.noneMatch) != string(test.want.noneMatch) {
				t.Errorf("If-None-Match %q, want %q", got.noneMatch, test.want.noneMatch)
			}
			if string(got.forwarded) != string(test.want.forwarded) {
				t.Errorf("X-Forwarded-For %q, want %q", got.forwarded, test.want.forwarded)
			}
			got.mac, got.noneMatch, test.want.noneMatch = fleet.MAC{}, nil, nil
			if got.head != test.want.head || got.http10 != test.want.http10 ||
				got.keepAlive != test.want.keepAlive || got.close != test.want.close {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// A request that lacks its end is never taken, wherever it was cut.
func TestParseTakesNothingThatIsCut(t *testing.T) {
	whole := get(someMAC, "User-Agent: ESP32", "Content-Length: 0", `If-None-Match: "a", W/"b"`)
	if _, size, ok := parse([]byte(whole)); !ok || size != len(whole) {
		t.Fatalf("the whole is not taken: %v, %d of %d bytes", ok, size, len(whole))
	}
	for cut := range len(whole) {
		if _, _, ok := parse([]byte(whole[:cut])); ok {
			t.Errorf("took %q", whole[:cut])
		}
	}
}

func TestKeeps(t *testing.T) {
	for _, test := range []struct {
		request request
		want    bool
	}{
		{request{}, true},
		{request{keepAlive: true}, true},
		{request{close: true}, false},
		{request{http10: true}, false},
		{request{http10: true, keepAlive: true}, true},
		{request{http10: true, close: true}, false},
	} {
		if got := test.request.keeps(); got != test.want {
			t.Errorf("%+v keeps: %v, want %v", test.request, got, test.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		list       string
		met        bool
		tags       int
		only       string
		understood bool
	}{
		{`"abc"`, true, 1, "abc", true},
		{`W/"abc"`, true, 1, "abc", true},
		{`"x", "abc"`, true, 2, "", true},
		{`"abc" ,W/"x"`, true, 2, "", true},
		{`"x","y","z"`, false, 3, "", true},
		{`*`, true, 0, "", true},
		{`"x"`, false, 1, "x", true},
		{`"ABC"`, false, 1, "ABC", true},
		{`""`, false, 1, "", true},
		{`"x,abc"`, false, 1, "x,abc", true},
		{list: `abc`}, {list: `"abc`}, {list: `"abc" x`}, {list: `"abc","x`}, {list: `"abc",`}, {list: `,"abc"`}, {list: `"abc",,"x"`},
		{list: `"abc""x"`}, {list: `"a b"`}, {list: `*, "abc"`}, {list: `"abc", *`}, {list: `w/"abc"`}, {list: `W/ "abc"`},
		{list: `W/W/"abc"`}, {list: `W/`}, {list: `"`}, {list: ``},
	} {
		got, understood := matches([]byte(test.list), "abc")
		if understood != test.understood || got.met != test.met || got.tags != test.tags || string(got.only) != test.only {
			t.Errorf("%s: met %v, %d tags, only %q, understood %v; want %+v", test.list, got.met, got.tags, got.only, understood, test)
		}
	}
}

// Each list of tags that the grammar makes is understood.
func TestMatchesEveryList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.SliceOfN(rapid.StringMatching(`[!#-~]{0,8}`), 1, 5).Draw(t, "tags")
		etag := rapid.StringMatching(`[!#-~]{0,8}`).Draw(t, "etag")
		want := false
		var list []string
		for _, tag := range tags {
			want = want || tag == etag
			list = append(list, rapid.SampledFrom([]string{"", "W/"}).Draw(t, "weak")+`"`+tag+`"`)
		}
		between := rapid.SampledFrom([]string{",", ", ", " , "}).Draw(t, "between")
		got, understood := matches([]byte(strings.Join(list, between)), etag)
		if got.met != want || got.tags != len(tags) || !understood {
			t.Fatalf("met %v, %d tags, understood %v; want %v, %d, true", got.met, got.tags, understood, want, len(tags))
		}
	})
}
