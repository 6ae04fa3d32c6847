package applier

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"golang.org/x/sys/unix"
)

// A call is one system call of the agent.
type call struct {
	nr     int
	args   [6]uint64
	result int64
	failed bool // it was made to
	path   string
}

func (c call) String() string { return fmt.Sprintf("%s(%s) = %d", callName(c.nr), c.path, c.result) }

var callNames = map[int]string{
	unix.SYS_READ: "read", unix.SYS_CLOSE: "close", unix.SYS_FSTAT: "fstat", unix.SYS_MMAP: "mmap", unix.SYS_MPROTECT: "mprotect",
	unix.SYS_MUNMAP: "munmap", unix.SYS_RT_SIGACTION: "rt_sigaction", unix.SYS_RT_SIGPROCMASK: "rt_sigprocmask",
	unix.SYS_PWRITE64: "pwrite64", unix.SYS_MREMAP: "mremap", unix.SYS_MADVISE: "madvise", unix.SYS_CLONE: "clone",
	unix.SYS_WAIT4: "wait4", unix.SYS_KILL: "kill", unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_MKDIR: "mkdir", unix.SYS_LINK: "link",
	unix.SYS_UNLINK: "unlink", unix.SYS_READLINK: "readlink", unix.SYS_PRCTL: "prctl", unix.SYS_CLOCK_GETTIME: "clock_gettime",
	unix.SYS_OPENAT: "openat", unix.SYS_NEWFSTATAT: "newfstatat", unix.SYS_FALLOCATE: "fallocate", unix.SYS_PRLIMIT64: "prlimit64",
	unix.SYS_PROCESS_VM_READV: "process_vm_readv", unix.SYS_MEMFD_CREATE: "memfd_create", unix.SYS_FUTEX: "futex",
	unix.SYS_CLONE3: "clone3", unix.SYS_RSEQ: "rseq", unix.SYS_SET_ROBUST_LIST: "set_robust_list",
}

func callName(nr int) string {
	if name := callNames[nr]; name != "" {
		return name
	}
	return fmt.Sprintf("call %d", nr)
}

// firstFailed describes the fault for messages.
func firstFailed(calls []call) string {
	for i, c := range calls {
		if c.failed {
			return fmt.Sprintf("call %d was made to fail: %v", i+1, c)
		}
	}
	return "no call was made to fail"
}

// failed says whether a call of that number was made to fail.
func failed(calls []call, nr int) bool {
	return slices.ContainsFunc(calls, func(c call) bool { return c.failed && c.nr == nr })
}

// unavoidable: who may not restore its signal mask, or wait for its child, cannot hide it.
func unavoidable(calls []call) bool {
	masks := 0
	for _, c := range calls {
		if c.nr == unix.SYS_RT_SIGPROCMASK {
			masks++
		}
		if c.failed && (c.nr == unix.SYS_RT_SIGPROCMASK && masks%2 == 0 || c.nr == unix.SYS_WAIT4) {
			return true
		}
	}
	return false
}

// sessionMapped: the session's file was mapped, so there is a log to write to.
func sessionMapped(calls []call) bool {
	for _, c := range calls {
		if c.nr == unix.SYS_MMAP && c.args[1] == abi.SESSION_SIZE && c.result > 0 {
			return true
		}
	}
	return false
}

func readCalls(t testing.TB, path string) (list []call) {
	t.Helper()
	for line := range strings.Lines(readFile(t, path)) {
		fields := strings.Fields(line)
		if len(fields) < 9 {
			t.Fatalf("%s: %q is no call", path, line)
		}
		var c call
		c.nr, _ = strconv.Atoi(fields[0])
		for i := range c.args {
			c.args[i], _ = strconv.ParseUint(fields[1+i], 0, 64)
		}
		c.result, _ = strconv.ParseInt(fields[7], 10, 64)
		c.failed = fields[8] == "!"
		c.path = strings.Join(fields[9:], " ")
		list = append(list, c)
	}
	return list
}

// atMain returns how many calls the agent has made before main: the last of them gives the first handoff back.
func atMain(calls []call) int {
	for i, c := range calls {
		if c.nr == unix.SYS_MUNMAP && (c.args[1] == abi.HANDOFF_LARGE || c.args[1] == abi.HANDOFF_SIZE) {
			return i + 1
		}
	}
	return len(calls)
}
