package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// Selections. What is a selection in C comes from clang as a jump over a move or
// two; as a conditional move it cannot be predicted wrongly:
//
//	if r2 < 65536 goto over            mov    %rsi,%r11
//	r2 >>= 16                          shr    $16,%r11
//	over:                              cmp    $65536,%rsi
//	                                   cmovae %r11,%rsi
const maxSelected = 2 // instructions jumped over

// findSelections takes blocks that only change one register into the block that
// may jump over them.
func (f *flow) findSelections() {
	for n := range f.blocks {
		b := &f.blocks[n]
		over := b.next
		if b.taken == none || over == none || over == b.taken || f.insns[b.end-1].OpCode == vm.MayGoto {
			continue
		}
		if to, ok := f.blocks[over].onlySuccessor(); ok && to == b.taken && f.selects(over) && !f.comparesLoaded(b) {
			b.selected, b.taken, b.next = over, none, to
		}
	}
}

func (b *block) onlySuccessor() (int, bool) {
	switch none {
	case b.taken:
		return b.next, b.next != none
	case b.next:
		return b.taken, true
	}
	return none, false
}

// selects reports whether the block can be done to a copy of one register.
func (f *flow) selects(n int) bool {
	insns := f.selected(n)
	if len(insns) == 0 || len(insns) > maxSelected {
		return false
	}
	for i, in := range insns {
		readsCopy := i > 0 && in.OpCode.Source() == vm.X && in.Src == in.Dst
		if in.Dst != insns[0].Dst || !canSelect(in) || readsCopy {
			return false
		}
	}
	return true
}

// selected are the instructions of such a block.
func (f *flow) selected(n int) []vm.Instruction {
	b := f.blocks[n]
	if f.insns[b.end-1].IsAlways() {
		b.end--
	}
	return f.insns[b.start:b.end]
}

func canSelect(in vm.Instruction) bool {
	if !in.OpCode.IsALU() || in.Off != 0 {
		return false
	}
	switch in.OpCode.Op() {
	case vm.ADD, vm.SUB, vm.OR, vm.AND, vm.XOR, vm.MOV:
		return true
	case vm.LSH, vm.RSH, vm.ARSH:
		return in.OpCode.Source() == vm.K
	}
	return false
}

// comparesLoaded reports whether the jump at the end of the block depends on what
// the block has just loaded. A predicted jump does not wait for that, which gains
// more than a wrong prediction costs.
func (f *flow) comparesLoaded(b *block) bool {
	wanted, _ := effect(f.insns[b.end-1])
	for _, in := range slices.Backward(f.insns[b.start : b.end-1]) {
		_, writes := effect(in)
		if writes&wanted != 0 && in.OpCode.Class() == vm.LDX {
			return true
		}
		wanted &^= writes
	}
	return false
}

// selection translates a jump and what it may jump over, which reads nothing that
// is deferred still, for it comes after the jump.
func (c *compiler) selection(in vm.Instruction) {
	insns := c.flow.selected(c.at.selected)
	other := c.alternative(insns)
	c.compare(in)
	c.emit(x86.Cmovcc(conditions[in.OpCode>>4].Not(), x86.W64, reg(insns[0].Dst), other))
}

// alternative computes what the register becomes where the jump is not taken,
// without touching it.
func (c *compiler) alternative(insns []vm.Instruction) x86.Reg {
	first := insns[0]
	if len(insns) == 1 && first.OpCode == vm.ALU64|vm.MOV|vm.X {
		return reg(first.Src)
	}
	if first.OpCode.Op() != vm.MOV {
		c.emit(x86.Mov(x86.W64, scratch1, reg(first.Dst)))
	}
	for _, in := range insns {
		c.operate(width(in.OpCode), scratch1, in)
	}
	return scratch1
}
