package attach

import (
	"testing"

	"github.com/bpftime-go/bpftime/config"
	"github.com/bpftime-go/bpftime/internal/abi"
)

// TestCallOf: a call has one number by whatever name, and every kind its own context.
func TestCallOf(t *testing.T) {
	for text, want := range map[string]onCall{
		"tracepoint/syscalls/sys_enter_openat":   {number: 257, context: abi.SYSCALL_TRACEPOINT},
		"tp/syscalls/sys_exit_openat":            {number: 257, context: abi.SYSCALL_TRACEPOINT, exit: true},
		"tp/syscalls/sys_enter_newfstat":         {number: 5, context: abi.SYSCALL_TRACEPOINT},
		"tp/syscalls/sys_enter_fstat":            {number: 5, context: abi.SYSCALL_TRACEPOINT},
		"tracepoint.s/raw_syscalls/sys_enter":    {number: anyCall, context: abi.SYSCALL_TRACEPOINT},
		"tracepoint/raw_syscalls/sys_exit":       {number: anyCall, context: abi.SYSCALL_TRACEPOINT, exit: true},
		"raw_tp/sys_enter":                       {number: anyCall, context: abi.SYSCALL_RAW},
		"raw_tracepoint/sys_exit":                {number: anyCall, context: abi.SYSCALL_RAW, exit: true},
		"tp_btf/sys_exit":                        {number: anyCall, context: abi.SYSCALL_RAW, exit: true},
		"ksyscall/read":                          {number: 0, context: abi.SYSCALL_KSYSCALL},
		"kretsyscall/newuname":                   {number: 63, context: abi.SYSCALL_KSYSCALL, exit: true},
		"tracepoint/syscalls/sys_enter_mseal":    {number: 462, context: abi.SYSCALL_TRACEPOINT},
		"tracepoint/syscalls/sys_exit_umount":    {number: 166, context: abi.SYSCALL_TRACEPOINT, exit: true},
		"tracepoint/syscalls/sys_enter_sendfile": {number: 40, context: abi.SYSCALL_TRACEPOINT},
	} {
		spec, err := config.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := callOf(spec)
		if err != nil || got.number != want.number || got.context != want.context || got.exit != want.exit || !onCallKind(spec.Kind) {
			t.Errorf("%s: %d %d %v %v", text, got.number, got.context, got.exit, err)
		}
	}
}
