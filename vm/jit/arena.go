package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// Arenas. What was cast for the program is the low half of an address, and stays that
// whatever the program does to it: an access takes the low 32 bits of its register and
// adds its offset. What is not in the arena then, of which the first address has a low
// half too, mostly 0, reads as zero, and is not written:
//
//	r2 = *(u64 *)(r1 + 8)        mov    %edi,%r11d
//	                             cmp    $SIZE-16,%r11d
//	                             ja     miss               (behind the function)
//	                             movabs $BASE,%r10
//	                             mov    8(%r10,%r11),%rsi
//
// The comparison is beside the way from one load to the next, so a list is followed as
// fast as elsewhere.
// So no address leads out of the arena, which needs no more address space than its size.

// inArena reports that the instruction at index i accesses the arena.
func (c *compiler) inArena(i int) bool { return c.arena != nil && c.arena.Accesses[i] }

// reachArena reports that one of n instructions from index i on does.
func (c *compiler) reachArena(i, n int) bool {
	return c.arena != nil && slices.Contains(c.arena.Accesses[i:i+n], true)
}

// accessed is the register that an instruction addresses memory by.
func accessed(in vm.Instruction) vm.Register {
	base, _ := accessBase(in)
	return base
}

// cast translates addr_space_cast. 0 stays 0 for users, too.
func (c *compiler) cast(in vm.Instruction) {
	if c.arena == nil { // the verifier would not have it
		c.err = ErrNoProof
		return
	}
	c.disturb(in.Dst)
	d := reg(in.Dst)
	c.emit(x86.Mov(x86.W32, d, c.read(in.Src)))
	if high := c.arena.Start &^ 0xffff_ffff; in.Imm == vm.ToUser && high != 0 {
		c.emit(
			x86.MovImm(scratch1, int64(high)),
			x86.Add(x86.W64, scratch1, d),
			x86.Test(x86.W32, d, d),
			x86.Cmovcc(x86.NE, x86.W64, d, scratch1))
	}
	c.written(in.Dst)
}

// arenaMemory translates LDX, ST and STX in an arena.
func (c *compiler) arenaMemory(w x86.Width, in vm.Instruction) {
	after := c.asm.NewLabel()
	switch {
	case in.OpCode.Class() == vm.LDX:
		c.disturb(in.Dst)
		c.loadFrom(c.arenaAddress(w, in, c.zero(in.Dst, after)), w, in)
		c.written(in.Dst)
	case in.OpCode.Class() == vm.ST:
		c.emit(x86.Store(c.arenaAddress(w, in, after), immediate(in.Imm, w), w))
	case in.OpCode.Mode() == vm.ATOMIC:
		c.settleAll()
		m := c.arenaAddress(w, in, c.missedAtomic(in, after))
		c.emit(x86.Lea(x86.W64, scratch3, m))
		c.atomic(w, in, x86.Ptr(scratch3, 0))
	default:
		s := c.read(in.Src)
		c.emit(x86.Store(c.arenaAddress(w, in, after), s, w))
	}
	c.asm.Bind(after)
}

// arenaAddress is where the instruction accesses the arena. Its code goes to miss when
// that is outside.
func (c *compiler) arenaAddress(w x86.Width, in vm.Instruction, miss x86.Label) x86.Mem {
	start, last := int64(uint32(c.arena.Start)), int64(c.arena.Size)-int64(w) // where an access may begin
	ahead, width := int64(in.Off), x86.W32
	switch {
	case start != 0:
		c.lowHalf(accessed(in), 0)
		c.add(scratch1, ahead-start)
		ahead, width = 0, x86.W64 // what is before the arena is beyond it, too
	case ahead < 0:
		c.lowHalf(accessed(in), ahead) // the same
		ahead = 0
	default:
		c.lowHalf(accessed(in), 0)
	}
	if ahead > last {
		c.emit(x86.Jmp(miss))
	}
	c.emit(
		x86.Cmp(width, scratch1, x86.Imm(max(last-ahead, 0))),
		x86.Jcc(x86.A, miss),
		x86.MovSymbol(scratch2, c.symbol(TargetMapValue, c.arena.Map), 0))
	return x86.PtrIndex(scratch2, scratch1, 1, int32(ahead))
}

// lowHalf puts the low half of a register and an offset into scratch1.
func (c *compiler) lowHalf(r vm.Register, off int64) {
	v := c.value(r)
	if v.isCopy() && off == 0 {
		c.emit(x86.Mov(x86.W32, scratch1, v.base))
		return
	}
	m := v.memory()
	m.Disp += int32(off)
	c.emit(x86.Lea(x86.W32, scratch1, m))
}

// add adds a constant to d.
func (c *compiler) add(d x86.Reg, n int64) {
	if n == int64(int32(n)) {
		c.emit(x86.Add(x86.W64, d, x86.Imm(n)))
		return
	}
	c.emit(x86.MovImm(scratch2, n), x86.Add(x86.W64, d, scratch2))
}

// zero is code out of line that reads a zero.
func (c *compiler) zero(r vm.Register, after x86.Label) x86.Label {
	return c.later(func() { c.emit(x86.Xor(x86.W32, reg(r), reg(r)), x86.Jmp(after)) })
}

// missedAtomic: as in the kernel, an operation outside of the arena fetches nothing, and
// a load loads zero.
func (c *compiler) missedAtomic(in vm.Instruction, after x86.Label) x86.Label {
	if in.Imm == vm.LOAD_ACQ {
		return c.zero(in.Dst, after)
	}
	return after
}
