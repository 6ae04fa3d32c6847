// Package object reads what `clang -target bpf` writes and links it into
// programs that an engine can run.
//
// Protocol. There are two steps, and nothing of the machine or the process is
// in either:
//
//	bytes ── Load ──▶ *Spec                everything the file says, as data
//	*Spec ── Link ──▶ *Object              constants set, maps changed, externs given values
//	*Object ── Program(name) ──▶ *Program  one function and all it calls: a vm.Program
//	*Program ── Verify ──▶ proof           vm/verifier's, with errors that name the source
//
// Load never changes what it read, and Link never changes the Spec: a Spec may
// be linked many times, by several goroutines. An Object belongs to one
// goroutine. A program refers to a map by its position in Object.Maps (that is
// the index in its LDDW instructions, and in the JIT's relocations); whoever
// makes the maps makes those that are used, fills them with Map.Contents and
// Map.Values, and tells the engine where they are.
//
// What cannot be loaded. A file that is no such object, or whose tables are
// broken, is refused by Load. Whatever only some programs are concerned by is
// kept in the Spec, and refused when a program with it is asked for: a section
// name that attaches nowhere, a call of a kernel function, a missing kernel
// type. A part of a program that never runs, because a constant decides so,
// may contain anything, as in the kernel: libbpf's programs ask what there is
// (CO-RE, weak externs, const volatile) before they use it; see prune.go.
//
// The file is hostile: it is at most MaxSize bytes, every offset is checked,
// and a panic of a library becomes an error. Errors are *Error: object,
// program, instruction, line of the source, what is wrong, what helps.
//
// cilium/ebpf reads the BTF and computes CO-RE relocations. Its loader of whole
// collections is not used: it refuses weak maps and weak configuration (all of
// libbpf's usdt.bpf.h), keeps which configuration or kernel symbol an
// instruction wants to itself, copies every function into every program that
// calls it, which a small file can make gigabytes of, and takes the address of
// a global function for that of its section's first one (v0.22). The tests
// compare what it does read with what is read here.
package object
