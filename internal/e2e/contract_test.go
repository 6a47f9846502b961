package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// step is one exchange of a fielded client. want is the body, where T stands for a time and C for a correlation id.
type step struct {
	name, method, path, body string
	header                   map[string]string
	status                   int
	want                     string
	wantHeader               map[string]string
}

var (
	anyTime = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)
	anyID   = regexp.MustCompile(`"id":[2-9]\b`)
	// added is what stands behind the fields of the contract, in its order. Whether the device has been seen depends on when its
	// check-ins are written.
	added = regexp.MustCompile(`,"etag":"[0-9a-f]{32}","sync":"(unknown|pending|fetched)","last_seen":(null|"T"),` +
		`"device_revision":(null|[0-9]+),"overdue":false,"online":null}`)
	anyCorrelation = regexp.MustCompile(`"correlationId":"[A-Za-z0-9._:-]{8,}"`)
)

const document = `{"deviceName":"Hallway Intercom","deviceEntityId":"hallway_intercom","enableOTA":true,` +
	`"mqtt":{"endpoint":"mqtt://10.0.0.5","username":"intercom","password":"…"},"audio":{"volume":0.7},"n":[1.0,1e400]}`

func conversation() []step {
	whole := `{"id":1,"mac_address":"aa:bb:cc:dd:ee:ff","device_name":"Hallway Intercom","device_entity_id":"hallway_intercom",` +
		`"enable_ota":true,"content":` + document + `,"created_at":"T","updated_at":"T","revision":1}`
	asString := `"{ \"deviceEntityId\" : null,\n \"x\": \"\u00e4\" }"`
	changed := `{"id":1,"mac_address":"aa:bb:cc:dd:ee:ff","device_name":null,"device_entity_id":null,"enable_ota":null,` +
		"\"content\":{ \"deviceEntityId\" : null,\n \"x\": \"ä\" }," + `"created_at":"T","updated_at":"T","revision":2}`
	json := map[string]string{"Content-Type": "application/json"}
	raw := map[string]string{"Content-Type": "application/json", "Cache-Control": "no-cache"}
	return []step{
		{name: "empty list", method: "GET", path: "/api/configs", status: 200, want: `{"configs":[],"count":0}`, wantHeader: json},
		{name: "create", method: "POST", path: "/api/configs", body: `{"mac_address":"AA-BB-CC-DD-EE-FF","content":` + document + `}`,
			status: 201, want: whole, wantHeader: map[string]string{"Location": "/api/configs/1"}},
		{name: "create again", method: "POST", path: "/api/configs/", body: `{"mac_address":"aabb.ccdd.eeff","content":{}}`, status: 409,
			want: `{"error":"Config for aa:bb:cc:dd:ee:ff already exists","code":"RECORD_EXISTS","details":{"message":"The resource already exists"},C}`},
		{name: "create without content", method: "POST", path: "/api/configs", body: `{"mac_address":"aa:bb:cc:dd:ee:f0"}`, status: 400},
		{name: "create for no MAC address", method: "POST", path: "/api/configs", body: `{"mac_address":"x","content":{}}`, status: 400},
		{name: "list", method: "GET", path: "/api/configs/", status: 200, want: `{"configs":[{"id":1,"mac_address":"aa:bb:cc:dd:ee:ff",` +
			`"device_name":"Hallway Intercom","device_entity_id":"hallway_intercom","enable_ota":true,"created_at":"T","updated_at":"T","revision":1}],"count":1}`},
		{name: "one", method: "GET", path: "/api/configs/1", status: 200, want: whole},
		{name: "the firmware", method: "GET", path: "/api/configs/aa-bb-cc-dd-ee-ff.json", status: 200, want: document, wantHeader: raw},
		{name: "older firmware", method: "GET", path: "/esp32/config/AABBCCDDEEFF.json", status: 200, want: document, wantHeader: raw},
		{name: "firmware that asks for the head", method: "HEAD", path: "/api/configs/aa:bb:cc:dd:ee:ff.json", status: 200, wantHeader: raw},
		{name: "an unknown device", method: "GET", path: "/api/configs/aa-bb-cc-dd-ee-00.json", status: 404,
			want: `{"error":"Config aa:bb:cc:dd:ee:00 was not found","code":"RECORD_NOT_FOUND","details":{"message":"The requested resource could not be found"},C}`},
		{name: "update by a string", method: "PUT", path: "/api/configs/1", body: `{"content":` + asString + `}`, status: 200, want: changed},
		{name: "the firmware again", method: "GET", path: "/api/configs/aa-bb-cc-dd-ee-ff.json", status: 200,
			want: "{ \"deviceEntityId\" : null,\n \"x\": \"ä\" }", wantHeader: raw},
		{name: "a wrong field", method: "PUT", path: "/api/configs/1", body: `{"content":{"enableOTA":"yes"}}`, status: 400},
		{name: "a correlation id", method: "GET", path: "/api/configs/99999", header: map[string]string{"X-Correlation-ID": "front-end-0001"}, status: 404,
			want:       `{"error":"Config 99999 was not found","code":"RECORD_NOT_FOUND","details":{"message":"The requested resource could not be found"},"correlationId":"front-end-0001"}`,
			wantHeader: map[string]string{"X-Correlation-ID": "front-end-0001"}},
		{name: "wrong method", method: "PATCH", path: "/api/health", status: 405},
		{name: "health", method: "GET", path: "/api/health", status: 200},
		{name: "delete", method: "DELETE", path: "/api/configs/1", status: 204, want: ""},
		{name: "delete again", method: "DELETE", path: "/api/configs/1", status: 404},
		{name: "create anew", method: "POST", path: "/api/configs", body: `{"mac_address":"aa:bb:cc:dd:ee:ff","content":{}}`, status: 201,
			want: `{"id":N,"mac_address":"aa:bb:cc:dd:ee:ff","device_name":null,"device_entity_id":null,"enable_ota":null,"content":{},` +
				`"created_at":"T","updated_at":"T","revision":4}`},
	}
}

// TestFieldedClientsConversation holds the program to what fielded front ends and firmware rely on, byte for byte.
func TestFieldedClientsConversation(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		s := startServer(t, append(db, "MQTT_URL=off")...)
		for _, c := range conversation() {
			status, header, body := s.exchange(c)
			if status != c.status {
				t.Errorf("%s: status %d, want %d: %s", c.name, status, c.status, body)
			}
			got := anyCorrelation.ReplaceAllString(anyTime.ReplaceAllString(body, `"T"`), "C")
			got = added.ReplaceAllString(got, "}")
			if strings.Contains(c.want, `"id":N`) { // PostgreSQL leaves out the number that the conflict above took
				got = anyID.ReplaceAllString(got, `"id":N`)
			}
			if strings.Contains(c.want, `"correlationId"`) {
				got = anyTime.ReplaceAllString(body, `"T"`)
			}
			if (c.want != "" || status == http.StatusNoContent || c.method == http.MethodHead) && strings.TrimSuffix(got, "\n") != c.want {
				t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
			}
			if status >= 400 && !strings.Contains(body, `"correlationId":"`+header.Get("X-Correlation-ID")+`"`) {
				t.Errorf("%s: the error does not bear the correlation id %q: %s", c.name, header.Get("X-Correlation-ID"), body)
			}
			for name, want := range c.wantHeader {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
				}
			}
		}
	})
}

func (s *server) exchange(c step) (int, http.Header, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url()+c.path, strings.NewReader(c.body))
	if err != nil {
		s.t.Fatal(err)
	}
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		request.Header.Set(name, value)
	}
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}
