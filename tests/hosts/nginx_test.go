package hosts

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// Both are called once for every request.
const (
	nginxEntry  = "uprobe//usr/sbin/nginx:ngx_http_process_request"
	nginxReturn = "uretprobe//usr/sbin/nginx:ngx_http_create_request"
)

// TestNginx: a daemon with a master and workers that are another user, reloaded, a worker killed, under load. Every
// request that the access log names must have been counted, in whichever worker it was.
func TestNginx(t *testing.T) {
	host.Require(t, "nginx", "wrk")
	host.ForUsers(t, func(t *testing.T, u *host.User) {
		tr := host.Hot()
		tr.Specs = append(slices.Clone(tr.Specs), nginxEntry, nginxReturn)
		var requests uint64
		compareServers(t, tr, func(t *testing.T, tr *host.Trace) *record {
			s := startNginx(t, u, tr)
			requests = s.play()
			return &s.out
		})
		tr.WantHits(t, nginxEntry, requests)
		tr.WantHits(t, nginxReturn, requests)
		tr.WantSome(t, "uprobe/libc:malloc", "uretprobe/libc:write")
	})
}

type nginx struct {
	server
	port int
}

func startNginx(t *testing.T, u *host.User, tr *host.Trace) *nginx {
	t.Helper()
	s := &nginx{server: server{t: t, dir: host.WorkDir(t)}, port: host.FreePort(t)}
	c := host.Cmd{
		Args: []string{"nginx", "-p", s.dir, "-e", "error.log", "-c", "nginx.conf"}, Dir: s.dir, User: u,
		Setup: func(t testing.TB, dir string) { s.configure(dir, u) },
	}
	p := host.Start(t, c, tr)
	r := p.Wait()
	s.out.note("start: exit %d, stdout %q, stderr %q", r.Exit, r.Stdout, strings.ReplaceAll(r.Stderr, s.dir, "DIR"))
	s.adopt(filepath.Join(s.dir, "nginx.pid"))
	host.Reachable(t, s.port)
	return s
}

func (s *nginx) configure(dir string, u *host.User) {
	user := "user nobody nogroup;"
	if u != nil || os.Geteuid() != 0 {
		user = ""
	}
	save(s.t, fmt.Sprintf(`%s
worker_processes 2; pid nginx.pid; worker_shutdown_timeout 2s;
events { worker_connections 256; }
http {
	access_log access.log; sendfile on; keepalive_timeout 5;
	client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
	server { listen 127.0.0.1:%d; root html; gzip on; gzip_min_length 100; gzip_types text/plain; default_type text/plain; }
}
`, user, s.port), dir, "nginx.conf")
	if err := os.Mkdir(filepath.Join(dir, "html"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	save(s.t, strings.Repeat("a small page\n", 20), dir, "html", "small")
	save(s.t, strings.Repeat("0123456789abcdef", 1<<16), dir, "html", "large")
}

// play does everything once and returns the number of requests in the access log.
func (s *nginx) play() uint64 {
	first := s.workers(2, anyWorker)
	s.fetch("first")
	s.inspect("first", s.pid, unnumbered)
	s.inspect("first", first[0], idleWorker)

	syscall.Kill(s.pid, syscall.SIGHUP)
	second := s.workers(2, func(pid int) bool { return anyWorker(pid) && !slices.Contains(first, pid) })
	s.workersGone(first)
	s.fetch("reloaded")
	s.inspect("reloaded", s.pid, unnumbered)

	syscall.Kill(second[0], syscall.SIGKILL)
	third := s.workers(2, func(pid int) bool { return anyWorker(pid) && pid != second[0] })
	s.fetch("respawned")
	s.inspect("respawned", third[1], idleWorker)

	s.run(nil, "wrk", "-t1", "-c8", "-d1", fmt.Sprintf("http://127.0.0.1:%d/small", s.port))
	s.fetch("after load")
	syscall.Kill(s.pid, syscall.SIGQUIT)
	s.waitEnd()
	s.out.Steps = append(s.out.Steps, severe(s.t, filepath.Join(s.dir, "error.log"), "[alert]", "[crit]", "[emerg]", "[error]")...)
	log, err := os.ReadFile(filepath.Join(s.dir, "access.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return uint64(bytes.Count(log, []byte("\n")))
}

// anyWorker holds for a child that has become a worker: it has named itself.
func anyWorker(pid int) bool {
	title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.HasPrefix(string(title), "nginx: worker")
}

// idleWorker clears the connections and pages a worker may still hold open.
func idleWorker(s *host.State) {
	unnumbered(s)
	s.Descriptors = slices.DeleteFunc(s.Descriptors, func(d string) bool {
		return d == "socket" || strings.Contains(d, "/html/")
	})
}

func (s *nginx) workersGone(old []int) {
	host.Poll(10*time.Second, func() bool {
		return !slices.ContainsFunc(host.Children(s.pid), func(pid int) bool { return slices.Contains(old, pid) })
	})
}

func (s *nginx) fetch(step string) {
	s.t.Helper()
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for i := range 20 {
		page := []string{"small", "large", "absent"}[i%3]
		r, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/%s", s.port, page))
		if err != nil {
			s.t.Fatalf("%s: %v", step, err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		s.out.note("%s %s: %d, %d bytes, %x, %v", step, page, r.StatusCode, len(body), sha256.Sum256(body), err)
	}
}
