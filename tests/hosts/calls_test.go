package hosts

import (
	"fmt"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// scenario is one way to call f, in which every call must be counted.
type scenario struct {
	name string
	n    int  // calls per place
	big  int  // the same under BPFTIME_TORTURE
	self bool // f may interrupt itself: a call inside the program is a miss, as in the kernel
	free bool // the total depends on timing; the victim prints it
}

var scenarios = []scenario{
	{name: "plain", n: 100000, big: 100000000},
	{name: "threads", n: 200000, big: 10000000},
	{name: "small_threads", n: 10000, big: 1000000},
	{name: "thread_churn", n: 100, big: 10000},
	{name: "fork", n: 10000, big: 1000000},
	{name: "fork_in_fork", n: 10000, big: 1000000},
	{name: "many_forks", n: 100, big: 10000},
	{name: "fork_from_thread", n: 10000, big: 1000000},
	{name: "fork_thread_first", n: 1000000, big: 100000000},
	{name: "fork_among_calls", n: 1000, big: 100000, free: true},
	{name: "vfork", n: 10000, big: 1000000},
	{name: "posix_spawn", n: 1000, big: 100000},
	{name: "clone_vfork_4k", n: 10000, big: 1000000},
	{name: "clone_vm_1k", n: 10000, big: 1000000},
	{name: "clone_shared_tls", n: 1000000, big: 100000000, self: true},
	{name: "two_shared_tls", n: 1000000, big: 100000000, self: true},
	{name: "alarm", n: 100000, big: 3000000, self: true, free: true},
	{name: "alternate_stack", n: 100000, big: 3000000, self: true, free: true},
	{name: "alarm_among_threads", n: 1000000, big: 30000000, self: true, free: true},
}

func TestCalls(t *testing.T) {
	victim := host.Victim(t, "calls.c", "-pthread")
	entry, ret := "uprobe/"+victim+":f", "uretprobe/"+victim+":f"
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Run("entry", func(t *testing.T) { s.run(t, victim, entry) })
			t.Run("return", func(t *testing.T) { s.run(t, victim, ret) })
			t.Run("both", func(t *testing.T) { s.run(t, victim, entry, ret) })
		})
	}
}

func (s scenario) run(t *testing.T, victim string, specs ...string) {
	tr := host.Of(specs...)
	c := host.Cmd{Args: []string{victim, s.name, fmt.Sprint(host.Scale(s.n, s.big))}, Dir: host.WorkDir(t)}
	if s.free {
		c.Rules = []host.Rule{host.Rewrite(`\d+`, "N")}
	}
	_, traced := host.Compare(t, c, tr)
	n := number(t, traced.Stdout, "calls %d\n")
	for _, spec := range specs {
		if s.self {
			tr.WantCalls(t, spec, n)
		} else {
			tr.WantHits(t, spec, n)
		}
	}
}

// number reads the one number that a victim printed.
func number(t *testing.T, text, format string) uint64 {
	t.Helper()
	var n uint64
	if _, err := fmt.Sscanf(text, format, &n); err != nil {
		t.Errorf("%q does not read %q: %v", text, format, err)
	}
	return n
}

// TestStackUse holds law 5: a probe takes at most 400 bytes of the host's stack.
func TestStackUse(t *testing.T) {
	victim := host.Victim(t, "stackuse.c")
	for _, kind := range []string{"uprobe/", "uretprobe/"} {
		t.Run(kind, func(t *testing.T) {
			tr := host.Of(kind + victim + ":f")
			c := host.Cmd{Args: []string{victim}, Dir: host.WorkDir(t), Rules: []host.Rule{host.Rewrite(`\d+`, "N")}}
			plain, traced := host.Compare(t, c, tr)
			before, after := number(t, plain.Stdout, "bytes %d\n"), number(t, traced.Stdout, "bytes %d\n")
			t.Logf("f takes %d bytes, with a probe %d", before, after)
			if after > before+400 {
				t.Errorf("a probe takes %d bytes of stack, at most 400 are allowed", after-before)
			}
			tr.WantHits(t, kind+victim+":f", 1)
		})
	}
}
