package hosts

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// command is one row of the table: an everyday program that ends by itself.
type command struct {
	name  string
	needs []string // programs that must be installed
	args  []string
	files []string // from testdata, copied to the working directory
	stdin string
	env   []string
	rules []host.Rule
	allow func(*host.State)
	cold  bool // a program that need not call the hot functions
}

var pids = host.Rewrite(`\b[0-9]{3,7}\b`, "N")

var commands = []command{
	{name: "true", args: []string{"/bin/true"}, cold: true},
	{name: "false", args: []string{"/bin/false"}, cold: true},
	{name: "bash", needs: []string{"bash"}, args: []string{"bash", "jobs.bash"}, files: []string{"jobs.bash"}},
	{name: "bash stdin", needs: []string{"bash"}, args: []string{"bash"}, stdin: "echo $((6*7)); exit 7\n"},
	{name: "sh pipeline", args: []string{"sh", "-c",
		`seq 1 2000 | sort -r | tee all | grep 7 | wc -l; checkpoint pipe | cat; yes | head -3; false | true; echo $?`}},
	{name: "sh signals", args: []string{"sh", "-c",
		`trap 'echo term' TERM; trap '' INT; kill -TERM $$; kill -INT $$; checkpoint trap; (kill -SEGV $$) ; echo no`}},
	{name: "environment", args: []string{"sh", "-c", `env | sort | grep -v -e '^LD_PRELOAD=' -e '^BPFTIME_'; umask; ulimit -a
		cd /proc/self; cat limits oom_score_adj timerslack_ns coredump_filter personality
		grep -e Cpus_allowed_list -e NoNewPrivs -e Seccomp: -e CapEff -e CapBnd -e Umask -e THP status
		cat cgroup mountinfo | cksum`}},
	{name: "inherited signals", args: []string{"env", "--ignore-signal=CHLD", "--ignore-signal=PIPE", "--block-signal=TERM",
		"--block-signal=USR1", "sh", "-c", "checkpoint inherited; grep -e SigBlk -e SigIgn -e SigCgt /proc/self/status; exit 3"}},
	{name: "python threads", needs: []string{"python3"}, args: []string{"python3", "threads.py"},
		files: []string{"threads.py"}},
	{name: "python pool", needs: []string{"python3"}, args: []string{"python3", "pool.py"}, files: []string{"pool.py"}},
	{name: "python asyncio", needs: []string{"python3"}, args: []string{"python3", "asyncio_exec.py"},
		files: []string{"asyncio_exec.py"}},
	{name: "python sigtimedwait", needs: []string{"python3"}, args: []string{"python3", "sigtimedwait.py"},
		files: []string{"sigtimedwait.py"}},
	{name: "python traceback", needs: []string{"python3"},
		args: []string{"python3", "-c", "import sys\nsys.stderr.write('on stderr\\n')\nraise ValueError('x' * 30)"}},
	{name: "perl", needs: []string{"perl"}, args: []string{"perl", "fork.pl"}, files: []string{"fork.pl"}},
	{name: "git", needs: []string{"git"}, args: []string{"sh", "-e", "git.sh"}, files: []string{"git.sh"},
		allow: notifyPipe, env: []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE=1700000000 +0000",
			"GIT_COMMITTER_DATE=1700000000 +0000"}},
	{name: "gcc", needs: []string{"gcc"}, args: []string{"sh", "-e", "compile.sh"}, files: []string{"compile.sh"}},
	{name: "make", needs: []string{"make"}, args: []string{"make", "-j2", "-f", "Makefile.host"},
		files: []string{"Makefile.host"}},
	{name: "tar", needs: []string{"tar", "gzip"}, args: []string{"sh", "-e", "tar.sh"}, files: []string{"tar.sh"}},
	{name: "node workers", needs: []string{"node"}, args: []string{"node", "workers.js"}, files: []string{"workers.js"},
		allow: filesOnly},
	{name: "java", needs: []string{"java"}, files: []string{"Host.java"}, allow: busyMachine,
		args: []string{"java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "Host.java"}},
	{name: "busybox", needs: []string{"busybox"}, args: []string{"busybox", "sh", "-c", "busybox seq 1 3"}, cold: true},
	{name: "gdb", needs: []string{"gdb"}, args: []string{"gdb", "-nx", "-q", "-batch", "-ex", "run", "-ex",
		"info inferiors", "--args", "/bin/echo", "traced"}, rules: []host.Rule{pids}},
	{name: "strace", needs: []string{"strace"}, args: []string{"strace", "-f", "-o", "/dev/null", "sh", "-c",
		"echo a; /bin/echo b | cat"}},
	{name: "su", needs: []string{"su"}, args: []string{"su", "-s", "/bin/sh", "nobody", "-c", "id; checkpoint su"}},
	{name: "env -i", args: []string{"sh", "-c", "env -i /bin/echo bare; sh -c 'sh -c /bin/pwd'"}},
	{name: "exec failures", args: []string{"sh", "-c", "./absent; echo $?; . ./absent"}},
}

// unnumbered forgets which descriptor has which number: they depend on what was closed first.
func unnumbered(s *host.State) {
	for i, d := range s.Descriptors {
		_, s.Descriptors[i], _ = strings.Cut(d, " ")
	}
	slices.Sort(s.Descriptors)
}

// filesOnly forgets the pipes, sockets and event descriptors of threads that may or may not have ended yet.
func filesOnly(s *host.State) {
	unnumbered(s)
	s.Descriptors = slices.DeleteFunc(s.Descriptors, func(d string) bool { return !strings.HasPrefix(d, "/") })
}

// notifyPipe clears the pipe on which git waits for its child's exec: it may have heard already, or not.
func notifyPipe(s *host.State) {
	s.Descriptors = slices.DeleteFunc(s.Descriptors, func(d string) bool { return strings.HasSuffix(d, " pipe") })
}

// busyMachine clears what a virtual machine decides by its timing: service threads and its attach socket come and go.
func busyMachine(s *host.State) {
	s.Threads, s.Blocked = 0, nil
	s.Descriptors = slices.DeleteFunc(s.Descriptors, func(d string) bool { return strings.HasSuffix(d, " socket") })
}

func TestCommands(t *testing.T) {
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			host.Require(t, c.needs...)
			host.ForUsers(t, func(t *testing.T, u *host.User) {
				if c.name == "su" && (u != nil || os.Geteuid() != 0) {
					t.Skip("only root may change users without a password")
				}
				c.run(t, u)
			})
		})
	}
}

func (c command) run(t *testing.T, u *host.User) {
	tr := host.Hot()
	c.compare(t, u, tr)
	if !c.cold {
		tr.WantSome(t, "uprobe/libc:malloc", "uretprobe/libc:malloc", "uprobe/libc:free")
	}
}

func (c command) compare(t *testing.T, u *host.User, tr *host.Trace) {
	host.Compare(t, host.Cmd{
		Args: c.args, Dir: host.WorkDir(t), Setup: copyFiles(c.files), Env: c.env, Stdin: c.stdin, User: u, Rules: c.rules,
		Allow: c.allow,
	}, tr)
}

// copyFiles returns a set-up that copies files of testdata to the working directory.
func copyFiles(names []string) func(testing.TB, string) {
	return func(t testing.TB, dir string) {
		t.Helper()
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
