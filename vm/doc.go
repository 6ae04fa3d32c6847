// Package vm is the eBPF instruction set: instructions, their bytes and their
// text, and the validated Program that every engine runs.
//
// Protocol. Bytes come from anywhere and are hostile: Decode cuts them into
// instructions, Validate checks everything that can be checked without
// executing them (encodings, targets, call graph) and returns a *Program, which
// never changes again and may be shared by goroutines. The accessors of Program
// return its own slices: nobody may write to them.
//
// A Program is well-formed, not safe. vm/interp checks every access as it runs,
// so it runs any Program. vm/jit checks nothing as it runs, so it wants the
// proof that vm/verifier gives (internal/proof holds the type that nobody else
// can make).
//
// Branches count slots of eight bytes, engines count instructions; LDDW takes
// two slots and is one instruction. Errors name the slot, as the kernel does.
//
// The reference is RFC 9669 and, where that is silent, Linux 6.18.
package vm
