package objects

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const redisManifest = `
objects:
- path: OBJ/profile.bpf.o
  attach:
    enter: [%[1]s:setCommand, %[1]s:getCommand, %[1]s:incrCommand]
    leave: [{at: %[2]s:setCommand, cookie: 0}, {at: %[2]s:getCommand, cookie: 1}, {at: %[2]s:incrCommand, cookie: 2}]
- path: OBJ/tally.bpf.o
  attach: {tally: "uprobe//proc/self/exe:processCommand"}
`

// TestRedis: under load from many clients, every command is counted and timed, as the server's own statistics say.
func TestRedis(t *testing.T) {
	host.Require(t, "redis-server", "redis-benchmark", "redis-cli")
	forEnds(t, func(t *testing.T, v variant) {
		host.ForUsers(t, func(t *testing.T, u *host.User) { serveRedis(t, v, u) })
	})
}

func serveRedis(t *testing.T, v variant, u *host.User) {
	const requests = 5000
	port := host.FreePort(t)
	c := host.Cmd{Dir: host.WorkDir(t), User: u, Args: []string{"redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", ""}}
	tr := trace(t, v, fmt.Sprintf(redisManifest, "uprobe//usr/bin/redis-server", "uretprobe//usr/bin/redis-server"))
	server := host.Start(t, c, tr)
	host.Reachable(t, port)
	host.Client(t, "redis-benchmark", "-p", fmt.Sprint(port), "-n", fmt.Sprint(requests), "-c", "20", "-q", "-t", "set,get,incr")
	stats := commandStats(host.Client(t, "redis-cli", "-p", fmt.Sprint(port), "info", "commandstats"))
	host.Client(t, "redis-cli", "-p", fmt.Sprint(port), "shutdown", "nosave")
	if r := server.Wait(); r.Exit != 0 {
		t.Errorf("exit %d\n%s", r.Exit, r.Stdout)
	}
	wantQuiet(t, tr)
	for cookie, name := range []string{"set", "get", "incr"} {
		h := wide(t, tr, "profile.hists")[uint64(cookie)]
		if slots := total(h[1:]); h[0] != requests || h[0] != stats[name] || slots != requests {
			t.Errorf("%s: %d calls, %d in the histogram; the server says %d, %d were sent", name, h[0], slots, stats[name], requests)
		}
	}
	// `info` itself and `shutdown` came after these statistics.
	want := map[uint64]uint64{uint64(server.PID): total(slices.Collect(maps.Values(stats))) + 2}
	if got := table(t, tr, "tally.by_pid"); !maps.Equal(got, want) {
		t.Errorf("commands %v, the server says %v", got, want)
	}
	if left := table(t, tr, "profile.starts"); len(left) != 0 {
		t.Errorf("%d calls never ended", len(left))
	}
}

func total(numbers []uint64) (sum uint64) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

// commandStats reads lines like "cmdstat_get:calls=5000,usec=…".
func commandStats(info string) map[string]uint64 {
	out := map[string]uint64{}
	for _, m := range regexp.MustCompile(`cmdstat_(\w+).*:calls=(\d+)`).FindAllStringSubmatch(info, -1) {
		n, _ := strconv.ParseUint(m[2], 10, 64)
		out[m[1]] += n
	}
	return out
}

// TestNginx: every request is counted in the worker that its access log names.
func TestNginx(t *testing.T) {
	host.Require(t, "nginx", "wrk")
	forEnds(t, func(t *testing.T, v variant) {
		host.ForUsers(t, func(t *testing.T, u *host.User) { serveNginx(t, v, u) })
	})
}

func serveNginx(t *testing.T, v variant, u *host.User) {
	port := host.FreePort(t)
	c := host.Cmd{Dir: host.WorkDir(t), User: u}
	c.Args = []string{"nginx", "-p", c.Dir, "-e", "error.log", "-c", "nginx.conf"}
	c.Setup = func(t testing.TB, dir string) { configure(t, dir, port, u) }
	tr := trace(t, v, `objects: [{path: OBJ/tally.bpf.o, attach: {tally: "uprobe//usr/sbin/nginx:ngx_http_process_request"}}]`)
	server := host.Start(t, c, tr)
	host.Reachable(t, port)
	host.Client(t, "wrk", "-t1", "-c8", "-d1", fmt.Sprintf("http://127.0.0.1:%d/page", port))
	syscall.Kill(server.PID, syscall.SIGQUIT)
	if r := server.Wait(); r.Exit != 0 {
		t.Errorf("exit %d\n%s", r.Exit, r.Stderr)
	}
	wantQuiet(t, tr)
	log, err := os.ReadFile(filepath.Join(c.Dir, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint64]uint64{}
	for line := range strings.Lines(string(log)) {
		pid, _ := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		want[pid]++
	}
	if got := table(t, tr, "tally.by_pid"); !maps.Equal(got, want) || len(want) < 1 || want[0] != 0 {
		t.Errorf("requests by worker %v, the access log says %v", got, want)
	}
}

// configure makes an access log of process ids. Root's workers are nobody.
func configure(t testing.TB, dir string, port int, u *host.User) {
	t.Helper()
	user := "user nobody nogroup;"
	if u != nil || os.Geteuid() != 0 {
		user = ""
	}
	conf := fmt.Sprintf(`%s
daemon off; worker_processes 2; pid nginx.pid; worker_shutdown_timeout 2s;
events { worker_connections 256; }
http {
	log_format worker $pid; access_log access.log worker;
	client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
	server { listen 127.0.0.1:%d; root .; default_type text/plain; }
}
`, user, port)
	for name, text := range map[string]string{"nginx.conf": conf, "page": "a small page\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
