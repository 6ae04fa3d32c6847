// Package main is the agent, libbpftime-agent.so: LD_PRELOAD puts it into a
// process, and it leaves a patched function behind and no Go.
//
// Protocol. gate.c runs before main and decides; compiler.c runs bpftimeCompile
// below in a child or in a fresh process, never in the host; the answer comes
// back through the handoff (internal/abi), is checked by check.c and applied by
// apply.c. agent.h lists the files of the C side.
package main

// #cgo CFLAGS: -I${SRCDIR}/../internal/abi -I${SRCDIR}/../internal/native -O2 -fno-stack-protector -fvisibility=hidden
// #cgo LDFLAGS: -Wl,-z,now
// #include "structs.h"
//
// extern unsigned long bpftime_call_resolver(unsigned long at);
// extern void bpftime_progress(void);
// extern void bpftime_peek(void *to, unsigned long at, unsigned long n);
import "C"

import (
	"unsafe"

	_ "github.com/bpftime-go/bpftime/internal/native" // the code that stays
)

// bpftimeCompile reads the request in the handoff and writes the answer there.
//
//export bpftimeCompile
func bpftimeCompile(h *C.struct_handoff) {
	compile(handoff(unsafe.Slice((*byte)(unsafe.Pointer(h)), int(h.room))))
}

// resolve asks an IFUNC's resolver, in this copy of the host, where it is what it
// is in the host: relocated, with the CPU's features known.
func resolve(at uint64) (uint64, error) {
	return uint64(C.bpftime_call_resolver(C.ulong(at))), nil
}

// peek copies text of this copy of the host. Whoever asks knows it for a readable
// mapping of a file.
func peek(at uint64, b []byte) error {
	C.bpftime_peek(unsafe.Pointer(unsafe.SliceData(b)), C.ulong(at), C.ulong(len(b)))
	return nil
}

// progress puts the compiler's deadline off.
func progress() { C.bpftime_progress() }

// self is an address in the agent.
func self() uint64 { return uint64(uintptr(C.bpftime_peek)) }

func main() {}
