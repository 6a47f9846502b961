package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// nginxConfig serves files as a default installation would, with sendfile, one worker and no access log. Its arguments are a
// line that names the user, the server's own directory, its port and the directory that it serves.
const nginxConfig = `daemon off;
%[1]s
worker_processes 1;
worker_rlimit_nofile 65536;
pid %[2]s/pid;
error_log stderr warn;
events { worker_connections 16384; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  types { application/json json; text/html html; text/plain txt; }
  client_body_temp_path %[2]s/body;
  proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi;
  uwsgi_temp_path %[2]s/uwsgi;
  scgi_temp_path %[2]s/scgi;
  server {
    listen 127.0.0.1:%[3]d backlog=4096;
    location / {
      root %[4]s;
      add_header Cache-Control no-cache;
    }
  }
}
`

// Nginx starts an nginx that serves the files of dir, ends it with the test, and returns its base URL, which has no
// slash at its end. It is what benchmarks of the device endpoint are measured against, core for core: it has one worker.
func Nginx(t testing.TB, dir string) string {
	t.Helper()
	program, err := findProgram("nginx", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	s, err := newServer("nginx", os.TempDir(), sameUser())
	if err != nil {
		t.Fatalf("testenv: %v", err)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // a test's directories are closed to others
	}
	config := filepath.Join(s.dir, "nginx.conf")
	s.args = func() ([]string, error) {
		text := fmt.Sprintf(nginxConfig, user, s.dir, s.port, root)
		return []string{program, "-e", "stderr", "-p", s.dir, "-c", config}, os.WriteFile(config, []byte(text), 0o600)
	}
	s.launch(t, syscall.SIGTERM)
	return "http://" + s.address()
}
