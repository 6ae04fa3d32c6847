// Package x86 reads, moves and writes x86-64 machine code.
//
// Protocol. Three jobs that share only [Reg], and no state: every function is
// pure, works on byte slices its caller owns, and may be called from any
// goroutine.
//
//   - The reader: [Decode] measures one instruction and says where its
//     fields lie, what it addresses and where it may go next. It reads at most
//     15 bytes, never allocates, never panics.
//   - The relocator: [Window] finds the whole instructions that cover the
//     bytes of a patch; [Relocate] rewrites them so that they do the same
//     elsewhere. It does not know where: what depends on the new place, or on
//     where the module is loaded, is a [Fixup] the applier resolves.
//   - The writer: builds new code.
//
// Hostile input: the bytes given to the reader and the relocator come from a
// traced program. They may be data, cut off, or built to mislead. What is not
// understood is refused with an error, never guessed: a wrong length corrupts
// somebody else's program, a refusal only leaves a function unprobed.
//
// Addresses are module virtual addresses (ELF p_vaddr, no load bias), unless a
// comment says otherwise. References: Intel SDM volume 2 (section 2 for the
// encoding, appendix A for the opcode maps), AMD APM volume 3 (XOP, 3DNow!).
package x86
