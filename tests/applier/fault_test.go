package applier

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
	"golang.org/x/sys/unix"
)

// A fault is what the tracer does in one run; see testdata/fault.c.
type fault struct {
	who, mode string
	n         int
	errno     unix.Errno
}

func (f fault) String() string {
	return fmt.Sprintf("%s-%s-%d-%s", f.who, f.mode, f.n, unix.ErrnoName(f.errno))
}

// run is what one run showed.
type run struct {
	result host.Result
	state  host.State
	spans  []host.Span
	arenas int // mappings of anonymous code
	calls  []call
	log    []string // of the session, if there is one
	links  map[string]host.Link
}

// faulty is a program that is run again and again with faults: it says "ready", waits, and exits with 23.
type faulty struct {
	args  []string
	specs []string
	cmd   host.Cmd
	plain run // without the agent
	clean run // without a fault
}

func newFaulty(t *testing.T, specs []string, args ...string) *faulty {
	t.Helper()
	victim(t, "fault", "-static")
	f := &faulty{args: args, specs: specs, cmd: host.Cmd{Dir: host.WorkDir(t), Stdin: host.Held}}
	f.plain = f.run(t, fault{who: "host", mode: "none"}, false)
	f.clean = f.run(t, fault{who: "host", mode: "none"}, true)
	if got := f.difference(f.clean); got != "" || len(f.clean.spans) == 0 || len(f.clean.log) > 0 {
		t.Fatalf("without a fault: %s; %d changes of text; log %q", got, len(f.clean.spans), f.clean.log)
	}
	for _, s := range specs {
		if l := f.clean.links[s]; l.Hits == 0 || l.Misses != 0 {
			t.Fatalf("without a fault: %s: %+v", s, l)
		}
	}
	return f
}

func (f *faulty) run(t *testing.T, what fault, traced bool) (r run) {
	t.Helper()
	c, trace := f.cmd, filepath.Join(filepath.Dir(f.cmd.Dir), "calls")
	c.Args = append([]string{filepath.Join(host.BinDir(t), "fault"), trace, what.who, what.mode, strconv.Itoa(what.n),
		strconv.Itoa(int(what.errno))}, f.args...)
	c.Watch = func(t testing.TB, p *host.Proc) { f.look(t, p, &r) }
	var tr *host.Trace
	if traced {
		tr = host.Of(f.specs...)
		tr.Preload = "FAULT_PRELOAD"
	}
	r.result = host.Run(t, c, tr)
	r.calls = readCalls(t, trace)
	if traced && sessionMapped(r.calls) || what.who == "child" {
		if _, err := os.Stat(filepath.Join(tr.Path(), "session")); err == nil {
			r.log, r.links = tr.Log(t), tr.Links(t)
		}
	}
	return r
}

// look inspects the program while it waits; a program that died is seen by its exit status.
func (f *faulty) look(t testing.TB, p *host.Proc, r *run) {
	host.Poll(30*time.Second, func() bool { return p.Stdout() != "" || ended(p.PID) })
	for _, pid := range host.Children(p.PID) {
		state, err := host.Inspect("host", pid)
		if err != nil || p.Stdout() == "" {
			return // it died
		}
		state.Tracer = 0
		r.state = state
		if r.spans, err = host.TextChanges(pid); err != nil {
			t.Errorf("text of %d: %v", pid, err)
		}
		r.arenas = len(arenas(readMaps(t, pid)))
	}
}

func ended(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.Contains(string(status), "\nState:\tZ")
}

// difference says how the run differs from one without the agent.
func (f *faulty) difference(r run) string {
	if a, b := f.plain.result, r.result; a.Exit != b.Exit || a.Signal != b.Signal || a.Stdout != b.Stdout || a.Stderr != b.Stderr {
		return fmt.Sprintf("exit %d signal %d stdout %q stderr %q; without the agent %d %d %q %q",
			b.Exit, b.Signal, b.Stdout, b.Stderr, a.Exit, a.Signal, a.Stdout, a.Stderr)
	}
	if !reflect.DeepEqual(f.plain.state, r.state) {
		return fmt.Sprintf("state %+v\nwithout the agent %+v", r.state, f.plain.state)
	}
	return ""
}

// late: the last module comes while the program runs; it may fail alone.
func (f *faulty) late() bool { return len(f.args) > 1 }

