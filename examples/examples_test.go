// Package examples holds the tests of the examples: that each can be read by what it is for, and names only what
// the server has. It has no code to import.
package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/settings"
	"espalier.dev/espalier/internal/testenv"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// registered finds the metrics that the server's packages name in their source.
func registered(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"up": true} // Prometheus's own
	metric := regexp.MustCompile(`"((?:iot|espalier)_[a-z_]+)"`)
	for _, pattern := range []string{"../internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range metric.FindAllStringSubmatch(read(t, file), -1) {
				names[match[1]] = true
			}
		}
	}
	if len(names) < 10 {
		t.Fatalf("found only %v", names)
	}
	return names
}

// checkMetrics says which metrics of PromQL expressions the server does not have.
func checkMetrics(t *testing.T, where string, expressions []string) {
	t.Helper()
	names, found := registered(t), 0
	used := regexp.MustCompile(`\b(?:iot|espalier)_[a-z_]+\b`)
	for _, expression := range expressions {
		for _, name := range used.FindAllString(expression, -1) {
			found++
			plain := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				plain = strings.TrimSuffix(plain, suffix)
			}
			if !names[name] && !names[plain] {
				t.Errorf("%s uses %s, which the server does not have", where, name)
			}
		}
		if strings.Count(expression, "(") != strings.Count(expression, ")") || strings.Count(expression, "{") != strings.Count(expression, "}") {
			t.Errorf("%s: brackets do not match: %s", where, expression)
		}
	}
	if found < 5 {
		t.Errorf("%s uses only %d metrics: this test looks in the wrong place", where, found)
	}
}

