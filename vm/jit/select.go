package jit

import (
	"slices"

	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/vm"
)

// Selections. What is a selection in C comes from clang as a jump over a move or
// two; as a conditional move it cannot be predicted wrongly:
//
//	if r2 < 65536 goto over            mov  %rsi,%r11
//	r2 >>= 16                          shr  $16,%r11
//	over:                              cmp  $65536,%rsi
//	                                   cmovae %r11,%rsi
const maxSelected = 2 // instructions jumped over

// findSelections takes blocks that do nothing but change one register into the
// block that may jump over them.
func (c *compiler) findSelections(blocks []block) {
	before := predecessors(blocks)
	for b := range blocks {
		over := blocks[b].next
		if blocks[b].taken == none || over == none || over == blocks[b].taken || len(before[over]) != 1 || over == 0 {
			continue
		}
		to := blocks[over].next
		if to == none {
			to = blocks[over].taken
		}
		if to != blocks[b].taken || blocks[over].taken != none && blocks[over].next != none || !c.selects(blocks[over]) || c.comparesLoaded(blocks[b]) {
			continue
		}
		blocks[b].selected = over
		blocks[b].taken, blocks[b].next = none, to
	}
}

// selects reports whether the block can be done to a copy of one register.
func (c *compiler) selects(b block) bool {
	insns := c.selected(b)
	if len(insns) == 0 || len(insns) > maxSelected {
		return false
	}
	for n, in := range insns {
		if in.Dst != insns[0].Dst || !canSelect(in) || n > 0 && in.OpCode.Source() == vm.X && in.Src == in.Dst {
			return false
		}
	}
	return c.liveAt(b.end - 1).has(insns[0].Dst)
}

// comparesLoaded reports whether the jump at the end of the block depends on what
// the block has just loaded. Then what follows the jump, if it is predicted, need
// not wait for memory, which is worth more than what a wrong prediction costs.
func (c *compiler) comparesLoaded(b block) bool {
	insns := c.prog.Instructions()[b.start:b.end]
	jump := len(insns) - 1
	wanted, _ := effect(insns[jump])
	for _, in := range slices.Backward(insns[:jump]) {
		_, writes := effect(in)
		if writes&wanted != 0 && in.OpCode.Class() == vm.LDX {
			return true
		}
		wanted &^= writes
	}
	return false
}

// selected are the instructions of such a block.
func (c *compiler) selected(b block) []vm.Instruction {
	insns := c.prog.Instructions()[b.start:b.end]
	if n := len(insns) - 1; insns[n].IsAlways() {
		insns = insns[:n]
	}
	return insns
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

// alternative computes what the register becomes where the jump is not taken,
// without touching it.
func (c *compiler) alternative(insns []vm.Instruction) x86.Reg {
	if in := insns[0]; len(insns) == 1 && in.OpCode == vm.ALU64|vm.MOV|vm.X {
		return c.read(in.Src)
	}
	for n, in := range insns {
		if n == 0 && in.OpCode.Op() != vm.MOV {
			c.emit(x86.Mov(x86.W64, scratch1, c.read(in.Dst)))
		}
		c.alternate(in)
	}
	return scratch1
}

// alternate does an instruction to scratch1 instead of its destination.
func (c *compiler) alternate(in vm.Instruction) {
	w, s := width(in.OpCode), c.source(in)
	switch in.OpCode.Op() {
	case vm.ADD:
		c.emit(x86.Add(w, scratch1, s))
	case vm.SUB:
		c.emit(x86.Sub(w, scratch1, s))
	case vm.OR:
		c.emit(x86.Or(w, scratch1, s))
	case vm.AND:
		c.emit(x86.And(w, scratch1, s))
	case vm.XOR:
		c.emit(x86.Xor(w, scratch1, s))
	case vm.MOV:
		c.emit(x86.Mov(w, scratch1, s))
	default:
		if n := in.Imm & int64(8*w-1); n != 0 {
			c.emit(shiftOf(in.OpCode)(w, scratch1, x86.Imm(n)))
		} else if w == x86.W32 {
			c.emit(x86.Mov(w, scratch1, scratch1))
		}
	}
}

// selection translates a jump and what it may jump over.
func (c *compiler) selection(in vm.Instruction) {
	insns := c.selected(c.blocks[c.at.selected])
	c.settleAll()
	d := reg(insns[0].Dst)
	alt := c.alternative(insns)
	c.compare(in)
	c.emit(x86.Cmovcc(conditions[in.OpCode>>4].Not(), x86.W64, d, alt))
}