// patched says whether every place is patched that is without a fault. A module is patched whole or not at all, and
// nothing else may change; what is patched at once is so together.
func (f *faulty) patched(t *testing.T, what fault, r run) bool {
	t.Helper()
	missing, done := map[string]int{}, 0 // by file
	for _, s := range f.clean.spans {
		missing[s.File]++
	}
	for _, s := range r.spans {
		missing[s.File]--
	}
	for file, n := range missing {
		if n == 0 {
			done++
		} else if n < 0 || n < f.count(file) {
			t.Errorf("%s: patched in part: %v, want %v or none of them", file, r.spans, f.clean.spans)
		}
	}
	// A specification that cannot be read is refused alone; what was written cannot be written back when nothing can.
	apart := f.late() || what.who == "child" || what.mode == "short" || what.mode == "rest"
	if done > 0 && done < len(missing) && !apart {
		t.Errorf("some modules are patched, others not: %v, want %v or nothing", r.spans, f.clean.spans)
	}
	return done == len(missing)
}

// count is the number of places that are patched in a file without a fault.
func (f *faulty) count(file string) (n int) {
	for _, s := range f.clean.spans {
		if s.File == file {
			n++
		}
	}
	return n
}

// judge: nobody can tell, all or nothing, and a line that says why.
func (f *faulty) judge(t *testing.T, what fault, r run) {
	t.Helper()
	if unavoidable(r.calls) {
		r.state.Blocked, r.state.Children = f.plain.state.Blocked, f.plain.state.Children
	}
	tell := func(format string, args ...any) {
		t.Errorf("%s; %s; log %q", firstFailed(r.calls), fmt.Sprintf(format, args...), r.log)
	}
	if d := f.difference(r); d != "" {
		tell("%s", d)
		return
	}
	whole := f.patched(t, what, r)
	if !whole && (what.who == "child" || sessionMapped(r.calls)) && len(r.log) == 0 {
		tell("not patched, and the open session's log has no line that says why")
	}
	if len(r.spans) == 0 && r.arenas > 0 && !failed(r.calls, unix.SYS_MUNMAP) {
		tell("nothing is patched, yet %d arenas are left", r.arenas)
	}
	for _, s := range f.specs {
		if len(r.spans) == 0 && r.links[s].Sites > 0 {
			tell("nothing is patched, yet %s has %d sites", s, r.links[s].Sites)
		}
	}
	if most := f.lines(what, whole); len(r.log) > most {
		tell("at most %d lines are expected", most)
	}
	for _, s := range f.specs {
		if l, want := r.links[s], f.clean.links[s]; whole && (l.Hits != want.Hits || l.Misses != 0) {
			tell("%s: %d hits, %d misses, want %d and 0", s, l.Hits, l.Misses, want.Hits)
		}
	}
}

// lines is how many there may be in the log. One, where nothing is patched. A module that comes late is tried again,
// by a compiler; and each specification the compiler cannot read has a line of its own.
func (f *faulty) lines(what fault, whole bool) int {
	switch {
	case what.who == "child":
		return len(f.specs) + 1
	case whole && !f.late():
		return 0
	}
	return 1
}

// sweep runs the program with a fault at each of the given calls.
func (f *faulty) sweep(t *testing.T, who, mode string, calls []int) {
	for _, errno := range errnos() {
		for _, n := range calls {
			what := fault{who, mode, n, errno}
			t.Run(what.String(), func(t *testing.T) { f.judge(t, what, f.run(t, what, true)) })
		}
	}
}

// errnos: what each call fails with. ENOMEM can happen to most of them.
func errnos() []unix.Errno {
	if host.Torture() {
		return []unix.Errno{unix.ENOMEM, unix.EPERM, unix.EINTR, unix.ENOSYS, unix.EAGAIN}
	}
	return []unix.Errno{unix.ENOMEM}
}

// each lists the calls behind the first n, or one in step of them. The last ones may not occur in every run.
func each(calls []call, n, step int) (list []int) {
	for i := n; i < len(calls)+2; i += step {
		list = append(list, i+1)
	}
	return list
}

// firsts lists where each kind of call comes first: by number and by what is opened.
func firsts(calls []call) (list []int) {
	seen := map[string]bool{}
	for i, c := range calls {
		kind := callName(c.nr)
		if strings.HasPrefix(c.path, "/proc/self/") {
			kind += c.path
		}
		if !seen[kind] {
			seen[kind] = true
			list = append(list, i+1)
		}
	}
	return list
}

func atStart(t *testing.T) *faulty {
	guest := host.Victim(t, "guest.c")
	return newFaulty(t, []string{"uprobe/libc:malloc", "uretprobe/" + guest + ":f"}, guest)
}

// TestFaultsAtStart: each system call of the agent before main fails, alone, with its kind, with all that take
// something, with all that follow.
func TestFaultsAtStart(t *testing.T) {
	needsAgent(t)
	f := atStart(t)
	calls := f.clean.calls
	f.sweep(t, "host", "once", each(calls, 0, 1))
	f.sweep(t, "host", "kind", firsts(calls))
	f.sweep(t, "host", "short", each(calls, 0, host.Scale(3, 1)))
	f.sweep(t, "host", "rest", each(calls, 0, host.Scale(5, 1)))
}

