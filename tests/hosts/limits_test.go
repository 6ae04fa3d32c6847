package hosts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// restriction is one way to be confined. The program behaves as without the agent in each; where nothing stands in
// the way of a patch it must be patched.
type restriction struct {
	name    string
	patched bool // it must be
	root    bool
}

var restrictions = []restriction{
	{name: "nothing", patched: true},
	{name: "as600"}, {name: "as100"}, {name: "as20"}, {name: "data60"}, {name: "data20"}, {name: "nproc"},
	{name: "nofile4"}, {name: "fsize4k"},
	{name: "core0", patched: true}, {name: "memlock0", patched: true}, {name: "stack64k", patched: true},
	{name: "no_clone"}, {name: "clone_enosys"}, {name: "no_wait"}, {name: "no_sigaltstack"}, {name: "no_sigaction"},
	{name: "no_memfd"}, {name: "no_fallocate"}, {name: "no_link"}, {name: "no_mkdir"}, {name: "no_mremap"},
	{name: "no_pwrite"}, {name: "no_futex"}, {name: "no_prctl"}, {name: "kill_scheduling"},
	{name: "no_exec_mprotect"}, {name: "no_exec_anonymous"}, {name: "no_shared_mmap"}, {name: "no_noreplace"},
	{name: "mdwe"}, {name: "no_new_privs", patched: true},
	{name: "chroot", root: true},
}

func TestLimits(t *testing.T) {
	for _, r := range restrictions {
		t.Run(r.name, func(t *testing.T) {
			host.ForUsers(t, func(t *testing.T, u *host.User) {
				if r.root && (u != nil || os.Geteuid() != 0) {
					t.Skip("needs root")
				}
				t.Run("continue", func(t *testing.T) { r.carriesOn(t, u) })
				t.Run("abort", func(t *testing.T) { r.aborts(t, u) })
			})
		})
	}
}

func (r restriction) command(t *testing.T, u *host.User) (host.Cmd, *host.Trace) {
	guest := host.Victim(t, "guest.c")
	c := host.Cmd{
		Args: []string{host.Victim(t, "limit.c", "-static"), r.name, guest}, Dir: host.WorkDir(t), User: u,
		Stdin: host.Held,
	}
	tr := host.Of("uprobe/libc:malloc", "uretprobe/"+guest+":f")
	tr.Preload = "LIMIT_PRELOAD"
	if r.name == "chroot" {
		enterRoot(t, &c, tr, guest)
	}
	return c, tr
}

// carriesOn: with on_error: continue nobody can tell from outside, and unpatched text is the file's.
func (r restriction) carriesOn(t *testing.T, u *host.User) {
	c, tr := r.command(t, u)
	var changes []host.Span
	c.Watch = func(t testing.TB, p *host.Proc) {
		p.Await("ready\n")
		spans, err := host.TextChanges(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		changes = spans
	}
	host.Compare(t, c, tr)
	if host.Baseline() {
		return
	}
	t.Logf("changes of text: %v", changes)
	switch {
	case len(changes) > 0:
		tr.WantSome(t, "uprobe/libc:malloc")
		tr.WantHits(t, tr.Specs[1], 100)
	case r.patched:
		t.Errorf("not patched, though nothing forbids it; log: %q", tr.Log(t))
	default:
		r.oneLine(t, tr)
	}
}

// oneLine: whoever can write a log at all has said once why nothing was attached. It returns the line.
func (r restriction) oneLine(t *testing.T, tr *host.Trace) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(tr.Path(), "session")); err != nil {
		t.Logf("no session: the restriction keeps the agent from making one")
		return ""
	}
	log := tr.Log(t)
	t.Logf("log: %q", log)
	if len(log) != 1 {
		t.Errorf("not patched; want one line in the session's log that says why, got %d: %q", len(log), log)
		return ""
	}
	_, text, _ := strings.Cut(log[0], "] ")
	_, text, _ = strings.Cut(text, ": ")
	return text
}

// aborts: with on_error: abort the program either runs patched, or does not start at all.
func (r restriction) aborts(t *testing.T, u *host.User) {
	if host.Baseline() {
		return
	}
	c, tr := r.command(t, u)
	tr.Abort = true
	c.Stdin = ""
	got := host.Run(t, c, tr)
	switch {
	case got.Exit == 23 && got.Stdout == "ready\n" && got.Stderr == "":
		tr.WantHits(t, tr.Specs[1], 100)
	case got.Exit == 125 && !r.patched:
		if line := r.oneLine(t, tr); got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 ||
			!strings.Contains(got.Stderr, line) {
			t.Errorf("stdout %q, stderr %q; want the log's line %q on stderr", got.Stdout, got.Stderr, line)
		}
	default:
		t.Errorf("exit %d signal %v stdout %q stderr %q; want 23 and patched, or 125 and one line on stderr",
			got.Exit, got.Signal, got.Stdout, got.Stderr)
	}
}

// enterRoot makes a root directory without /proc and /dev that holds the guest, the agent, and what they load.
func enterRoot(t *testing.T, c *host.Cmd, tr *host.Trace, guest string) {
	c.Setup = func(t testing.TB, dir string) {
		copyWithLibraries(t, dir, guest)
		if !host.Baseline() {
			copyWithLibraries(t, dir, host.Agent(t))
		}
		if err := os.MkdirAll(filepath.Join(dir, "run"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c.Env = append(c.Env, "LIMIT_ROOT="+c.Dir)
	tr.RunDir, tr.ManifestIn = "/run", c.Dir
}

// copyWithLibraries copies a file and what ldd lists for it, to the same paths below dir.
func copyWithLibraries(t testing.TB, dir, file string) {
	t.Helper()
	out, err := exec.Command("ldd", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{file}
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") {
			paths = append(paths, word)
		}
	}
	for _, p := range paths {
		to := filepath.Join(dir, p)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-L", p, to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}
