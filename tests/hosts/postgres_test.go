package hosts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// postgresBin finds the directory of initdb and the others: Debian keeps them off the path.
func postgresBin(t *testing.T) string {
	t.Helper()
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(dirs) == 0 {
		host.Require(t, "initdb")
		return ""
	}
	return dirs[len(dirs)-1]
}

// TestPostgres: a master that forks a process per connection, shared memory, parallel workers. It refuses root.
func TestPostgres(t *testing.T) {
	bin := postgresBin(t)
	user := host.Nobody
	if os.Geteuid() != 0 {
		user = nil
	}
	tr := host.Hot()
	tr.Specs = append(slices.Clone(tr.Specs), "uprobe/postgres:palloc", "uretprobe/postgres:standard_ExecutorRun",
		"usdt/postgres:postgresql:query__start", "usdt/postgres:postgresql:transaction__commit", "usdt/postgres:postgresql:sort__start",
		"usdt/postgres:postgresql:lwlock__acquire", "usdt/postgres:postgresql:buffer__sync__done")
	compareServers(t, tr, func(t *testing.T, tr *host.Trace) *record {
		s := &postgres{server: server{t: t, dir: host.WorkDir(t)}, bin: bin, user: user}
		s.play(tr)
		return &s.out
	})
	tr.WantSome(t, tr.Specs...)
}

type postgres struct {
	server
	bin  string
	user *host.User
}

// play runs everything that is Postgres' own under the trace; the clients run plain.
func (s *postgres) play(tr *host.Trace) {
	s.t.Helper()
	data := filepath.Join(s.dir, "data")
	start := []string{filepath.Join(s.bin, "pg_ctl"), "-D", data, "-w", "-s", "-l", "log", "-o",
		"-c listen_addresses= -c fsync=off -c jit=off -c max_connections=20 -k " + s.dir, "start"}
	script := `"$1/initdb" -D data -A trust -N --locale=C -U pg > initdb.out && shift && "$@"`
	p := host.Start(s.t, host.Cmd{Dir: s.dir, User: s.user, Limit: 2 * time.Minute,
		Args: append([]string{"sh", "-c", script, "sh", s.bin}, start...)}, tr)
	r := p.Wait()
	s.out.note("start: exit %d, stdout %q, stderr %q", r.Exit, r.Stdout, strings.ReplaceAll(r.Stderr, s.dir, "DIR"))
	s.adopt(filepath.Join(data, "postmaster.pid"))
	s.query()
	s.load()
	s.inspectAll()
	s.stop(data)
}

// query asks for a plan with parallel workers, and raises an error.
func (s *postgres) query() {
	s.t.Helper()
	const sql = `
create table t as select n, md5(n::text) as h from generate_series(1, 50000) n;
analyze t;
set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
set max_parallel_workers_per_gather = 2; set force_parallel_mode = on;
select count(*), sum(n), max(h) from t where h like '%7%';
do $$ begin perform 1/0; exception when division_by_zero then raise notice 'caught'; end $$;
create index on t(h); select n from t where h = md5('777');
select count(*) from t a join t b using (h);
checkpoint;`
	s.out.note("query: %s", s.psql("-c", sql, "-c", "vacuum t"))
}

func (s *postgres) psql(args ...string) string {
	s.t.Helper()
	line := []string{filepath.Join(s.bin, "psql"), "-h", s.dir, "-U", "pg", "-d", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1"}
	return s.run(s.user, append(line, args...)...)
}

func (s *postgres) load() {
	s.t.Helper()
	bench := []string{filepath.Join(s.bin, "pgbench"), "-h", s.dir, "-U", "pg"}
	s.run(s.user, append(slices.Clone(bench), "-i", "-s", "1", "-q", "postgres")...)
	s.run(s.user, append(slices.Clone(bench), "-c", "3", "-t", "50", "postgres")...)
	s.out.note("history: %s", s.psql("-c", "select count(*) from pgbench_history"))
}

// permanent are the master's children that stay as long as it does.
var permanent = regexp.MustCompile(`^postgres: (checkpointer|background writer|walwriter|\w+ \w* ?launcher)`)

// inspectAll looks at the master and its permanent children; what files they hold open depends on timing.
func (s *postgres) inspectAll() {
	s.t.Helper()
	s.inspect("steady", s.pid, func(st *host.State) { st.Descriptors, st.Children = nil, 0 })
	for _, pid := range host.Children(s.pid) {
		title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if permanent.Match(title) {
			s.inspect("steady", pid, func(st *host.State) { st.Descriptors = nil })
		}
	}
}

func (s *postgres) stop(data string) {
	s.t.Helper()
	s.run(s.user, filepath.Join(s.bin, "pg_ctl"), "-D", data, "-m", "fast", "-s", "-W", "stop")
	s.waitEnd()
	s.out.Steps = append(s.out.Steps, severe(s.t, filepath.Join(s.dir, "log"), "FATAL", "PANIC", "ERROR", "crash", "signal")...)
}
