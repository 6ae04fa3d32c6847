package syscalls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bpftime-go/bpftime/internal/syscalls"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// ofGuards are calls that the agent makes for the host, among its own, where signals are its.
var ofGuards = []string{"rt_sigaction", "rt_sigprocmask", "rt_sigsuspend", "pselect6", "ppoll", "epoll_pwait", "epoll_pwait2", "execve", "execveat", "prctl", "seccomp"}

// A witness runs a command under strace, and under the agent with programs that count.
type witness struct {
	host.Cmd
	guards bool   // signals are the agent's
	dir    string // of strace's log and the session
}

func newWitness(t *testing.T, c host.Cmd, keys string) *witness {
	t.Helper()
	object := host.Build(t, "clang", "count.bpf.o", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", "syscall_count.bpf.c")
	marker := host.Plugin(t, "marker.c", "marker.so")
	w := &witness{c, keys != "", filepath.Dir(c.Dir)}
	run := filepath.Join(w.dir, "run")
	err := errors.Join(os.Mkdir(run, 0o700), os.WriteFile(w.logFile(), nil, 0o600))
	if c.User != nil {
		err = errors.Join(err, os.Chown(run, int(c.User.UID), int(c.User.GID)), os.Chown(w.logFile(), int(c.User.UID), int(c.User.GID)))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Args = []string{"strace", "-f", "-i", "-qq", "-o", w.logFile()}
	for _, v := range []string{"LD_PRELOAD=" + marker + " " + host.Agent(t), "BPFTIME_RUNDIR=" + run,
		"BPFTIME_MANIFEST={objects: [{path: " + object + "}]" + keys + "}"} {
		w.Args = append(w.Args, "-E", v)
	}
	w.Args = append(w.Args, c.Args...)
	return w
}

func (w *witness) logFile() string { return filepath.Join(w.dir, "strace.log") }

// agree compares the counts of each call, before and behind it.
func (w *witness) agree(t *testing.T) {
	t.Helper()
	log, err := os.ReadFile(w.logFile())
	if err != nil {
		t.Fatal(err)
	}
	entered, left := readLog(string(log), thunks(t))
	for _, call := range ofGuards {
		if w.guards {
			delete(entered, call)
			delete(left, call)
		}
	}
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
	m, err := maps.Open(filepath.Join(w.dir, "run", "default", "maps", "count."+name))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	counts := map[string]int{}
	for key, values := range m.All() {
		call := syscalls.NameOf(int(binary.LittleEndian.Uint32(key)))
		if n := binary.LittleEndian.Uint64(values[0]); n != 0 && !ofVDSO[call] && !(w.guards && slices.Contains(ofGuards, call)) {
			counts[call] = int(n)
		}
	}
	return counts
}

var (
	// 1234  [00007f…] read(3, …  or  1234  [00007f…] <... read resumed>…
	line = regexp.MustCompile(`^(\d+) +\[([0-9a-f?]+)\] (?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$`)
	// A call that the kernel begins again by itself is one for who made it.
	again  = regexp.MustCompile(`\) += \? ERESTART`)
	result = regexp.MustCompile(`\) += (-?\d+|0x)`)
	child  = regexp.MustCompile(`\) += (\d+)$`)
	opened = regexp.MustCompile(`libbpftime-agent\.so".*= (\d+)$`)
	mapped = regexp.MustCompile(`^\w+, (\d+), PROT_READ\|PROT_EXEC, \S+, (\d+), (\w+)\) = 0x([0-9a-f]+)$`)
)

// thunks are where in the agent's file calls of the host come back: behind the instructions of thunks_syscall.S, as they
// are there. All other calls that the agent's text makes are its own.
func thunks(t *testing.T) map[uint64]bool {
	t.Helper()
	b, err := os.ReadFile(host.Agent(t))
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint64]bool{}
	for _, code := range []string{"\x0f\x05\x48\x8b\x4d\xf8\xe3", "\x0f\x05\x48\x8b\x4c\x24\x08\xff\x24\x24"} {
		at := bytes.Index(b, []byte(code))
		if at < 0 {
			t.Fatalf("the agent has no thunk with %x", code)
		}
		found[uint64(at)+2] = true
	}
	return found
}

// reader counts the calls of a log of strace, of processes and threads from the marker on; children are born with it.
//
// Calls that programs do not see are left out: the return from a signal's handler, whose instruction is left as it is,
// and a call that the kernel makes once more by itself, after it was interrupted.
type reader struct {
	born          map[string]string // by child of who had passed the marker, that parent; strace shows it before its parent ends the call
	marked        map[string]bool
	interrupted   map[string]string // by thread: the call that the kernel may make again
	last          map[string]string // and what it did last
	thunks        map[uint64]bool
	fds           map[string]string // by process: which descriptor the agent's file has while it is loaded
	texts         map[string]text   // and where its text is
	begun         map[string]string // by thread: what there is of its last call
	entered, left map[string]int
}

// text is a part of the agent's file, in memory.
type text struct{ lo, size, offset uint64 }

func readLog(log string, thunks map[uint64]bool) (entered, left map[string]int) {
	born := map[string]string{}
	for {
		n := len(born)
		r := reader{born: born, marked: map[string]bool{}, interrupted: map[string]string{}, last: map[string]string{},
			thunks: thunks, fds: map[string]string{}, texts: map[string]text{}, begun: map[string]string{}, entered: map[string]int{}, left: map[string]int{}}
		for l := range strings.Lines(log) {
			if m := line.FindStringSubmatch(strings.TrimSuffix(l, "\n")); m != nil {
				r.line(m[1], m[2], m[3]+m[4], m[3] == "", m[5])
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
func (r *reader) line(pid, ip, name string, begins bool, rest string) {
	r.meet(pid)
	r.load(pid, name, r.whole(pid, begins, rest))
	if begins && name == "ioperm" {
		r.marked[pid] = true
		r.left["execve"]++ // whose programs have run at the start of what it led to
	}
	if r.marked[pid] && !ofVDSO[name] && !r.own(pid, ip) {
		if begins {
			r.begin(pid, name)
		}
		r.end(pid, name, rest)
	}
	if name == "execve" && strings.HasSuffix(rest, "= 0") { // there is nobody any more, but see the marker
		r.marked[pid] = false
		delete(r.texts, pid)
	}
}

// meet has who is seen for the first time have what its parent has.
func (r *reader) meet(pid string) {
	if parent, ok := r.born[pid]; ok {
		if _, met := r.marked[pid]; !met {
			r.marked[pid], r.texts[pid] = true, r.texts[parent]
		}
	}
}

// whole is what a call that is shown in two pieces says when it has ended.
func (r *reader) whole(pid string, begins bool, rest string) string {
	if !begins {
		rest = r.begun[pid] + rest
	}
	r.begun[pid], _ = strings.CutSuffix(rest, " <unfinished ...>")
	return rest
}

// load follows how the agent's file is mapped.
func (r *reader) load(pid, name, rest string) {
	if m := opened.FindStringSubmatch(rest); m != nil && name == "openat" {
		r.fds[pid] = m[1]
	}
	m := mapped.FindStringSubmatch(rest)
	if m == nil || name != "mmap" || r.fds[pid] != m[2] {
		return
	}
	delete(r.fds, pid)
	var t text
	if n, _ := fmt.Sscanf(m[4]+" "+m[1]+" "+m[3], "%x %d %v", &t.lo, &t.size, &t.offset); n == 3 {
		r.texts[pid] = t
	}
}

// own tells whether the agent makes the call for itself.
func (r *reader) own(pid, ip string) bool {
	at, err := strconv.ParseUint(ip, 16, 64)
	t := r.texts[pid]
	return err == nil && at-t.lo < t.size && !r.thunks[at-t.lo+t.offset]
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
	if r.interrupted[pid] == name { // and not what the handler does meanwhile
		delete(r.interrupted, pid)
	}
	r.ended(pid, name, rest)
}

func (r *reader) ended(pid, name, rest string) {
	m := child.FindStringSubmatch(rest)
	switch {
	case name == "execve" && strings.HasSuffix(rest, "= 0"):
		return
	case m != nil && slices.Contains([]string{"clone", "clone3", "fork", "vfork"}, name):
		r.born[m[1]] = pid
	}
	r.left[name]++
}
