// Package trampoline makes function probes: it measures a function, chooses a
// tactic, and writes stub and patch into a plan.Unit.
//
// Protocol. Read decodes a function and everything it may continue in, Place
// emits. A program is an offset in the unit's code that is called with a pt_regs;
// what it is, this package never learns. Nothing here touches a process: the same
// function of the same file gives the same bytes on every machine.
//
// A site is patched by a tactic that has a name, or it is refused with a reason a
// person understands (Refusal). Entry tactics, in order:
//
//	jump      5-byte jmp over whole instructions, which run in the stub
//	padding   the same, reaching into the padding behind a short function
//	short     2-byte jmp to a hole, five bytes of padding between functions, where
//	          the jump stands: for functions that are entered behind their first
//	          bytes, and for short ones
//	evict     the same, where no padding is near: a hole is made of instructions,
//	          which move into the arena
//	pun       jmp rel32 whose upper bytes are those of the next instruction, to an
//	          outpost: only where it is known that nobody uses that place
//	trap      int3, whose signal leads to the stub; where the manifest allows it and
//	          SIGTRAP is ours (Arena.Traps)
//
// A Point is any instruction inside a function, where everything is live; one that lies
// in the window of another site shares its patch, with the copy of the window parted
// there, so all probes of a function are placed together (PlaceAll). Where data may
// send an indirect jump, no window reaches over.
//
// Bytes belong to the first patch that takes them. Whoever has several sites tries
// Place for each, calls Last, and tries again those that were refused: only then
// are bytes taken that are not the site's own.
//
// Return tactics, in order (abi.TACTIC_RETURN_*):
//
//	a   the return address stays where it is, the stub calls the body below it:
//	    for functions that read nothing at or above their return address
//	b   the same with up to 16 words of the caller's frame copied: for functions
//	    known to read no further
//	c   every `ret` is patched by a jump: for functions that leave only by `ret`
//	d   the return address is kept in a table while the body runs, in the frame that
//	    it always had: for all others that do not look at their return address
//
// Session programs run at both and keep words below the return address: a and b only.
//
// The input is hostile: a function may be data, or built to mislead; decoding is
// bounded and whatever is not understood is refused.
package trampoline
