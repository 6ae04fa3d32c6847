// Package exec runs translated programs in this process, without cgo, on
// linux/amd64. Elsewhere New returns ErrUnsupported.
//
// Protocol. New translates a program and maps it: written while its pages are
// writable, entered when they are executable, never both at once. Run and Call
// run it, from any number of goroutines. Close unmaps it, when nobody runs it
// and no program tail-calls it any more.
//
// A program runs on a stack of its own (stack.go), not on the goroutine's. It is
// not preempted, so a garbage collection waits for it: programs end, the
// verifier proves that. A fault in one ends the process.
//
// What the program is given as addresses does not move: a context is a []byte
// that Run sends to the heap; for maps the caller sees to it.
//
// Helpers that are machine code are called directly. One that is written in Go
// cannot be: Go needs its own stack, and a goroutine that waits in a helper may
// go on in another thread. So a call of it leaves the machine code altogether:
//
//	Go            Call ── enter ─┐          ┌─ helper ─┐         ┌─ result
//	Go's stack                   │          │          resume    │
//	--------------------------------------------------------------------------
//	program's stack              program ─ thunk       └─ program ┘
//
// The thunk says which helper, helperExit saves the registers that a callee has
// to keep and returns from enter; resume restores them and returns to the
// program. While Go runs, the program is nothing but data in its stack.
package exec
