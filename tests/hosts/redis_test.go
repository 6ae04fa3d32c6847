package hosts

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestRedis: a daemon with background threads, another allocator, and forked children that write its data.
func TestRedis(t *testing.T) {
	host.Require(t, "redis-server", "redis-cli", "redis-benchmark")
	host.ForUsers(t, func(t *testing.T, u *host.User) {
		tr := host.Hot()
		compareServers(t, tr, func(t *testing.T, tr *host.Trace) *record { return playRedis(t, u, tr) })
		tr.WantSome(t, "uprobe/libc:read", "uretprobe/libc:write", "uprobe/libc:strlen")
	})
}

// TestRedisInside: the same with programs at instructions all over the functions that every command goes through.
func TestRedisInside(t *testing.T) {
	host.Require(t, "redis-server", "redis-cli", "redis-benchmark")
	const file = "/usr/bin/redis-server"
	var specs []string
	for _, function := range []string{"processCommand", "lookupKey", "dictFind", "sdsnewlen", "addReply", "readQueryFromClient", "aeProcessEvents"} {
		starts := host.Instructions(t, file, function)
		for i := 1; i < len(starts); i += 1 + len(starts)/12 {
			specs = append(specs, fmt.Sprintf("uprobe/%s:%s+%#x", file, function, starts[i]))
		}
	}
	if len(specs) < 30 {
		t.Fatalf("%d points", len(specs))
	}
	tr := host.Of(specs...)
	compareServers(t, tr, func(t *testing.T, tr *host.Trace) *record { return playRedis(t, nil, tr) })
	hit := 0
	for _, l := range tr.Links(t) {
		if l.Hits > 0 {
			hit++
		}
	}
	if 3*hit < len(specs) {
		t.Errorf("%d of %d points are hit", hit, len(specs))
	}
}

type redis struct {
	server
	user *host.User
	port string
}

func playRedis(t *testing.T, u *host.User, tr *host.Trace) *record {
	t.Helper()
	s := startRedis(t, u, tr)
	s.command("set", "key", "value")
	s.command("eval", "local s = 0; for i = 1, 1000 do s = s + i end; return s", "0")
	for i := range 3 {
		s.bench()
		s.command("bgsave")
		s.wait("rdb_bgsave_in_progress:0")
		s.out.note("bgsave %d: %v", i, s.info("persistence", "rdb_last_bgsave_status:"))
	}
	s.command("bgrewriteaof")
	s.wait("aof_rewrite_in_progress:0")
	s.wait("aof_rewrite_scheduled:0")
	s.out.note("aof: %v", s.info("persistence", "aof_last_bgrewrite_status:"))
	s.command("debug", "reload")
	s.command("get", "key")
	s.command("dbsize")
	s.inspect("busy", s.pid, idleWorker)
	s.cli("shutdown")
	s.waitEnd()
	s.out.Steps = append(s.out.Steps, severe(t, filepath.Join(s.dir, "log"), "# ", "crash", "Bug")...)
	return &s.out
}

func startRedis(t *testing.T, u *host.User, tr *host.Trace) *redis {
	t.Helper()
	s := &redis{server: server{t: t, dir: host.WorkDir(t)}, user: u, port: fmt.Sprint(host.FreePort(t))}
	p := host.Start(t, host.Cmd{Dir: s.dir, User: u, Args: []string{"redis-server", "--port", s.port, "--bind", "127.0.0.1",
		"--daemonize", "yes", "--appendonly", "yes", "--pidfile", filepath.Join(s.dir, "pid"), "--logfile", "log",
		"--dir", s.dir, "--save", "", "--enable-debug-command", "yes", "--appendfsync", "everysec"}}, tr)
	r := p.Wait()
	s.out.note("start: exit %d, stdout %q, stderr %q", r.Exit, r.Stdout, r.Stderr)
	s.adopt(filepath.Join(s.dir, "pid"))
	s.wait("loading:0")
	return s
}

func (s *redis) cli(args ...string) string {
	s.t.Helper()
	return s.run(s.user, append([]string{"redis-cli", "-p", s.port}, args...)...)
}

func (s *redis) command(args ...string) {
	s.t.Helper()
	s.out.note("%v: %s", args, s.cli(args...))
}

// info returns the lines of a section that begin with prefix.
func (s *redis) info(section, prefix string) []string {
	s.t.Helper()
	var list []string
	for line := range strings.Lines(s.cli("info", section)) {
		if strings.HasPrefix(line, prefix) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func (s *redis) wait(line string) {
	s.t.Helper()
	if !host.Poll(30*time.Second, func() bool { return len(s.info("persistence", line)) > 0 }) {
		s.t.Errorf("redis never said %q", line)
	}
}

func (s *redis) bench() {
	s.t.Helper()
	s.run(s.user, "redis-benchmark", "-p", s.port, "-n", "3000", "-c", "8", "-q", "-t", "set,get,lpush", "-r", "50")
}