func TestDashboard(t *testing.T) {
	var board struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/espalier.json")), &board); err != nil {
		t.Fatal(err)
	}
	var expressions []string
	ids := map[int]bool{}
	for _, panel := range board.Panels {
		if ids[panel.ID] || panel.Title == "" || len(panel.Targets) == 0 || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("panel %d (%s) has no id of its own, no title, no query or no place", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	checkMetrics(t, "the dashboard", expressions)
	// Everything that the server counts is to be seen.
	all := strings.Join(expressions, "\n")
	for name := range registered(t) {
		if name != "up" && !regexp.MustCompile(`\b`+name+`(_bucket|_sum|_count)?\b`).MatchString(all) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

func TestAlerts(t *testing.T) {
	var expressions []string
	manual := read(t, "../docs/operations.md")
	rules := strings.Split(read(t, "prometheus/espalier.rules.yml"), "- alert: ")[1:]
	for _, rule := range rules {
		name, body, _ := strings.Cut(rule, "\n")
		_, expression, _ := strings.Cut(body, "expr: ")
		expression, _, _ = strings.Cut(expression, "labels:")
		expressions = append(expressions, expression)
		for _, part := range []string{"expr: ", "severity: ", "summary: "} {
			if strings.Count(body, part) != 1 {
				t.Errorf("%s has not one %q", name, part)
			}
		}
		if !strings.Contains(manual, "### "+name) {
			t.Errorf("docs/operations.md does not say what to do when %s fires", name)
		}
	}
	checkMetrics(t, "the rules", expressions)
}

// A tab in an indentation is what YAML refuses most often, and an odd indentation what it misreads.
func TestYAMLIsIndentedWithPairsOfSpaces(t *testing.T) {
	for _, path := range []string{"prometheus/prometheus.yml", "prometheus/espalier.rules.yml", "container/compose.yaml"} {
		for line := range strings.Lines(read(t, path)) {
			indent := len(line) - len(strings.TrimLeft(line, " \t"))
			if strings.Contains(line, "\t") || indent%2 != 0 {
				t.Errorf("%s: %q", path, line)
			}
		}
	}
}

// An unknown setting would stop the server, or would do nothing and let somebody believe that it does.
func TestSettingsThatExamplesUseExist(t *testing.T) {
	name := regexp.MustCompile(`(?m)^(?:#|Environment=|ENV |\s+)?([A-Z][A-Z_]+)(?:=|: )`)
	for _, path := range []string{"systemd/espalier.env", "systemd/espalier.service", "container/compose.yaml", "container/Containerfile"} {
		text := read(t, path)
		found := 0
		for _, match := range name.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(match[1], "POSTGRES_") || match[1] == "VERSION" || match[1] == "HEALTHCHECK" {
				continue
			}
			found++
			if !known(t, match[1]) {
				t.Errorf("%s sets %s, which there is not", path, match[1])
			}
		}
		if found == 0 {
			t.Errorf("%s sets nothing: this test looks for the wrong thing", path)
		}
	}
}

// The manual has a row for each setting and each metric that the server has, and for no others.
func TestManualNamesWhatThereIs(t *testing.T) {
	manual := read(t, "../docs/operations.md")
	set, _, err := settings.Load(settings.Source{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, entry := range set.Effective() {
		want = append(want, entry.Name)
	}
	for name := range registered(t) {
		if name != "up" {
			want = append(want, name)
		}
	}
	var got []string
	name := regexp.MustCompile("`((?:iot|espalier)_[a-z_]+|[A-Z][A-Z_]+)`")
	for row := range strings.Lines(manual) {
		if cells := strings.SplitN(row, "|", 3); len(cells) == 3 && cells[0] == "" {
			for _, match := range name.FindAllStringSubmatch(cells[1], -1) {
				got = append(got, match[1])
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tables of docs/operations.md (-what there is, +what they name):\n%s", diff)
	}
}

// known asks the server's own table of settings.
func known(t *testing.T, name string) bool {
	t.Helper()
	set, _, err := settings.Load(settings.Source{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(set.Effective(), func(e settings.Entry) bool {
		return e.Name == strings.TrimSuffix(name, "_FILE")
	})
}

// The unit file is checked by systemd itself where that is installed. The program that it starts is not.
func TestUnit(t *testing.T) {
	text := read(t, "systemd/espalier.service")
	for _, line := range []string{"DynamicUser=yes", "StateDirectory=espalier", "ProtectSystem=strict", "NoNewPrivileges=yes"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Logf("not checked by systemd: %v", err)
		return
	}
	dir := t.TempDir()
	unit := filepath.Join(dir, "espalier.service")
	text = strings.ReplaceAll(text, "/usr/local/bin/espalier", "/bin/true")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "verify", unit).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("espalier.service:")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestNginxReadsItsExample(t *testing.T) {
	program := "nginx"
	if _, err := exec.LookPath(program); err != nil {
		program = "/usr/sbin/nginx"
	}
	dir := t.TempDir()
	// A test has no certificate; all else is as it stands.
	text := regexp.MustCompile(`(?m)^\s+ssl_certificate.*$`).ReplaceAllString(read(t, "nginx/espalier.conf"), "")
	text = strings.NewReplacer("listen 443 ssl;", "listen 127.0.0.1:10443;", "listen 80;", "listen 127.0.0.1:10080;").Replace(text)
	config := fmt.Sprintf("pid %s/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[1]s/a;\n"+
		"proxy_temp_path %[1]s/b;\nfastcgi_temp_path %[1]s/c;\nuwsgi_temp_path %[1]s/d;\nscgi_temp_path %[1]s/e;\n%[2]s\n}\n", dir, text)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "-t", "-e", "stderr", "-p", dir, "-c", path).CombinedOutput(); err != nil {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}
}

// mosquitto is a broker with the example's settings. What mosquitto.conf says is not started as it stands, for its paths
// are a container's: its ACL is.
func mosquitto(t *testing.T) *testenv.Broker {
	t.Helper()
	dir := t.TempDir()
	acl := filepath.Join(dir, "acl")
	if err := os.WriteFile(acl, []byte(read(t, "mosquitto/acl")), 0o600); err != nil {
		t.Fatal(err)
	}
	return testenv.Mosquitto(t, testenv.MosquittoOptions{Username: "espalier", Password: "secateurs",
		Users: map[string]string{"aabbccddeeff": "a device's own"}, Config: append(ownLines(t), "acl_file "+acl)})
}

// hearsNext fails the test when the next thing that is heard is another.
func hearsNext(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Errorf("heard what is %s, want what is %s", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("what is %s was not heard", want)
	}
}

func subscribe(t *testing.T, client *paho.Client, topics ...string) {
	t.Helper()
	request := &paho.Subscribe{}
	for _, topic := range topics {
		request.Subscriptions = append(request.Subscriptions, paho.SubscribeOptions{Topic: topic, QoS: 1})
	}
	if _, err := client.Subscribe(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}

func TestMosquittoLetsDevicesReadAndOnlyTheServerWrite(t *testing.T) {
	broker := mosquitto(t)
	const topic = "iotsupport/devices/aabbccddeeff/config"
	heard := make(chan string, 10)
	device := connect(t, broker, "aabbccddeeff", "", "", heard)
	subscribe(t, device, topic)
	publish(t, device, topic, "from a device")
	publish(t, connect(t, broker, "server", "espalier", "secateurs", nil), topic, "from the server")
	hearsNext(t, heard, "from the server")
}

// A device writes its own two topics, and those of no other, known by its user name or by its identifier.
func TestMosquittoLetsADeviceWriteItsOwn(t *testing.T) {
	broker := mosquitto(t)
	heard := make(chan string, 10)
	server := connect(t, broker, "server", "espalier", "secateurs", heard)
	subscribe(t, server, "iotsupport/devices/+/report", "iotsupport/devices/+/state")
	for _, who := range []struct{ id, username, password string }{
		{"aabbccddeeff", "", ""}, {"anything", "aabbccddeeff", "a device's own"},
	} {
		device := connect(t, broker, who.id, who.username, who.password, nil)
		for _, topic := range []string{"aabbccddee00/report", "aabbccddee00/state", "aabbccddeeff/other"} {
			publish(t, device, "iotsupport/devices/"+topic, "forged")
		}
		publish(t, device, "iotsupport/devices/aabbccddeeff/report", "its report")
		hearsNext(t, heard, "its report")
		publish(t, device, "iotsupport/devices/aabbccddeeff/state", "its state")
		hearsNext(t, heard, "its state")
	}
}

// ownLines are the lines of mosquitto.conf that the test's broker does not set itself.
func ownLines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(read(t, "mosquitto/mosquitto.conf")) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, " ")
		switch name {
		case "", "#", "listener", "password_file", "acl_file", "persistence", "persistence_location", "autosave_interval", "log_dest":
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

func connect(t *testing.T, broker *testenv.Broker, id, username, password string, heard chan<- string) *paho.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", broker.Address())
	if err != nil {
		t.Fatal(err)
	}
	client := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) { heard <- string(p.Packet.Payload); return true, nil },
		},
	})
	_, err = client.Connect(ctx, &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 30, Username: username,
		UsernameFlag: username != "", Password: []byte(password), PasswordFlag: password != ""})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(&paho.Disconnect{}) })
	return client
}

// publish sends with QoS 1 and waits for the answer, which may be a refusal.
func publish(t *testing.T, client *paho.Client, topic, payload string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := client.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(payload)})
	if err != nil && ctx.Err() != nil {
		t.Fatal(err)
	}
}
