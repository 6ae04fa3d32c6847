package syscalls

import (
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

const (
	allEnter = "raw_tracepoint/sys_enter"
	allExit  = "raw_tracepoint/sys_exit"
)

// kinds are sets of programs that take different ways through a stub and its thunk.
var kinds = map[string][]string{
	"both":     {allEnter, allExit},
	"enter":    {"tracepoint/raw_syscalls/sys_enter"},
	"exit":     {"tracepoint/raw_syscalls/sys_exit"},
	"one call": {"ksyscall/getppid", "kretsyscall/getppid"},
	"many": {allEnter, allExit, "tracepoint/raw_syscalls/sys_enter", "tracepoint/raw_syscalls/sys_exit", "tracepoint/syscalls/sys_enter_getppid",
		"ksyscall/getppid", "kretsyscall/getppid", "tracepoint/syscalls/sys_exit_clone", "ksyscall/vfork", "kretsyscall/clone3"},
	"another call": {"ksyscall/getpgrp"},
}

// traces are those, with signals that are ours, and with calls of other sites dispatched.
func traces(run func(name string, tr *host.Trace)) {
	for name, specs := range kinds {
		run(name, host.Of(specs...))
	}
	for _, name := range []string{"many", "another call"} {
		guarded := host.Of(kinds[name]...)
		guarded.Traps = true
		run(name+", guarded", guarded)
		complete := host.Of(kinds[name]...)
		complete.Complete = true
		run(name+", complete", complete)
	}
}

// TestRegisters: a call leaves registers, flags, the red zone and rsp as the kernel does.
func TestRegisters(t *testing.T) {
	victim := host.Victim(t, "syscall_registers.c", "-Wl,-z,noexecstack")
	traces(func(name string, tr *host.Trace) {
		t.Run(name, func(t *testing.T) {
			host.Compare(t, host.Cmd{Args: []string{victim}, Dir: host.WorkDir(t)}, tr)
			const calls = 3*128 + 1 // of getppid
			for _, spec := range tr.Specs {
				if strings.HasSuffix(spec, "getppid") {
					tr.WantHits(t, spec, calls)
				}
			}
		})
	})
}

var hazards = []string{
	"forks", "raw_clone", "vforks", "spawns", "threads", "small_stack", "clone_vm", "execs", "longjmps", "restarts", "interrupts", "stops",
	"alternate_stack", "masks", "storms", "cancels", "backtraces", "walks", "filters", "strict",
}

// TestHazards: programs whose calls come back twice, elsewhere, never, later or again do not notice.
func TestHazards(t *testing.T) {
	victim := host.Victim(t, "syscall_hazards.c", "-pthread")
	for _, hazard := range hazards {
		traces(func(name string, tr *host.Trace) {
			t.Run(hazard+"/"+name, func(t *testing.T) {
				host.Compare(t, host.Cmd{Args: []string{victim, hazard}, Dir: host.WorkDir(t), Limit: 30 * time.Second}, tr)
			})
		})
	}
}

// TestLater: calls of a library that is loaded later are seen, each time it is.
func TestLater(t *testing.T) {
	victim, plugin := host.Victim(t, "syscall_late.c"), host.Plugin(t, "syscall_plugin.c", "syscall_plugin.so")
	const spec = "tracepoint/syscalls/sys_enter_getppid"
	tr := host.Of(spec)
	host.Compare(t, host.Cmd{Args: []string{victim, plugin, "7"}, Dir: host.WorkDir(t)}, tr)
	tr.WantHits(t, spec, 7)
}

// TestSharedSite: a function that begins with its system call has programs at its entry, its return, and both ends of the
// call, with which its first instruction is replaced.
func TestSharedSite(t *testing.T) {
	victim := host.Victim(t, "syscall_hazards.c", "-pthread")
	tr := host.Of("uprobe/libc:getppid", "uretprobe/libc:getppid", "ksyscall/getppid", "kretsyscall/getppid", "tracepoint/syscalls/sys_exit_getppid")
	host.Compare(t, host.Cmd{Args: []string{victim, "small_stack"}, Dir: host.WorkDir(t)}, tr)
	for _, spec := range tr.Specs {
		tr.WantHits(t, spec, 20*200)
	}
}
