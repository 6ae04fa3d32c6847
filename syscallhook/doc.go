// Package syscallhook finds the syscall instructions of a module, and says by which
// tactic each can be rewritten.
//
// Protocol. Find reads an ELF file and changes nothing: the same file gives the same
// sites on every machine; `bpftime check` shows what it says. Attach asks it for the
// sites of a module, and has those that must be rewritten written into the module's
// arena, before functions are probed: for programs (NewCalls, Rewrite), or so that signals
// can be ours (Guard). What runs at a site, this package never learns. What Find said can be
// kept (Marshal).
//
// A number is known only where nobody can bring another one past the instruction that
// sets it: who needs all calls of a number may leave sites of other numbers alone.
//
// Sites are found through functions: what unwind data and symbols say is code is
// decoded from its start to its end, so that an immediate that looks like `syscall` is
// none. Code that no function covers is swept from the end of the function before it,
// and what stands amid ordinary code there is reported as outside of any function, and
// not rewritten: nothing says who jumps where.
//
// Tactics, in order. Each gives the bytes that a patch would replace, or a reason:
//
//	mov      mov $nr,%eax ; syscall    seven bytes or nine, by a 5-byte jmp: the stub
//	                                   knows the number, and a call without programs
//	                                   needs no stub at all
//	after    syscall ; what follows    five bytes or more by a 5-byte jmp; what follows
//	                                   runs in the stub
//	before   what precedes ; syscall   the same the other way round
//	short    syscall                   by a 2-byte jmp to five bytes of padding behind
//	                                   the function, where the 5-byte jmp stands
//	trap     nothing is replaced       Syscall User Dispatch, off by default
//
// A window that something may jump into is none; its first instruction may be jumped
// to. Bytes belong to the first site that takes them. The return from signal handlers
// is left as it is: unwinders and debuggers know it by its bytes. So are cancellation
// points, and the calls of a thread that has no stack any more (hazards.go).
//
// The input is hostile: everything is bounded by the file, and what cannot be decoded
// is reported, never guessed.
package syscallhook
