package applier

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
	"golang.org/x/sys/unix"
)

// trace runs a program with the agent and returns the calls that the agent's code made, in its main thread ("host") or in all
// threads and children ("family").
func trace(t *testing.T, who string, specs []string, args ...string) []call {
	t.Helper()
	victim(t, "fault", "-static")
	dir := host.WorkDir(t)
	file := filepath.Join(filepath.Dir(dir), "calls")
	tr := host.Of(specs...)
	tr.Preload = "FAULT_PRELOAD"
	host.Compare(t, host.Cmd{
		Args: append([]string{filepath.Join(host.BinDir(t), "fault"), file, who, "none", "0", "0"}, args...), Dir: dir,
	}, tr)
	for _, s := range specs {
		if l := tr.Links(t)[s]; l.Sites == 0 {
			t.Errorf("%s: %+v; log %q", s, l, tr.Log(t))
		}
	}
	return readCalls(t, file)
}

// TestConduct reads the agent's system calls in a program that loads a module while it runs: no memory is asked to be
// writable and executable, only the agent's own memory changes its protection, every descriptor is closed again before
// the next is opened twice over, and nothing is asked of signals but the mask around the compiler.
func TestConduct(t *testing.T) {
	needsAgent(t)
	loads, plugin := victim(t, "loads", "-ldl"), host.Plugin(t, "plugin.c", "plugin.so")
	calls := trace(t, "host", []string{"uprobe/libc:malloc", "uretprobe/" + plugin + ":g"}, loads, plugin)
	var own [][2]uint64 // anonymous memory of the agent
	open := map[int64]string{}
	for i, c := range calls {
		at := fmt.Sprintf("call %d: %v", i+1, c)
		prot, address := c.args[2], c.args[0]
		switch c.nr {
		case unix.SYS_MMAP:
			if c.args[3]&unix.MAP_ANONYMOUS != 0 && c.result > 0 {
				own = append(own, [2]uint64{uint64(c.result), uint64(c.result) + c.args[1]})
			}
		case unix.SYS_MPROTECT:
			if !slices.ContainsFunc(own, func(r [2]uint64) bool { return r[0] <= address && address < r[1] }) {
				t.Errorf("%s: changes the protection of %#x, which is not the agent's", at, address)
			}
		case unix.SYS_OPENAT, unix.SYS_MEMFD_CREATE:
			open[c.result] = at
		case unix.SYS_CLOSE:
			delete(open, int64(int32(address)))
		case unix.SYS_MREMAP, unix.SYS_RT_SIGACTION, unix.SYS_SIGALTSTACK, unix.SYS_DUP2, unix.SYS_CHDIR, unix.SYS_SETITIMER:
			t.Errorf("%s: not in the host", at)
		}
		if (c.nr == unix.SYS_MMAP || c.nr == unix.SYS_MPROTECT) && prot&unix.PROT_WRITE != 0 && prot&unix.PROT_EXEC != 0 {
			t.Errorf("%s: writable and executable", at)
		}
	}
	for fd, at := range open {
		if fd >= 0 {
			t.Errorf("%s: never closed", at)
		}
	}
}

// TestHitsAreSilent: no hit makes a system call, a thread's or a child's first one neither: a filter may kill for it.
func TestHitsAreSilent(t *testing.T) {
	needsAgent(t)
	calls := host.Victim(t, "calls.c", "-pthread")
	specs := []string{"uprobe/" + calls + ":f", "uretprobe/" + calls + ":f"}
	numbers := func(t *testing.T, scenario, n string) (list []string) {
		for _, c := range trace(t, "family", specs, calls, scenario, n) {
			if c.nr != unix.SYS_READ { // of /proc, which come in pieces
				list = append(list, callName(c.nr))
			}
		}
		return list
	}
	for _, scenario := range []string{"plain", "threads", "small_threads", "fork", "fork_in_fork", "vfork", "clone_vfork_4k", "clone_vm_1k", "fork_from_thread"} {
		t.Run(scenario, func(t *testing.T) {
			without, with := numbers(t, scenario, "0"), numbers(t, scenario, "1000")
			if len(with) < 20 || !slices.Equal(without, with) {
				t.Errorf("with 1000 hits the agent calls\n%v\nwith none\n%v", with, without)
			}
		})
	}
}