// TestFaultsInDetours: the same where a site has several patches: a jump that leads to another is written after it, and
// what made room for it is whole again when something fails.
func TestFaultsInDetours(t *testing.T) {
	needsAgent(t)
	detours := host.Victim(t, "detours.c", "detours.S", "-pthread")
	var specs []string
	for _, name := range []string{"shorts", "evicts", "evicts_next", "makes_room", "puns", "puns_too"} {
		specs = append(specs, "uprobe/"+detours+":"+name)
	}
	f := newFaulty(t, specs, detours, "2", "50")
	f.sweep(t, "host", "once", each(f.clean.calls, 0, host.Scale(2, 1)))
}

// TestFaultsLate: the same for a module that is loaded while the program runs: one the plan was compiled for, and one
// that nobody knew.
func TestFaultsLate(t *testing.T) {
	needsAgent(t)
	loads, plugin := victim(t, "loads", "-ldl"), host.Plugin(t, "plugin.c", "plugin.so")
	for name, spec := range map[string]string{"known": "uretprobe/" + plugin + ":g", "unknown": "uretprobe/plugin:g"} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, []string{"uprobe/libc:malloc", spec}, loads, plugin)
			calls, start := f.clean.calls, atMain(f.clean.calls)
			f.sweep(t, "host", "once", each(calls, start, host.Scale(2, 1)))
			f.sweep(t, "host", "short", each(calls, start, host.Scale(5, 1)))
			f.sweep(t, "host", "rest", each(calls, start, host.Scale(9, 1)))
		})
	}
}

// TestFaultsWithSemaphores: a marker's semaphore counts its listeners exactly where the marker is patched, whatever
// failed; the program sees to that. Two modules are patched at once, so what was done to one is undone.
func TestFaultsWithSemaphores(t *testing.T) {
	needsAgent(t)
	marked := victim(t, "marked", "-ldl")
	library := host.Build(t, "gcc", "libmarked.so", "../applier/testdata/marked.c", "-DLIBRARY", "-shared", "-fPIC")
	spec := "usdt/" + marked + ":marked:mark"
	t.Run("start", func(t *testing.T) {
		f := newFaulty(t, []string{spec, "uprobe/libc:write"}, marked)
		f.sweepSome(t, 0)
		f.sweep(t, "host", "kind", firsts(f.clean.calls))
		f.sweep(t, "host", "pair", writes(f.clean.calls))
		f.sweep(t, "host", "rest", writes(f.clean.calls))
	})
	t.Run("late", func(t *testing.T) {
		f := newFaulty(t, []string{spec, "usdt/" + library + ":marked:mark"}, marked, library)
		f.sweepSome(t, atMain(f.clean.calls))
	})
}

// writes lists the calls that write text.
func writes(calls []call) (list []int) {
	for i, c := range calls {
		if c.nr == unix.SYS_PWRITE64 || strings.HasSuffix(c.path, "/self/mem") {
			list = append(list, i+1)
		}
	}
	return list
}

func (f *faulty) sweepSome(t *testing.T, start int) {
	f.sweep(t, "host", "once", each(f.clean.calls, start, host.Scale(2, 1)))
	f.sweep(t, "host", "short", each(f.clean.calls, start, host.Scale(5, 1)))
	f.sweep(t, "host", "rest", each(f.clean.calls, start, host.Scale(7, 1)))
}

// TestFaultsInCompiler: system calls of the compiler's process fail, Go's own too; at the start, and in the fresh process
// that compiles for a module nobody knew.
func TestFaultsInCompiler(t *testing.T) {
	needsAgent(t)
	t.Run("start", func(t *testing.T) { atStart(t).sweepCompiler(t, 61, 1) })
	t.Run("late", func(t *testing.T) {
		loads, plugin := victim(t, "loads", "-ldl"), host.Plugin(t, "plugin.c", "plugin.so")
		newFaulty(t, []string{"uprobe/libc:malloc", "uretprobe/plugin:g"}, loads, plugin).sweepCompiler(t, 151, 7)
	})
}

func (f *faulty) sweepCompiler(t *testing.T, step, torture int) {
	calls := f.run(t, fault{who: "child", mode: "none"}, true).calls
	if len(calls) < 100 {
		t.Fatalf("the compiler makes %d calls", len(calls))
	}
	f.sweep(t, "child", "once", each(calls, 0, host.Scale(step, torture)))
	f.sweep(t, "child", "rest", each(calls, 0, host.Scale(2*step, 11*torture)))
}
