// Package jit translates programs to x86-64 machine code, with fixed registers:
// one instruction for each, or fewer, where x86 has addresses, rotations,
// operands in memory and conditional moves for what takes BPF several.
//
// Protocol. Compile takes a *proof.Verified and returns Code: bytes and a list
// of relocations, nothing else happens. Whoever maps the code (vm/jit/exec in a
// Go process, an applier of a plan in a traced one) copies Text anywhere,
// resolves every Reloc, makes the pages executable and calls Entry as a System
// V function. Compile may be called from any goroutine; Code never changes.
//
// The code checks nothing as it runs: no bounds, no budget, no depth. What it
// does with a program that is not safe is undefined, which is why it wants the
// verifier's proof. It uses general registers only and changes no flag that a
// function may not change (no vector instruction, no popfq), makes no system
// call, and reaches nothing but its stack, what the program addresses, and what
// the relocations name.
//
//	r0  r1  r2  r3  r4  r5  r6  r7  r8  r9  r10
//	rax rdi rsi rdx rcx r8  rbx r13 r14 r15 rbp    scratch: r9 r10 r11
//
// So r1 to r5 are the arguments of a System V call and r6 to r10 the registers
// a callee saves: helpers are called without moving anything, and every
// function of a program is a System V function itself, which a helper may call
// back. r12 holds the number of tail calls left in programs that make any.
//
// A function is looked at as a whole first (flow.go): its blocks, the loops, and
// what is still needed where. Then its blocks are translated, along the loops
// (layout.go), each instruction by itself, but that moves and additions wait
// until something needs them (values.go) and that some are done together
// (fuse.go, select.go). Helpers that only fetch something, and lookups in arrays, are
// done where they are called, as the options say (inline.go).
//
// A frame, from the top; parts that a function does not need are left out:
//
//	return address
//	rbp of the caller                  <- rbp: r10
//	stack of the function, at most 512 bytes, as deep as it is used
//	padding, so that calls find rsp aligned to 16
//	rbx r13 r14 r15, those it uses     <- rsp
package jit
