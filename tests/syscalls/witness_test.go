package syscalls

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpftime-go/bpftime/internal/syscalls"
	bpfmaps "github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// A witness runs a command under strace, and under the agent with programs that count.
type witness struct {
	host.Cmd
	dir string // of strace's log and the session
}

func newWitness(t *testing.T, c host.Cmd) *witness {
	t.Helper()
	object := host.Build(t, "clang", "count.bpf.o", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", "syscall_count.bpf.c")
	marker := host.Plugin(t, "marker.c", "marker.so")
	w := &witness{c, filepath.Dir(c.Dir)}
	run := filepath.Join(w.dir, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	w.Args = []string{"strace", "-f", "-qq", "-o", w.logFile()}
	for _, v := range []string{"LD_PRELOAD=" + marker + " " + host.Agent(t), "BPFTIME_RUNDIR=" + run,
		"BPFTIME_MANIFEST={objects: [{path: " + object + "}]}"} {
		w.Args = append(w.Args, "-E", v)
	}
	w.Args = append(w.Args, c.Args...)
	return w
}

func (w *witness) logFile() string { return filepath.Join(w.dir, "strace.log") }

// agree compares the counts of each call, before and behind it.
func (w *witness) agree(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(w.logFile())
	if err != nil {
		t.Fatal(err)
	}
	entered, left := readLog(string(text))
	if len(entered) < 10 {
		t.Fatalf("strace has seen %d different calls only", len(entered))
	}
	if diff := cmp.Diff(entered, w.seen(t, "entered")); diff != "" {
		t.Errorf("entered, as strace (-) and programs (+) have seen it:\n%s", diff)
	}
	if diff := cmp.Diff(left, w.seen(t, "left")); diff != "" {
		t.Errorf("left, as strace (-) and programs (+) have seen it:\n%s", diff)
	}
}

// seen is what programs have counted, by the name of the call.
func (w *witness) seen(t *testing.T, name string) map[string]int {
	t.Helper()
	m, err := bpfmaps.Open(filepath.Join(w.dir, "run", "default", "maps", "count."+name))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	counts := map[string]int{}
	for key, values := range m.All() {
		call := syscalls.NameOf(int(binary.LittleEndian.Uint32(key)))
		if n := binary.LittleEndian.Uint64(values[0]); n != 0 && !ofVDSO[call] {
			counts[call] = int(n)
		}
	}
	return counts
}

var (
	// 1234  read(3, …  or  1234  <... read resumed>…
	line = regexp.MustCompile(`^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$`)
	// A call that the kernel begins again by itself is one for who made it.
	again  = regexp.MustCompile(`\) += \? ERESTART`)
	result = regexp.MustCompile(`\) += (-?\d+|0x)`)
	child  = regexp.MustCompile(`\) += (\d+)$`)
)

// reader counts the calls of a log of strace, of processes and threads from the marker on; children are born with it.
//
// Calls that programs do not see are left out: the return from a signal's handler, whose instruction is left as it is,
// and a call that the kernel makes once more by itself, after it was interrupted.
type reader struct {
	born          map[string]bool // children of those who had passed the marker; strace shows them before their parent's call ends
	marked        map[string]bool
	interrupted   map[string]string // by thread: the call that the kernel may make again
	last          map[string]string // and what it did last
	entered, left map[string]int
}

func readLog(text string) (entered, left map[string]int) {
	born := map[string]bool{}
	for {
		n := len(born)
		r := reader{born, maps.Clone(born), map[string]string{}, map[string]string{}, map[string]int{}, map[string]int{}}
		for l := range strings.Lines(text) {
			if m := line.FindStringSubmatch(strings.TrimSuffix(l, "\n")); m != nil {
				r.line(m[1], m[2]+m[3], m[2] == "", m[4])
			}
		}
		if len(born) == n {
			return r.entered, r.left
		}
	}
}

// ofVDSO are calls that the vDSO makes where it cannot answer itself; its text is not rewritten.
var ofVDSO = map[string]bool{"clock_gettime": true, "clock_getres": true}

// line takes one: a call begins there, ends there, or both.
func (r *reader) line(pid, name string, begins bool, rest string) {
	if begins && name == "ioperm" {
		r.marked[pid] = true
		r.left["execve"]++ // whose programs have run at the start of what it led to
	}
	if !r.marked[pid] || ofVDSO[name] {
		return
	}
	if begins {
		r.begin(pid, name)
	}
	r.end(pid, name, rest)
}

func (r *reader) begin(pid, name string) {
	last := r.last[pid]
	r.last[pid] = name
	restarted := r.interrupted[pid] == name && (last == name || last == "rt_sigreturn")
	if name != "rt_sigreturn" && name != "restart_syscall" && !restarted {
		r.entered[name]++
	}
}

func (r *reader) end(pid, name, rest string) {
	switch {
	case again.MatchString(rest):
		if name != "restart_syscall" {
			r.interrupted[pid] = name
		}
		return
	case !result.MatchString(rest):
		return
	case name == "rt_sigreturn":
		if strings.Contains(rest, "= -1 EINTR") && r.interrupted[pid] != "" { // that is how the other call ends
			r.left[r.interrupted[pid]]++
			delete(r.interrupted, pid)
		}
		return
	case name == "restart_syscall":
		name = r.interrupted[pid]
	}
	delete(r.interrupted, pid)
	r.ended(pid, name, rest)
}

func (r *reader) ended(pid, name, rest string) {
	switch name {
	case "execve":
		if strings.HasSuffix(rest, "= 0") { // there is nobody any more, but see the marker
			r.marked[pid] = false
			return
		}
	case "clone", "clone3", "fork", "vfork":
		if m := child.FindStringSubmatch(rest); m != nil {
			r.born[m[1]] = true
		}
	}
	r.left[name]++
}
