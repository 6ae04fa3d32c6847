// Package native holds what stays in a traced process after the compiler is
// gone: thunks in assembly and helpers in freestanding C.
//
// Protocol. The applier fills bpftime_resident once, before it writes the first
// patch; from then on a hit runs stub → thunk (thunks.S) → program, and only a
// thread's first hit and a nested one leave the thunk for thread.c. Nothing here
// enters Go or libc, makes a system call, touches a vector register or returns
// memory. The Go side of this package is empty: importing it links the code.
//
// The numbers that code of a plan names (HELPER_*) and every layout are in
// internal/abi.
package native

// #cgo CFLAGS: -I${SRCDIR}/../abi -O2 -fno-stack-protector
import "C"
