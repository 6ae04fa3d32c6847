package syscalls

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestComplete: calls of code that was written at run time are dispatched to programs, whoever makes them; and the host
// does not notice. The number is how often each victim calls getppid.
func TestComplete(t *testing.T) {
	victim := host.Victim(t, "syscall_jit.c", "-pthread", "-mavx")
	const calls = 50
	for from, n := range map[string]uint64{
		"alone": calls, "thread": 2 * calls, "child": 2 * calls, "grandchild": 2 * calls, "vforks": calls, "forks": 2 * calls, "masks": calls, "edits": calls, "cleared": calls,
		"handlers": 2 * calls, "waits": calls, "old": 2 * calls, "vectors": calls, "filters": calls, "prctls": calls,
	} {
		for name, specs := range map[string][]string{
			"one call":  {"tracepoint/syscalls/sys_enter_getppid", "tracepoint/syscalls/sys_exit_getppid"},
			"all calls": {"ksyscall/getppid", "kretsyscall/getppid", allEnter, allExit},
		} {
			t.Run(from+"/"+name, func(t *testing.T) {
				tr := host.Of(specs...)
				tr.Complete = true
				host.Compare(t, host.Cmd{Args: []string{victim, from}, Dir: host.WorkDir(t), Limit: 30 * time.Second}, tr)
				tr.WantHits(t, specs[0], n)
				tr.WantHits(t, specs[1], n)
			})
		}
	}
}

// TestUncovered: who begins without dispatch is counted: a child that shares all, one that has lost our handler.
func TestUncovered(t *testing.T) {
	victim := host.Victim(t, "syscall_jit.c", "-pthread", "-mavx")
	for from, n := range map[string]uint64{"thread": 0, "grandchild": 0, "vforks": 1, "cleared": 1} {
		tr := host.Of(allEnter)
		tr.Complete = true
		host.Compare(t, host.Cmd{Args: []string{victim, from}, Dir: host.WorkDir(t)}, tr)
		s, err := session.Open(tr.Path())
		if err != nil {
			t.Fatal(err)
		}
		sum := uint64(0)
		for _, p := range s.Processes() {
			sum += p.Uncovered
		}
		s.Close()
		if sum != n {
			t.Errorf("%s: %d threads and children without dispatch, want %d", from, sum, n)
		}
	}
}

// TestTally: what becomes of each module's sites is in the log. libc's return from a handler is left as it is.
func TestTally(t *testing.T) {
	victim := host.Victim(t, "syscall_jit.c", "-pthread", "-mavx")
	libc := regexp.MustCompile(`libc\.so\.6: (\d+) system calls, (\d+) rewritten, (\d+) dispatched, (\d+) unseen`)
	for _, complete := range []bool{false, true} {
		tr := host.Of(allEnter)
		tr.Complete = complete
		host.Compare(t, host.Cmd{Args: []string{victim, "alone"}, Dir: host.WorkDir(t), Env: []string{"BPFTIME_LOG=info"}}, tr)
		s, err := session.Open(tr.Path())
		if err != nil {
			t.Fatal(err)
		}
		m := libc.FindStringSubmatch(strings.Join(s.Log(), "\n"))
		s.Close()
		if m == nil {
			t.Fatalf("complete %v: the log says nothing of libc", complete)
		}
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		if n[0] != n[1]+n[2]+n[3] || n[1] < 300 || n[3] < 1 || n[2] > 0 && !complete {
			t.Errorf("complete %v: %s", complete, m[0])
		}
	}
}

// TestNotComplete: without the key nothing is dispatched.
func TestNotComplete(t *testing.T) {
	victim := host.Victim(t, "syscall_jit.c", "-pthread", "-mavx")
	tr := host.Of("ksyscall/getppid", allEnter)
	host.Compare(t, host.Cmd{Args: []string{victim, "alone"}, Dir: host.WorkDir(t)}, tr)
	tr.WantHits(t, "ksyscall/getppid", 0)
}
