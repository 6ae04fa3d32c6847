package object_test

import (
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/vm/object"
)

// TestContext: what a section's program is given is as long as what a traced process has for it.
func TestContext(t *testing.T) {
	function := object.Context{Size: abi.PT_SIZE, Writable: true}
	call := object.Context{Size: abi.PT_SIZE}
	enter := object.Context{Size: abi.SYSCALL_TRACEPOINT_SIZE, Hidden: 8}
	exit := object.Context{Size: 24, Hidden: 8}
	raw := object.Context{Size: abi.SYSCALL_RAW_SIZE}
	for section, want := range map[string]object.Context{
		"uprobe/libc:malloc": function, "uretprobe": function, "usdt/libc:libc:setjmp": function, "uprobe.session/libc:m*": function,
		"ksyscall/openat": call, "kretsyscall/openat": call,
		"tp/syscalls/sys_enter_openat": enter, "tracepoint/syscalls/sys_exit_openat": exit, "?tp.s/syscalls/sys_exit_openat": exit,
		"tp": enter, "tracepoint/raw_syscalls/sys_enter": enter, "tracepoint/raw_syscalls/sys_exit": exit,
		"raw_tp/sys_enter": raw, "raw_tracepoint/sys_exit": raw, "tp_btf/sys_exit": raw, "raw_tp.s/sys_enter": raw,
		"something": function,
	} {
		if got := object.ParseSection(section).Context(); got != want {
			t.Errorf("%s: %+v, want %+v", section, got, want)
		}
	}
}
