package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier.dev/espalier/internal/testenv"
)

// command runs the program against the server, as a user does, and returns its exit status and what it printed.
func (s *server) command(args ...string) (int, string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), os.Args[0], args...)
	cmd.Env = append(s.env[:len(s.env):len(s.env)], "SERVER_URL="+s.url(), "MQTT_URL="+s.brokerURL())
	cmd.Dir = s.t.TempDir()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestSimulatedFleetHearsEverything: the simulator finds nothing stale and nothing missed, on each database with each broker.
func TestSimulatedFleetHearsEverything(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		eachBroker(t, func(t *testing.T, b broker) {
			s := startServer(t, append(db, b.env...)...)
			if status, out := s.command("simulate", "--devices", "40", "--churn", "20", "--duration", "5s"); status != 0 {
				t.Errorf("status %d:\n%s", status, out)
			}
		})
	})
}

// TestImportAndExportAreInverse: a folder that was imported is exported as it was.
func TestImportAndExportAreInverse(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		s := startServer(t, append(db, "MQTT_URL=off")...)
		in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
		files := map[string]string{
			"aa-bb-cc-dd-ee-01.json": "{ \"deviceName\" : \"Küche\",\r\n\t\"n\": 1.0, \"e\":1e400 }\n\n",
			"aa-bb-cc-dd-ee-02.json": `{"b":1,"a":"\ud800 \u0000","<&>":12345678901234567890}`,
			"aa-bb-cc-dd-ee-03.json": `{}`,
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(in, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if status, text := s.command("import", in); status != 0 {
			t.Fatalf("import: status %d\n%s", status, text)
		}
		if status, text := s.command("export", out); status != 0 {
			t.Fatalf("export: status %d\n%s", status, text)
		}
		got := map[string]string{}
		entries, err := os.ReadDir(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(out, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			got[e.Name()] = string(text)
		}
		if diff := cmp.Diff(files, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestBrokerPortTaken: the server says so and what to set, and serves without a broker.
func TestBrokerPortTaken(t *testing.T) {
	testenv.Ran(t, testenv.EmbeddedBroker)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := startServer(t, "MQTT_LISTEN="+taken.Addr().String())
	id := create(t, s, device, 1)
	testenv.WaitFor(t, patience, func() bool { return strings.Contains(s.log.String(), "MQTT_LISTEN") })
	taken.Close()
	update(t, s, id, 2)
	testenv.WaitFor(t, patience, func() bool { // and takes the port when it is free
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.setting("MQTT_LISTEN"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	heard := listen(t, s.brokerURL(), nil, "iotsupport/#")
	testenv.WaitFor(t, patience, func() bool { return heard.rev(device) == 2 })
}

// TestWithoutMQTT: nothing is put in the outbox.
func TestWithoutMQTT(t *testing.T) {
	testenv.Ran(t, testenv.PostgreSQL)
	db := testenv.NewDatabase(t)
	s := startServer(t, "DATABASE_URL="+db, "MQTT_URL=off")
	id := create(t, s, device, 1)
	update(t, s, id, 2)
	if err := s.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	drained(t, db)
	if _, text, _ := fetch(t.Context(), s.url()+"/metrics"); !strings.Contains(text, "\niot_mqtt_enabled 0\n") {
		t.Error("iot_mqtt_enabled is not 0")
	}
}

// TestGracefulStop: a request in flight ends well, and the server with status 0.
func TestGracefulStop(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db []string) {
		s := startServer(t, db...)
		create(t, s, device, 1)
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		body := `{"mac_address":"02:e5:00:00:00:09","content":{"n":9,"x":0}}`
		const head = "POST /api/configs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" +
			"Expect: 100-continue\r\nConnection: close\r\n\r\n"
		fmt.Fprintf(conn, head, len(body))
		const goOn = "HTTP/1.1 100 Continue\r\n\r\n" // says that the request has begun
		if said, err := io.ReadAll(io.LimitReader(conn, int64(len(goOn)))); err != nil || string(said) != goOn {
			t.Fatalf("the request was begun, and answered is %q, %v", said, err)
		}
		fmt.Fprint(conn, body[:20])
		stopped := make(chan int, 1)
		go func() { stopped <- s.stop() }()
		testenv.WaitFor(t, patience, func() bool { return s.status("/healthz") == 0 })
		if _, err := io.WriteString(conn, body[20:]); err != nil {
			t.Fatal(err)
		}
		reply, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(reply), "HTTP/1.1 201 ") {
			t.Errorf("the request in flight got %q, %v", reply, err)
		}
		if status := <-stopped; status != 0 {
			t.Errorf("the server ended with status %d", status)
		}
		s.start()
		if status, content := s.document("02-e5-00-00-00-09"); status != http.StatusOK || number(content) != 9 {
			t.Errorf("after the restart: %d %s", status, content)
		}
	})
}

// TestSecretsStayOutOfTheLog: neither documents nor tokens are printed, whatever goes wrong.
func TestSecretsStayOutOfTheLog(t *testing.T) {
	testenv.Ran(t, testenv.SQLite)
	const secret = "hunter2-s3cr3t"
	s := startServer(t, "MQTT_URL=off", "LOG_LEVEL=debug", "ADMIN_TOKEN="+secret)
	for _, body := range []string{
		`{"mac_address":"` + device + `","content":{"password":"` + secret + `"}}`,
		`{"mac_address":"` + device + `","content":{"deviceName":{"p":"` + secret + `"}}}`,
		`{"mac_address":"` + device + `","content":"{\"password\":\"` + secret + `"}`,
		`{"mac_address":5,"content":"` + secret + `"`,
	} {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url()+"/api/configs", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+secret)
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || (response.StatusCode >= 400 && strings.Contains(string(reply), secret)) {
			t.Errorf("%d %s %v", response.StatusCode, reply, err)
		}
	}
	_, metrics, _ := fetch(t.Context(), s.url()+"/metrics")
	s.stop()
	if strings.Contains(s.log.String()+metrics, secret) {
		t.Error("the log or the metrics hold a secret")
	}
}
